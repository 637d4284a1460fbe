"""What is killed, locked or taken away from a daemon: it goes on, or is started again, and forgets nothing."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from dap_bridge.errors import (
    StoreUnavailable,
)
from dap_bridge.transport import control, events
from tests.conftest import Start
from tests.processes import Process, locked, until


def test_a_killed_worker_costs_a_second_attempt_then_the_job_and_never_the_daemon(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 60"))
    for attempt in (1, 2):
        pid = until(lambda attempt=attempt: daemon.runs("a")[attempt - 1 :])[0]
        # before the stage is made in it, an empty folder is all that a killed worker leaves
        until(lambda: any((daemon.home / "out-a").glob(".dap-*")))
        psutil.Process(pid).kill()
    said = daemon.client.last_event(daemon.separate("a", "sleep 60"))
    assert isinstance(said, events.Failed) and said.code == "worker_died"
    assert daemon.left() == []
    assert isinstance(daemon.client.last_event(daemon.separate("b")), events.Done)


def test_a_killed_daemon_loses_nothing(start: Start) -> None:
    daemon = start()
    for job, label in {"a": "ok", "b": "wait", "c": "ok"}.items():
        daemon.client.send(daemon.separate(job, label))
    daemon.running("b")
    worker = psutil.Process(daemon.runs("b")[0])
    daemon.process.kill()
    daemon.process.wait()
    until(lambda: not worker.is_running())
    assert (daemon.home / "out-b").exists(), "nobody was left to remove it"
    fields = daemon.separate("d").model_dump(mode="json", exclude_none=True)
    daemon.drop("d", {"verb": "separate", **fields})

    daemon.start()
    until(lambda: daemon.status_file("c").get("event") == "done")
    assert daemon.status_file("a")["event"] == "done"
    assert daemon.status_file("b") == {"event": "interrupted", "job": "b"}
    until(lambda: daemon.status_file("d").get("event") == "done")
    assert daemon.left() == ["out-a", "out-c", "out-d"]
    assert list(daemon.client.request(daemon.separate("b", "wait"))) == [events.Interrupted(job="b")]
    daemon.go("b")
    assert isinstance(daemon.client.last_event(control.Resume(job="b")), events.Done)
    assert daemon.left() == ["out-a", "out-b", "out-c", "out-d"]


@contextmanager
def locked_while_running(daemon: Process, job: str) -> Iterator[None]:
    daemon.client.send(daemon.separate(job, "sleep 1"))
    daemon.running(job)
    with locked(daemon.data / "jobs.sqlite"):
        yield


def test_while_the_table_is_locked_every_door_answers_and_nothing_is_lost(start: Start) -> None:
    daemon = start()
    fields = daemon.separate("b").model_dump(mode="json", exclude_none=True)
    with locked_while_running(daemon, "a"):
        until((daemon.home / "out-a" / "manifest.json").exists)
        daemon.drop("b", {"verb": "separate", **fields})
        daemon.drop("ask", {"verb": "hello"})
        until(lambda: daemon.status_file("ask").get("event") == "welcome")
        assert [(event.job, event.state) for event in daemon.client.status()] == [("a", "running")]
        with pytest.raises(StoreUnavailable, match="locked") as raised:
            daemon.client.last_event(daemon.separate("c"))
        assert "send it again" in raised.value.hint
        daemon.client.send(control.Cancel(job="a"))
        assert (daemon.spool / "inbox" / "b.json").exists()
    until(lambda: daemon.status_file("b").get("event") == "done")
    assert daemon.status_file("a")["event"] == "done", "it had been published when it was cancelled"
    assert list((daemon.spool / "inbox").iterdir()) == []
    assert isinstance(daemon.client.last_event(daemon.separate("c")), events.Done)
    assert "Traceback" not in daemon.log.read_text()


def test_a_result_whose_end_could_not_be_written_is_done_after_a_restart(start: Start) -> None:
    daemon = start()
    with locked_while_running(daemon, "a"):
        until(lambda: "tried again and again" in daemon.log.read_text())
        daemon.process.kill()
        daemon.process.wait()
    daemon.start()
    until(lambda: daemon.status_file("a").get("event") == "done")
    assert isinstance(daemon.client.last_event(control.Resume(job="a")), events.Done)
    until(lambda: daemon.left() == ["out-a"])


def test_what_a_killed_daemon_did_not_come_to_say_the_next_one_says(start: Start) -> None:
    daemon = start()
    assert isinstance(daemon.client.last_event(daemon.separate("a")), events.Done)
    daemon.process.kill()
    daemon.process.wait()
    status = daemon.spool / "outbox" / "a.status"
    status.write_text("event\tprogress\njob\ta\n")
    os.utime(status, (time.time() - 60,) * 2)
    daemon.start()
    assert daemon.status_file("a")["event"] == "done"


def test_a_daemon_killed_again_and_again_keeps_every_job_whole(start: Start) -> None:
    daemon = start()
    dice = random.Random(0)
    names: list[str] = []
    for turn in range(3):
        mine = [f"j{turn}-{number}" for number in range(8)]
        for job in mine:
            daemon.client.send(daemon.separate(job))
        until(lambda mine=mine: any(map(daemon.runs, mine)))
        time.sleep(dice.uniform(0, 0.1))
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        names += mine
    for job in names:
        out = daemon.home / f"out-{job}"
        end = daemon.client.last_event(daemon.separate(job))
        assert isinstance(end, events.Done) == (out / "manifest.json").exists()
        if isinstance(end, events.Interrupted):
            assert not out.exists()
            end = daemon.client.last_event(control.Resume(job=job))
        assert isinstance(end, events.Done)
        assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "stem-1.wav"]
    until(lambda: daemon.left() == sorted(f"out-{job}" for job in names))


def test_a_spool_that_is_taken_away_is_made_again_and_says_how_jobs_stand(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.running("a")
    daemon.spool.rename(daemon.home / "taken")
    until(lambda: daemon.status_file("a").get("event") == "progress")
    until((daemon.spool / "daemon.status").exists)
    for folder in (daemon.spool, *(daemon.spool / name for name in ("inbox", "outbox", "rejected", "clips"))):
        assert folder.is_dir()
        assert os.name != "posix" or folder.stat().st_mode & 0o777 == 0o700
    daemon.drop("ask", {"verb": "hello"})
    until(lambda: daemon.status_file("ask").get("event") == "welcome")


def test_the_last_event_is_written_once_there_is_room(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.running("a")
    outbox = daemon.spool / "outbox"

    def blocked() -> bool:
        """A file in the folder's place, between two looks of the daemon."""
        with suppress(OSError):
            outbox.rename(daemon.home / f"taken-{time.monotonic_ns()}")
        with suppress(OSError):
            outbox.touch(exist_ok=False)
        return outbox.is_file()

    until(blocked)
    assert daemon.client.last_event(control.Cancel(job="a")) == events.CancelledEvent(job="a")
    outbox.unlink()
    until(lambda: daemon.status_file("a").get("event") == "cancelled")


def test_the_client_outlives_a_restart_of_the_daemon(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("first", "stubborn 60"))
    daemon.running("first")
    told = daemon.client.request(daemon.separate("second"))
    assert next(told) == events.Accepted(job="second", verb="separate")
    daemon.process.kill()
    daemon.process.wait()
    client = daemon.client
    daemon.start()
    *_, end = told
    assert isinstance(end, events.Done), "found out by asking again"
    client.close()
