"""Decoders: their objective's hand-written gradient is autograd's, and they clean masks that are nearly right."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dap_bridge.engine.methods.consensus.redraw import redraw
from dap_bridge.engine.nets import losses
from dap_bridge.engine.recipe import DecoderShape, Refinement
from tests.generators import drain

RECIPE = Refinement(
    network=DecoderShape(latent_channels=8, channels=16, halvings=3, kernel=5, slope=0.2),
    compression=0.5,
    iterations=60,
    learning_rate=5e-3,
    anchor=0.3,
    smoothness=0.5,
    reconstruction=1.0,
    exclusion=2.0,
    exclusion_scales=3,
    share=1.0,
)


def changed(**values: float) -> Refinement:
    return Refinement(**{**vars(RECIPE), **values})


def redrawn(spectrogram: Tensor, masks: Tensor, recipe: Refinement = RECIPE, seed: int = 0) -> Tensor:
    return redrawn_by_members(spectrogram, masks[None], recipe, seed)[0]


def redrawn_by_members(spectrogram: Tensor, masks: Tensor, recipe: Refinement, seed: int = 0) -> Tensor:
    return drain(redraw(spectrogram, masks, recipe, torch.Generator().manual_seed(seed)))[0]


@pytest.mark.parametrize("sources", [2, 3])
@pytest.mark.parametrize("size", [(16, 16), (37, 22)])
def test_the_gradient_is_that_of_the_losses_it_is_made_of(sources: int, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(sources)
    logits = torch.randn(2, sources, *size, generator=generator, dtype=torch.float64).requires_grad_()
    targets = torch.rand(sources, *size, generator=generator, dtype=torch.float64)
    mixture = torch.rand(*size, generator=generator, dtype=torch.float64)
    weights = {"anchor": 0.3, "smoothness": 0.5, "reconstruction": 1.1, "exclusion": 2.0}
    value = losses.redraw_loss(logits, targets, mixture, **weights, scales=3)
    (gradient,) = torch.autograd.grad(3 * value, logits)

    expected = sum(
        0.3 * (o - targets).abs().flatten(1).mean(1).sum()
        + 0.5 * losses.temporal_smoothness(o)
        + 1.1 * losses.reconstruction(o, mixture)
        + 2.0 * losses.pairwise_exclusion(o, scales=3)
        for o in F.softplus(logits)
    )
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(3 * expected, logits)[0])


def scene() -> tuple[Tensor, Tensor]:
    """A steady low sound and pulses above: the mixture's magnitudes (64, 96) and the true masks."""
    low = (-((torch.arange(64.0)[:, None] - 12) ** 2) / 40).exp().expand(64, 96)
    high = (-((torch.arange(64.0)[:, None] - 30) ** 2) / 200).exp() * (torch.arange(96) % 16 < 6)
    parts = torch.stack([low, high]) + 1e-3
    return parts.sum(0), parts / parts.sum(0)


def error(masks: Tensor, truth: Tensor, spectrogram: Tensor) -> float:
    return float(((masks - truth).square() * spectrogram.square()).sum() / spectrogram.square().sum())


def test_masks_that_are_nearly_right_come_out_cleaner() -> None:
    spectrogram, truth = scene()
    noise = 1.5 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    given = (truth.clamp(min=0.02).log() + noise).softmax(0)
    result = redrawn(spectrogram, given)
    torch.testing.assert_close(result.sum(0), torch.ones_like(spectrogram))
    assert error(result, truth, spectrogram) < 0.6 * error(given, truth, spectrogram)


@pytest.mark.parametrize("loud", [1.0, 1e9])
def test_decoders_start_at_the_level_of_their_targets(loud: float) -> None:
    """Before the first iteration a drawing is noise around the target's mean spectrum, in faint and in loud bins."""
    spectrogram = torch.ones(256, 64)
    spectrogram[7] = loud
    spectrogram[8:] = 1e-3
    masks = torch.tensor([0.9, 0.1])[:, None, None].expand(2, 256, 64)
    result = redrawn(spectrogram, masks, changed(iterations=0))
    assert result.isfinite().all()
    torch.testing.assert_close(result[:, 7].mean(1), torch.tensor([0.9, 0.1]), atol=0.05, rtol=0)
    if loud == 1.0:
        torch.testing.assert_close(result[:, 8:].mean((1, 2)), torch.tensor([0.9, 0.1]), atol=0.15, rtol=0)


def test_the_share_blends_the_drawings_with_what_was_given() -> None:
    spectrogram, truth = scene()
    whole, half = redrawn(spectrogram, truth), redrawn(spectrogram, truth, changed(share=0.5))
    torch.testing.assert_close(half, (whole + truth) / 2)


@pytest.mark.parametrize("size", [(64, 1), (64, 7), (4, 64)])
def test_what_is_too_small_to_fit_stays_as_it_is(size: tuple[int, int]) -> None:
    masks = torch.rand(2, *size).softmax(0)
    assert torch.equal(redrawn(torch.rand(*size), masks), masks)


def test_silence_stays_as_it_is() -> None:
    masks = torch.rand(2, 64, 64).softmax(0)
    assert torch.equal(redrawn(torch.zeros(64, 64), masks), masks)


def test_each_member_has_decoders_of_its_own() -> None:
    spectrogram, truth = scene()
    flat = torch.full_like(truth, 0.5)
    apart = redrawn_by_members(spectrogram, torch.stack([truth, flat, truth]), RECIPE)
    assert error(apart[0], truth, spectrogram) < 0.2 * error(apart[1], truth, spectrogram)
    # the same targets, other weights to begin with
    assert 0 < error(apart[0], apart[2], spectrogram) < 0.1 * error(apart[0], apart[1], spectrogram)


def test_the_seed_decides() -> None:
    spectrogram, truth = scene()
    few = changed(iterations=3)
    assert torch.equal(redrawn(spectrogram, truth, few, seed=1), redrawn(spectrogram, truth, few, seed=1))
    assert not torch.equal(redrawn(spectrogram, truth, few, seed=1), redrawn(spectrogram, truth, few, seed=2))
