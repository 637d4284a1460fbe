"""Components: the factorisation explains the clip, and groups of components make the masks that arithmetic asks for."""

from dataclasses import replace

import pytest
import torch

from dap_bridge.engine.methods.consensus import components
from dap_bridge.engine.methods.consensus.components import (
    Factorisation,
    agreed,
    component_activations,
    component_islands,
    component_spectra,
    factorise,
    group_masks,
    spectral_islands,
)
from dap_bridge.engine.methods.consensus.recipe import Factorisations, Islands
from dap_bridge.engine.recipe import Front
from dap_bridge.engine.signal.stft import magnitude
from tests.generators import drain


def run(spectrogram: torch.Tensor, recipe: Factorisations, seed: int = 0) -> Factorisation:
    return drain(factorise(spectrogram, recipe, torch.Generator().manual_seed(seed)))[-1]


def divergence(spectrogram: torch.Tensor, result: Factorisation) -> torch.Tensor:
    """The mean Kullback-Leibler divergence of every run."""
    v = spectrogram.flatten(0, 1) ** result.compression
    v = v / v.mean()
    x = result.spectra @ result.activations
    return (v * (v / x).log() - v + x).mean((1, 2))


@pytest.mark.parametrize("relaxation", [1.0, 1.8])
def test_more_updates_explain_better_and_enough_explain_exactly(relaxation: float) -> None:
    generator = torch.Generator().manual_seed(1)
    spectrogram = (torch.rand(1, 20, 2, generator=generator) @ torch.rand(1, 2, 30, generator=generator)) ** 2
    few, some, many = (
        divergence(spectrogram, run(spectrogram, Factorisations(3, 2, 0.5, updates, relaxation))).max()
        for updates in (1, 20, 2000)
    )
    assert few > some > many
    assert many < 1e-4


def test_relaxed_updates_are_as_far_as_many_more_plain_ones() -> None:
    spectrogram = torch.rand(1, 40, 60, generator=torch.Generator().manual_seed(1))
    plain, relaxed = (
        divergence(spectrogram, run(spectrogram, Factorisations(4, 6, 1.0, updates, relaxation))).mean()
        for updates, relaxation in ((45, 1.0), (30, 1.8))
    )
    assert relaxed < plain


def test_silence_inside_a_clip_stays_silence() -> None:
    spectrogram = torch.rand(1, 16, 24)
    spectrogram[:, 4:7] = 0.0
    spectrogram[:, :, 9:15] = 0.0
    result = run(spectrogram, Factorisations(2, 5, 1.0, 100, 1.8))
    assert result.spectra.isfinite().all()
    assert result.activations.isfinite().all()
    assert not result.activations[:, :, 9:15].any()
    drawn = result.spectra @ result.activations
    assert drawn[:, 4:7].max() < 1e-4 * drawn.max()


def test_spectra_sum_to_one_and_runs_differ() -> None:
    result = run(torch.rand(1, 16, 24) + 0.1, Factorisations(4, 3, 0.5, 30, 1.8))
    assert result.spectra.shape == (4, 16, 3)
    assert result.activations.shape == (4, 3, 24)
    torch.testing.assert_close(result.spectra.sum(1), torch.ones(4, 3))
    assert (result.spectra[0] - result.spectra[1]).abs().max() > 1e-3


def test_the_seed_decides() -> None:
    spectrogram, recipe = torch.rand(1, 16, 24), Factorisations(2, 3, 0.5, 5, 1.8)
    assert torch.equal(run(spectrogram, recipe, 7).spectra, run(spectrogram, recipe, 7).spectra)
    assert not torch.equal(run(spectrogram, recipe, 7).spectra, run(spectrogram, recipe, 8).spectra)


def test_an_earlier_snapshot_is_the_factorisation_of_fewer_updates() -> None:
    spectrogram = torch.rand(1, 16, 24, generator=torch.Generator().manual_seed(1))
    recipe = Factorisations(2, 3, 0.5, 8, 1.8)
    work = factorise(spectrogram, recipe, torch.Generator().manual_seed(0), snapshots=(0.25, 0.5, 1.0))
    for snapshot, updates in zip(drain(work), (2, 4, 8), strict=True):
        alone = run(spectrogram, replace(recipe, updates=updates))
        assert torch.equal(snapshot.spectra, alone.spectra)
        assert torch.equal(snapshot.activations, alone.activations)


