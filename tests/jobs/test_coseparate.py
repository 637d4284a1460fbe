"""Clips that share a sound: it is found wherever it lies, taken out of each, and every clip's stems sum to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from dap_bridge.domain import Job
from dap_bridge.errors import BadClip, Cancelled
from dap_bridge.jobs import worker
from dap_bridge.judging import si_sdr
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb

from .test_worker import Watcher

RATE = 22_050
BELLS = sorted((Path(__file__).parent.parent / "recordings").glob("shared_bell_*.flac"))
Coseparate = Callable[..., dict[str, Any]]


def request(**fields: Any) -> Job:
    message = protocol.parse("coseparate", fields)
    assert isinstance(message, JobVerb)
    return Job("job", message.name, message.request())


@pytest.fixture
def coseparate(tmp_path: Path) -> Coseparate:
    """coseparate(paths or **fields) -> the manifest, with each stem's samples as `audio`, in the stems' order."""

    def run(*paths: Path, out: str = "out", **fields: Any) -> dict[str, Any]:
        named = {"item": [f"0:::{path}" for path in paths]} if paths else {}
        job = request(out=str(tmp_path / out), **named, **fields)
        path = worker.run(job, Watcher(tmp_path / "mailbox" / out), tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        audio = [soundfile.read(path.parent / stem["path"], always_2d=True)[0].T for stem in manifest["stems"]]
        return manifest | {"audio": audio, "folder": path.parent}

    return run


def sound(seconds: float, seed: int, rate: int = RATE) -> np.ndarray:
    """Noise through a band of its own that swells and fades as speech does: (frames,)."""
    dice = np.random.default_rng(seed)
    frames = round(seconds * rate)
    spectrum = np.fft.rfft(dice.standard_normal(frames))
    hertz = np.fft.rfftfreq(frames, 1 / rate)
    spectrum *= sum(np.exp(-(((hertz - centre) / 300) ** 2)) for centre in dice.uniform(200, 4000, 4))
    steps = np.linspace(0, frames, round(10 * seconds))
    level = np.interp(np.arange(frames), steps, dice.uniform(0, 1, len(steps)))
    audio = np.fft.irfft(spectrum, frames) * level**2
    return audio / audio.std() * 0.1


def placed(audio: np.ndarray, start: int, frames: int) -> np.ndarray:
    whole = np.zeros(frames)
    end = min(frames, start + len(audio))
    whole[start:end] = audio[: end - start]
    return whole


def pair(manifest: dict[str, Any], clip: int) -> tuple[np.ndarray, np.ndarray]:
    """The shared sound and the rest of a clip, by what the manifest says of its stems."""
    role = {
        stem["role"]: audio
        for stem, audio in zip(manifest["stems"], manifest["audio"], strict=True)
        if stem["input"] == clip
    }
    assert set(role) == {"shared", "source"}
    return role["shared"], role["source"]


def test_the_shared_sound_is_found_whatever_its_place_level_polarity_and_the_clips_shape(
    coseparate: Coseparate, write_clip: Callable[..., Path]
) -> None:
    shared = sound(1.2, 0)
    frames = (4 * RATE, 3 * RATE, 5 * RATE)
    places = ((0.5, 2.6), (1.1,), (3.3,))
    gains = (1.0, -0.5, 1.5)
    truth = [
        gain * sum(placed(shared, round(at * RATE), size) for at in starts)
        for gain, starts, size in zip(gains, places, frames, strict=True)
    ]
    clips = [sound(size / RATE, seed) + part for seed, (size, part) in enumerate(zip(frames, truth, strict=True), 1)]
    stereo = np.stack([clips[1], sound(3, 9) + 0.6 * truth[1]])
    faster = soxr.resample(clips[2], RATE, 2 * RATE)
    files = [
        write_clip(audio, rate, name)
        for audio, rate, name in ((clips[0], RATE, "a.wav"), (stereo, RATE, "b.wav"), (faster, 2 * RATE, "c.wav"))
    ]
    result = coseparate(*files, labels=["first"])

    truth_c = soxr.resample(truth[2], RATE, 2 * RATE)
    for clip, mixture, part in ((1, clips[0][None], truth[0]), (2, stereo, truth[1]), (3, faster[None], truth_c)):
        found, own = pair(result, clip)
        assert found.shape == own.shape == mixture.shape
        assert np.abs(found + own - mixture).max() < 1e-6
        assert si_sdr(part, found[0]) > 12
        assert si_sdr(mixture[0] - part, own[0]) > 9
    assert result["null_db"] <= -100
    # noise may be a little alike elsewhere too, by coincidence
    assert all(len(entry["places"]) >= len(starts) for entry, starts in zip(result["inputs"], places, strict=True))
    assert [entry["rate"] for entry in result["inputs"]] == [RATE, RATE, 2 * RATE]
    assert [stem["name"] for stem in result["stems"]][::2] == [
        "first - shared",
        "b - shared",
        "c - shared",
        "shared sound",
    ]
    (alone,) = (a for s, a in zip(result["stems"], result["audio"], strict=True) if s["input"] is None)
    assert 1.2 <= alone.shape[1] / (2 * RATE) < 3, "the sound, and not a whole clip"
    assert result["warnings"] == []


def test_clips_that_share_nothing_are_left_as_they_are_and_the_evidence_is_told(
    coseparate: Coseparate, write_clip: Callable[..., Path]
) -> None:
    clips = [sound(3, seed) for seed in (1, 2, 3)]
    result = coseparate(*(write_clip(clip, RATE, f"{n}.wav") for n, clip in enumerate(clips)))
    for number, clip in enumerate(clips, 1):
        found, own = pair(result, number)
        assert not found.any()
        assert np.abs(own - clip).max() < 1e-6
    assert len(result["stems"]) == 6
    (warning,) = result["warnings"]
    assert "share nothing" in warning and "-inf dB" in warning
    assert all(entry["shared_db"] is None for entry in result["inputs"])


def test_a_clip_without_the_sound_is_named(coseparate: Coseparate, write_clip: Callable[..., Path]) -> None:
    shared = placed(sound(1.5, 0), RATE, 3 * RATE)
    clips = [sound(3, 1) + shared, sound(3, 2) + shared, sound(3, 3)]
    result = coseparate(*(write_clip(clip, RATE, f"{n}.wav") for n, clip in enumerate(clips)))
    assert not pair(result, 3)[0].any()
    assert pair(result, 1)[0].any() and pair(result, 2)[0].any()
    (warning,) = result["warnings"]
    assert "Clip 3 (2)" in warning


def test_a_bell_under_three_rhythms_is_taken_out_of_each(coseparate: Coseparate) -> None:
    result = coseparate(*BELLS)
    for number, path in enumerate(BELLS, 1):
        found, own = pair(result, number)
        mixture = soundfile.read(path, always_2d=True)[0].T
        assert np.abs(found + own - mixture).max() < 1e-6
        (place,) = result["inputs"][number - 1]["places"]
        assert abs(place["start"]) < 0.2 * 44_100

        def ring(audio: np.ndarray) -> float:
            """Level of the bell's loudest partial in its first two seconds, in dB."""
            spectrum = np.abs(np.fft.rfft(audio[0, : 2 * 44_100]))
            return 20 * float(np.log10(spectrum[2 * 3600 : 2 * 3700].max()))

        assert ring(own) < ring(mixture) - 10
        assert abs(ring(found) - ring(mixture)) < 2


