"""This machine, for as long as the cluster cannot be reached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ....domain import Job, Lane
from ...device import Device
from ...folder import JobFolder
from ..worker import Tell, Worker
from .cluster import Cluster


class Reserve:
    """A worker of this machine that begins a job only where the cluster has none who could: `Worker`."""

    def __init__(self, cluster: Cluster, local: Worker) -> None:
        self.name, self.lane, self.corrects = f"{local.name}, in reserve", Lane.BATCH, False
        self._cluster, self._local = cluster, local

    @property
    def device(self) -> Device:
        return self._local.device

    def end_predecessor(self) -> None:
        self._local.end_predecessor()

    async def warm(self) -> None:
        await self._cluster.away()
        await self._local.warm()

    async def run(self, job: Job, folder: JobFolder, tell: Tell) -> Path:
        """The manifest says why it was done here."""
        why = f"This machine did the job itself: {self._cluster.trouble.message}"
        return await self._local.run(replace(job, notes=(*job.notes, why)), folder, tell)

    def cancel(self) -> None:
        self._local.cancel()

    def kill(self) -> None:
        self._local.kill()

    def close(self) -> None:
        self._local.close()
