"""What a power cut or a full disk leaves of the small files: a daemon starts all the same, and says what was lost."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from dap_bridge.domain import ClipRef
from dap_bridge.jobs.sessions import Session, Sessions
from dap_bridge.transport import events
from tests.conftest import Start
from tests.processes import Process


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def zeros(path: Path) -> None:
    """As many as there were: the file grew, and its blocks never came."""
    path.write_bytes(bytes(path.stat().st_size))


def noise(path: Path) -> None:
    path.write_bytes(bytes(reversed(range(256))) * 20)


def killed_in_mid_job(start: Start) -> Process:
    """A daemon with a job done, one running and one waiting, a session, and then no more."""
    daemon = start()
    Sessions(daemon.data / "sessions", most_bytes=1e6, most_days=10).add(
        Session("kept", ClipRef.of("/a.wav").as_request(), "source", "label", "/out/manifest.json")
    )
    daemon.client.last_event(daemon.separate("done"))
    daemon.client.send(daemon.separate("running", "sleep 60"))
    daemon.client.send(daemon.separate("waiting"))
    daemon.running("running")
    daemon.end(signal.SIGKILL)
    return daemon


@pytest.mark.parametrize(("damage", "table"), [(empty, True), (noise, True), (half, False), (zeros, False)])
def test_a_daemon_starts_whatever_became_of_its_files(
    start: Start, damage: Callable[[Path], None], table: bool
) -> None:
    daemon = killed_in_mid_job(start)
    files = [path for top in (daemon.data, daemon.spool) for path in top.rglob("*") if path.is_file()]
    assert {"jobs.sqlite", "worker.json", "output.json", "kept.json", "editor.json"} <= {path.name for path in files}
    for path in files:
        if table or not path.name.startswith("jobs.sqlite"):
            damage(path)
    daemon.start()
    assert isinstance(daemon.client.last_event(daemon.separate("new")), events.Done)
    said = daemon.log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert "worker.json.damaged-1" in said and "editor.json.damaged-1" in said
    if table:
        assert "forgotten" in said
    else:
        assert "output.json.damaged-1" in said
        told = daemon.client.last_event(daemon.separate("done"))
        assert isinstance(told, events.Done), "and not run again"
        assert daemon.runs("done") == daemon.runs("done")[:1]
    assert daemon.client.sessions() == []
    assert "kept.json.damaged-1" in said


def test_a_configuration_file_that_is_no_toml_is_set_aside_and_a_bad_value_is_not(tmp_path: Path, start: Start) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"osc_port = 93\xff")
    daemon = start("real", "-m", "dap_bridge", "serve", DAP_BRIDGE_CONFIG=str(file))
    assert daemon.end() == 0
    assert "config.toml.damaged-1" in daemon.log.read_text(encoding="utf-8")
    assert not file.exists()
    file.write_text("history = 0")
    daemon.start(wait=False)
    assert daemon.process.wait(20) == 2
    assert "history" in daemon.log.read_text(encoding="utf-8")
    assert file.exists()


def test_a_folder_in_the_place_of_a_file_is_set_aside(start: Start) -> None:
    daemon = killed_in_mid_job(start)
    for name in ("worker.json", "editor.json", "sessions/sessions/kept.json", "jobs/running/output.json"):
        (daemon.data / name).unlink()
        (daemon.data / name).mkdir()
    daemon.start()
    assert isinstance(daemon.client.last_event(daemon.separate("new")), events.Done)
    assert (daemon.data / "worker.json.damaged-1").is_dir()
    assert "Traceback" not in daemon.log.read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_small_files_are_on_disk_before_they_have_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dap_bridge import atomic

    flushed: list[str] = []
    sync = os.fsync

    def notes(handle: int) -> None:
        flushed.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        assert not (tmp_path / "note").exists() or flushed[-1] == "folder"
        sync(handle)

    monkeypatch.setattr(os, "fsync", notes)
    atomic.write_json(tmp_path / "note", {"name": os.fsdecode(b"\xfc.wav")})
    assert flushed == ["file", "folder"]
    found = atomic.read_json(tmp_path / "note", lambda value: os.fsencode(value["name"]), "")
    assert found == b"\xfc.wav"
