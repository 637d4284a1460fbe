"""The kinds of workers, by what the setting `workers` calls them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...config import Settings
from ...domain import Lane
from .local import process
from .local.process import Share
from .local.processes import offered
from .local.worker import PROBE, RUN, LocalWorker, end_noted
from .worker import Worker

if TYPE_CHECKING:
    from ...engine.spread import Executor
    from .dask.cluster import Cluster

# What the processes of a daemon's first worker of a lane are remembered by, in the data folder.
NOTES = {Lane.BATCH: "worker.json", Lane.INTERACTIVE: "worker-interactive.json"}
# The same of the one whose long clips a cluster computes; and of all its workers.
LONG_CLIPS = "worker-long.json"
ANY_NOTE = "worker*.json"
# Begins what stands for a cluster; and, after that, one that ends with the daemon.
DASK = "dask"
OWN = "local:"
# Jobs of a daemon in a cluster at once: each is looked at ten times a second, in one thread.
MOST = 128


def made(
    workers: str,
    settings: Settings,
    run: str = RUN,
    probe: str = PROBE,
    *,
    notes: Path | None = None,
    helped: bool = True,
) -> list[Worker]:
    """What the setting stands for, and the one beside for the interactive lane; none of them is started.

    run, probe: see `LocalWorker`. notes: the folder to remember processes in; left out: the data folder, a daemon's.
    helped: whether as many processes as there are workers compute the chunks of a long clip. Raises BadSettings, and
    MissingExtra where it is a cluster and Dask is not installed.
    """
    notes = notes or settings.data
    kind, _, where = workers.partition(":")
    count = 1 if kind == DASK else int(workers)
    local = partial(
        LocalWorker,
        settings.device,
        settings.data,
        run=run,
        probe=probe,
        stall_s=settings.stall_s,
        helpers=partial(offered, count if helped else 1),
    )
    interactive = local(note=notes / NOTES[Lane.INTERACTIVE], lane=Lane.INTERACTIVE)
    beside = [interactive] if settings.interactive else []
    if kind == DASK:
        cluster, count = _cluster(where, settings, run, probe)
        from .dask.long import LongClips
        from .dask.reserve import Reserve
        from .dask.slot import Slot

        long_clips = LongClips(cluster, count, local(note=notes / LONG_CLIPS)) if helped else None
        slots = [Slot(cluster, number, long_clips) for number in range(1, count + 1)]
        return [*slots, Reserve(cluster, local(note=notes / NOTES[Lane.BATCH])), *beside]
    batch = [
        local(note=notes / _note(number), executor=partial(process.pool, share=Share(number, count)))
        for number in range(1, count + 1)
    ]
    return [*batch, *beside]


def _cluster(where: str, settings: Settings, run: str = RUN, probe: str = PROBE) -> tuple[Cluster, int]:
    """And how many of its processes are used at once."""
    from .dask import address
    from .dask import local as own
    from .dask.cluster import Cluster

    address.require_extra()
    if where.startswith(OWN):
        count = int(where.removeprefix(OWN))
        begin = partial(own.begin, count=count)
        return Cluster(begin, f"this machine's cluster of {count}", settings, run, probe), count
    found = address.Address.of(where, settings)
    return Cluster(found.told, f"the cluster at {where}", settings, run, probe), MOST


def end_predecessors(data: Path) -> None:
    """End what a killed daemon's workers still compute, however many it had."""
    for note in data.glob(ANY_NOTE):
        end_noted(note)


def _note(number: int) -> str:
    first = Path(NOTES[Lane.BATCH])
    return first.name if number == 1 else f"{first.stem}-{number}{first.suffix}"


def executor(workers: str, settings: Settings) -> AbstractContextManager[Executor | None]:
    """Who computes the chunks of a long clip for a job that is run here and now, for as long as that takes.

    settings: how a cluster is entered. Raises as `made` does.
    """
    kind, _, where = workers.partition(":")
    if kind != DASK:
        return offered(int(workers))
    cluster, count = _cluster(where, settings)
    from .dask import chunks

    return chunks.offered(cluster, count)
