"""The daemon's worker that is a process of a cluster: whichever is free, one after the other where they go."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from ....domain import Job, Lane
from ....errors import Cancelled
from ...device import Device
from ...folder import JobFolder
from ..worker import Tell, WorkerGone
from .cluster import Cluster, Lost, Remote, Unfit
from .long import LongClips


class Slot:
    """Room for one job in the cluster; `Worker` says what the queue may rely on. long_clips: who has all of the cluster
    compute one, left out: nobody.
    """

    def __init__(self, cluster: Cluster, number: int, long_clips: LongClips | None = None) -> None:
        self.name, self.lane, self.corrects = f"{cluster.called}:{number}", Lane.BATCH, False
        self._cluster, self._long_clips = cluster, long_clips
        self._remote: Remote | None = None
        self._work: asyncio.Task[Path] | None = None
        self._is_asked_to_stop = False

    @property
    def device(self) -> Device:
        return self._remote.device if self._remote else Device("", self._cluster.trouble.message)

    def end_predecessor(self) -> None:
        """What runs elsewhere for a client that is gone ends by itself."""
        if self._long_clips:
            self._long_clips.end_predecessor()

    async def warm(self) -> None:
        """Come back when a process of the cluster is this one's."""
        if self._remote is None or not self._cluster.holds(self._remote):
            self._remote = None
            self._remote = await self._cluster.claim()

    async def run(self, job: Job, folder: JobFolder, tell: Tell) -> Path:
        """See `Worker.run`. A process that went, or could not do the job, is no fault of the job's."""
        remote = self._remote
        if remote is None:
            raise WorkerGone
        self._is_asked_to_stop = False
        self._work = asyncio.create_task(self._done(remote, job, folder, tell))
        try:
            return await self._work
        except asyncio.CancelledError as end:
            raise (Cancelled if self._is_asked_to_stop else WorkerGone) from end
        except Lost as error:
            self._remote = None
            self._cluster.release(remote)
            raise WorkerGone(lost=f"The job was begun anew: {remote.name} was lost ({error}).") from error
        except Unfit as error:
            self._remote = None
            self._cluster.refuse(remote, error.why)
            words = f"{remote.name} could not do it ({error.why.message.rstrip('.')})"
            raise WorkerGone(lost=f"The job was begun anew: {words}.") from error
        finally:
            self._work = None

    def cancel(self) -> None:
        """Over there it is seen that nobody waits any more, and the job is ended."""
        self._is_asked_to_stop = True
        self.kill()

    def kill(self) -> None:
        """The same. What is about to be published is published."""
        if self._work is not None:
            self._work.cancel()

    def close(self) -> None:
        self.kill()
        if self._long_clips:
            self._long_clips.close()

    async def _done(self, remote: Remote, job: Job, folder: JobFolder, tell: Tell) -> Path:
        """By all of the cluster, where that is worth it, and else by its one process."""
        by_all = self._long_clips and await self._long_clips.run(job, remote.device, folder, tell)
        if by_all:
            return by_all
        from .errand import Errand  # with Dask

        errand = asyncio.create_task(Errand(self._cluster, remote, job, folder, tell).run())
        gone = asyncio.create_task(remote.gone.wait())
        try:
            await asyncio.wait({errand, gone}, return_when=asyncio.FIRST_COMPLETED)
            if errand.done():
                return errand.result()
        except asyncio.CancelledError:
            errand.cancel()
            return await errand  # it may be about to be published
        finally:
            gone.cancel()
        errand.cancel()
        with suppress(asyncio.CancelledError):
            return await errand
        raise Lost("its process is gone")
