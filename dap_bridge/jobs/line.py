"""The line of jobs: who is next in each lane, and where the others stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..domain import Job, Lane, State, Waiting
from ..verbs import table
from . import results
from .store import Store

# Of what waits so many at most are seen to, and so many told at once for the first time: behind them there may be a
# hundred thousand.
MOST_SEEN, MOST_NEW = 1000, 50
# Of each lane's first so many are told where their place changes; of others, once.
MOST_TOLD = 16


class Line:
    """Of the jobs in a table: first come, first served within a lane.

    What corrects a result that another job has still to make waits for that, also where its own lane is free.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._interactive = [verb for verb in table.VERBS if table.lane(verb) is Lane.INTERACTIVE]

    def next(self, lane: Lane) -> Job | None:
        """The first of the lane that can run now. Raises StoreUnavailable."""
        if lane is Lane.BATCH:
            return self._store.next_queued(but=self._interactive)
        if not self._store.queued(self._interactive):
            return None
        ready = (job for job, maker in self._queued() if maker is None and table.lane(job.verb) is lane)
        return next(ready, None)

    def waiting(
        self, in_the_way: Mapping[Lane, Job | None], left: Mapping[str, float | None], limit: int = -1
    ) -> Iterator[tuple[Job, Waiting]]:
        """Every queued job, in order, and where it stands. Raises StoreUnavailable.

        in_the_way: what has to end for the first of each lane to begin; left: seconds left of what runs, by its name;
        limit: of queued and running jobs, so many at most are looked at.
        """
        places = dict.fromkeys(Lane, 0)
        for job, maker in self._queued(limit):
            lane = table.lane(job.verb)
            places[lane] += 1
            behind = maker or in_the_way[lane]
            if behind is None:
                yield job, Waiting(places[lane])
            else:
                seconds = left.get(behind.id) if maker or places[lane] == 1 else None
                yield job, Waiting(places[lane], behind.id, behind.verb, seconds)

    def _queued(self, limit: int = -1) -> Iterator[tuple[Job, Job | None]]:
        """Every queued job, in order, and the one before it whose result it corrects, where that has not ended."""
        makers: dict[Any, Job] = {}
        for job in self._store.active(limit):
            if job.state is State.QUEUED:
                yield job, makers.get(job.request.get("session"))
            makers |= dict.fromkeys(_names(job), job)


class Told:
    """What queued jobs were told of where they stand."""

    def __init__(self) -> None:
        self._told: dict[str, Waiting] = {}

    def news(self, line: Iterable[tuple[Job, Waiting]]) -> list[tuple[Job, Waiting]]:
        """Of these, in order, who is to be told now."""
        standing = {job.id: (job, waiting) for job, waiting in line}
        late = [name for name in standing if name not in self._told][MOST_NEW:]
        known, self._told = self._told, {name: standing[name][1] for name in standing.keys() - set(late)}
        return [
            (job, waiting)
            for name, (job, waiting) in standing.items()
            if name in self._told and (name not in known or (waiting.place <= MOST_TOLD and waiting != known[name]))
        ]


def _names(job: Job) -> list[str]:
    """What a correction may call the result of a job."""
    out = job.request.get("out")
    return [job.id, *([out, str(Path(out, results.MANIFEST))] if out else [])]
