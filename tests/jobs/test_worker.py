"""From a request to the stems: whatever the clip, they are as long as it, in its place, and sum to it."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tomli_w

from dap_bridge import assets
from dap_bridge.domain import Job, Progress
from dap_bridge.engine.methods.consensus.counting import suggestion
from dap_bridge.errors import BadClip, BadPreset, Cancelled, DapError, OutputUnwritable
from dap_bridge.jobs import worker
from dap_bridge.jobs.folder import JobFolder
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.jobs.workers.local import process
from dap_bridge.jobs.workers.local.worker import RUN
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb
from tests.conftest import RECORDINGS

Separate = Callable[..., dict[str, Any]]


class Watcher(Unwatched):
    """Remembers what was reported, and may cancel after so many reports."""

    def __init__(self, folder: Path, cancel_after: float = math.inf) -> None:
        super().__init__(folder)
        self.reports: list[Progress] = []
        self._cancel_after = cancel_after

    def report(self, progress: Progress) -> None:
        self.reports.append(progress)

    def cancelled(self) -> bool:
        return len(self.reports) >= self._cancel_after


def request(clip: Path | None, **fields: Any) -> Job:
    named = {} if clip is None else {"clip": str(clip)}
    message = protocol.parse("separate", named | {"preset": "quick"} | fields)
    assert isinstance(message, JobVerb)
    return Job("job", message.name, message.request())


@pytest.fixture
def separate(tmp_path: Path) -> Separate:
    """separate(clip, **fields) -> the manifest, with the stems' samples as `audio` (sources, channels, frames)."""

    def run(clip: Path | None, out: str = "out", **fields: Any) -> dict[str, Any]:
        job = request(clip, out=str(tmp_path / out), **fields)
        path = worker.run(job, Watcher(tmp_path / "mailbox" / out), tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        stems = [
            soundfile.read(path.parent / stem["path"], dtype="float32", always_2d=True)[0].T
            for stem in manifest["stems"]
        ]
        return manifest | {"audio": np.stack(stems), "folder": path.parent}

    return run


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize(("channels", "frames"), [(1, 1), (2, 7), (1, 44_099), (2, 44_101), (8, 3001)])
def test_stems_are_as_long_as_the_clip_and_sum_to_it(
    separate: Separate,
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
    rate: int,
    channels: int,
    frames: int,
) -> None:
    audio = noise(channels, frames)
    result = separate(write_clip(audio, rate))
    assert result["audio"].shape == (2, channels, frames)
    assert (result["rate"], result["channels"], result["frames"]) == (rate, channels, frames)
    assert result["null_db"] <= -100
    residual = np.abs(result["audio"].sum(axis=0) - audio).max()
    assert residual <= 1e-6 * np.abs(audio).max()


@pytest.mark.parametrize("at", [0, 1, 20_000, 30_000])
def test_an_impulse_stays_on_its_sample(separate: Separate, write_clip: Callable[..., Path], at: int) -> None:
    audio = np.zeros((1, 30_001), np.float32)
    audio[0, at] = 0.9
    stems = separate(write_clip(audio, 44100))["audio"]
    assert int(np.abs(stems.sum(axis=0)[0]).argmax()) == at
    assert int(np.abs(stems[np.abs(stems).max(axis=(1, 2)).argmax(), 0]).argmax()) == at


TIME = np.arange(22_050) / 44_100
DEFINED = {
    "silence": np.zeros((2, 22_050)),
    "direct current": np.full((1, 22_050), 0.5),
    "a pure tone": np.sin(2 * np.pi * 440 * TIME)[None],
    "above the front's band": np.sin(2 * np.pi * 9000 * TIME)[None],
    "full scale": np.sign(np.sin(2 * np.pi * 300 * TIME))[None],
    "far beyond full scale": 1e6 * np.sin(2 * np.pi * 300 * TIME)[None],
    "near nothing": 1e-12 * np.sin(2 * np.pi * 300 * TIME)[None],
    "channels that cancel": np.stack([np.sin(2 * np.pi * 300 * TIME), -np.sin(2 * np.pi * 300 * TIME)]),
}


@pytest.mark.parametrize("name", DEFINED)
def test_every_signal_has_a_defined_result(separate: Separate, write_clip: Callable[..., Path], name: str) -> None:
    result = separate(write_clip(DEFINED[name].astype(np.float32), 44100))
    assert np.isfinite(result["audio"]).all()
    assert result["null_db"] <= -100
    assert bool(result["warnings"]) == (name == "silence")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_clip_with_samples_that_are_none_leaves_nothing_behind(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path, bad: float
) -> None:
    audio = noise(1, 5000)
    audio[0, 4321] = bad
    job = request(write_clip(audio, 44100), out=str(tmp_path / "deep" / "out"))
    with pytest.raises(BadClip, match=r"at 0:00\.098 of channel 1"):
        worker.run(job, Watcher(tmp_path / "mailbox"), tmp_path)
    assert not (tmp_path / "deep").exists()


def digests(result: dict[str, Any]) -> list[str]:
    return [hashlib.sha256((result["folder"] / stem["path"]).read_bytes()).hexdigest() for stem in result["stems"]]


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(
    separate: Separate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    clip = write_clip(noise(2, 30_000), 44100)
    first, other = (separate(clip, out=out, seed=seed) for out, seed in (("a", 5), ("b", 6)))
    written = time.time()
    while int(time.time()) == int(written):  # some formats note the second they were written in
        time.sleep(0.05)
    again = separate(clip, out="c", seed=5)
    assert digests(first) == digests(again) != digests(other)
    assert first["seed"] == 5


def test_a_stretch_of_several_files_is_separated_where_it_lies(
    separate: Separate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    left, right = noise(1, 9000, seed=1), noise(1, 9000, seed=2)
    paths = [write_clip(audio, 48000, name) for audio, name in ((left, "a.wav"), (right, "b.wav"))]
    channel = [f"0:{path}" for path in paths]
    result = separate(None, channel=channel, start=1000, frames=6000, rate=48000, label="Kick & bird")
    np.testing.assert_allclose(result["audio"].sum(axis=0), np.concatenate([left, right])[:, 1000:7000], atol=1e-6)
    assert [entry["path"] for entry in result["inputs"]] == [str(path) for path in paths]
    assert [stem["name"] for stem in result["stems"]] == ["Kick & bird - stem 1", "Kick & bird - stem 2"]


@pytest.mark.parametrize("sources", [3, 5])
def test_more_than_two_sources(
    separate: Separate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], sources: int
) -> None:
    result = separate(write_clip(noise(1, 20_000), 44100), sources=sources)
    assert result["audio"].shape[0] == sources == len(result["stems"])
    assert result["null_db"] <= -100


def test_the_manifest_says_how_sure_the_method_is(
    separate: Separate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    """Two sounds as different as can be against one that is the same throughout."""
    time = np.arange(2 * 44_100) / 44_100
    clicks = noise(1, len(time)) * (np.sin(2 * np.pi * 3 * time) > 0.95) * 5
    apart = separate(write_clip(clicks + 0.1 * np.sin(2 * np.pi * 440 * time), 44100, "apart.wav"), out="apart")
    alike = separate(write_clip(noise(1, len(time)), 44100, "alike.wav"), out="alike")
    assert 0 <= alike["confidence"] < apart["confidence"] <= 1


def test_the_manifest_says_which_start_of_the_papers_optimisation_was_kept(
    separate: Separate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    table = tomllib.loads((assets.folder("presets") / "paper.toml").read_text(encoding="utf-8"))
    table["front"] |= {"n_fft": 62, "hop": 15}
    table["network"] |= {"channels": [2, 2, 4], "skips": [0, 0, 2]}
    table["fit"] |= {"iterations": 2}
    for name, told_apart in {"easy": -1.0, "hard": 1.0}.items():
        table["starts"] = {
            "collapsed": 2.0,
            "told_apart": told_apart,
            "least_bits": 0.2,
            "told_from": 0.0,
            "looks": 1,
            "restarts": 2,
        }
        (tmp_path / f"{name}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    clip = write_clip(noise(1, 2000), 11_000)
    easy, hard = (separate(clip, out=name, preset=name) for name in ("easy", "hard"))
    assert (easy["restarts"], easy["warnings"]) == (0, [])
    assert hard["restarts"] in (0, 1, 2)
    assert "after 2 restarts" in hard["warnings"][0]
    assert (easy["iterations"], hard["iterations"]) == (2, 6)
    assert separate(write_clip(np.zeros((1, 2000)), 11_000), out="silent", preset="easy")["restarts"] is None


def test_what_is_there_is_never_overwritten(
    separate: Separate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    clip = write_clip(noise(1, 5000), 44100)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "stem-2.wav").write_text("mine")
    with pytest.raises(OutputUnwritable, match=r"stem-2\.wav"):
        separate(clip)
    assert [path.name for path in folder.iterdir()] == ["stem-2.wav"]
    assert (folder / "stem-2.wav").read_text() == "mine"


def test_progress_rises_to_the_end_and_names_the_device(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    watcher = Watcher(tmp_path / "mailbox")
    worker.run(request(write_clip(noise(1, 20_000), 44100), out=str(tmp_path / "out")), watcher, tmp_path)
    fractions = [report.fraction for report in watcher.reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert all(report.device == "cpu" and report.device_reason and report.stage for report in watcher.reports)


@pytest.mark.parametrize("after", [1, 5, 15])
def test_a_cancelled_job_leaves_nothing_behind(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path, after: int
) -> None:
    watcher = Watcher(tmp_path / "mailbox", cancel_after=after)
    with pytest.raises(Cancelled):
        worker.run(request(write_clip(noise(1, 20_000), 44100), out=str(tmp_path / "out")), watcher, tmp_path)
    assert len(watcher.reports) == after
    assert not (tmp_path / "out").exists()


def test_a_clip_that_ends_before_its_header_says_is_separated_with_a_warning(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], separate: Separate
) -> None:
    path = write_clip(noise(1, 20_000), 44100)
    path.write_bytes(path.read_bytes()[:-40_000])
    result = separate(path)
    assert result["frames"] == result["audio"].shape[2] == 10_000
    assert any("shorter than its header" in warning for warning in result["warnings"])


def test_a_job_can_be_cancelled_while_its_clip_is_decoded(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    clip = write_clip(noise(1, 200_000), 44100, "clip.ogg", subtype="VORBIS")
    watcher = Watcher(tmp_path / "mailbox", cancel_after=1)
    with pytest.raises(Cancelled):
        worker.run(request(clip, out=str(tmp_path / "out")), watcher, tmp_path)
    assert [report.stage for report in watcher.reports] == ["reading"]


def test_what_a_killed_worker_needed_for_a_while_is_removed_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = JobFolder(tmp_path / "jobs" / "one")
    folder.open()
    left: list[Path] = []

    def killed(*_: object) -> Path:
        left.append(Path(tempfile.mkdtemp()))
        raise Cancelled

    monkeypatch.setattr(worker.table, "job", lambda verb: killed)
    with pytest.raises(Cancelled):
        process.run(RUN, request(Path("/clip.wav")), folder.path, tmp_path)
    assert left[0].is_dir()
    folder.close(keep_output=False)
    assert list(tmp_path.glob("jobs/*")) == [] and not left[0].exists()


def test_a_presets_effects_are_run_and_owned_up_to(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], separate: Separate, quick_presets: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    effects = '\n[[postprocess]]\nplugin = "Gain"\ngain_db = -20.0\n'
    (tmp_path / "quiet.toml").write_text((quick_presets / "quick.toml").read_text(encoding="utf-8") + effects, "utf-8")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    audio = noise(1, 5000)
    result = separate(write_clip(audio, 44100), preset="quiet")
    np.testing.assert_allclose(result["audio"].sum(axis=0), 0.1 * audio, atol=1e-6)
    assert result["null_db"] == pytest.approx(20 * math.log10(0.9), abs=0.1)
    assert any("no longer sum" in warning for warning in result["warnings"])


@pytest.mark.parametrize(("fields", "error"), [({"preset": "nothing"}, BadPreset), ({"start": 10**9}, BadClip)])
def test_a_request_that_cannot_be_met_is_explained(
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
    tmp_path: Path,
    fields: dict[str, Any],
    error: type[DapError],
) -> None:
    with pytest.raises(error) as caught:
        worker.run(request(write_clip(noise(1, 100), 44100), **fields), Watcher(tmp_path / "mailbox"), tmp_path)
    assert caught.value.message
    assert caught.value.hint


PEAK = """
import json, resource, sys
from pathlib import Path
from dap_bridge.domain import Job
from dap_bridge.jobs import worker
from dap_bridge.jobs.sessions import Sessions
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.verbs.request import JobVerb
job = Job("job", "separate", json.loads(sys.argv[1]))
folder = Path(sys.argv[2])
worker.run(job, Unwatched(folder, Sessions.below(folder)), folder)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak_memory(clip: Path, folder: Path, seconds: int) -> int:
    """Bytes that a process of its own takes at most for `seconds` of the clip."""
    folder.mkdir(parents=True)
    fields = request(clip, frames=seconds * 48_000, out=str(folder / "out")).request
    command = [sys.executable, "-c", PEAK, json.dumps(fields), str(folder)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def test_memory_does_not_grow_with_length(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    """Two minutes of 48 kHz stereo: under 2.5 GiB, under 1.2 times what one takes, complete to the last sample."""
    clip, seconds = tmp_path / "long.wav", 120
    block = noise(2, 48_000)
    with soundfile.SoundFile(clip, "w", 48_000, 2, subtype="FLOAT") as file:
        for second in range(seconds):
            file.write((block if second % 4 < 2 else np.roll(np.sign(block) * 0.05, second, axis=1)).T)
    long = peak_memory(clip, tmp_path / "long", seconds)
    short = peak_memory(clip, tmp_path / "short", seconds // 2)
    assert long < 2.5 * 2**30
    assert long < 1.2 * short
    manifest = json.loads((tmp_path / "long" / "out" / "manifest.json").read_text(encoding="utf-8"))
    last = seconds * 48_000 - 100
    assert manifest["frames"] == last + 100
    assert manifest["null_db"] <= -100
    end = [soundfile.read(tmp_path / "long" / "out" / s["path"], start=last)[0] for s in manifest["stems"]]
    np.testing.assert_allclose(end[0] + end[1], soundfile.read(clip, start=last)[0], atol=1e-6)


def test_the_manifest_says_how_many_sounds_the_clip_seems_to_hold(
    separate: Separate, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    """A guitar, and a guitar with a tabla; of a short clip nothing is said."""
    alone, both = (
        separate(RECORDINGS / f"{name}.flac", out=name, preset="draft", frames=190_000)
        for name in ("guitar", "tabla_and_guitar")
    )
    for found in (alone, both):
        assert list(found["suggested_sources"]) == ["1", "2", "3"]
        assert sum(found["suggested_sources"].values()) == pytest.approx(1, abs=2e-3)
    assert alone["suggested_sources"]["1"] > 0.5 > both["suggested_sources"]["1"]
    assert separate(write_clip(noise(1, 44_100), 44_100), out="short")["suggested_sources"] is None


@pytest.mark.parametrize(
    ("sounds", "used", "told"),
    [
        ((0.9, 0.08, 0.02), 2, "one sound alone (probability 0.90)"),
        ((0.1, 0.05, 0.85), 2, "3 sounds or more and not 2 (probability 0.85)"),
        ((0.05, 0.9, 0.05), 3, "2 sounds and not 3 (probability 0.90)"),
        ((0.7, 0.2, 0.1), 2, None),
        ((0.1, 0.85, 0.05), 2, None),
        ((0.05, 0.05, 0.9), 5, None),
    ],
)
def test_another_number_of_sounds_is_told_only_where_it_is_clearly_ahead(
    sounds: tuple[float, ...], used: int, told: str | None
) -> None:
    sentences = suggestion(sounds, used, told_from=0.8)
    assert len(sentences) == (told is not None)
    assert told is None or told in sentences[0]
