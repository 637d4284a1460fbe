"""A program that the user has installed, as a preset: its stems are adopted, and it never outlives its job."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
import tomli_w

from dap_bridge import leash, presets
from dap_bridge.assets import folder
from dap_bridge.domain import Job, Progress
from dap_bridge.errors import BadPreset, Cancelled, SeparatorFailed
from dap_bridge.jobs import worker
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.transport import protocol
from tests.jobs.refining import Do, text

RATE = 22_050
Write = Callable[..., Path]
# Halves its clip, in the way that it is told to: a stand-in for a separator.
SEPARATOR = """
import pathlib, subprocess, sys, time
import soundfile
way, clip, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]) / "model" / "song"
audio, rate = soundfile.read(clip, always_2d=True)
out.mkdir(parents=True)
if way == "hangs":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path(sys.argv[4]).write_text(str(child.pid))
    time.sleep(600)
if way == "fails":
    print("loading", file=sys.stderr)
    sys.exit("no model: htdemucs")
if way == "length":
    audio = audio[: len(audio) // 2]
if way == "rate":
    audio, rate = audio[::2], rate // 2
if way != "none":
    soundfile.write(out / "vocals.wav", 0.6 * audio, rate, subtype="FLOAT")
    soundfile.write(out / "song_(Drums).wav", 0.3 * audio, rate, subtype="FLOAT")
"""


@pytest.fixture
def song(write_clip: Write, noise: Callable[..., np.ndarray]) -> Path:
    return write_clip(noise(2, RATE), RATE, "song.wav")


@pytest.fixture
def preset(tmp_path: Path, quick_presets: Path) -> Iterator[Callable[..., str]]:
    """preset(way, **more) -> the name of one that runs the separator so; gone after the test."""
    program = tmp_path / "separator.py"
    program.write_text(SEPARATOR, encoding="utf-8")

    def write(way: str, **more: object) -> str:
        command = [sys.executable, str(program), way, "{clip}", "{out}", str(tmp_path / "pid")]
        about = {"base": "quick-adopt", "title": "Mine", "description": "A stand-in.", "method": "command"}
        table = {**about, "command": command, "stems": "**/*.wav", "limit_s": 60.0, **more}
        (quick_presets / f"mine-{way}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
        return f"mine-{way}"

    yield write
    for path in quick_presets.glob("mine-*.toml"):
        path.unlink()


def test_what_a_program_writes_is_adopted_and_corrected_as_any_stems_are(
    do: Do, song: Path, preset: Callable[..., str]
) -> None:
    made = do("separate", "sung", clip=str(song), start=1000, frames=RATE // 2, preset=preset("well"))
    assert (made["verb"], made["preset"], made["null_db"] <= -100) == ("separate", "mine-well", True)
    assert [stem["name"] for stem in made["stems"]] == ["song - (Drums)", "song - vocals", "remainder"]
    whole = soundfile.read(song, dtype="float32", always_2d=True)[0].T[:, 1000 : 1000 + RATE // 2]
    assert np.allclose(made["audio"][:2], np.stack([0.3 * whole, 0.6 * whole]), atol=1e-6)
    corrected = do("refine", "box", session="sung", box=[text(2, "deactivate", (0.1, 0.3, 500, 3000))])
    assert corrected["parent"] == "sung"
    assert np.array_equal(do("undo", "back", session="box")["audio"], made["audio"])


def test_a_program_that_works_at_a_rate_of_its_own_is_given_that(
    do: Do, song: Path, preset: Callable[..., str]
) -> None:
    made = do("separate", "half", clip=str(song), preset=preset("well", rate=RATE // 2))
    assert made["null_db"] <= -100
    assert sum("was brought from 11025 Hz" in note for note in made["warnings"]) == 2


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("fails", r"ended with code 1: no model: htdemucs\.$"),
        ("length", "cannot be adopted: The stem 'song - .*' is 0:00.500 long, and the clip 0:01.000"),
        ("rate", "cannot be adopted: .* is at 11025 Hz, and the clip at 22050 Hz"),
        ("none", r"wrote nothing by the name of '\*\*/\*\.wav'"),
    ],
)
def test_what_cannot_be_adopted_is_an_error_and_nothing_is_left(
    way: str, said: str, do: Do, song: Path, preset: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(SeparatorFailed, match=said) as caught:
        do("separate", "failed", clip=str(song), preset=preset(way))
    assert (caught.value.code, bool(caught.value.hint)) == ("separator_failed", True)
    assert not (tmp_path / "failed").exists()


class Impatient(Unwatched):
    """Its user cancels once the program has started another."""

    def __init__(self, folder: Path, pid: Path) -> None:
        super().__init__(folder)
        self._pid, self.stages = pid, set[str]()

    def report(self, progress: Progress) -> None:
        self.stages.add(progress.stage)

    def cancelled(self) -> bool:
        return self._pid.exists() and bool(self._pid.read_text())


def gone(pid: Path) -> bool:
    process = int(pid.read_text())
    deadline = time.monotonic() + 30
    while psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_program_that_hangs_is_ended_with_what_it_started_when_its_job_is(
    song: Path, preset: Callable[..., str], tmp_path: Path
) -> None:
    control = Impatient(tmp_path / "job", tmp_path / "pid")
    asked = protocol.parse("separate", {"clip": str(song), "preset": preset("hangs"), "out": str(tmp_path / "out")})
    with pytest.raises(Cancelled):
        worker.run(Job("hangs", "separate", asked.request()), control, tmp_path)
    assert gone(tmp_path / "pid")
    assert f"separating by {Path(sys.executable).name}" in control.stages
    assert not (tmp_path / "out").exists()


def test_a_program_is_ended_when_whoever_runs_its_job_is_killed(
    song: Path, preset: Callable[..., str], tmp_path: Path
) -> None:
    preset("hangs")
    program = [str(tmp_path / "separator.py"), "hangs", str(song), str(tmp_path / "out"), str(tmp_path / "pid")]
    held = [sys.executable, leash.__file__, sys.executable, *program]
    holding = f"import subprocess, time; held = subprocess.Popen({held!r}, stdin=subprocess.PIPE); time.sleep(600)"
    holder = subprocess.Popen([sys.executable, "-c", holding])
    try:
        deadline = time.monotonic() + 60
        while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        holder.kill()
        holder.wait()
    assert gone(tmp_path / "pid")


def test_a_program_that_takes_too_long_is_ended(do: Do, song: Path, preset: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(SeparatorFailed, match="was not done after 2 s, and was ended"):
        do("separate", "long", clip=str(song), preset=preset("hangs", limit_s=2.0))
    assert not (tmp_path / "pid").exists() or gone(tmp_path / "pid")


def test_a_program_that_is_not_there_is_named(do: Do, song: Path, preset: Callable[..., str]) -> None:
    name = preset("well", command=["no-such-separator", "-o", "{out}", "{clip}"])
    with pytest.raises(SeparatorFailed, match="no program 'no-such-separator'"):
        do("separate", "absent", clip=str(song), preset=name)
    with pytest.raises(BadPreset, match="no examples and no spans"):
        do("separate", "spans", clip=str(song), preset=name, only=["stem=1,start=0,end=0.5"])


def test_a_program_is_run_by_presets_of_the_users_own_alone(
    preset: Callable[..., str], quick_presets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = quick_presets / f"{preset('well')}.toml"
    assert "mine-well" in [one["name"] for one in presets.offered("separate")]
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for path in (*folder("presets").glob("*.toml"), own):
        (shipped / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BadPreset, match="your own folder alone"):
        presets.read(shipped / own.name)
    if os.name == "posix":
        own.chmod(0o666)
        with pytest.raises(BadPreset, match="others may write"):
            presets.load("mine-well")
        own.with_name("mine-based.toml").write_text('base = "mine-well"\n')
        with pytest.raises(BadPreset, match=r"others may write to .*mine-well"):
            presets.load("mine-based")
        own.chmod(0o644)
        assert presets.load("mine-based").recipe == presets.load("mine-well").recipe
    for command in ([], ["demucs"], ["{clip}", "{out}"]):
        with pytest.raises(BadPreset, match="command"):
            presets.load(preset("well", command=command))
