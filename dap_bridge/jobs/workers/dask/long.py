"""Long clips of a daemon: a process of this machine reads, groups and writes, and all of the cluster computes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from pathlib import Path

from .... import presets
from ....domain import Job
from ....engine.methods import SPREADING
from ....errors import BadPreset
from ...device import Device
from ...folder import JobFolder
from ..local.worker import LocalWorker
from ..worker import Tell
from . import chunks, parcel
from .cluster import QUIET_S, Cluster

log = logging.getLogger(__name__)

# So many chunks are a long clip; where it is not known how many there are, so many bytes: minutes of stereo.
LONG_CHUNKS, LONG_BYTES = 10, 32 << 20


class LongClips:
    """One at a time, so that the others of a queue are not behind each other's chunks; by `most` processes.

    local: reads, groups and writes; it is there for as long as that takes.
    """

    def __init__(self, cluster: Cluster, most: int, local: LocalWorker) -> None:
        self._cluster, self._most, self._local = cluster, most, local
        self._busy = False

    def end_predecessor(self) -> None:
        self._local.end_predecessor()

    def close(self) -> None:
        self._local.close()

    async def run(self, job: Job, device: Device, folder: JobFolder, tell: Tell) -> Path | None:
        """The manifest; None, and nothing is done, where a process of the cluster, with such a device, does as well
        alone. Raises as `Worker.run` does; where it is cancelled, all ends by force.
        """
        address = self._cluster.address
        if address is None or device.name != "cpu" or not await asyncio.to_thread(_is_long, job) or self._busy:
            return None
        self._busy = True
        try:
            self._local.helpers = partial(
                chunks.of, address, self._cluster.called, self._cluster.settings, self._cluster.doing, self._most
            )
            await self._warm(tell)
            log.info("job %s: its chunks are computed by %s", job.id, self._cluster.called)
            return await self._by_local(job, folder, tell)
        finally:
            self._local.kill()
            self._busy = False

    async def _by_local(self, job: Job, folder: JobFolder, tell: Tell) -> Path:
        doing = asyncio.ensure_future(self._local.run(job, folder, tell))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            self._local.kill()
            # until it is gone, and writes nothing any more into what is to be removed; asked to end again and again
            while not doing.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({doing})
            doing.exception()
            raise

    async def _warm(self, tell: Tell) -> None:
        warming = asyncio.ensure_future(self._local.warm())
        try:
            while not (await asyncio.wait({warming}, timeout=QUIET_S))[0]:
                tell(None)
            warming.result()
        finally:
            warming.cancel()


def _is_long(job: Job) -> bool:
    """Whether it has many chunks, and others can compute them."""
    request = job.request
    try:
        preset = presets.load(request["preset"])
    except (KeyError, BadPreset):  # of a verb that has none; of one that is no good whoever runs it says so
        return False
    if not isinstance(preset.recipe, SPREADING) or request["device"] == "cuda":
        return False
    if request["frames"] and request["rate"]:
        return bool(request["frames"] > LONG_CHUNKS * preset.about.chunk.seconds * request["rate"])
    return sum(piece.size for one in parcel.pack(request) for piece in one.pieces) > LONG_BYTES
