"""Chunks of a long clip, computed by a cluster for a job of this machine: an `Executor` of the engine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from ....config import Settings
from ....errors import WorkerDied, WorkersUnreachable
from .address import Address
from .cluster import Cluster, Lost, Remote

if TYPE_CHECKING:
    from .station import Doing

# A chunk that loses so many processes one after the other may be why.
MOST_LOST = 3


@contextlib.contextmanager
def offered(cluster: Cluster, most: int) -> Iterator[Chunks]:
    """So many processes of the cluster at the most, which is let go of afterwards."""
    chunks = Chunks(cluster, most)
    try:
        yield chunks
    finally:
        chunks.close()


def of(address: Address, called: str, settings: Settings, doing: Doing, most: int) -> AbstractContextManager[Chunks]:
    """The same of a cluster that has begun: what it is called, and does, as for whoever knows it already."""
    return offered(Cluster(address.told, called, settings, *doing), most)


class Chunks:
    """The cluster is gone to, in a thread of its own, once there is work for it."""

    def __init__(self, cluster: Cluster, most: int) -> None:
        self._cluster, self._most = cluster, most
        self._thread: threading.Thread | None = None
        self._closed = asyncio.Event()
        self._given_up = False

    @property
    def at_once(self) -> int:
        """As many as are there now; one while they are searched for."""
        return 0 if self._given_up else min(self._most, max(1, self._cluster.size))

    def submit(self, function: Callable[[bytes], bytes], packed: bytes, /) -> Future[bytes]:
        """A call whose process is lost is done by another. The future has WorkersUnreachable, or WorkerRefused, once
        there is none. Where it is cancelled, the process that computes it is ended.
        """
        name = f"{function.__module__}:{function.__qualname__}"
        return asyncio.run_coroutine_threadsafe(self._computed(name, packed), self._loop)

    def close(self) -> None:
        """Have all that is under way ended over there, and with it a cluster that is only there for this."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._closed.set)
            self._thread.join()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        running: Future[asyncio.AbstractEventLoop] = Future()

        async def until_closed() -> None:
            running.set_result(asyncio.get_running_loop())
            await self._closed.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(until_closed()), name="chunks")
        self._thread.start()
        return running.result()

    async def _computed(self, name: str, packed: bytes) -> bytes:
        lost = ""
        for _ in range(MOST_LOST):
            remote = await self._claimed()
            try:
                return await self._by(remote, name, packed)
            except (Lost, WorkerDied) as error:
                lost = f"{remote.name} was lost ({error})"
                self._cluster.release(remote)
            finally:
                self._cluster.give_back(remote)
        raise WorkersUnreachable(f"{MOST_LOST} processes were lost with one chunk, at last {lost}.")

    async def _claimed(self) -> Remote:
        """Raises why there is nobody."""
        claim, away = asyncio.ensure_future(self._cluster.claim_idle()), asyncio.ensure_future(self._cluster.away())
        try:
            await asyncio.wait({claim, away}, return_when=asyncio.FIRST_COMPLETED)
            if claim.done():
                return claim.result()
            self._given_up = True
            raise self._cluster.trouble
        finally:
            claim.cancel()
            away.cancel()

    async def _by(self, remote: Remote, name: str, packed: bytes) -> bytes:
        from . import station  # with Dask

        answer: bytes = await self._cluster.answer(remote, station.compute, self._cluster.doing, name, packed)
        return answer
