"""A clip is heard the same whether it is padded or not: stems, confidence, number of sounds, corrections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.judging import si_sdr
from tests.conftest import RECORDINGS
from tests.jobs.refining import Do

from .test_coseparate import BELLS, Coseparate, coseparate  # noqa: F401 (a fixture)
from .test_denoise import RATE, Denoise, denoise, voice  # noqa: F401
from .test_texture import Texture, texture  # noqa: F401

WriteClip = Callable[..., Path]
Pad = Callable[[tuple[int, int]], np.ndarray]
SOUND_RATE = 44_100
# Where silence is put into clips that share a bell.
AT = (0, 30_000, 0)


def nothing(shape: tuple[int, int]) -> np.ndarray:
    return np.zeros(shape)


def dither(shape: tuple[int, int]) -> np.ndarray:
    """What 16 bits make of nothing: triangular, rounded."""
    generator = np.random.default_rng(1)
    return np.round(generator.random(shape) - generator.random(shape)) / 2**15


def hiss(shape: tuple[int, int]) -> np.ndarray:
    """-80 dBFS."""
    return 1e-4 * np.random.default_rng(2).standard_normal(shape)


def padded(audio: np.ndarray, pad: Pad, seconds: float, at: int, rate: int) -> np.ndarray:
    """`audio` (channels, frames) with so much of `pad` put in at frame `at`."""
    return np.insert(audio, [at] * round(seconds * rate), pad((len(audio), round(seconds * rate))), axis=1)


@pytest.fixture
def pair() -> np.ndarray:
    """Two sounds in stereo, 3 s: (channels, frames)."""
    audio, rate = soundfile.read(RECORDINGS / "tabla_and_guitar.flac", always_2d=True)
    assert rate == SOUND_RATE
    mono = audio.mean(axis=1)[rate // 2 : 7 * rate // 2]  # from the midst of it to the midst of it
    return np.stack([mono, 0.7 * mono])


@pytest.mark.parametrize("seconds", [0.3, 30])
def test_stems_of_a_clip_with_silence_around_it_are_those_without_to_the_bit(
    do: Do,
    write_clip: WriteClip,
    pair: np.ndarray,
    seconds: float,
) -> None:
    plain = do("separate", "plain", clip=str(write_clip(pair, SOUND_RATE)), preset="quick")
    long = padded(pair, nothing, seconds, 0, SOUND_RATE)
    long = padded(long, nothing, seconds, long.shape[1], SOUND_RATE)
    result = do("separate", "padded", clip=str(write_clip(long, SOUND_RATE, "long.wav")), preset="quick")
    before = round(seconds * SOUND_RATE)
    assert np.array_equal(result["audio"][..., before:-before], plain["audio"])
    assert not result["audio"][..., :before].any() and not result["audio"][..., -before:].any()
    for judged in ("confidence", "suggested_sources", "warnings"):
        assert result[judged] == plain[judged]


@pytest.mark.parametrize(
    ("pad", "where"), [(hiss, "before"), (nothing, "within"), (hiss, "within"), (dither, "behind")]
)
def test_padding_of_any_kind_changes_neither_stems_nor_what_is_said_of_them(
    do: Do,
    write_clip: WriteClip,
    pair: np.ndarray,
    pad: Pad,
    where: str,
) -> None:
    at = {"before": 0, "within": 70_001, "behind": pair.shape[1]}[where]
    plain = do("separate", "plain", clip=str(write_clip(pair, SOUND_RATE)), preset="draft")
    long = padded(pair, pad, 4, at, SOUND_RATE)
    result = do("separate", "padded", clip=str(write_clip(long, SOUND_RATE, "long.wav")), preset="draft")
    assert np.abs(result["audio"].sum(axis=0) - long).max() < 1e-6
    stems = np.delete(result["audio"], slice(at, at + 4 * SOUND_RATE), axis=2)
    assert all(si_sdr(one, other) > 20 for one, other in zip(plain["audio"], stems, strict=True))
    assert result["confidence"] == pytest.approx(plain["confidence"], abs=0.05)


def test_what_dies_away_into_silence_stays_in_its_stem(do: Do, write_clip: WriteClip) -> None:
    time = np.arange(4 * SOUND_RATE) / SOUND_RATE
    bell = sum(np.sin(2 * np.pi * f * time) for f in (1500, 2210, 3370)) * np.exp(-2.5 * time)
    drum = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-((time % 0.25) * 40)) * (time < 1.5)
    clip = write_clip(0.1 * np.stack([bell + drum]), SOUND_RATE)
    stems = do("separate", "out", clip=str(clip), preset="draft")["audio"][:, 0]
    own, other = sorted((stems[:, int(3.6 * SOUND_RATE) :] ** 2).sum(axis=1), reverse=True)
    assert other < 0.1 * own, "an even share of it is no bell"


def test_boxes_hold_in_a_padded_clip_and_in_its_padding(do: Do, write_clip: WriteClip, pair: np.ndarray) -> None:
    long = padded(pair, hiss, 30, 60_000, SOUND_RATE)
    long = padded(long, hiss, 1, 0, SOUND_RATE)
    separated = do("separate", "separated", clip=str(write_clip(long, SOUND_RATE)), preset="quick")
    assert separated["chunks"] == 1
    boxes = [
        "stem=1,op=deactivate,start=0.2,end=0.6,low=0,high=22050",
        "stem=2,op=deactivate,start=1.5,end=1.8,low=0,high=22050",
        "stem=1,op=deactivate,start=10,end=20,low=0,high=22050",
    ]
    for networks in (False, True):
        corrected = do("refine", f"fit {networks}", session=str(separated["folder"]), box=boxes, fit=networks)
        assert not corrected["warnings"], "what was learned was kept"
        assert np.abs(corrected["audio"].sum(axis=0) - long).max() < 1e-6
        for stem, start, end in ((0, 0.25, 0.55), (1, 1.55, 1.75), (0, 10.1, 19.9)):
            inside = slice(round(start * SOUND_RATE), round(end * SOUND_RATE))
            heard = (corrected["audio"][stem][:, inside] ** 2).sum() / (long[:, inside] ** 2).sum()
            assert heard < 1e-6
    only = do("refine", "only", session=str(separated["folder"]), box=boxes[2:], fit=False)
    outside = np.r_[0 : 9 * SOUND_RATE, 21 * SOUND_RATE : long.shape[1]]
    step = max(abs(edge) for edge in (only["audio"] - separated["audio"])[..., outside].reshape(-1)[[0, -1]])
    assert step < 1e-6


@pytest.mark.parametrize(
    ("pad", "where", "seconds"),
    [(nothing, "before", 0.3), (hiss, "before", 60), (hiss, "within", 0.3), (dither, "behind", 4)],
)
def test_padding_does_not_switch_the_separation_of_a_noise_that_fills_the_pauses_off(
    denoise: Denoise,  # noqa: F811
    write_clip: WriteClip,
    pad: Pad,
    where: str,
    seconds: float,
) -> None:
    speech = voice(4)[None]
    time = np.arange(speech.shape[1]) / RATE
    noise = 0.04 * np.random.default_rng(0).standard_normal(time.shape) * (1 + 0.9 * np.sin(2 * np.pi * 2.7 * time))
    clip = speech + noise
    plain = denoise(write_clip(clip, RATE), "plain")
    assert plain["iterations"] > 0, "a noise that wobbles needs the separation"
    at = {"before": 0, "within": 20_003, "behind": clip.shape[1]}[where]
    result = denoise(write_clip(padded(clip, pad, seconds, at, RATE), RATE, "long.wav"), "padded")
    assert result["iterations"] > 0
    found = np.delete(result["speech"], slice(at, at + round(seconds * RATE)), axis=1)
    assert si_sdr(speech, found) > si_sdr(speech, plain["speech"]) - 1


def test_padding_makes_no_shared_sound_and_hides_none(
    coseparate: Coseparate,  # noqa: F811
    write_clip: WriteClip,
) -> None:
    clips = [soundfile.read(path, always_2d=True) for path in BELLS]
    paths = [
        write_clip(padded(audio.T, pad, 20, at, rate), rate, f"{number}.wav")
        for number, ((audio, rate), pad, at) in enumerate(zip(clips, (nothing, dither, hiss), AT, strict=True))
    ]
    plain = coseparate(*BELLS, out="plain", preset="quick-coseparate")
    result = coseparate(*paths, out="padded", preset="quick-coseparate")
    for one, other, path, at in zip(plain["inputs"], result["inputs"], paths, AT, strict=True):
        assert len(one["places"]) == len(other["places"])
        assert Path(other["path"]) == path
        for before, after in zip(one["places"], other["places"], strict=True):
            shift = 20 * one["rate"] if max(0, before["start"]) >= at else 0
            assert after["start"] - before["start"] == pytest.approx(shift, abs=0.01 * one["rate"])


def test_a_texture_is_made_of_what_sounds_before_the_silence(
    texture: Texture,  # noqa: F811
    write_clip: WriteClip,
) -> None:
    roll, rate = soundfile.read(RECORDINGS / "drum_roll_3s.flac", always_2d=True)
    long = padded(roll.T, dither, 4, len(roll), rate)
    result = texture(write_clip(long, rate), length=long.shape[1] + 2 * rate)
    made = result["audio"][0][:, long.shape[1] :]
    assert 20 * np.log10(made.std() / roll.std()) > -6
    assert not result["warnings"]
