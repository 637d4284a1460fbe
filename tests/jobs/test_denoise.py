"""Speech and noise: which is which, that they sum to the clip, and that a user may overrule both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch

from dap_bridge.domain import Job
from dap_bridge.engine.signal.gain import exponential_integral, log_spectral_gain
from dap_bridge.errors import BadPreset, Cancelled
from dap_bridge.jobs import worker
from dap_bridge.judging import si_sdr
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb

from .test_worker import Watcher

RATE = 16_000
ROLL = Path(__file__).parent.parent / "recordings" / "drum_roll_3s.flac"
SHARED = Path(__file__).parents[3] / "shared" / "audio"
Denoise = Callable[..., dict[str, Any]]
# One of each method.
PRESETS = ["denoise", "quick-dnp"]


def request(clip: Path, **fields: Any) -> Job:
    message = protocol.parse("denoise", {"clip": str(clip)} | fields)
    assert isinstance(message, JobVerb)
    return Job("job", message.name, message.request())


@pytest.fixture
def denoise(tmp_path: Path) -> Denoise:
    """denoise(clip, **fields) -> the manifest, with the stems' samples by role: `speech`, `noise`."""

    def run(clip: Path, out: str = "out", **fields: Any) -> dict[str, Any]:
        job = request(clip, out=str(tmp_path / out), **fields)
        path = worker.run(job, Watcher(tmp_path / "mailbox" / out), tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return manifest | {
            stem["role"]: soundfile.read(path.parent / stem["path"], always_2d=True)[0].T for stem in manifest["stems"]
        }

    return run


def voice(seconds: float, rate: int = RATE) -> np.ndarray:
    """Syllables of a voice whose pitch moves, four a second with a pause after each: (frames,)."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * time)) / rate
    buzz = sum(np.cos(k * phase) / k for k in range(1, 20))
    return 0.1 * buzz * np.clip(np.sin(2 * np.pi * 4 * time), 0, None) ** 2 * (np.sin(2 * np.pi * 0.4 * time) > -0.3)


def steady(frames: int, seed: int = 0) -> np.ndarray:
    return 0.03 * np.random.default_rng(seed).standard_normal(frames)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2)])
def test_steady_noise_leaves_the_speech_and_the_two_sum_to_the_clip(
    denoise: Denoise, write_clip: Callable[..., Path], rate: int, channels: int
) -> None:
    speech = voice(4, rate)
    clip = np.stack([speech + steady(len(speech), seed) for seed in range(channels)])
    result = denoise(write_clip(clip, rate))
    assert np.abs(result["speech"] + result["noise"] - clip).max() < 1e-6
    assert result["null_db"] <= -100
    assert si_sdr(speech, result["speech"][0]) > si_sdr(speech, clip[0]) + 5
    assert [stem["role"] for stem in result["stems"]] == ["speech", "noise"]


def test_what_is_left_in_the_pauses_is_the_noise_itself_sixteen_decibels_down(
    denoise: Denoise, write_clip: Callable[..., Path]
) -> None:
    speech = voice(4)
    noise = steady(len(speech))
    left = denoise(write_clip(speech + noise, RATE))["speech"][0]
    # the voice pauses from 1.63 to 2.12 s and no syllable rings into this stretch
    pause = slice(round(1.75 * RATE), round(2.05 * RATE))
    assert 20 * np.log10(left[pause].std() / noise[pause].std()) == pytest.approx(-16, abs=1)
    assert np.corrcoef(left[pause], noise[pause])[0, 1] > 0.95


def test_the_same_seed_gives_the_same_speech(denoise: Denoise, write_clip: Callable[..., Path]) -> None:
    path = write_clip(voice(1) + steady(RATE), RATE)
    one, again = (denoise(path, out, seed=3) for out in ("one", "again"))
    assert np.array_equal(one["speech"], again["speech"])


@pytest.mark.parametrize("preset", PRESETS)
def test_strength_is_how_much_of_the_noise_goes(denoise: Denoise, write_clip: Callable[..., Path], preset: str) -> None:
    speech = voice(1.5)
    path = write_clip(speech + steady(len(speech)), RATE)
    clip = soundfile.read(path, always_2d=True)[0].T
    whole, half, none = (denoise(path, str(s), strength=s, preset=preset) for s in (1.0, 0.5, 0.0))
    assert whole["noise"].any()
    assert not none["noise"].any()
    assert np.abs(none["speech"] - clip).max() < 1e-6
    assert np.allclose(half["noise"], whole["noise"] / 2, atol=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
def test_swap_exchanges_the_two(denoise: Denoise, write_clip: Callable[..., Path], preset: str) -> None:
    speech = voice(1.5)
    path = write_clip(speech + steady(len(speech)), RATE)
    one, other = denoise(path, "one", preset=preset), denoise(path, "other", preset=preset, swap=True)
    assert np.allclose(one["speech"], other["noise"], atol=1e-6)
    assert np.allclose(one["noise"], other["speech"], atol=1e-6)


def test_a_sound_that_fills_the_pauses_is_separated_and_not_taken_for_the_speech(
    denoise: Denoise, write_clip: Callable[..., Path]
) -> None:
    speech = voice(4)
    roll, rate = soundfile.read(ROLL)
    drums = np.tile(soxr.resample(roll.mean(axis=1), rate, RATE), 2)[: len(speech)]
    drums *= 0.08 / drums.std()
    result = denoise(write_clip(speech + drums, RATE))
    assert result["iterations"] > 0, "the pauses were taken for quiet"
    assert si_sdr(speech, result["speech"][0]) > si_sdr(speech, speech + drums) + 6
    assert si_sdr(speech, result["speech"][0]) > si_sdr(speech, result["noise"][0])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("frames", [1, 500, 20_000])
@pytest.mark.parametrize("level", [0.0, 1e-12, 1e6])
def test_every_signal_has_a_defined_result(
    denoise: Denoise,
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
    frames: int,
    level: float,
    preset: str,
) -> None:
    clip = level * noise(2, frames)
    result = denoise(write_clip(clip, 44_100), preset=preset)
    assert np.isfinite(result["speech"]).all()
    assert np.abs(result["speech"] + result["noise"] - clip).max() <= 1e-6 * max(np.abs(clip).max(), 1e-30)


def test_a_presets_effects_are_run_and_owned_up_to(
    denoise: Denoise, write_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = tmp_path / "presets"
    presets.mkdir()
    (presets / "quiet.toml").write_text('base = "denoise"\n[[postprocess]]\nplugin = "Gain"\ngain_db = -20.0\n')
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(presets))
    audio = voice(2)[None]
    result = denoise(write_clip(audio, RATE), preset="quiet")
    np.testing.assert_allclose(result["speech"] + result["noise"], 0.1 * audio, atol=1e-6)
    assert any("no longer sum" in warning for warning in result["warnings"])


def test_a_cancelled_job_leaves_nothing_behind(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    watcher = Watcher(tmp_path / "mailbox", cancel_after=0)
    with pytest.raises(Cancelled):
        worker.run(request(write_clip(voice(1), RATE), out=str(tmp_path / "out")), watcher, tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_preset_of_another_kind_is_refused(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    job = request(write_clip(voice(1), RATE), out=str(tmp_path / "out"), preset="quick")
    with pytest.raises(BadPreset, match="something else"):
        worker.run(job, Watcher(tmp_path / "mailbox"), tmp_path)


@pytest.mark.skipif(not (SHARED / "voicebank").is_dir(), reason="needs the shared recordings beside the checkout")
@pytest.mark.parametrize("name", ["p232_019", "p257_139"])
def test_noisy_speech_gains_at_least_fifteen_decibels_where_it_is_rumble(denoise: Denoise, name: str) -> None:
    folder = SHARED / "voicebank" / name
    clean = soundfile.read(folder / "clean.flac")[0]
    noisy = soundfile.read(folder / "noisy.flac")[0]
    assert si_sdr(clean, denoise(folder / "noisy.flac")["speech"][0]) > si_sdr(clean, noisy) + 15


def test_the_exponential_integral_is_the_one_of_the_tables() -> None:
    table = {0.01: 4.037929576, 0.5: 0.559773595, 1.0: 0.219383934, 2.0: 0.048900511, 10.0: 4.156968930e-6}
    for v, expected in table.items():
        assert float(exponential_integral(torch.tensor(v, dtype=torch.float64))) == pytest.approx(expected, rel=2e-6)
    assert 0 <= float(exponential_integral(torch.tensor(1e30))) < 1e-30


def test_the_gain_is_the_one_of_ephraim_and_malah() -> None:
    # xi = gamma = 1: v = 1/2, G = exp(E1(1/2) / 2) / 2; with an SNR of 40 dB nothing is taken away
    assert float(log_spectral_gain(torch.tensor(1.0), torch.tensor(1.0))) == pytest.approx(0.661492, abs=1e-5)
    assert float(log_spectral_gain(torch.tensor(1e4), torch.tensor(1e4))) == pytest.approx(1, abs=1e-3)
