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
from dap_bridge.errors import BadClip, BadPreset, BadRequest, Cancelled, ClipUnreadable
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


# --- what is known of the noise ------------------------------------------------------------------------------------


def swelling(frames: int) -> np.ndarray:
    """Noise that is there from the first frame to the last, and steady for a second only."""
    level = 1 + 0.3 * np.sin(2 * np.pi * np.arange(frames) / RATE)
    return steady(frames) * np.where(np.arange(frames) < RATE, 1, level)


def after_a_second(speech: np.ndarray, rate: int = RATE) -> np.ndarray:
    return np.concatenate([np.zeros(rate), speech])


@pytest.mark.parametrize("said", [{"only": ["stem=noise,start=0,end=1"]}, {"silent": ["stem=speech,start=0,end=1"]}])
def test_where_nobody_speaks_nothing_but_the_residue_is_left(
    denoise: Denoise, write_clip: Callable[..., Path], said: dict[str, Any]
) -> None:
    clip = after_a_second(voice(2)) + swelling(3 * RATE)
    result = denoise(write_clip(clip, RATE), **said)
    inside = slice(RATE // 100, RATE - RATE // 100)
    assert np.allclose(result["speech"][0, inside], 10 ** (-16 / 20) * clip[inside], atol=1e-6)
    assert np.abs(result["speech"] + result["noise"] - clip).max() < 1e-6


@pytest.mark.parametrize(
    "said", [{"only": ["stem=speech,start=1.2,end=2"]}, {"silent": ["stem=noise,start=1.2,end=2"]}]
)
def test_where_there_is_no_noise_the_speech_is_all_there_is(
    denoise: Denoise, write_clip: Callable[..., Path], said: dict[str, Any]
) -> None:
    path = write_clip(after_a_second(voice(2)) + steady(3 * RATE), RATE)
    inside = slice(round(1.21 * RATE), round(1.99 * RATE))
    assert not denoise(path, "known", **said)["noise"][0, inside].any()
    assert denoise(path, "unknown")["noise"][0, inside].any()


def test_a_floor_is_as_loud_as_in_the_stretch_where_it_is_alone(
    denoise: Denoise, write_clip: Callable[..., Path]
) -> None:
    """Noise that is there for less time than the rest is no floor to whoever has to guess it."""
    speech = after_a_second(voice(4))
    noise = 5 * steady(len(speech)) * np.where(np.arange(len(speech)) % (2 * RATE) < RATE, 1, 0.02)
    path = write_clip(speech + noise, RATE)
    said = {"span": {"only": ["stem=noise,start=0,end=1"]}, "example": {"noise_like": [f"0:{RATE}:{RATE}:{path}"]}}
    guessed = si_sdr(speech[RATE:], denoise(path, "guessed")["speech"][0, RATE:])
    for name, fields in said.items():
        assert si_sdr(speech[RATE:], denoise(path, name, **fields)["speech"][0, RATE:]) > guessed + 1


@pytest.mark.parametrize(("rate", "channels", "gain"), [(22_050, 1, 1.0), (48_000, 2, 10.0), (16_000, 2, 0.01)])
def test_an_example_may_have_another_rate_level_and_width(
    denoise: Denoise, write_clip: Callable[..., Path], rate: int, channels: int, gain: float
) -> None:
    speech = voice(3)
    clip = np.stack([speech + steady(len(speech), seed) for seed in range(2)])
    example = gain * np.stack([steady(rate, 7 + channel) for channel in range(channels)])
    other = write_clip(example, rate, name="example.wav")
    result = denoise(write_clip(clip, RATE), noise_like=[f"0:::{other}"])
    assert si_sdr(speech, result["speech"][0]) > si_sdr(speech, clip[0]) + 5
    assert np.abs(result["speech"] + result["noise"] - clip).max() < 1e-6


def test_an_example_may_lie_in_a_file_for_each_channel(denoise: Denoise, write_clip: Callable[..., Path]) -> None:
    speech = voice(2)
    clip = write_clip(np.stack([speech + steady(len(speech), seed) for seed in range(2)]), RATE)
    sides = [write_clip(steady(RATE, seed), RATE, name=f"{seed}.wav") for seed in range(2)]
    both = write_clip(np.stack([steady(RATE, seed) for seed in range(2)]), RATE, name="both.wav")
    channels = [f"1:0:{side}" for side in sides]
    apart = denoise(clip, "apart", noise_like=[f"0:{RATE}:{RATE}:"], noise_like_channel=channels)
    assert np.array_equal(apart["speech"], denoise(clip, "one", noise_like=[f"0:::{both}"])["speech"])


def test_a_span_counts_in_the_clips_time_in_every_chunk(
    denoise: Denoise, write_clip: Callable[..., Path], quick_presets: Path
) -> None:
    """Eight seconds in chunks of two and a half at most: two of them share the span."""
    cut = 'base = "quick-denoise"\ntitle = "Cut"\n[chunk]\nseconds = 2.5\noverlap_s = 0.25\n'
    (quick_presets / "cut.toml").write_text(cut, encoding="utf-8")
    silence = np.zeros(RATE)
    speech = np.concatenate([voice(3), silence, silence, voice(3)])
    clip = speech + np.concatenate([steady(3 * RATE), silence, steady(len(speech) - 4 * RATE)])
    result = denoise(write_clip(clip, RATE), preset="cut", only=["stem=noise,start=4,end=5"])
    inside = slice(round(4.01 * RATE), round(4.99 * RATE))
    assert np.allclose(result["speech"][0, inside], 10 ** (-16 / 20) * clip[inside], atol=1e-6)


def test_which_of_two_sounds_is_the_noise_is_said_by_where_it_is_alone(
    denoise: Denoise, write_clip: Callable[..., Path]
) -> None:
    """Here what behaves like speech is the noise."""
    roll, rate = soundfile.read(ROLL)
    drums = np.tile(soxr.resample(roll.mean(axis=1), rate, RATE), 2)[: 5 * RATE]
    drums *= 0.08 / drums.std() * (np.arange(len(drums)) >= RATE)
    talk = 3 * voice(5)
    path = write_clip(talk + drums, RATE)
    known, blind = denoise(path, "known", only=["stem=noise,start=0,end=1"]), denoise(path, "blind")
    assert known["iterations"] > 0, "the pauses were taken for quiet"
    assert si_sdr(drums[RATE:], known["speech"][0, RATE:]) > si_sdr(drums[RATE:], (talk + drums)[RATE:]) + 3
    assert si_sdr(drums[RATE:], known["speech"][0, RATE:]) > si_sdr(drums[RATE:], blind["speech"][0, RATE:])


BAD = {
    "too short": ({"noise_like": ["0:700:16000:{other}"]}, BadClip, "shorter than 50 ms"),
    "silent": ({"noise_like": ["0:::{silence}"]}, BadClip, "is silent"),
    "the clip itself": ({"noise_like": ["0:::{clip}"]}, BadClip, "is the clip itself"),
    "another rate than said": ({"noise_like": ["0:16000:48000:{other}"]}, BadClip, "48000 Hz"),
    "not there": ({"noise_like": ["0:::/nowhere/fan.wav"]}, ClipUnreadable, "fan.wav"),
    "outside": ({"only": ["stem=noise,start=1,end=9"]}, BadRequest, "only to 2 s"),
    "too short a span": ({"only": ["stem=noise,start=1,end=1.01"]}, BadRequest, "shorter than 50 ms"),
    "too many": ({"noise_like": ["0:::{other}"] * 17}, BadRequest, "16"),
    "no such stem": ({"only": ["stem=3,start=0,end=1"]}, BadRequest, "speech or noise"),
    "backwards": ({"silent": ["stem=speech,start=1,end=0"]}, BadRequest, "must come after"),
    "no number": ({"only": ["stem=noise,start=0,end=nan"]}, BadRequest, "finite"),
    "a contradiction": (
        {"only": ["stem=noise,start=0,end=1"], "silent": ["stem=noise,start=0.5,end=2"]},
        BadRequest,
        "from 0.5 to 1 s both",
    ),
    "nothing but noise": ({"only": ["stem=noise,start=0,end=1.2", "stem=noise,start=1,end=2"]}, BadRequest, "all of"),
    "a path and channels": (
        {"noise_like": ["0:::{other}"], "noise_like_channel": ["1:0:{other}"]},
        BadRequest,
        "either a path or channels",
    ),
    "a method that learns none": (
        {"only": ["stem=noise,start=0,end=1"], "preset": "quick-dnp"},
        BadPreset,
        "cannot learn",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_so_is_refused_in_a_sentence(
    case: str, denoise: Denoise, write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    fields, error, words = BAD[case]
    paths = {
        "clip": write_clip(voice(2) + steady(2 * RATE), RATE),
        "other": write_clip(steady(RATE), RATE, name="other.wav"),
        "silence": write_clip(np.zeros(RATE), RATE, name="silence.wav"),
    }
    given = {
        key: value if isinstance(value, str) else [text.format(**paths) for text in value]
        for key, value in fields.items()
    }
    with pytest.raises(error, match=words) as raised:
        denoise(paths["clip"], **given)
    assert raised.value.hint
    assert not (tmp_path / "out").exists()


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
