"""Whatever keeps the contract of `Worker` may stand behind the queue: here one that shares no folder with it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dap_bridge.domain import Job, Lane, Progress, State
from dap_bridge.errors import BadClip, Cancelled, DapError, DeviceUnavailable
from dap_bridge.jobs.device import Device
from dap_bridge.jobs.folder import JobFolder
from dap_bridge.jobs.workers.worker import Tell, Worker, WorkerGone
from tests.jobs.rig import STUB_RESULT, Rig, play
from tests.manifests import manifest

STEP_S = 0.01
MANIFEST = json.dumps(manifest("far", 22_050, 1, {"stem-1.wav": "sound"}).as_dict()).encode()


class Far:
    """As on another machine: told what to do, it sends bytes back, which are published here.

    refusal: why it takes no job.
    """

    def __init__(self, name: str = "far", refusal: DapError | None = None) -> None:
        self.name, self.lane, self.corrects = name, Lane.BATCH, True
        self.device = Device("", "Nobody has asked yet.")
        self.ran: list[str] = []
        self._refusal = refusal
        self._work: asyncio.Task[dict[str, bytes]] | None = None
        self._asked_to_stop = False

    def end_predecessor(self) -> None:
        """Nothing over there outlives its caller."""

    async def warm(self) -> None:
        await asyncio.sleep(STEP_S)
        if self._refusal is not None:
            raise self._refusal
        self.device = Device("cuda", "GPU, of another machine.")

    async def run(self, job: Job, folder: JobFolder, tell: Tell) -> Path:
        self._asked_to_stop = False
        self.ran.append(job.id)
        self._work = asyncio.create_task(self._elsewhere(job, tell))
        try:
            files = await self._work
        except asyncio.CancelledError as end:
            raise WorkerGone from end
        out = Path(job.request["out"] or folder.results())
        stage = folder.output.stage(out, job.id, files)
        for name, content in files.items():
            (stage / name).write_bytes(content)
        return folder.output.publish(last="manifest.json")

    def cancel(self) -> None:
        self._asked_to_stop = True

    def kill(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def close(self) -> None:
        self.kill()

    async def _elsewhere(self, job: Job, tell: Tell) -> dict[str, bytes]:
        match job.request["label"]:
            case "for ever":
                await self._iterate(tell, heed=True)
            case "heeding nothing":
                await self._iterate(tell, heed=False)
            case "silent":
                await asyncio.Event().wait()
            case "dies once" if self.ran.count(job.id) == 1:
                raise WorkerGone
            case "bad clip":
                raise BadClip("It is none over there.")
        return {"stem-1.wav": b"sound", "manifest.json": MANIFEST}

    async def _iterate(self, tell: Tell, heed: bool) -> None:
        while not (heed and self._asked_to_stop):
            tell(Progress(0.5, "working", device=self.device.name, device_reason=self.device.reason))
            await asyncio.sleep(STEP_S)
        raise Cancelled


def test_jobs_end_as_a_worker_elsewhere_says(tmp_path: Path) -> None:
    far: Worker = Far()

    async def scene(rig: Rig) -> None:
        for name, label in {"a": "ok", "b": "bad clip", "c": "dies once"}.items():
            rig.submit(name, label)
        rig.submit("d", "ok", out=None)
        assert await rig.end("a", "b", "c", "d") == [State.DONE, State.FAILED, State.DONE, State.DONE]
        assert [job.id for job in rig.ended] == ["a", "b", "c", "d"]
        error = rig.queue.get("b").error
        assert error is not None and error["code"] == "bad_clip"
        assert sorted(path.name for path in (tmp_path / "out-a").iterdir()) == STUB_RESULT
        assert rig.left() == ["d", "out-a", "out-c"], "the result of the last lies in a folder of the daemon's"
        assert far.device.name == "cuda"

    play(tmp_path, scene, workers=[far])


@pytest.mark.parametrize("label", ["for ever", "heeding nothing"])
def test_a_job_elsewhere_is_cancelled_without_a_trace(tmp_path: Path, label: str) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", label)
        await rig.running("a")
        assert rig.progress[0].device == "cuda"
        rig.queue.cancel("a")
        assert await rig.end("a") == [State.CANCELLED]
        rig.submit("b", "ok")
        assert await rig.end("b") == [State.DONE]
        assert rig.left() == ["out-b"]

    play(tmp_path, scene, workers=[Far()])


def test_a_silent_worker_elsewhere_is_given_up_and_what_waits_goes_on(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "silent")
        rig.submit("b", "ok")
        assert await rig.end("a", "b") == [State.FAILED, State.DONE]
        error = rig.queue.get("a").error
        assert error is not None and error["code"] == "worker_stuck"

    play(tmp_path, scene, workers=[Far()], stall_s=1.0)


def test_a_worker_that_takes_no_job_says_why(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.submit("a", "ok")
        assert await rig.end("a") == [State.FAILED]
        assert rig.queue.get("a").error == refusal.as_dict()

    refusal = DeviceUnavailable("Over there is another version.", "Install the same on both.")
    play(tmp_path, scene, workers=[Far(refusal=refusal)])


def test_several_workers_share_one_queue(tmp_path: Path) -> None:
    """While one is busy the others go on, and no job is run twice."""
    workers = [Far("one"), Far("two")]

    async def scene(rig: Rig) -> None:
        rig.submit("long", "for ever")
        await rig.running("long")
        names = [f"job-{number}" for number in range(5)]
        for name in names:
            rig.submit(name, "dies once" if name == "job-2" else "ok")
        assert set(await rig.end(*names)) == {State.DONE}
        assert rig.queue.get("long").state is State.RUNNING
        rig.queue.cancel("long")
        assert await rig.end("long") == [State.CANCELLED]
        ran: list[Any] = [*workers[0].ran, *workers[1].ran]
        assert sorted(ran) == sorted(["long", *names, "job-2"])

    play(tmp_path, scene, workers=workers)
