"""The queue with real worker processes that run a stub: order, outcomes, cancel, retry, interruption."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from dap_bridge.domain import Job, Progress, State
from dap_bridge.errors import UnknownJob
from dap_bridge.jobs.lane import Lane, process_pool
from dap_bridge.jobs.queue import JobQueue
from dap_bridge.jobs.store import Store

STUB = "tests.jobs.stub_worker"
# A cancel takes less than a second; a machine whose disk stalls under other work must not fail the suite.
CANCEL_S = 5.0


class Rig:
    """A queue with one lane, and what it announced."""

    def __init__(
        self,
        folder: Path,
        probe: str = "probe",
        history: int = 100,
        stall_s: float = 60.0,
        results_days: float = 1.0,
        executor: Callable[[], Executor] = process_pool,
    ) -> None:
        self.folder = folder
        note = folder / "lane.json"
        self.lane = Lane("cpu", note, f"{STUB}:run", f"{STUB}:{probe}", executor, stall_s=stall_s)
        self.store = Store(folder / "jobs.sqlite")
        self.ended: list[Job] = []
        self.progress: list[Progress] = []
        self.forgotten: list[str] = []
        self.queue = JobQueue(
            self.store,
            [self.lane],
            folder / "jobs",
            self._announce,
            self.forgotten.append,
            progress_s=0.2,
            cancel_grace_s=0.4,
            stall_s=stall_s,
            history=history,
            results_days=results_days,
        )

    def submit(self, name: str, action: str, **fields: Any) -> None:
        request = {"out": str(self.folder / f"out-{name}"), "label": action, "device": "auto", **fields}
        self.queue.submit(name, "separate", request)

    async def end(self, *names: str) -> list[State]:
        """The states that the jobs have ended in."""
        while True:
            jobs = [self.queue.get(name) for name in names]
            if all(job.state.ended for job in jobs):
                return [job.state for job in jobs]
            await asyncio.sleep(0.01)

    async def running(self, name: str) -> None:
        """Come back when the job has reported from its worker."""
        while self.queue.progress(name) is None:
            await asyncio.sleep(0.01)

    def left(self) -> list[str]:
        """What jobs have left in the folders that the user sees, and in their mailboxes."""
        return sorted(p.name for p in [*self.folder.glob("out-*"), *self.folder.glob("jobs/*")])

    def runs(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "runs.log").read_text().splitlines()]

    def pids(self) -> list[str]:
        """The process of each run."""
        return [line.split()[1] for line in (self.folder / "runs.log").read_text().splitlines()]

    def _announce(self, job: Job, progress: Progress | None) -> None:
        if progress is None:
            self.ended.append(job)
        else:
            self.progress.append(progress)


@asynccontextmanager
async def rig(folder: Path, **options: Any) -> AsyncIterator[Rig]:
    made = Rig(folder, **options)
    made.queue.start()
    try:
        yield made
    finally:
        await made.queue.stop()
        made.store.close()


def play(folder: Path, scene: Callable[[Rig], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with rig(folder, **options) as made:
            await scene(made)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_jobs_run_in_order_in_one_warm_process_and_end_as_their_worker_says(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        for name, action in {"a": "ok", "b": "bad-clip", "c": "crash", "d": "ok"}.items():
            rig.submit(name, action)
        await rig.end("a", "b", "c", "d")
        a, b, c, d = rig.ended
        assert [job.id for job in rig.ended] == ["a", "b", "c", "d"]
        assert (a.state, a.manifest) == (State.DONE, str(tmp_path / "out-a" / "manifest.json"))
        assert b.error == {"code": "bad_clip", "message": "The stub does not like it.", "hint": "Try another one."}
        assert c.error is not None
        assert c.error["code"] == "internal" and "nobody expected this" in c.error["message"]
        assert d.state is State.DONE
        assert rig.left() == ["out-a", "out-d"]
        assert len(set(rig.pids())) == 1

    play(tmp_path, scene)


def test_a_repeated_job_is_not_run_twice(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        for _ in range(3):
            rig.submit("a", "ok")
        await rig.end("a")
        rig.submit("a", "ok")
        rig.submit("b", "ok")
        await rig.end("b")
        assert rig.runs() == ["a", "b"]

    play(tmp_path, scene)


def test_progress_is_relayed_but_not_too_often(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "sleep 1.5")
        await rig.end("a")
        fractions = [progress.fraction for progress in rig.progress]
        assert fractions == sorted(fractions)
        assert 3 <= len(fractions) <= 1.5 / 0.2 + 1

    play(tmp_path, scene)


@pytest.mark.parametrize(("action", "heeds"), [("sleep 30", True), ("burn 30", True), ("stubborn 30", False)])
def test_a_running_job_is_cancelled_without_a_trace(tmp_path: Path, action: str, heeds: bool) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", action)
        await rig.running("a")
        asked = time.monotonic()
        rig.queue.cancel("a")
        assert await rig.end("a") == [State.CANCELLED]
        assert time.monotonic() - asked < CANCEL_S
        assert rig.left() == []
        rig.submit("b", "ok")
        assert await rig.end("b") == [State.DONE]
        assert (rig.pids()[0] == rig.pids()[1]) == heeds, "only what does not heed a cancel is ended by force"

    play(tmp_path, scene)


def test_a_waiting_job_is_cancelled_at_once_and_never_run(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "sleep 0.5")
        rig.submit("b", "ok")
        job, changed = rig.queue.cancel("b")
        assert (job.state, changed) == (State.CANCELLED, True)
        await rig.end("a")
        assert rig.runs() == ["a"]

    play(tmp_path, scene)


def test_a_job_is_cancelled_at_once_while_the_worker_warms_up(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        await asyncio.sleep(0.5)
        rig.submit("a", "ok")
        await asyncio.sleep(0.1)
        assert rig.queue.cancel("a")[0].state is State.CANCELLED
        assert rig.left() == []

    play(tmp_path, scene, probe="slow_probe")


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
        assert rig.lane.device == ""
        assert "ended while it probed" in rig.lane.device_reason

    play(tmp_path, scene, probe="dying_probe")


def test_stopping_interrupts_what_runs_and_a_new_queue_runs_what_waited(tmp_path: Path) -> None:
    async def first(rig: Rig) -> None:
        rig.submit("a", "stubborn 30")
        rig.submit("b", "ok")
        await rig.running("a")
        await rig.queue.stop()
        assert [(job.id, job.state) for job in rig.ended] == [("a", State.INTERRUPTED)]
        assert rig.left() == []

    async def second(rig: Rig) -> None:
        assert await rig.end("b") == [State.DONE]
        assert rig.queue.get("a").state is State.INTERRUPTED
        assert rig.queue.resume("b") == (rig.queue.get("b"), False)
        job, changed = rig.queue.resume("a")
        assert (job.state, changed) == (State.QUEUED, True)
        await rig.running("a")
        rig.queue.cancel("a")
        await rig.end("a")

    play(tmp_path, first)
    play(tmp_path, second)


def test_whatever_has_an_executors_shape_may_stand_behind_a_lane(tmp_path: Path) -> None:
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
        (tmp_path / "lane.json").write_text(json.dumps([[other.pid, created]]))
        Lane("cpu", tmp_path / "lane.json", stall_s=60).end_predecessor()
        assert (other.poll() is not None) == same
        other.kill()


def test_history_is_bounded(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        for name in "abcd":
            rig.submit(name, "ok")
        await rig.end("d")
        assert rig.forgotten == ["a", "b"]
        with pytest.raises(UnknownJob):
            rig.queue.get("a")

    play(tmp_path, scene, history=2)
