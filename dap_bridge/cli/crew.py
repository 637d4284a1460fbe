"""Who does the jobs of a command on many clips: this process, one after another, or workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from .. import console
from ..config import Settings
from ..domain import Job, Lane
from ..jobs.folder import JobFolder
from . import here


class Crew(NamedTuple):
    """size: how many jobs it does at a time. do: the path of a job's manifest; raises DapError, or Cancelled where the
    user ends the command.
    """

    size: int
    do: Callable[[Job, here.Show], Awaitable[Path]]


@contextlib.asynccontextmanager
async def hired(settings: Settings, place: Path) -> AsyncIterator[Crew]:
    """As the setting `workers` says. place: a folder for what is needed meanwhile. Raises DapError.

    ctrl-C and its kind stop what is under way; a second one does not wait.
    """
    if settings.workers == "1":
        yield _here(place)
        return
    from ..jobs.errands import Errands
    from ..jobs.workers import kinds

    # each has a clip, and so none of them any help
    made = kinds.made(settings.workers, settings, notes=place, helped=False)
    workers = [one for one in made if one.lane is Lane.BATCH]
    errands = Errands(workers, place, settings)

    with console.told_of_endings(lambda: asyncio.ensure_future(errands.end())):
        try:
            yield Crew(len(workers), errands.do)
        finally:
            await errands.close()


def settle(place: Path) -> None:
    """End what workers of a command that was killed still compute, and undo what it had begun."""
    from ..jobs.workers import kinds

    kinds.end_predecessors(place)
    for left in JobFolder.left(place):
        left.close(keep_output=left.published() is not None)


def _here(place: Path) -> Crew:
    async def do(job: Job, show: here.Show) -> Path:
        # the event loop stands still meanwhile: nobody else has anything to do
        return here.run(job, JobFolder(place / job.id), show)

    return Crew(1, do)
