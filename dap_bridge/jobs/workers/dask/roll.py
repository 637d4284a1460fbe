"""Who is in a cluster and what each says of itself, asked once, by somebody who waits for it."""

from __future__ import annotations

import asyncio

from distributed import Client

from ....errors import DapError, WorkersUnreachable
from ...device import Device
from ..local.worker import PROBE, RUN
from . import quiet, station  # noqa: F401 - the first before anything is started
from .address import Address
from .identity import Identity
from .station import Doing, Introduction

# For the scheduler to answer; for its processes to, all at once.
CONNECT_S, ANSWER_S = 4.0, 5.0


async def call(where: Address) -> list[Introduction]:
    """What each process says, as it would to a daemon, or that it has said nothing in time.

    Raises WorkersUnreachable where nobody answers, or nobody is there; BadSettings.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            await where.knock()
        async with where.client(CONNECT_S) as client:
            about = await asyncio.wait_for(client.scheduler.identity(), CONNECT_S)
            names = {address: str(worker["name"]) for address, worker in about["workers"].items()}
            if not names:
                raise WorkersUnreachable(f"The cluster at {where.url} has no processes.")
            here = await asyncio.to_thread(Identity.here)
            return await asyncio.gather(*(_introduction(client, *one, here) for one in names.items()))
    except DapError:
        raise
    except TimeoutError as error:
        raise WorkersUnreachable(f"{where.url} does not answer.") from error
    except Exception as error:  # of networks, of Dask, of another version of it
        raise WorkersUnreachable(f"{where.url} cannot be asked: {error}") from error


async def _introduction(client: Client, address: str, name: str, here: Identity) -> Introduction:
    answer = client.submit(station.introduce, here, Doing(RUN, PROBE), workers=[address], retries=0, pure=False)
    try:
        found: Introduction = await asyncio.wait_for(answer, ANSWER_S)
        return found
    except TimeoutError:
        why = f"It has not answered within {ANSWER_S:g} s: it does a job, has just been started, or is stopped."
        return Introduction(name, Device("", why))
    except Exception as error:  # noqa: BLE001 - as above
        return Introduction(name, refusal=DapError(f"It cannot be asked: {type(error).__name__}: {error}"))
