"""The queue with real worker processes that run a stub: order, outcomes, cancel, retry, interruption."""

from __future__ import annotations

import asyncio
import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from dap_bridge.domain import Job, Progress, State
from dap_bridge.errors import StoreUnavailable, UnknownJob
from dap_bridge.jobs.queue import JobQueue
from dap_bridge.jobs.store import Store
from dap_bridge.jobs.workers.local.mailbox import Mailbox
from dap_bridge.jobs.workers.local.worker import Lane, process_pool
from tests.processes import locked

STUB = "tests.jobs.stub_worker"
STUB_RESULT = ["manifest.json", "stem-1.wav"]
# A cancel takes less than a second; a machine whose disk stalls under other work must not fail the suite.
CANCEL_S = 30.0


class Rig:
    """A queue with one lane, and what it announced."""

    def __init__(
        self,
        folder: Path,
        probe: str = "probe",
        history: int = 100,
        progress_s: float = 0.2,
        stall_s: float = 60.0,
        probe_s: float = 60.0,
        results_days: float = 1.0,
        executor: Callable[[], Executor] = process_pool,
    ) -> None:
        self.folder = folder
        note = folder / "lane.json"
        self.lane = Lane("cpu", note, f"{STUB}:run", f"{STUB}:{probe}", executor, stall_s=probe_s)
        self.store = Store(folder / "jobs.sqlite")
        self.ended: list[Job] = []
        self.progress: list[Progress] = []
        self.told_at: list[float] = []
        self.forgotten: list[str] = []
        self.queue = JobQueue(
            self.store,
            [self.lane],
            folder / "jobs",
            self._announce,
            self.forgotten.append,
            progress_s=progress_s,
            cancel_grace_s=0.4,
            stall_s=stall_s,
            history=history,
            results_days=results_days,
        )

    def submit(self, name: str, action: str, **fields: Any) -> None:
        self.queue.submit(name, "separate", self.request(name, action, **fields))

    def request(self, name: str, action: str, **fields: Any) -> dict[str, Any]:
        return {"out": str(self.folder / f"out-{name}"), "label": action, "device": "auto", **fields}

    async def end(self, *names: str) -> list[State]:
        """The states that the jobs have ended in."""
        while True:
            jobs = [self.queue.get(name) for name in names]
            if all(job.state.ended for job in jobs):
                return [job.state for job in jobs]
            await asyncio.sleep(0.01)

    async def began(self, name: str) -> None:
        """Come back when the job is in its worker."""
        log = self.folder / "runs.log"
        while not log.exists() or name not in self.runs():
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
            self.told_at.append(time.monotonic())


@asynccontextmanager
async def rig(folder: Path, before: Callable[[Rig], object] = lambda _: None, **options: Any) -> AsyncIterator[Rig]:
    made = Rig(folder, **options)
    before(made)
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

    asyncio.run(asyncio.wait_for(main(), 150))


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
        rig.submit("a", "sleep 60")
        while len(rig.progress) < 3:
            await asyncio.sleep(0.01)
        fractions = [progress.fraction for progress in rig.progress]
        assert fractions == sorted(fractions)
        # once a second, where the worker reports ten times; the first may be told late, by a machine that stood still
        assert rig.told_at[2] - rig.told_at[0] > 1

    play(tmp_path, scene, progress_s=1.0)


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
        while not multiprocessing.active_children():
            await asyncio.sleep(0.01)
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


