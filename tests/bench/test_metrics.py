"""Metrics on signals whose values can be worked out, and against the yardstick."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
import torch

from dap_bridge.bench.data.sounds import resample
from dap_bridge.bench.measures import metrics
from dap_bridge.judging import si_sdr
from tests.conftest import shared, shared_tool

RATE = 11_000


def test_bss_eval_tells_interference_from_artefacts_and_forgives_a_filter(sounds: np.ndarray) -> None:
    references, artefact = sounds[:2], sounds[2]
    delayed = np.roll(references, 5, axis=-1)
    delayed[..., :5] = 0
    estimates = delayed + 0.1 * delayed[::-1] + 0.1 * artefact
    sdr, sir, sar = metrics.bss_eval(references, estimates)
    # by coincidence, 512 taps explain a few hundredths of any noise
    assert sir == pytest.approx([20.0, 20.0], abs=0.3)
    assert sar == pytest.approx([20.0, 20.0], abs=0.5)
    assert sdr == pytest.approx([17.0, 17.0], abs=0.5)
    assert si_sdr(references[0], estimates[0]) < 0


def test_a_silent_channel_does_not_stop_bss_eval(sounds: np.ndarray) -> None:
    references = np.stack([sounds[0], np.zeros_like(sounds[0])])
    values = metrics.bss_eval(references, references)
    assert np.isfinite(values).all()
    assert values[0, 0] > 60


def test_the_log_spectral_distance_of_half_the_amplitude_is_six_decibels(sounds: np.ndarray) -> None:
    assert metrics.lsd(sounds[0], sounds[0], RATE) == 0
    assert metrics.lsd(sounds[0], sounds[0] / 2, RATE) == pytest.approx(6.02, abs=0.05)
    assert metrics.lsd(np.zeros_like(sounds[0]), np.zeros_like(sounds[0]), RATE) == 0


def test_the_gain_is_over_the_mixture_itself(sounds: np.ndarray) -> None:
    references = sounds[:2]
    mixture = references.sum(axis=0)
    scores = metrics.evaluate(mixture, references, references[::-1] + 0.1 * references, RATE)
    assert scores.order == (1, 0)
    assert scores.si_sdr == pytest.approx((20.0, 20.0), abs=0.05)
    assert scores.si_sdri == pytest.approx((20.0, 20.0), abs=0.05)
    assert metrics.evaluate(mixture, references, np.stack([mixture, mixture]), RATE).si_sdri == pytest.approx((0, 0))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For the yardstick's own BSS-eval: torch.linalg.solve may fail on batches with more (pytorch issue 142815)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("kind", ["pair", "stereo"])
def test_the_metrics_agree_with_the_yardstick(kind: str, one_thread: None) -> None:
    yardstick = shared_tool("metrics.py")
    folder = shared(f"audio/recordings/{kind}/open-{kind}-01")
    mixture, *sources = (soundfile.read(folder / f"{name}.flac", always_2d=True)[0] for name in ("mix", "s1", "s2"))
    low = [yardstick.resample(signal, 44_100, RATE) for signal in (mixture, *sources)]
    estimates = [0.8 * low[2] + 0.2 * low[1] ** 2, low[0] - 0.6 * low[2]]
    expected = yardstick.evaluate(low[0], low[1:], estimates, RATE)

    own = [resample(signal.T, 44_100, RATE) for signal in (mixture, *sources)]
    scores = metrics.evaluate(own[0], np.stack(own[1:]), np.stack([estimate.T for estimate in estimates]), RATE)
    assert list(scores.order) == expected["perm"]
    for name in metrics.METRICS:
        np.testing.assert_allclose(getattr(scores, name), expected[name], atol=0.05, err_msg=name)