def test_progress_is_told_after_every_update() -> None:
    told = list(factorise(torch.rand(1, 8, 8), Factorisations(1, 2, 0.5, 6, 1.8), torch.Generator().manual_seed(0)))
    assert told == [0, 1, 2, 3, 4, 5]


def test_what_a_device_cannot_hold_at_once_is_done_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device with room for three products at a time: seven runs give what they give elsewhere."""
    spectrogram, recipe = torch.rand(1, 16, 24), Factorisations(7, 3, 0.5, 5, 1.8)
    labels = torch.rand(21, 2).softmax(1)
    whole = run(spectrogram, recipe)
    masks = group_masks([whole], labels, views=1)
    largest, bmm = 3, torch.bmm
    refused = []

    def small(a: torch.Tensor, b: torch.Tensor, **options: torch.Tensor) -> torch.Tensor:
        if len(a) > largest:
            refused.append(len(a))
            raise torch.OutOfMemoryError("simulated")
        return bmm(a, b, **options)

    monkeypatch.setattr(components.torch, "bmm", small)
    told = list(factorise(spectrogram, recipe, torch.Generator().manual_seed(0)))
    assert told == [0, 1, 2, 3, 4]
    assert refused == [7, 4]  # what has fitted once is not tried larger again
    parts = run(spectrogram, recipe)
    torch.testing.assert_close(parts.spectra, whole.spectra)
    torch.testing.assert_close(parts.activations, whole.activations)
    torch.testing.assert_close(group_masks([whole], labels, views=1), masks)
    largest = 0
    with pytest.raises(torch.OutOfMemoryError):
        run(spectrogram, recipe)


def test_silence_parts_a_spectrum_and_a_sound_between_does_not() -> None:
    spectrogram = torch.zeros(2, 30, 8)
    spectrogram[0, 3:6] = 1.0
    spectrogram[1, 14:20] = 0.5
    gaps = Islands(depth=60.0, gap=5, level=30.0)
    assert spectral_islands(spectrogram, gaps).tolist() == [0] * 14 + [1] * 16
    spectrogram[0, 26] = 0.02  # too faint to be a sound of its own
    assert spectral_islands(spectrogram, gaps).tolist() == [0] * 14 + [1] * 16
    spectrogram[0, 10, 2] = 0.1
    assert spectral_islands(spectrogram, gaps).max() == 0
    assert spectral_islands(torch.zeros(1, 5, 3), gaps).tolist() == [0] * 5


def test_a_component_keeps_to_its_island() -> None:
    """Two tones that begin and end together: without islands each component has something of both."""
    level = torch.rand(1, 12) + 0.1
    spectrogram = torch.zeros(1, 10, 12)
    spectrogram[0, 1], spectrogram[0, 8] = level, 2 * level
    islands = (torch.arange(10) >= 5).long()
    recipe = Factorisations(2, 4, 0.5, 200, 1.8)
    work = factorise(spectrogram, recipe, torch.Generator().manual_seed(0), islands)
    snapshots = drain(work)
    member = component_islands(snapshots, 2)
    assert member.tolist() == [0, 1, 0, 1] * 2
    masks = group_masks(snapshots, torch.eye(2)[member], views=1)
    torch.testing.assert_close(masks[0, 1], torch.ones(12))
    torch.testing.assert_close(masks[1, 8], torch.ones(12))


@pytest.mark.parametrize("compression", [0.5, 0.7, 1.0])
def test_masks_are_shares_of_magnitude_whatever_the_compression(compression: float) -> None:
    """One bin, one frame, magnitudes 3 and 1: the masks are 3/4 and 1/4."""
    spectra = torch.tensor([[[3.0, 1.0]]]) ** compression
    pool = [Factorisation(compression, spectra, torch.ones(1, 2, 1))]
    masks = group_masks(pool, torch.eye(2), views=1)
    torch.testing.assert_close(masks.flatten(), torch.tensor([0.75, 0.25]))


def test_masks_of_soft_labels_sum_to_one_and_average_over_runs() -> None:
    pool = [
        Factorisation(0.5, torch.rand(2, 10, 3), torch.rand(2, 3, 7)),
        Factorisation(0.7, torch.rand(1, 10, 4), torch.rand(1, 4, 7)),
    ]
    labels = torch.rand(10, 3).softmax(1)
    masks = group_masks(pool, labels, views=1)
    assert masks.shape == (3, 10, 7)
    torch.testing.assert_close(masks.sum(0), torch.ones(10, 7))
    parts = [
        group_masks([Factorisation(0.5, pool[0].spectra[r : r + 1], pool[0].activations[r : r + 1])], own, views=1)
        for r, own in enumerate(labels[:6].split(3))
    ]
    parts.append(group_masks(pool[1:], labels[6:], views=1))
    torch.testing.assert_close(masks, sum(parts) / 3)


def test_where_there_is_nothing_every_source_has_the_same_share() -> None:
    pool = [Factorisation(0.5, torch.zeros(1, 4, 2), torch.zeros(1, 2, 5))]
    torch.testing.assert_close(group_masks(pool, torch.eye(2), views=1), torch.full((2, 4, 5), 0.5))


def test_components_come_back_in_magnitude_in_one_order() -> None:
    first = Factorisation(0.5, torch.tensor([[[2.0, 3.0]]]), torch.tensor([[[4.0], [5.0]]]))
    second = Factorisation(1.0, torch.tensor([[[7.0]]]), torch.tensor([[[9.0]]]))
    assert component_spectra([first, second], views=1).flatten().tolist() == [4.0, 9.0, 7.0]
    assert component_activations([first, second]).flatten().tolist() == [16.0, 25.0, 9.0]


def test_views_of_a_stereo_clip() -> None:
    """A sound in the left channel alone, of opposite phase in a second clip."""
    tone = torch.sin(torch.arange(4000) * 0.5)
    left, opposite = torch.stack([tone, 0 * tone]), torch.stack([tone, -tone])
    alone = magnitude(tone[None], Front(11000, 256, 64, "power"))

    def seen(audio: torch.Tensor, view: str) -> torch.Tensor:
        return magnitude(audio, Front(11000, 256, 64, view))  # type: ignore[arg-type]

    torch.testing.assert_close(seen(left, "channels"), torch.cat([alone, 0 * alone]))
    torch.testing.assert_close(seen(left, "power"), alone / 2**0.5)
    torch.testing.assert_close(seen(left, "mono"), alone / 2)
    torch.testing.assert_close(seen(opposite, "power"), alone)
    assert seen(opposite, "mono").max() < 1e-5


def test_members_agree_on_the_rows_of_the_first_window() -> None:
    """Two members of five bins, one of three, whose mask rises with frequency: at one half there, all are the mean. All
    have one band above, of which the third thinks otherwise.
    """
    fronts = [Front(11_000, 8, 2, "power"), Front(11_000, 4, 2, "power")]
    low, high = torch.tensor([0.2, 0.8]), torch.tensor([0.4, 0.6])
    fine = torch.stack([low, high])[:, :, None, None].expand(2, 2, 6, 4)
    rising = torch.tensor([0.0, 0.5, 1.0, 0.9])[:, None].expand(4, 4)
    coarse = torch.stack([rising, 1 - rising])[None]
    found = agreed([fine, coarse], fronts, 1.0, 1.0)
    expected = (0.2 + 0.4 + torch.tensor([0, 0.25, 0.5, 0.75, 1, 0.9])) / 3
    torch.testing.assert_close(found, torch.stack([expected, 1 - expected])[:, :, None].expand(2, 6, 4))
    squares = torch.stack([expected, 1 - expected]) ** 2
    sharpened = (squares / squares.sum(0))[:, :, None].expand(2, 6, 4)
    torch.testing.assert_close(agreed([fine, coarse], fronts, 2.0, 1.0), sharpened)
    doubted = agreed([fine, coarse], fronts, 2.0, 0.6)
    torch.testing.assert_close(doubted, 0.6 * sharpened + 0.2)
