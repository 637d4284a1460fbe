"""A stem is silent in a box, hardly changed outside of it, and the others have what it had."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.signal import stft
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.recipe import Boxes, ConsensusRecipe
from dap_bridge.engine.refinement import Region
from dap_bridge.engine.silence import silence

RATE, WINDOW = 16_000, 1024
BOX = Region(0, False, start=0.4, end=1.1, low=1000.0, high=3000.0, strength=1.0, feather=0.0)


@pytest.fixture(scope="module")
def recipe() -> Boxes:
    found = presets.load_one_of("default", ConsensusRecipe).recipe.boxes
    assert found is not None
    return found


def noise(sources: int) -> Tensor:
    """(sources, 2 channels, 1.5 s)."""
    return torch.randn(sources, 2, RATE * 3 // 2, generator=torch.Generator().manual_seed(0))


def energy(audio: Tensor, box: Region) -> float:
    """What a window that sees nothing 92 dB beside its main lobe, of four bins, finds in the box."""
    hertz, seconds, values = stft(audio.numpy(), RATE, "blackmanharris", WINDOW, WINDOW * 3 // 4, boundary=None)
    lobe, half = 4 * RATE / WINDOW, WINDOW / RATE / 2
    bins = (hertz >= box.low + lobe) & (hertz <= box.high - lobe)
    frames = (seconds >= box.start + half) & (seconds <= box.end - half)
    return float((abs(values[:, bins][:, :, frames]) ** 2).sum())


@pytest.mark.parametrize("sources", [2, 3])
def test_noise_falls_silent_in_the_box_and_sounds_on_in_the_others(recipe: Boxes, sources: int) -> None:
    before = noise(sources)
    after = silence(before.clone(), before.sum(0), RATE, [BOX], recipe)
    assert energy(after[0], BOX) < 1e-6 * energy(before[0], BOX)
    torch.testing.assert_close(after.sum(0), before.sum(0), atol=1e-4, rtol=0)
    assert all(energy(other, BOX) > energy(was, BOX) for other, was in zip(after[1:], before[1:], strict=True))


def test_beside_the_box_hardly_anything_changes(recipe: Boxes) -> None:
    before = noise(2)
    after = silence(before.clone(), before.sum(0), RATE, [BOX], recipe)
    changed = (after - before)[0]
    assert float(changed[:, : int(0.4 * RATE)].abs().max()) == 0
    below = replace(BOX, low=0.0, high=900.0)
    assert energy(changed, below) < 1e-3 * energy(before[0], below)


def test_an_activated_box_silences_the_others(recipe: Boxes) -> None:
    before = noise(3)
    after = silence(before.clone(), before.sum(0), RATE, [replace(BOX, active=True)], recipe)
    assert all(energy(after[k], BOX) < 1e-6 * energy(before[k], BOX) for k in (1, 2))
    assert energy(after[0], BOX) > energy(before[0], BOX)


def test_where_a_later_box_gives_the_stem_back_it_is_left(recipe: Boxes) -> None:
    before = noise(2)
    back = replace(BOX, active=True, start=0.8, end=1.1)
    after = silence(before.clone(), before.sum(0), RATE, [BOX, back], recipe)
    assert energy(after[0], replace(BOX, end=0.75)) < 1e-6 * energy(before[0], replace(BOX, end=0.75))
    assert energy(after[0], back) > 0.9 * energy(before[0], back)


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
def test_a_box_with_nothing_to_silence_changes_nothing(recipe: Boxes, box: Region) -> None:
    before = noise(2)
    assert torch.equal(silence(before.clone(), before.sum(0), RATE, [box], recipe), before)
