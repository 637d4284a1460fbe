"""Jobs on a clip of so many seconds, by workers of any kind, with the time that each takes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .... import config
from ....domain import Job, Lane
from ....jobs import results
from ....jobs.errands import Errands
from ....jobs.workers import kinds
from ....transport import protocol
from ....verbs.request import JobVerb
from ...methods import jobs

# Threads of each process, where several are compared.
THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Took:
    """Seconds of a job: whole_s, until its result is there for whoever asked; own_s, what its manifest says."""

    whole_s: float
    own_s: float


class Ways:
    """One kind of workers, to be asked for jobs."""

    def __init__(self, errands: Errands, place: Path, fields: dict[str, Any]) -> None:
        self._errands, self._place, self._fields = errands, place, fields

    async def do(self, name: str) -> Took:
        asked = protocol.parse("separate", self._fields | {"out": str(self._place / name)})
        assert isinstance(asked, JobVerb)
        began = time.perf_counter()
        manifest = await self._errands.do(Job(name, asked.name, asked.request()), lambda _: None)
        return Took(time.perf_counter() - began, results.read(manifest).elapsed_s)


@contextlib.asynccontextmanager
async def by(workers: str, place: Path, fields: dict[str, Any]) -> AsyncIterator[Ways]:
    """Such workers as the setting says, in a folder of their own. Raises MissingExtra."""
    place.mkdir()
    settings = config.load(workers=workers, data=place / "data", interactive=False)
    made = kinds.made(workers, settings, notes=place, helped=False)
    errands = Errands([one for one in made if one.lane is Lane.BATCH], place, settings)
    try:
        yield Ways(errands, place, fields)
    finally:
        await errands.close()


def here(place: Path, fields: dict[str, Any]) -> Took:
    """The same in the process that this is called in."""
    began = time.perf_counter()
    manifest = jobs.do(place, "separate", fields).manifest
    return Took(time.perf_counter() - began, manifest.elapsed_s)


@contextlib.contextmanager
def single_threads() -> Iterator[None]:
    """Processes that are started meanwhile compute with one thread."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def load() -> float | None:
    """How many processes want a core, in the mean of the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
