"""The queue: order, outcomes, progress, cancel, interruption, history."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from pathlib import Path

import pytest

from dap_bridge.domain import State
from dap_bridge.errors import UnknownJob
from tests.jobs.rig import STUB_RESULT, Rig, play
from tests.manifests import manifest, write

# A cancel takes less than a second; a machine whose disk stalls under other work must not fail the suite.
CANCEL_S = 30.0


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


@pytest.mark.parametrize(("damaged", "place"), [(False, "result"), (True, "result-2")])
def test_what_is_left_of_a_forgotten_result_is_in_nobodys_way(tmp_path: Path, damaged: bool, place: str) -> None:
    left = tmp_path / "jobs" / "a" / "result"
    left.mkdir(parents=True)
    path = write(left, manifest("a", 22_050, 1, {"stem-1.wav": "old"}))
    if damaged:
        path.write_text("{")
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
