"""A queue to play scenes with: its worker is a real process that runs a stub, unless another is given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dap_bridge.domain import Job, Progress, Standing, State, Waiting
from dap_bridge.jobs.queue import JobQueue
from dap_bridge.jobs.store import Store
from dap_bridge.jobs.watch import Limits
from dap_bridge.jobs.workers.kinds import NOTES
from dap_bridge.jobs.workers.local import process
from dap_bridge.jobs.workers.local.worker import LocalWorker
from dap_bridge.jobs.workers.worker import Worker

STUB = "tests.jobs.stub_worker"
STUB_RESULT = ["manifest.json", "stem-1.wav"]


class Rig:
    """A queue with one local worker, or those that are given, and what it announced.

    beside: whether there is one of the interactive lane, too.
    """

    def __init__(
        self,
        folder: Path,
        probe: str = "probe",
        history: int = 100,
        progress_s: float = 0.2,
        stall_s: float = 60.0,
        probe_s: float = 60.0,
        results_days: float = 1.0,
        executor: Callable[[], Executor] = process.pool,
        workers: Sequence[Worker] = (),
        beside: bool = False,
    ) -> None:
        self.folder = folder
        self.workers = workers or [
            LocalWorker(
                "cpu",
                folder,
                folder / note,
                f"{STUB}:run",
                f"{STUB}:{probe}",
                partial(process.pool, lane) if beside else executor,
                lane=lane,
                stall_s=probe_s,
            )
            for lane, note in list(NOTES.items())[: 2 if beside else 1]
        ]
        self.store = Store(folder / "jobs.sqlite")
        self.ended: list[Job] = []
        self.progress: list[Progress] = []
        self.waiting: dict[str, list[Waiting]] = {}
        self.told_at: list[float] = []
        self.forgotten: list[str] = []
        self.queue = JobQueue(
            self.store,
            self.workers,
            folder / "jobs",
            self._announce,
            self.forgotten.append,
            limits=Limits(progress_s, cancel_grace_s=0.4, stall_s=stall_s),
            history=history,
            results_days=results_days,
        )

    def submit(self, name: str, action: str, verb: str = "separate", **fields: Any) -> None:
        self.queue.submit(name, verb, self.request(name, action, **fields))

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
        while not isinstance(self.queue.standing(name), Progress):
            await asyncio.sleep(0.01)

    def left(self) -> list[str]:
        """What jobs have left in the folders that the user sees, and in their own."""
        return sorted(p.name for p in [*self.folder.glob("out-*"), *self.folder.glob("jobs/*")])

    def runs(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "runs.log").read_text().splitlines()]

    def pids(self) -> list[str]:
        """The process of each run."""
        return [line.split()[1] for line in (self.folder / "runs.log").read_text().splitlines()]

    def _announce(self, job: Job, standing: Standing | None) -> None:
        match standing:
            case None:
                self.ended.append(job)
            case Waiting():
                self.waiting.setdefault(job.id, []).append(standing)
            case Progress():
                self.progress.append(standing)
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
