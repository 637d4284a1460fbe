"""Many clips by one command: what fails stops nothing, a run that was killed goes on, and nothing is done twice."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from tests.processes import until
from tests.terminal import dap

RATE = 8_000
# Long enough to be met at work.
LONG_S = 10.0

Write = Callable[[str, float], Path]


@pytest.fixture
def write(write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]) -> Write:
    """write(name, seconds) -> a clip of noise, of another one for every name."""

    def one(name: str, seconds: float = 0.3) -> Path:
        return write_clip(noise(1, round(seconds * RATE), sum(name.encode())), RATE, name)

    return one


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Here and in workers: by another number of threads sums come out otherwise in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.set_num_threads(before)


def begin(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dap_bridge", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def separate(*arguments: object) -> tuple[int, dict[str, Any]]:
    done = dap("separate", *arguments, "-p", "quick", "--json")
    return done.returncode, json.loads(done.stdout)


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {Path(one["clip"]).name: one["state"] for one in answer["clips"]}


def written(folder: Path) -> dict[Path, int]:
    """Everything in results, hidden or not, and when it was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*-stems*/*")}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for one process")
def test_a_run_that_is_killed_or_stopped_goes_on_and_does_nothing_twice(here: Path, write: Write) -> None:
    for name in ("a.wav", "b.wav", "d.wav", "e.wav"):
        write(name, 0.3)
    long = write("c.wav", LONG_S)
    (here / "bad.wav").write_bytes(b"RIFF is all that it has of a WAV")
    folder = here / "c-stems"
    command = ("separate", "*.wav", "-p", "quick")
    left: set[Path] = set()
    for ending, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        process = begin(*command)
        left = until(lambda known=left: set(folder.glob(".dap-*")) - known)
        if ending == signal.SIGINT:
            late = dap(*command)
            assert (late.returncode, "under way already" in late.stderr) == (1, True)
        process.send_signal(ending)
        assert process.wait(60) == status
    assert not folder.exists(), "what was begun is undone, by whoever comes next if need be"
    before = written(here)
    assert {path.parent.name for path in before} == {"a-stems", "b-stems"}

    long.unlink()
    write("c.wav", 0.3)
    status, answer = separate("*.wav")
    assert status == 1
    assert [one["state"] for one in answer["clips"]] == ["done before"] * 2 + ["failed"] + ["done"] * 3
    assert answer["counts"] == {"done before": 2, "failed: clip_unreadable": 1, "done": 3}
    after = written(here)
    assert {path: after[path] for path in before} == before
    assert sorted(path.name for path in here.glob("*-stems*")) == [f"{name}-stems" for name in "abcde"]
    assert sorted(path.name for path in folder.iterdir()) == ["c - stem 1.wav", "c - stem 2.wav", "manifest.json"]

    said = dap(*command)
    assert said.returncode == 1
    assert "done before" in said.stdout
    assert "bad.wav: failed: clip_unreadable" in said.stdout
    assert written(here) == after


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for one process")
def test_workers_make_what_one_process_makes_also_when_they_are_killed_or_stopped(
    here: Path, write: Write, one_thread: None
) -> None:
    for name in ("a.wav", "b.wav", "more/a.wav"):
        write(name, 0.3)
    long = write("long.wav", LONG_S)
    (here / "bad.wav").write_bytes(b"RIFF is all that it has of a WAV")
    asked = ("*.wav", "more", "-o", "all")
    folder = here / "all" / "long-stems"
    begun = begin("separate", *asked, "-p", "quick", "--workers", 2)
    until(lambda: list(folder.glob(".dap-*")))
    begun.kill()
    begun.wait(60)
    again = begin("separate", *asked, "-p", "quick", "--workers", 2)
    until(psutil.Process(again.pid).children)
    again.send_signal(signal.SIGINT)
    assert again.wait(60) == 130
    assert not folder.exists(), "what was begun is undone, by whoever comes next if need be"

    long.unlink()
    write("long.wav", 0.3)
    status, answer = separate(*asked, "--workers", 2)
    assert status == 1
    assert [Path(one["clip"]).name for one in answer["clips"]] == ["a.wav", "b.wav", "bad.wav", "long.wav", "a.wav"]
    assert answer["counts"]["failed: clip_unreadable"] == 1
    assert sum(answer["counts"].get(state, 0) for state in ("done", "done before")) == 4
    assert separate(*asked, "--workers", 3)[1]["counts"] == {"done before": 4, "failed: clip_unreadable": 1}

    (here / "all").rename(here / "by workers")
    alone = separate(*asked)[1]
    assert [one["manifest"] for one in alone["clips"]] == [one["manifest"] for one in answer["clips"]]
    assert len(sounds(here / "all")) == 8
    assert sounds(here / "all") == sounds(here / "by workers")


def sounds(folder: Path) -> dict[Path, bytes]:
    """Every file of sound in results."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.wav")}


def test_what_is_another_clip_or_asked_otherwise_is_done_beside_what_is_there(here: Path, write: Write) -> None:
    write("a.wav", 0.3)
    for _ in range(2):
        assert separate(here)[0] == 0
    assert len(list(here.glob("a-stems*"))) == 1
    assert states(separate(here, "--seed", 1)[1]) == {"a.wav": "done"}
    write("a.wav", 0.2)
    assert states(separate(here)[1]) == {"a.wav": "done"}
    assert sorted(path.name for path in here.glob("a-stems*")) == ["a-stems", "a-stems-2", "a-stems-3"]
    assert states(separate(here)[1]) == {"a.wav": "done before"}


def test_folders_and_patterns_name_clips_and_results_are_none(here: Path, write: Write) -> None:
    for name in ("one/x.wav", "one/two/x.wav", "one/two/y.flac", "one/.hidden/z.wav"):
        write(name, 0.2) if name.endswith(".wav") else write("y.wav", 0.2).rename(here / name)
    (here / "one" / "notes.txt").write_text("no clip")
    status, answer = separate("one", "--recursive", "-o", "all")
    assert (status, answer["counts"]) == (0, {"done": 3})
    folders = [Path(one["manifest"]).parent.name for one in answer["clips"]]
    assert folders == ["x-stems", "y-stems", "x-stems-2"]
    assert separate("one", "-r", "-o", "all")[1]["counts"] == {"done before": 3}
    assert states(separate("one", "one")[1]) == {"x.wav": "done"}, "a clip that is named twice is one"
    assert sorted(states(separate("one/**/*.wav", "-o", "all")[1])) == ["x.wav"], "no stems, nothing hidden"
    assert separate("one", "-r", "-o", "all")[1]["counts"] == {"done before": 3}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sources", "1"], "sources must be 2 or more, not 1"),
        (["-p", "nothing"], "There is no preset 'nothing'"),
        (["none-*.wav"], "There is no audio file like none-*.wav"),
        (["empty"], "The folder empty holds no audio file"),
        ([""], "empty"),
    ],
)
def test_what_is_wrong_for_every_clip_ends_it_at_once(
    here: Path, write: Write, arguments: list[str], said: str
) -> None:
    (here / "empty").mkdir()
    write("a.wav", 0.2)
    done = dap("separate", here, "-p", "quick", *arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not list(here.glob("*-stems"))


def test_every_answer_ends_with_commands_that_go_on_from_it(here: Path, write: Write) -> None:
    write("it's a take.wav", 0.3)
    done = dap("separate", "it's a take.wav", "-p", "quick", "--alternatives", "2")
    folder = here / "it's a take-stems"
    assert done.stdout.startswith(f"2 stems in {folder} (0:0")
    commands = [shlex.split(line) for line in done.stdout.partition("To go on:\n")[2].splitlines()]
    assert [command[:2] for command in commands] == [["dap-bridge", verb] for verb in ("edit", "refine", "choose")]
    assert dap(*commands[1][1:], "--preview").returncode == 0
    assert (here / "it's a take-stems-2" / "it's a take - stem 2.wav").is_file()
    assert dap("undo", "last").returncode == 0
    assert (here / "it's a take-stems-3" / "manifest.json").is_file()
    shared = dap("coseparate", *["it's a take.wav"] * 2, "-p", "quick-coseparate").stdout.splitlines()[-1]
    assert shlex.split(shared)[:2] == ["dap-bridge", "separate"], "which cannot be corrected"
    assert Path(shlex.split(shared)[2]).is_file()

    table = dap("sessions").stdout.splitlines()
    assert table[1].split() == ["date", "clip", "length", "preset", "boxes", "folder", "session"]
    assert "it's a take.wav   0:00.3   quick    0       " in table[3], "of the latest, which was undone"
    assert str(here / "it's a take-stems-3") in table[3]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_where_nothing_can_be_written_beside_the_clip_it_says_what_to_do(here: Path, write: Write) -> None:
    clip = write("locked/a.wav", 0.2)
    clip.parent.chmod(0o500)
    done = dap("separate", clip, "-p", "quick")
    clip.parent.chmod(0o700)
    assert (done.returncode, "--out" in done.stderr) == (1, True)
