"""A stem is silent in a box, hardly changed outside of it, and the others have what it had."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.signal import stft
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.methods.consensus.recipe import Boxes, ConsensusRecipe
from dap_bridge.engine.signal.boxes import Cells, ChunkBox
from dap_bridge.engine.signal.silence import silence
from dap_bridge.engine.signal.stems import apply_masks

RATE, WINDOW = 16_000, 512
BOX = ChunkBox(0, False, start=0.4, end=1.1, low=1000.0, high=3000.0, strength=1.0, feather=0.0, octaves=0.04)


@pytest.fixture(scope="module")
def recipe() -> ConsensusRecipe:
    return presets.load_one_of("default", ConsensusRecipe).recipe


@pytest.fixture(scope="module")
def own(recipe: ConsensusRecipe) -> Boxes:
    assert recipe.boxes is not None
    return recipe.boxes


@pytest.fixture(scope="module")
def noise() -> Tensor:
    """1.5 s in two channels."""
    return torch.randn(2, RATE * 3 // 2, generator=torch.Generator().manual_seed(0))


def stems(mixture: Tensor, sources: int, boxes: list[ChunkBox], recipe: ConsensusRecipe) -> Tensor:
    """Of equal masks, corrected."""
    masks = torch.full((sources, recipe.front.n_fft // 2 + 1, 100), 1 / sources)
    return apply_masks(mixture, RATE, masks, recipe.front, recipe.stems, boxes, recipe.boxes)


def energy(audio: Tensor, box: ChunkBox) -> float:
    """What a window that sees 92 dB less beside its main lobe, four bins to either side, finds in the box."""
    hertz, seconds, values = stft(audio.numpy(), RATE, "blackmanharris", WINDOW, WINDOW * 3 // 4, boundary=None)
    lobe, half = 4 * RATE / WINDOW, WINDOW / RATE / 2
    bins = (hertz >= box.low + lobe) & (hertz <= box.high - lobe)
    frames = (seconds >= box.start + half) & (seconds <= box.end - half)
    return float((abs(values[:, bins][:, :, frames]) ** 2).sum())


@pytest.mark.parametrize("sources", [2, 3])
def test_noise_falls_silent_in_the_box_and_sounds_on_in_the_others(
    recipe: ConsensusRecipe, noise: Tensor, sources: int
) -> None:
    after = stems(noise, sources, [BOX], recipe)
    assert energy(after[0], BOX) < 1e-6 * energy(noise / sources, BOX)
    assert all(energy(other, BOX) > 0.9 * energy(noise / (sources - 1), BOX) for other in after[1:])
    torch.testing.assert_close(after.sum(0), noise, atol=1e-4, rtol=0)


def test_an_activated_box_silences_the_others(recipe: ConsensusRecipe, noise: Tensor) -> None:
    first, *others = stems(noise, 3, [replace(BOX, active=True)], recipe)
    assert all(energy(other, BOX) < 1e-6 * energy(noise / 3, BOX) for other in others)
    assert energy(first, BOX) > 0.9 * energy(noise, BOX)


def test_where_a_later_box_gives_the_stem_back_it_sounds(recipe: ConsensusRecipe, noise: Tensor) -> None:
    box, back = replace(BOX, start=0.0), replace(BOX, active=True, start=0.8, end=1.1)
    first = stems(noise, 2, [box, back], recipe)[0]
    silent = replace(box, end=0.75)
    assert energy(first, silent) < 1e-6 * energy(noise / 2, silent)
    assert energy(first, back) > 0.9 * energy(noise, back)


def test_a_region_drawn_in_a_box_gives_back_what_the_box_took(recipe: ConsensusRecipe, noise: Tensor) -> None:
    """Its rectangle is the box, of which it is the lower half to begin with, and the upper half then."""
    halves = [torch.tensor(edges, dtype=torch.float64) for edges in ((1000, 2000, 3000), (0.4, 0.75, 1.1))]
    back = replace(BOX, active=True, drawn=Cells(torch.eye(2, dtype=torch.float64), *halves))
    first = stems(noise, 2, [BOX, back], recipe)[0]
    low, high = replace(BOX, high=1800.0), replace(BOX, low=2250.0)
    early, late = {"end": 0.7}, {"start": 0.8}
    for heard in (replace(low, **early), replace(high, **late)):
        assert energy(first, heard) > 0.9 * energy(noise, heard)
    for silent in (replace(low, **late), replace(high, **early)):
        assert energy(first, silent) < 1e-5 * energy(noise / 2, silent), "as beside a box that gives back"


def test_a_tone_close_to_the_box_is_left_alone(own: Boxes, noise: Tensor) -> None:
    """A window with side lobes hears it in the box; to silence that, all of it would have to go."""
    time = torch.arange(RATE * 3 // 2) / RATE
    tone = (2 * torch.pi * 990 * time).sin().expand(2, -1)
    before = torch.stack([tone, noise])
    after = silence(before.clone(), before.sum(0), RATE, [BOX], own)
    assert float((after[0] - tone).square().sum() / tone.square().sum()) < 1e-6


@pytest.mark.parametrize(
    "box",
    [
        replace(BOX, strength=0.5),
        replace(BOX, start=5.0, end=6.0),
        replace(BOX, end=BOX.start + 1e-4),
        replace(BOX, low=1000.1, high=1000.2),
    ],
    ids=["weak", "beyond the end", "no window fits", "no bin fits"],
)
def test_a_box_with_nothing_to_silence_changes_nothing(own: Boxes, noise: Tensor, box: ChunkBox) -> None:
    before = torch.stack([noise, noise])
    assert torch.equal(silence(before.clone(), noise, RATE, [box], own), before)
