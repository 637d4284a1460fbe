"""Disks that are full, and folders that may not be written: the system's reason in a sentence, and nothing left."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dap_bridge.audio.files import ClipReader
from dap_bridge.domain import ClipRef, Job
from dap_bridge.errors import ClipUnreadable, OutputUnwritable
from dap_bridge.jobs import worker
from dap_bridge.jobs.output import Output
from dap_bridge.jobs.run import writing_to
from dap_bridge.jobs.sessions import Sessions
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.transport import events, protocol
from dap_bridge.verbs.request import JobVerb
from dap_bridge.verbs.separate.request import Separate
from tests.processes import Process

RATE = 44_100
FULL = "No space left on device"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=False).returncode == 0
    if not mounted:
        pytest.skip("needs to be allowed to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def clip(write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]) -> Path:
    return write_clip(noise(2, RATE), RATE)


def run(verb: str, home: Path, sessions: Path, **fields: object) -> Path:
    message = protocol.parse(verb, fields)
    assert isinstance(message, JobVerb)
    control = Unwatched(home, Sessions(sessions, most_bytes=1e9, most_days=1))
    return worker.run(Job("a", verb, message.request()), control, home / "result")


def test_a_full_disk_ends_the_job_with_its_reason_and_nothing_is_left(clip: Path, tmp_path: Path, disk: Path) -> None:
    out = disk / "out"
    with pytest.raises(OutputUnwritable, match=FULL) as caught:
        run("separate", tmp_path / "job", tmp_path / "sessions", out=str(out), preset="quick", clip=str(clip))
    assert caught.value.message == f"Nothing can be written in {out}: {FULL}."
    assert "room" in caught.value.hint
    assert list(disk.iterdir()) == []


def test_a_learned_state_that_cannot_be_kept_is_a_warning(clip: Path, tmp_path: Path, disk: Path) -> None:
    (disk / "full").write_bytes(bytes(1 << 17))
    manifest = run("separate", tmp_path / "job", disk, out=str(tmp_path / "out"), preset="quick", clip=str(clip))
    assert FULL in manifest.read_text(encoding="utf-8")


def test_a_full_temporary_folder_is_named(
    clip: Path, tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    with pytest.raises(OutputUnwritable, match=FULL) as caught, writing_to(tmp_path), writing_to(disk):
        np.save(disk / "masks.npy", np.zeros(1 << 18))
    assert str(disk) in caught.value.message
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputUnwritable, match="No such file or directory"):
        run("denoise", tmp_path / "job", tmp_path / "sessions", out=str(tmp_path / "out"), clip=str(clip))


def test_a_full_disk_is_told_by_the_daemon_and_by_the_command(clip: Path, tmp_path: Path, disk: Path) -> None:
    daemon = Process(tmp_path, "-m", "dap_bridge", "serve")
    try:
        request = Separate(job="a", clip=str(clip), preset="quick", out=str(disk / "out"))
        told = daemon.client.last_event(request)
        assert isinstance(told, events.Failed)
        assert (told.code, FULL in told.message) == ("output_unwritable", True)
        # what the daemon itself writes, when its disk is full: it goes on
        job = Separate(job="b", clip=str(clip), preset="quick", out=str(tmp_path / "out"))
        assert isinstance(daemon.client.last_event(job), events.Done)
    finally:
        daemon.client.close()
        daemon.end()
    assert "Traceback" not in daemon.log.read_text(encoding="utf-8")
    assert list(disk.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_answer_that_cannot_be_written_is_told() -> None:
    command = [sys.executable, "-m", "dap_bridge", "sessions", "--json"]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert f"output_unwritable): Nothing can be written in the output, or a temporary folder: {FULL}" in result.stderr


@pytest.mark.skipif(not ROOT, reason="only root may become nobody")
def test_folders_that_may_not_be_entered_or_written(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(0o700)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    ledger.chmod(0o777)
    os.seteuid(NOBODY)
    try:
        for out in (shut / "out", tmp_path / "out", shut):
            with pytest.raises(OutputUnwritable, match="Permission denied") as caught:
                Output(ledger / "ledger.json").stage(out, "job", ["stem-1.wav"])
            assert "may write" in caught.value.hint
        with pytest.raises(ClipUnreadable, match="Permission denied"):
            ClipReader(ClipRef.of(str(shut / "clip.wav")))
    finally:
        os.seteuid(0)
    assert list(shut.iterdir()) == []


@pytest.mark.parametrize("length", [1100, 3950])
def test_paths_at_the_limits(clip: Path, tmp_path: Path, length: int) -> None:
    """Beyond what libsndfile takes, and beyond what the system takes once names are added."""
    out = tmp_path / ("é" * 127)
    while (left := length - len(os.fsencode(out))) > 1:
        out = out / ("x" * min(255, left - 1))
    with pytest.raises(OutputUnwritable, match="too long"):
        run("separate", tmp_path / "job", tmp_path / "sessions", out=str(out), preset="quick", clip=str(clip))
    assert not list(tmp_path.glob("é*"))


def test_names_at_the_limits(clip: Path, tmp_path: Path) -> None:
    longest = clip.rename(tmp_path / ("é" * 125 + "x.wav"))
    out = tmp_path / ("é" * 127)
    run("separate", tmp_path / "job", tmp_path / "sessions", out=str(out), preset="quick", clip=str(longest))
    assert (out / "manifest.json").exists()
    too_long = str(tmp_path / ("x" * 256))
    for fields, kind in (
        ({"clip": str(longest), "out": too_long}, OutputUnwritable),
        ({"clip": too_long, "out": str(tmp_path / "o")}, ClipUnreadable),
    ):
        with pytest.raises(kind, match=os.strerror(errno.ENAMETOOLONG)):
            run("separate", tmp_path / "job", tmp_path / "sessions", preset="quick", **fields)
