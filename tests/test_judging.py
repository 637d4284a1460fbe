"""SI-SDR and the order of estimates, on signals whose values can be worked out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dap_bridge import judging


@pytest.mark.parametrize("ratio_db", [-10.0, 0.0, 20.0])
def test_si_sdr_is_the_ratio_of_sound_to_error_whatever_the_gain(sounds: np.ndarray, ratio_db: float) -> None:
    reference, error = sounds[0], sounds[1]
    estimate = reference + 10 ** (-ratio_db / 20) * error
    assert judging.si_sdr(reference, 7 * estimate + 3) == pytest.approx(ratio_db, abs=0.05)


def test_a_silent_estimate_gets_the_floor_and_a_perfect_one_the_ceiling(sounds: np.ndarray) -> None:
    assert judging.si_sdr(sounds[0], np.zeros_like(sounds[0])) == judging.FLOOR_DB
    assert judging.si_sdr(sounds[0], sounds[0]) == judging.CEILING_DB


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_estimate_finds_its_reference(sounds: np.ndarray, order: tuple[int, ...]) -> None:
    estimates = (sounds + 0.1 * np.roll(sounds, 1, axis=0))[list(order)]
    found, values = judging.best_permutation(sounds, estimates)
    assert [order[k] for k in found] == [0, 1, 2]
    assert values == pytest.approx([20.0] * 3, abs=0.05)
