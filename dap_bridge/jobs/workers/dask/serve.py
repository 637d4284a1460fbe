"""`dap-bridge worker`: a process of a cluster, one job at a time, for as long as there is a scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from ssl import SSLError

from distributed import Worker

from .... import console
from ....errors import DapError, WorkersUnreachable
from . import quiet  # noqa: F401 - before anything is started
from .address import Address

log = logging.getLogger(__name__)

# Between two tries to find a scheduler, and for each of them.
RETRY_S, CONNECT_S = 2.0, 10.0


def serve(where: Address, name: str | None, gpu: bool, once: bool) -> None:
    """Until the process is told to end; once: until the scheduler is gone.

    Raises WorkersUnreachable where that does not let it in, or, `once`, cannot be found.
    """
    asyncio.run(_serve(where, name, gpu, once))


async def _serve(where: Address, name: str | None, gpu: bool, once: bool) -> None:
    end = asyncio.Event()
    with console.told_of_endings(end.set):
        await _until(end, where, name, gpu, once)


async def _until(end: asyncio.Event, where: Address, name: str | None, gpu: bool, once: bool) -> None:
    said = ""
    while not end.is_set():
        try:
            await _work(where, name, gpu, end)
            said = ""
        except (DapError, OSError, RuntimeError) as error:  # the last of Dask's, whose start was in vain
            trouble = error if isinstance(error, DapError) else WorkersUnreachable(f"{where.url} is gone: {error}.")
            if once or not isinstance(trouble, WorkersUnreachable) or isinstance(error.__cause__, SSLError):
                raise trouble from error
            if trouble.message != said:
                log.warning("%s (%s) It is tried again and again.", trouble.message, trouble.code)
            said = trouble.message
        if once:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), RETRY_S)


async def _work(where: Address, name: str | None, gpu: bool, end: asyncio.Event) -> None:
    """From the scheduler's welcome to its end, or this one's."""
    await where.knock()
    with tempfile.TemporaryDirectory(prefix="dap-bridge-dask-") as folder:
        worker = Worker(
            where.url,
            nthreads=1,
            name=name,
            host="127.0.0.1" if where.is_here else None,
            security=where.security(),
            resources={"GPU": 1} if gpu else None,
            memory_limit=0,
            death_timeout=CONNECT_S,
            local_directory=folder,
            dashboard=False,
        )
        async with worker:
            log.info("%s of %s", worker.name, where.url)
            ends = [asyncio.ensure_future(waiting) for waiting in (worker.finished(), end.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for one in ends:
                one.cancel()
