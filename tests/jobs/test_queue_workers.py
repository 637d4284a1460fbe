"""The queue and workers that die, hang, stop, or never begin: what becomes of the job, and of those behind it."""

from __future__ import annotations

import asyncio
import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from dap_bridge.domain import State
from dap_bridge.jobs.workers.local.worker import LocalWorker
from tests.jobs.rig import STUB, Rig, play


def test_a_worker_that_dies_once_costs_a_second_attempt(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "die-once")
        rig.submit("b", "ok")
        assert await rig.end("a", "b") == [State.DONE, State.DONE]
        assert rig.runs() == ["a", "a", "b"], "at its old place"

    play(tmp_path, scene)


def test_a_worker_that_always_dies_fails_the_job_and_nothing_else(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "die")
        rig.submit("b", "ok")
        assert await rig.end("a", "b") == [State.FAILED, State.DONE]
        error = rig.queue.get("a").error
        assert error is not None and error["code"] == "worker_died"
        assert rig.runs() == ["a", "a", "b"]
        assert rig.left() == ["out-b"]

    play(tmp_path, scene)


def test_an_idle_worker_that_was_killed_is_replaced_before_the_next_job(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok")
        await rig.end("a")
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        rig.submit("b", "ok")
        assert await rig.end("b") == [State.DONE]

    play(tmp_path, scene)


def test_a_probe_that_kills_its_process_is_given_up_and_jobs_say_what_is_wrong(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok")
        assert await rig.end("a") == [State.DONE]
        assert rig.workers[0].device.name == ""
        assert "ended while it probed" in rig.workers[0].device.reason

    play(tmp_path, scene, probe="dying_probe")


def test_whatever_has_an_executors_shape_may_stand_behind_a_local_worker(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok")
        rig.submit("b", "sleep 30")
        await rig.running("b")
        rig.queue.cancel("b")
        rig.submit("c", "bad-clip")
        assert await rig.end("a", "b", "c") == [State.DONE, State.CANCELLED, State.FAILED]

    play(tmp_path, scene, executor=lambda: ThreadPoolExecutor(1))


@pytest.mark.parametrize("same", [True, False])
def test_the_worker_of_a_killed_daemon_is_ended_but_nobody_else_who_got_its_pid(tmp_path: Path, same: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        created = psutil.Process(other.pid).create_time() - (0 if same else 100)
        (tmp_path / "worker.json").write_text(json.dumps([[other.pid, created]]))
        LocalWorker("cpu", tmp_path, tmp_path / "worker.json", stall_s=60).end_predecessor()
        assert (other.poll() is not None) == same
        other.kill()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
@pytest.mark.parametrize("action", ["stop", "silent 60"])
def test_a_worker_that_gives_no_sign_of_life_is_ended_and_what_waits_goes_on(tmp_path: Path, action: str) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", action)
        rig.submit("b", "ok")
        assert await rig.end("a", "b") == [State.FAILED, State.DONE]
        error = rig.queue.get("a").error
        assert error is not None and error["code"] == "worker_stuck" and "2 s" in error["message"]
        assert "not responding" in [progress.stage for progress in rig.progress]
        assert rig.runs() == ["a", "b"]
        assert rig.left() == ["out-b"]

    play(tmp_path, scene, stall_s=2.0)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
def test_a_stopped_worker_is_cancelled_as_any_other(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "stop")
        await rig.began("a")
        rig.queue.cancel("a")
        assert await rig.end("a") == [State.CANCELLED]
        assert rig.left() == []

    play(tmp_path, scene)


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_worker_that_cannot_be_ended_is_not_waited_for(tmp_path: Path, cancelled: bool) -> None:
    """A thread in place of a process that waits in the kernel."""
    threads: list[ThreadPoolExecutor] = []
    temporary = tempfile.gettempdir()

    def thread() -> ThreadPoolExecutor:
        threads.append(ThreadPoolExecutor(1))
        return threads[-1]

    async def scene(rig: Rig) -> None:
        rig.submit("a", "silent 6")
        rig.submit("b", "ok")
        await rig.began("a")
        if cancelled:
            rig.queue.cancel("a")
        assert await rig.end("a", "b") == [State.CANCELLED if cancelled else State.FAILED, State.DONE]
        assert not (tmp_path / "out-a").exists()

    play(tmp_path, scene, executor=thread, stall_s=60.0 if cancelled else 2.0)
    for one in threads:  # a job under way has a say in where this process's temporary files go
        one.shutdown()
    assert tempfile.gettempdir() == temporary


def test_silence_while_the_daemon_itself_stands_still_is_not_held_against_the_worker(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "silent 4")
        await rig.began("a")
        time.sleep(4)  # the event loop, and so the daemon, stands still
        assert await rig.end("a") == [State.DONE]

    play(tmp_path, scene, stall_s=3.0)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
def test_a_probe_that_never_answers_fails_jobs_and_says_so(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok")
        rig.submit("b", "ok")
        assert rig.queue.cancel("b")[0].state is State.CANCELLED
        assert await rig.end("a") == [State.FAILED]
        error = rig.queue.get("a").error
        assert error is not None and error["code"] == "worker_stuck" and "probed" in error["message"]
        assert "did not answer" in rig.workers[0].device.reason

    play(tmp_path, scene, probe="stopped_probe", probe_s=3.0)


def test_a_worker_that_dies_after_publishing_has_done_its_job(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "die-at-last")
        assert await rig.end("a") == [State.DONE]
        assert rig.queue.get("a").manifest == str(tmp_path / "out-a" / "manifest.json")
        assert rig.runs() == ["a"]
        assert rig.left() == ["out-a"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("trouble", "code"), [(errno.ENOMEM, "out_of_memory"), (errno.EAGAIN, "worker_died")], ids=["memory", "processes"]
)
def test_a_worker_that_cannot_be_started_fails_the_job_and_says_why(tmp_path: Path, trouble: int, code: str) -> None:
    """As where the system has no room for another process: for the first of two jobs."""

    def executor() -> Executor:
        if rigs[0].queue.get("b").state is State.QUEUED and rigs[0].queue.get("a").state is not State.FAILED:
            raise OSError(trouble, os.strerror(trouble))
        return ThreadPoolExecutor(1)

    async def scene(rig: Rig) -> None:
        assert await rig.end("a", "b") == [State.FAILED, State.DONE]
        error = rig.queue.get("a").error
        assert error is not None and error["code"] == code

    def before(rig: Rig) -> None:
        rigs.append(rig)
        rig.submit("a", "ok")
        rig.submit("b", "ok")

    rigs: list[Rig] = []
    play(tmp_path, scene, before=before, executor=executor)


def test_a_killed_worker_hints_at_memory(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "die")
        await rig.end("a")
        error = rig.queue.get("a").error
        assert error is not None and "memory" in error["hint"]

    play(tmp_path, scene)


def test_what_is_closed_starts_no_process_any_more(tmp_path: Path) -> None:
    """It was about to: a process that nobody knows of would never be ended."""

    async def main() -> None:
        before = set(multiprocessing.active_children())
        worker = LocalWorker("cpu", tmp_path, tmp_path / "note", f"{STUB}:run", f"{STUB}:probe", stall_s=60)
        warming = asyncio.ensure_future(worker.warm())
        await asyncio.sleep(0)
        worker.close()
        await warming
        assert set(multiprocessing.active_children()) == before

    asyncio.run(main())
