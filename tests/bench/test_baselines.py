"""Each baseline on the sounds that it is meant for."""

from __future__ import annotations

import numpy as np
import pytest

from dap_bridge.bench.methods.baselines import BASELINES, RATE, separate
from dap_bridge.judging import best_permutation, si_sdr

TIME = np.arange(6 * RATE) / RATE


def bursts(signal: np.ndarray, period: float, offset: float, length: float = 0.12) -> np.ndarray:
    return signal * (((TIME - offset) % period) < length)


def tones() -> np.ndarray:
    return np.sin(2 * np.pi * 440 * TIME) + 0.6 * np.sin(2 * np.pi * 1320 * TIME)


def clicks() -> np.ndarray:
    return bursts(np.random.default_rng(0).standard_normal(len(TIME)), 0.5, 0.2, 0.01)


def hiss(seed: int = 1) -> np.ndarray:
    """Noise of the upper half of the band."""
    return np.diff(np.random.default_rng(seed).standard_normal(len(TIME) + 4), n=4) / 8


def sparse_melody() -> np.ndarray:
    """A tone that never comes twice at the same height."""
    return 0.7 * np.sin(2 * np.pi * np.cumsum(np.linspace(1200, 4000, len(TIME))) / RATE) * (TIME % 0.9 < 0.35)


def loop() -> np.ndarray:
    """Half a second of hiss and of a low tone, over and over."""
    half = (bursts(hiss(), 0.5, 0.0, 0.1) + bursts(np.sin(2 * np.pi * 300 * TIME), 0.5, 0.25, 0.15))[: RATE // 2]
    return 0.5 * np.tile(half, len(TIME) // len(half))


# What each is for, and the SI-SDR in dB that both sources gain over the mixture.
MADE_FOR = {
    "nmf-8": (bursts(tones(), 0.7, 0.0, 0.3), bursts(hiss(), 0.5, 0.1, 0.2), 10.0),
    "nmf-16": (bursts(tones(), 0.7, 0.0, 0.3), bursts(hiss(), 0.5, 0.1, 0.2), 10.0),
    "nmf-30": (bursts(tones(), 0.7, 0.0, 0.3), bursts(hiss(), 0.5, 0.1, 0.2), 10.0),
    "rpca": (loop(), sparse_melody(), 6.0),
    "kam": (loop(), sparse_melody(), 8.0),
    "hpss": (tones(), 4 * clicks(), 12.0),
    "repet-sim": (loop(), sparse_melody(), 2.0),
    "oracle-ratio": (tones(), hiss(), 25.0),
    "oracle-wiener": (tones(), hiss(), 25.0),
    "oracle-binary": (tones(), hiss(), 25.0),
}


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_separates_what_it_is_made_for(name: str) -> None:
    one, other, expected = MADE_FOR[name]
    references = 0.1 * np.stack([one, other])[:, None, :]
    mixture = references.sum(axis=0)
    estimates = separate(BASELINES[name], mixture, references, 0)
    np.testing.assert_allclose(estimates.sum(axis=0), mixture, atol=1e-4)
    _, values = best_permutation(references, estimates)
    gains = [value - si_sdr(reference, mixture) for value, reference in zip(values, references, strict=True)]
    assert min(gains) > expected, gains


@pytest.mark.parametrize("name", [name for name, method in BASELINES.items() if not method.oracle])
def test_a_blind_method_takes_nothing_from_the_references(name: str) -> None:
    one, other, _ = MADE_FOR[name]
    mixture = 0.1 * (one + other)[None]
    answers = [separate(BASELINES[name], mixture, np.full((2, *mixture.shape), level), 3) for level in (0.0, 0.5)]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("seconds", [0.1, 2.0, 3.9])
@pytest.mark.parametrize("name", BASELINES)
def test_a_clip_may_be_cut_short(name: str, seconds: float) -> None:
    one, other, _ = MADE_FOR[name]
    references = 0.1 * np.stack([one, other])[:, None, : round(seconds * RATE)]
    estimates = separate(BASELINES[name], references.sum(axis=0), references, 0)
    np.testing.assert_allclose(estimates.sum(axis=0), references.sum(axis=0), atol=1e-4)


@pytest.mark.parametrize("name", ["nmf-8", "oracle-ratio", "oracle-wiener", "oracle-binary"])
def test_three_sources_and_two_channels(name: str) -> None:
    third = bursts(np.sin(2 * np.pi * 2500 * TIME), 0.3, 0.05, 0.05)
    mono = np.stack([bursts(tones(), 0.7, 0.0, 0.3), bursts(hiss(), 0.5, 0.1, 0.2), third])
    references = np.stack([mono, 0.5 * mono], axis=1)
    mixture = references.sum(axis=0)
    estimates = separate(BASELINES[name], mixture, references, 0)
    assert estimates.shape == references.shape
    np.testing.assert_allclose(estimates.sum(axis=0), mixture, atol=1e-3)


def test_silence_has_an_answer() -> None:
    silence = np.zeros((1, RATE))
    for name, method in BASELINES.items():
        if name.startswith(("hpss", "oracle", "rpca")):
            assert not separate(method, silence, np.stack([silence, silence]), 0).any()
