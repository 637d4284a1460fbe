"""What is measured at the clip's own rate: on signals whose values can be worked out, and against the yardstick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfilt

from dap_bridge.bench.measures import bands
from tests.conftest import shared, shared_tool

RATE = 44_100
# The yardstick's names for what is kept.
FIGURES = {
    "gain_low": "sisdri_lo",
    "gain_mid": "sisdri_mid",
    "gain_high": "sisdri_hi",
    "gain_above": "sisdri_above",
    "gain_loud": "sisdri_loud",
    "leak_low": "leak_lo",
    "leak_mid": "leak_mid",
    "leak_high": "leak_hi",
    "leak_above": "leak_above",
    "lsd_above": "lsd",
    "edge": "edge",
}


def cut_at(hertz: float, audio: np.ndarray, side: str = "lowpass", rate: int = RATE) -> np.ndarray:
    """What lies below `hertz`, or above it."""
    spectrum = np.fft.rfft(audio)
    above = np.fft.rfftfreq(audio.shape[-1], 1 / rate) > hertz
    return np.fft.irfft(np.where(above == (side == "highpass"), spectrum, 0), audio.shape[-1])


@pytest.fixture
def sources(noise: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """sources(count, channels) -> a second of noises of different colours, (count, channels, RATE)."""

    def make(count: int = 2, channels: int = 1) -> np.ndarray:
        white = np.stack([noise(channels, RATE, seed) for seed in range(count)]).astype(float)
        return np.stack([sosfilt(butter(1, 0.9 - 0.25 * k, output="sos"), one) for k, one in enumerate(white)])

    return make


def test_highs_that_are_shared_equally_gain_nothing_there(noise: Callable[..., np.ndarray]) -> None:
    references = np.stack([noise(1, RATE, seed) for seed in (0, 1)]).astype(float)
    mixture = references.sum(axis=0)
    halves = np.stack([mixture, mixture]) / 2
    stems = cut_at(bands.CROSSING, references) + cut_at(bands.CROSSING, halves, "highpass")
    found = bands.evaluate(mixture, references, stems[::-1], RATE)
    assert found["gain_low"] > 15
    assert [found[f"gain_{name}"] for name in ("mid", "high", "above")] == pytest.approx([0, 0, 0], abs=0.1)
    # each has half of the mixture's power below, and a quarter of it above
    assert found["edge"] == pytest.approx(3.0, abs=0.3)
    assert not any(name.startswith("leak") for name in found)


def test_what_a_sound_without_highs_gets_of_the_others_is_a_leak(sources: Callable[..., np.ndarray]) -> None:
    references = sources(3)
    references[2] = cut_at(4000, references[2])
    mixture = references.sum(axis=0)
    stems = references.copy()
    stems[2] += 0.1 * cut_at(4500, mixture, "highpass")
    found = bands.evaluate(mixture, references, stems, RATE)
    assert found["leak_above"] == pytest.approx(-20, abs=0.1)
    assert found["gain_above"] > 25 and found["lsd_above"] == 0, "these are told of the two that have highs"
    assert "leak_low" not in found


def test_only_what_lies_below_nyquist_is_told(sources: Callable[..., np.ndarray]) -> None:
    references = sources()
    told = {
        rate: set(bands.evaluate(references.sum(axis=0), references, references, rate))
        for rate in (11_000, 22_050, 44_100)
    }
    assert told[11_000] == {"gain_low", "gain_loud"}
    assert told[22_050] == {"gain_low", "gain_mid", "gain_above", "gain_loud", "lsd_above", "edge"}
    assert told[44_100] == told[22_050] | {"gain_high"}


def agree(mixture: np.ndarray, references: np.ndarray, stems: np.ndarray, rate: int) -> dict[str, float]:
    expected = shared_tool("bands.py").evaluate(mixture, references, stems, rate)
    found = bands.evaluate(mixture, references, stems, rate)
    # at 22 050 Hz the yardstick has a band of 25 Hz
    has = {mine: name for mine, name in FIGURES.items() if rate > 22_050 or not mine.endswith("_high")}
    its = {mine: expected[name] for mine, name in has.items() if name in expected}
    assert found == pytest.approx(its, abs=0.05)
    return found


def stems_of(mixture: np.ndarray, references: np.ndarray, rate: int) -> list[np.ndarray]:
    """Some as they might come out, and some as they should not."""
    one, other = references
    lower = cut_at(bands.CROSSING, mixture, rate=rate)
    return [
        np.stack([0.8 * other + 0.2 * one**2, mixture - 0.6 * other]),
        np.stack([0.9 * one + 0.1 * other, 0.9 * other + 0.1 * one]),
        np.stack([mixture - 0.4 * lower, 0.4 * lower]),
        np.stack([np.zeros_like(mixture), mixture]),
        references.copy(),
    ]


@pytest.mark.parametrize(("channels", "rate"), [(1, RATE), (2, RATE), (1, 22_050), (2, 48_000)])
@pytest.mark.parametrize("without", ["neither", "highs", "anything"])
def test_the_figures_of_synthetic_clips_agree_with_the_yardstick(
    channels: int, rate: int, without: str, sources: Callable[..., np.ndarray]
) -> None:
    references = sources(2, channels)
    if without == "highs":
        references[1] = cut_at(4000, references[1], rate=rate)
    elif without == "anything":
        references[1] *= 3e-4  # 70 dB below
    mixture = references.sum(axis=0)
    for stems in stems_of(mixture, references, rate):
        found = agree(mixture, references, stems, rate)
        assert ("leak_above" in found) == (without != "neither")


@pytest.mark.parametrize("kind", ["pair", "stereo"])
def test_the_figures_of_recordings_agree_with_the_yardstick(kind: str) -> None:
    folder = shared(f"audio/recordings/{kind}/open-{kind}-01")
    mixture, *references = (
        soundfile.read(folder / f"{name}.flac", always_2d=True)[0].T[:, : 4 * RATE] for name in ("mix", "s1", "s2")
    )
    for stems in stems_of(mixture, np.stack(references), RATE):
        agree(mixture, np.stack(references), stems, RATE)
