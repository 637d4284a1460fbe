"""Textures, from a request to the files: as long as asked, the clip untouched, both sides of every joint met."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.bench.measures import likeness
from dap_bridge.bench.methods.texture_baselines import TEXTURE_BASELINES
from dap_bridge.domain import Job
from dap_bridge.errors import BadClip, BadPreset, BadRequest, Cancelled
from dap_bridge.jobs import worker
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb
from tests.conftest import RECORDINGS
from tests.jobs.test_worker import Watcher

RATE = 22_050
Texture = Callable[..., dict[str, Any]]
Audio = np.ndarray


def request(clip: Path, **fields: Any) -> Job:
    message = protocol.parse("texture", {"clip": str(clip), "preset": "quick-texture"} | fields)
    assert isinstance(message, JobVerb)
    return Job("job", message.name, message.request())


@pytest.fixture
def texture(tmp_path: Path) -> Texture:
    """texture(clip, **fields) -> the manifest, with the results' samples as `audio` (results, channels, frames)."""

    def run(clip: Path, out: str = "out", **fields: Any) -> dict[str, Any]:
        job = request(clip, out=str(tmp_path / out), **fields)
        path = worker.run(job, Watcher(tmp_path / "mailbox" / out), tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = [path.parent / stem["path"] for stem in manifest["stems"]]
        audio = [soundfile.read(file, dtype="float32", always_2d=True)[0].T for file in files]
        return manifest | {"audio": np.stack(audio), "files": files}

    return run


@pytest.mark.parametrize(
    ("rate", "channels", "frames", "length"),
    [
        (44_100, 2, 44_100, 99_999),
        (96_000, 1, 48_000, 70_000),
        (8_000, 8, 6_000, 12_345),
        (48_000, 1, 960, 30_000),
        (44_100, 1, 1, 5_000),
        (44_100, 2, 30_000, 30_001),
        (44_100, 2, 30_000, 30_000),
        (44_100, 2, 30_000, 500),
    ],
)
def test_a_result_is_as_long_as_asked_and_begins_with_the_clip(
    texture: Texture,
    write_clip: Callable[..., Path],
    noise: Callable[..., Audio],
    rate: int,
    channels: int,
    frames: int,
    length: int,
) -> None:
    clip = noise(channels, frames)
    result = texture(write_clip(clip, rate), length=length)
    assert result["audio"].shape == (1, channels, length)
    assert (result["rate"], result["channels"], result["frames"]) == (rate, channels, length)
    kept = min(frames, length)
    np.testing.assert_array_equal(result["audio"][0, :, :kept], clip[:, :kept])
    assert np.isfinite(result["audio"]).all()
    if frames > 1 and length - frames > rate / 10:
        assert result["audio"][0, :, frames:].std() == pytest.approx(clip.std(), rel=0.5)
    assert result["null_db"] is None
    assert [(stem["role"], stem["name"]) for stem in result["stems"]] == [("texture", "clip - texture 1")]
    assert bool(result["warnings"]) == (frames < rate or length <= frames)


def hum(frames: int) -> Audio:
    """A hum with some hiss: a step in its waveform is heard at once."""
    time = np.arange(frames) / RATE
    tones = sum(np.sin(2 * np.pi * 120 * k * time + k) / k for k in range(1, 6))
    return (0.1 * tones + 0.002 * np.random.default_rng(0).standard_normal(frames)).astype(np.float32)[None]


def largest_step(clip: Audio) -> float:
    return float(np.abs(np.diff(clip)).max())


@pytest.mark.parametrize("length", [40_000, 60_000, 3])
def test_a_loop_leads_back_into_its_start(texture: Texture, write_clip: Callable[..., Path], length: int) -> None:
    clip = hum(2 * RATE)
    loop = texture(write_clip(clip, RATE), mode="loop", length=length)["audio"][0]
    assert loop.shape == (1, length)
    kept = min(clip.shape[1], length - min(RATE, length // 2))
    turns = loop[0, [-1, 0]], loop[0, [kept - 1, kept]]
    assert max(abs(float(after - before)) for before, after in turns) <= largest_step(clip)
    assert np.abs(loop).max() < 2 * np.abs(clip).max()
    np.testing.assert_array_equal(loop[:, :kept], clip[:, :kept])


@pytest.mark.parametrize("gap", [1, 50, 5_000, 30_000])
def test_what_fills_a_gap_meets_both_of_its_sides(texture: Texture, write_clip: Callable[..., Path], gap: int) -> None:
    clip = hum(3 * RATE)
    start = 25_000
    holed = clip.copy()
    holed[:, start : start + gap] = 0.9
    made = texture(write_clip(holed, RATE), mode="fill", gap_start=start, length=gap)["audio"][0]
    whole = np.concatenate([clip[:, :start], made, clip[:, start + gap :]], axis=1)
    assert whole.shape == clip.shape
    steps = np.abs(np.diff(whole[0]))
    assert steps[[start - 1, start + gap - 1]].max() <= largest_step(clip)
    assert np.abs(made).max() < 2 * np.abs(clip).max(), "what stood in the gap is not listened to"


def test_a_gap_between_two_clips_leads_from_the_one_to_the_other(
    texture: Texture, write_clip: Callable[..., Path], noise: Callable[..., Audio]
) -> None:
    loud, soft = noise(2, RATE), 0.1 * noise(2, RATE, seed=1)
    paths = write_clip(loud, RATE, "a.wav"), write_clip(np.pad(soft, ((0, 0), (700, 0))), RATE, "b.wav")
    result = texture(paths[0], mode="fill", after=str(paths[1]), after_start=700, length=RATE)
    thirds = [float(part.std()) for part in np.array_split(result["audio"][0], 3, axis=1)]
    assert thirds[0] > thirds[1] > thirds[2]
    assert (thirds[0], thirds[2]) == (pytest.approx(0.08, abs=0.04), pytest.approx(0.02, abs=0.02))
    assert [(entry["path"], entry["start"]) for entry in result["inputs"]] == [(str(paths[0]), 0), (str(paths[1]), 700)]


def test_a_gap_that_is_none_is_refused(
    texture: Texture, write_clip: Callable[..., Path], noise: Callable[..., Audio]
) -> None:
    clip = write_clip(noise(1, 5_000), RATE)
    with pytest.raises(BadClip, match="nothing is left after it"):
        texture(clip, mode="fill", gap_start=4_000, length=1_000)
    for other, rate in ((noise(2, 900), RATE), (noise(1, 900), 8_000)):
        with pytest.raises(BadClip, match="channels at"):
            texture(clip, mode="fill", after=str(write_clip(other, rate, "b.wav")), length=1_000)
    for fields in (
        {"mode": "fill"},
        {"mode": "fill", "after": str(clip), "gap_start": 5},
        {"gap_start": 5},
        {"mode": "x"},
    ):
        with pytest.raises(BadRequest):
            request(clip, length=1_000, **fields)
    with pytest.raises(BadPreset, match="does something else"):
        texture(clip, length=9_000, preset="default")


def test_silence_goes_on_as_silence_and_says_so(texture: Texture, write_clip: Callable[..., Path]) -> None:
    result = texture(write_clip(np.zeros((2, RATE)), RATE), length=3 * RATE, variations=2)
    assert result["audio"].shape == (2, 2, 3 * RATE)
    assert not result["audio"].any()
    assert any("silent" in warning for warning in result["warnings"])


def test_what_is_no_texture_is_continued_all_the_same_and_called_so(
    texture: Texture, write_clip: Callable[..., Path], noise: Callable[..., Audio]
) -> None:
    hit = noise(1, 2 * RATE) * np.exp(-np.arange(2 * RATE) / 2_000)
    result = texture(write_clip(hit, RATE), length=3 * RATE)
    assert any("may be no texture" in warning for warning in result["warnings"])
    assert np.isfinite(result["audio"]).all()
    assert not texture(write_clip(noise(1, 2 * RATE), RATE), "other", length=3 * RATE)["warnings"]


@pytest.mark.parametrize("scale", [1e-9, 1e6])
def test_loudness_does_not_matter(
    texture: Texture, write_clip: Callable[..., Path], noise: Callable[..., Audio], scale: float
) -> None:
    clip = noise(1, RATE)
    plain, scaled = (
        texture(write_clip(gain * clip, RATE), str(gain), length=2 * RATE)["audio"][0, :, RATE:]
        for gain in (1.0, scale)
    )
    # roundings differ, and the optimisation makes more of them: here and there a sample, not the sound
    assert np.linalg.norm(scaled / scale - plain) < 0.02 * np.linalg.norm(plain)


def test_variations_differ_and_a_seed_gives_the_same_bytes(
    texture: Texture, write_clip: Callable[..., Path], noise: Callable[..., Audio]
) -> None:
    clip = write_clip(noise(2, RATE), RATE)

    def digests(out: str, **fields: Any) -> list[str]:
        files = texture(clip, out, length=2 * RATE, **fields)["files"]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    first, again = digests("a", seed=5, variations=3), digests("b", seed=5, variations=3)
    assert first == again
    others = [*digests("c", seed=6), *digests("d", seed=5, variation=0.0), *digests("e", seed=5, variation=1.0)]
    assert len({*first, *others}) == 6


def test_a_cancelled_texture_leaves_nothing_behind(
    write_clip: Callable[..., Path], noise: Callable[..., Audio], tmp_path: Path
) -> None:
    job = request(write_clip(noise(1, RATE), RATE), length=4 * RATE, out=str(tmp_path / "out"))
    for after in (3, 20):
        with pytest.raises(Cancelled):
            worker.run(job, Watcher(tmp_path / f"mailbox-{after}", cancel_after=after), tmp_path)
        assert not (tmp_path / "out").exists()


def test_progress_never_goes_back_and_ends_at_one(
    write_clip: Callable[..., Path], noise: Callable[..., Audio], tmp_path: Path
) -> None:
    watcher = Watcher(tmp_path / "mailbox")
    job = request(write_clip(noise(1, RATE), RATE), length=3 * RATE, variations=2, out=str(tmp_path / "out"))
    worker.run(job, watcher, tmp_path)
    fractions = [report.fraction for report in watcher.reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {report.stage for report in watcher.reports} == {"optimising", "drawing", "matching"}


@pytest.mark.parametrize("name", ["drum_roll_3s", "vinyl_hiss_3s"])
def test_a_recording_goes_on_as_itself_and_is_no_copy(texture: Texture, name: str) -> None:
    clip, rate = soundfile.read(RECORDINGS / f"{name}.flac", always_2d=True)
    clip = clip.T
    frames = clip.shape[1]
    whole = texture(RECORDINGS / f"{name}.flac", length=2 * frames, preset="texture")["audio"][0].astype(float)
    made = whole[:, frames:]
    noisy = TEXTURE_BASELINES["shaped-noise"](clip, rate, 2 * frames, np.random.default_rng(0))[:, frames:]
    alike = likeness.likeness(clip, made, rate)["likeness"]
    assert alike <= 1.0
    assert alike < 0.7 * likeness.likeness(clip, noisy, rate)["likeness"]
    assert likeness.copying(clip, made, rate) < 0.3
    assert likeness.repetition(clip, made, rate) < 0.3
    assert likeness.seams(clip, whole, rate, [frames]) <= 3
    assert abs(likeness.level_db(made) - likeness.level_db(clip)) <= 1
    assert abs(likeness.stereo(made) - likeness.stereo(clip)) <= 0.1
