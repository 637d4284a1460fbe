"""Two lanes: what a person waits for is done beside what takes long, and what waits says behind what."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from pathlib import Path

import psutil
import pytest

from dap_bridge.domain import Lane, State, Waiting
from dap_bridge.errors import DeviceUnavailable
from dap_bridge.jobs import queue
from tests.jobs.rig import Rig, play
from tests.jobs.test_workers import Far

CORRECTION = {"verb": "refine", "session": "of-before"}


class Beside(Far):
    """One of the interactive lane, with a device at once."""

    def __init__(self, refusal: DeviceUnavailable | None = None) -> None:
        super().__init__("beside", refusal)
        self.lane = Lane.INTERACTIVE


async def until_told(rig: Rig, name: str, place: int, behind: str) -> Waiting:
    """What a waiting job was told, once it was told that."""
    while True:
        for told in rig.waiting.get(name, ()):
            if (told.place, told.behind) == (place, behind):
                return told
        await asyncio.sleep(0.01)


def test_a_correction_is_done_while_a_long_job_runs_and_each_is_cancelled_alone(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("long", "wait")
        await rig.running("long")
        rig.submit("preview", "ok", **CORRECTION)
        rig.submit("next", "ok")
        assert await rig.end("preview") == [State.DONE]
        assert rig.queue.get("long").state is State.RUNNING
        assert rig.queue.get("next").state is State.QUEUED, "in line behind the long one"
        batch, beside = rig.pids()
        assert batch != beside
        if hasattr(os, "nice"):
            assert psutil.Process(int(beside)).nice() < psutil.Process(int(batch)).nice(), "it gets most of the cores"

        rig.submit("refine", "sleep 60", **CORRECTION)
        await rig.running("refine")
        rig.queue.cancel("refine")
        assert await rig.end("refine") == [State.CANCELLED]
        assert rig.queue.get("long").state is State.RUNNING
        rig.submit("again", "wait", **CORRECTION)
        await rig.running("again")
        rig.queue.cancel("long")
        assert await rig.end("long", "next") == [State.CANCELLED, State.DONE]
        (tmp_path / "again.go").touch()
        assert await rig.end("again") == [State.DONE]
        assert rig.left() == ["out-again", "out-next", "out-preview"]

    play(tmp_path, scene, beside=True)


def test_a_correction_whose_worker_is_killed_is_done_once_more(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("long", "wait")
        await rig.running("long")
        rig.submit("preview", "die-once", **CORRECTION)
        assert await rig.end("preview") == [State.DONE]
        assert rig.runs() == ["long", "preview", "preview"]
        (tmp_path / "long.go").touch()
        assert await rig.end("long") == [State.DONE], "nobody has touched it"

    play(tmp_path, scene, beside=True)


def test_the_second_worker_is_there_only_while_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "KEPT_S", 1.0)

    async def processes(count: int) -> None:
        while len(multiprocessing.active_children()) != count:
            await asyncio.sleep(0.01)

    async def scene(rig: Rig) -> None:
        rig.submit("alone", "ok", **CORRECTION)
        assert await rig.end("alone") == [State.DONE]
        rig.submit("long", "wait")
        await rig.running("long")
        await asyncio.sleep(0.2)
        assert len(multiprocessing.active_children()) == 1
        rig.queue.expect_correction()
        await processes(2)  # before anybody has asked
        await processes(1)  # nobody has
        rig.submit("preview", "ok", **CORRECTION)
        assert await rig.end("preview") == [State.DONE]
        await processes(1)
        assert rig.queue.get("long").state is State.RUNNING
        assert len(set(rig.pids())) == 2

    play(tmp_path, scene, beside=True)


def test_a_correction_waits_for_the_result_that_it_corrects(tmp_path: Path) -> None:
    workers = [Far(), Beside()]

    async def scene(rig: Rig) -> None:
        rig.submit("long", "for ever")
        await rig.running("long")
        rig.submit("made", "ok")
        rig.submit("by-name", "ok", verb="refine", session="made")
        rig.submit("by-folder", "ok", verb="refine", session=str(tmp_path / "out-made"))
        rig.submit("after", "ok", verb="undo", session="by-name")
        rig.submit("other", "ok", **CORRECTION)
        assert await rig.end("other") == [State.DONE], "what waits is in nobody's way"
        for name in ("by-name", "by-folder"):
            assert (await until_told(rig, name, 1 if name == "by-name" else 2, "made")).behind_verb == "separate"
        await until_told(rig, "after", 3, "by-name")
        rig.queue.cancel("long")
        assert set(await rig.end("made", "by-name", "by-folder", "after")) == {State.DONE}
        ended = [job.id for job in rig.ended]
        assert ended.index("made") < ended.index("by-name") < ended.index("after")
        assert ended.index("made") < ended.index("by-folder")

    play(tmp_path, scene, workers=workers)


def test_what_waits_is_told_its_place_behind_what_and_for_how_long(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("long", "sleep 60")
        await rig.running("long")
        for name in ("a", "b"):
            rig.submit(name, "ok")
        rig.submit("preview", "ok", **CORRECTION)
        first = await until_told(rig, "a", 1, "long")
        assert first.behind_verb == "separate" and first.seconds is not None and 0 < first.seconds <= 60
        assert first.sentence.startswith("waiting behind separate long, about ")
        second = await until_told(rig, "b", 2, "long")
        assert second.seconds is None, "nobody knows how long the first will take"
        assert (await until_told(rig, "preview", 1, "long")).seconds is not None
        waiting = rig.queue.waiting()
        assert list(waiting) == ["a", "b", "preview"]
        assert rig.queue.standing("b") == waiting["b"]
        rig.queue.cancel("a")
        await until_told(rig, "b", 1, "long")
        rig.queue.cancel("long")
        assert await rig.end("b", "preview") == [State.DONE, State.DONE]
        assert rig.queue.waiting() == {}

    play(tmp_path, scene)


def test_one_worker_does_what_a_person_waits_for_first_and_all_the_same_the_rest(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("long", "wait")
        await rig.running("long")
        for number in range(2):
            rig.submit(f"batch-{number}", "ok")
        for number in range(4):
            rig.submit(f"mine-{number}", "ok", **CORRECTION)
        (tmp_path / "long.go").touch()
        await rig.end("mine-3")
        assert rig.runs()[1:] == ["mine-0", "batch-0", "mine-1", "batch-1", "mine-2", "mine-3"]

    play(tmp_path, scene)


def test_where_no_second_worker_can_be_had_the_first_does_it_all(tmp_path: Path) -> None:
    beside = Beside(DeviceUnavailable("There is no memory for two."))

    async def scene(rig: Rig) -> None:
        rig.submit("long", "for ever")
        await rig.running("long")
        rig.submit("preview", "ok", **CORRECTION)
        await until_told(rig, "preview", 1, "long")
        rig.queue.cancel("long")
        assert await rig.end("preview") == [State.DONE]
        assert beside.ran == []

    play(tmp_path, scene, workers=[Far(), beside])
