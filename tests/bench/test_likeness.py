"""Likeness and newness, on sounds of which both are known."""

from __future__ import annotations

import numpy as np
import pytest

from dap_bridge.bench.measures import likeness
from dap_bridge.bench.methods.texture_baselines import TEXTURE_BASELINES

RATE = 16_000


def crackle(seconds: float, seed: int, density: float = 20.0) -> np.ndarray:
    """Hiss with short bursts in it, (1, frames)."""
    generator = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    level = np.zeros(frames)
    for at in generator.integers(0, frames, round(seconds * density)):
        burst = np.exp(-np.arange(min(800, frames - at)) / 150)
        level[at : at + len(burst)] += burst
    return (generator.standard_normal(frames) * (0.02 + 0.3 * level))[None]


SOURCE = crackle(3, seed=0)


def test_a_copy_is_alike_and_not_new() -> None:
    assert likeness.likeness(SOURCE, SOURCE, RATE)["likeness"] == 0
    assert likeness.copying(SOURCE, SOURCE, RATE) == pytest.approx(1)


def test_more_of_the_same_sound_is_alike_and_new() -> None:
    more = crackle(9, seed=1)
    assert likeness.likeness(SOURCE, more, RATE)["likeness"] < 1.2
    assert likeness.copying(SOURCE, more, RATE) < 0.4
    assert likeness.repetition(SOURCE, more, RATE) < 0.4
    assert abs(likeness.period(more, RATE)) < 0.2


def test_another_sound_is_not_alike() -> None:
    denser, steady = crackle(9, seed=1, density=200), np.random.default_rng(2).standard_normal((1, 9 * RATE))
    assert likeness.likeness(SOURCE, denser, RATE)["likeness"] > 2
    assert likeness.likeness(SOURCE, steady, RATE)["likeness"] > 3


def test_a_loop_repeats_itself_and_has_its_period() -> None:
    looped = TEXTURE_BASELINES["looping"](SOURCE, RATE, 12 * RATE, np.random.default_rng(0))[:, 3 * RATE :]
    assert likeness.repetition(SOURCE, looped, RATE) > 0.95
    assert likeness.period(looped, RATE) > 0.9


@pytest.mark.parametrize("name", TEXTURE_BASELINES)
def test_a_baseline_goes_on_after_the_clip_for_as_long_as_asked(name: str) -> None:
    stereo = np.concatenate([SOURCE, SOURCE[:, ::-1]])
    made = TEXTURE_BASELINES[name](stereo, RATE, 5 * RATE, np.random.default_rng(0))
    assert made.shape == (2, 5 * RATE)
    kept = 3 * RATE - RATE // 4
    np.testing.assert_allclose(made[:, :kept], stereo[:, :kept], atol=1e-6)
    assert np.isfinite(made).all()


def test_shaped_noise_has_the_level_and_the_stereo_image_of_the_clip() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.standard_normal((2, 3 * RATE))
    stereo = np.stack([one, 0.8 * one + 0.6 * other])
    made = TEXTURE_BASELINES["shaped-noise"](stereo, RATE, 12 * RATE, generator)[:, 3 * RATE :]
    assert likeness.stereo(made) == pytest.approx(likeness.stereo(stereo), abs=0.05)
    assert likeness.level_db(made) == pytest.approx(likeness.level_db(stereo), abs=0.1)


def test_a_click_at_a_joint_stands_out_and_a_true_continuation_does_not() -> None:
    hiss = 0.1 * np.random.default_rng(3).standard_normal((1, 6 * RATE))
    joint = 3 * RATE
    assert likeness.seams(hiss[:, :joint], hiss, RATE, [joint]) < 3
    clicked = hiss.copy()
    clicked[:, joint] += 3
    assert likeness.seams(hiss[:, :joint], clicked, RATE, [joint]) > 4
    silent = hiss.copy()
    silent[:, joint : joint + 400] = 0
    assert likeness.seams(hiss[:, :joint], silent, RATE, [joint]) > 4