def test_a_clip_may_be_a_stretch_with_its_channels_in_several_files(
    coseparate: Coseparate, write_clip: Callable[..., Path]
) -> None:
    shared = sound(1.2, 0)
    left, right = (sound(5, seed) + placed(shared, 3 * RATE, 5 * RATE) for seed in (1, 2))
    other = sound(3, 3) + placed(shared, RATE, 3 * RATE)
    files = [write_clip(audio, RATE, name) for audio, name in ((left, "l:x.wav"), (right, "r.wav"), (other, "o.wav"))]
    result = coseparate(
        item=[f"{RATE}:{3 * RATE}:{RATE}:", f"0:::{files[2]}"], channel=[f"1:0:{files[0]}", f"1:0:{files[1]}"]
    )
    found, own = pair(result, 1)
    assert np.abs(found + own - np.stack([left, right])[:, RATE : 4 * RATE]).max() < 1e-6
    assert si_sdr(placed(shared, 2 * RATE, 3 * RATE), found[0]) > 8
    assert [entry["input"] for entry in result["inputs"]] == [1, 1, 2]


@pytest.mark.parametrize("frames", [(1, 1), (1, 3000), (400, 44_100)])
def test_clips_too_short_to_compare_are_left_as_they_are(
    coseparate: Coseparate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], frames: tuple[int, int]
) -> None:
    clips = [noise(1, size, seed) for seed, size in enumerate(frames)]
    result = coseparate(*(write_clip(clip, 44_100, f"{n}.wav") for n, clip in enumerate(clips)))
    for number, clip in enumerate(clips, 1):
        found, own = pair(result, number)
        assert np.abs(found + own - clip).max() < 1e-6


def test_more_places_than_are_looked_at_together_are_all_taken_out(
    coseparate: Coseparate, write_clip: Callable[..., Path]
) -> None:
    shared = sound(0.8, 0)
    starts = range(0, 8 * RATE, round(1.5 * RATE))
    truth = sum(placed(shared, start, 8 * RATE) for start in starts)
    clips = [sound(8, seed) + truth for seed in (1, 2)]
    result = coseparate(*(write_clip(clip, RATE, f"{n}.wav") for n, clip in enumerate(clips)))
    assert sum(len(entry["places"]) for entry in result["inputs"]) >= 8
    for number in (1, 2):
        assert si_sdr(truth, pair(result, number)[0][0]) > 8


def test_a_cancelled_job_leaves_nothing_behind(tmp_path: Path) -> None:
    job = request(item=[f"0:::{path}" for path in BELLS], out=str(tmp_path / "out"))
    with pytest.raises(Cancelled):
        worker.run(job, Watcher(tmp_path / "mailbox", cancel_after=5), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_clip_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path) -> None:
    good, bad = (shutil.copy(path, tmp_path) for path in BELLS[:2])
    job = request(item=[f"0:::{good}", f"0::48000:{bad}"], out=str(tmp_path / "out"))
    with pytest.raises(BadClip, match="48000 Hz"):
        worker.run(job, Watcher(tmp_path / "mailbox"), tmp_path)
    assert not (tmp_path / "out").exists()
