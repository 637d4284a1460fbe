"""The queue and its table: killed between any two of their steps, and while the table cannot be written."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from dap_bridge.domain import State
from dap_bridge.errors import StoreUnavailable
from dap_bridge.jobs.folder import JobFolder
from tests.jobs.rig import STUB_RESULT, Rig, play
from tests.processes import locked


class Crash:
    """What a job has on disk at one moment of its run, when its daemon is killed."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.out = rig.folder / "out-a"
        self.job = JobFolder(rig.folder / "jobs" / "a")
        rig.store.add("a", "separate", rig.request("a", "ok"))
        rig.store.start("a")

    def opened(self) -> None:
        self.job.open()

    def staged(self) -> None:
        self.opened()
        self.stage = self.job.output.stage(self.out, "a", STUB_RESULT)
        for name in STUB_RESULT:
            (self.stage / name).write_text("{}")

    def published(self) -> None:
        self.staged()
        self.job.output.publish(last="manifest.json")

    def written(self) -> None:
        self.published()
        self.rig.store.end("a", State.DONE, str(self.out / "manifest.json"))

    def kept(self) -> None:
        self.written()
        self.job.output.keep()


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