def test_the_result_of_a_forgotten_job_goes_with_it_and_its_name_is_free_again(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok", out=None)
        await rig.end("a")
        result = tmp_path / "jobs" / "a" / "result"
        assert rig.queue.get("a").manifest == str(result / "manifest.json")
        (result / "notes.txt").write_text("the user's own")
        rig.submit("b", "ok", out=None)
        await rig.end("b")
        assert rig.forgotten == ["a"]
        assert [path.name for path in result.iterdir()] == ["notes.txt"]
        rig.submit("a", "ok", out=None)
        assert await rig.end("a") == [State.DONE]
        again = rig.queue.get("a").manifest
        assert again is not None and sorted(path.name for path in Path(again).parent.iterdir()) == STUB_RESULT
        assert rig.runs() == ["a", "b", "a"]
        assert not (tmp_path / "jobs" / "b").exists()

    play(tmp_path, scene, history=1)


@pytest.mark.parametrize(("manifest", "place"), [('{"stems": [{"path": "stem-1.wav"}]}', "result"), ("{", "result-2")])
def test_what_is_left_of_a_forgotten_result_is_in_nobodys_way(tmp_path: Path, manifest: str, place: str) -> None:
    left = tmp_path / "jobs" / "a" / "result"
    left.mkdir(parents=True)
    (left / "manifest.json").write_text(manifest)
    (left / "stem-1.wav").write_text("of old")

    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok", out=None)
        assert await rig.end("a") == [State.DONE]
        assert rig.queue.get("a").manifest == str(tmp_path / "jobs" / "a" / place / "manifest.json")

    play(tmp_path, scene)


def test_a_result_that_is_too_old_goes_unless_it_lies_in_a_folder_of_the_users(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok", out=None)
        rig.submit("b", "ok")
        rig.submit("c", "ok")
        await rig.end("c")
        assert rig.forgotten == ["a"]
        assert rig.left() == ["out-b", "out-c"]

    play(tmp_path, scene, results_days=1e-9)


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

    async def scene(rig: Rig) -> None:
        rig.submit("a", "silent 6")
        rig.submit("b", "ok")
        await rig.began("a")
        if cancelled:
            rig.queue.cancel("a")
        assert await rig.end("a", "b") == [State.CANCELLED if cancelled else State.FAILED, State.DONE]
        assert not (tmp_path / "out-a").exists()

    play(tmp_path, scene, executor=lambda: ThreadPoolExecutor(1), stall_s=60.0 if cancelled else 2.0)


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
        assert "did not answer" in rig.lane.device_reason

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


class Crash:
    """What a job has on disk at one moment of its run, when its daemon is killed."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.out = rig.folder / "out-a"
        self.mailbox = Mailbox(rig.folder / "jobs" / "a")
        rig.store.add("a", "separate", rig.request("a", "ok"))
        rig.store.start("a")

    def opened(self) -> None:
        self.mailbox.open()

    def staged(self) -> None:
        self.opened()
        self.stage = self.mailbox.output.stage(self.out, "a", STUB_RESULT)
        for name in STUB_RESULT:
            (self.stage / name).write_text("{}")

    def published(self) -> None:
        self.staged()
        self.mailbox.output.publish(last="manifest.json")

    def written(self) -> None:
        self.published()
        self.rig.store.end("a", State.DONE, str(self.out / "manifest.json"))

    def kept(self) -> None:
        self.written()
        self.mailbox.output.keep()


@pytest.mark.parametrize("moment", ["opened", "staged", "published", "written", "kept"])
def test_a_daemon_killed_at_any_moment_leaves_a_whole_result_or_none(tmp_path: Path, moment: str) -> None:
    done = moment in ("published", "written", "kept")

    async def scene(rig: Rig) -> None:
        rig.submit("b", "ok")  # which runs once everything is settled
        await rig.end("b")
        job = rig.queue.get("a")
        assert job.state is (State.DONE if done else State.INTERRUPTED)
        assert job.manifest == (str(tmp_path / "out-a" / "manifest.json") if done else None)
        assert rig.left() == (["out-a", "out-b"] if done else ["out-b"])
        if done:
            assert sorted(path.name for path in (tmp_path / "out-a").iterdir()) == STUB_RESULT
        rig.queue.resume("a")
        assert await rig.end("a") == [State.DONE]

    play(tmp_path, scene, before=lambda rig: getattr(Crash(rig), moment)())


def test_the_table_is_tried_until_it_can_be_written_and_a_late_cancel_changes_nothing(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "sleep 1")
        await rig.running("a")
        with locked(tmp_path / "jobs.sqlite"):
            while not (tmp_path / "out-a" / "manifest.json").exists():
                await asyncio.sleep(0.01)
            rig.queue.cancel("a")
            for refused in (partial(rig.submit, "b", "ok"), partial(rig.queue.resume, "old")):
                with pytest.raises(StoreUnavailable, match="locked"):
                    refused()
            assert rig.queue.get("a").state is State.RUNNING
            assert rig.ended == []
        assert await rig.end("a") == [State.DONE]
        assert rig.left() == ["out-a"]

    def before(rig: Rig) -> None:
        rig.store.add("old", "separate", {})
        rig.store.end("old", State.FAILED, error={})

    play(tmp_path, scene, before=before)
