"""Jobs that somebody waits for, done by workers behind a queue that lasts as long as the waiting.

The queue is the daemon's: what dies is run once more, what is stuck is ended, a result is there as a whole or not at
all. Its table is nothing to go on from.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..config import Settings
from ..domain import Job, Progress, Standing, State
from ..errors import Cancelled, restored
from .queue import JobQueue
from .store import Store
from .watch import Limits
from .workers.worker import Worker

Show = Callable[[Progress], None]


class Errands:
    """place: a folder for what is needed meanwhile. The workers are started when there is a job for them.

    To be used from one event loop's thread, and closed.
    """

    def __init__(self, workers: Sequence[Worker], place: Path, settings: Settings) -> None:
        self._table = tempfile.TemporaryDirectory(dir=place)
        self._store = Store(Path(self._table.name) / "jobs.sqlite")
        self._queue = JobQueue(
            self._store,
            workers,
            place,
            self._hear,
            lambda _: None,
            limits=Limits(settings.progress_s, settings.cancel_grace_s, settings.stall_s),
            history=len(workers),
            results_days=settings.results_days,
        )
        self._awaited: dict[str, tuple[asyncio.Future[Job], Show]] = {}
        self._begun = self._ending = False

    async def do(self, job: Job, show: Show) -> Path:
        """The path of the job's manifest. Raises DapError; and Cancelled, where an end was asked for."""
        if self._ending:
            raise Cancelled
        if not self._begun:
            self._begun = True
            self._queue.start()
        end: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._awaited[job.id] = end, show
        try:
            self._queue.submit(job.id, job.verb, job.request)
            return _manifest(await end)
        finally:
            del self._awaited[job.id]

    async def end(self) -> None:
        """Stop what is under way, by force after `cancel_grace_s`; asked again, at once."""
        if self._ending:
            await self._queue.stop()
        self._ending = True
        for name in self._awaited:
            job, ended = self._queue.cancel(name)
            if ended:
                self._hear(job, None)

    async def close(self) -> None:
        await self._queue.stop()
        self._store.close()
        self._table.cleanup()

    def _hear(self, job: Job, standing: Standing | None) -> None:
        if job.id not in self._awaited:
            return
        end, show = self._awaited[job.id]
        if isinstance(standing, Progress):
            show(standing)
        elif job.state.ended and not end.done():
            end.set_result(job)


def _manifest(job: Job) -> Path:
    """Raises what there is instead of one."""
    if job.error is not None:
        raise restored(job.error)
    if job.state is not State.DONE or job.manifest is None:
        raise Cancelled
    return Path(job.manifest)
