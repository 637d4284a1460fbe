"""The kinds of workers, by what the setting `workers` calls them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...config import Settings
from ...domain import Lane
from .local import process
from .local.process import Share
from .local.worker import PROBE, RUN, LocalWorker, end_noted
from .worker import Worker

# What the processes of a daemon's first worker of a lane are remembered by, in the data folder.
NOTES = {Lane.BATCH: "worker.json", Lane.INTERACTIVE: "worker-interactive.json"}
# The same of all its workers.
ANY_NOTE = "worker*.json"


def made(
    workers: str, settings: Settings, run: str = RUN, probe: str = PROBE, *, notes: Path | None = None
) -> list[Worker]:
    """What the setting stands for, and the one beside for the interactive lane; none of them is started.

    run, probe: see `LocalWorker`. notes: the folder to remember processes in; left out: the data folder, a daemon's.
    """
    notes = notes or settings.data
    local = partial(LocalWorker, settings.device, settings.data, run=run, probe=probe, stall_s=settings.stall_s)
    count = int(workers)
    batch = [
        local(note=notes / _note(number), executor=partial(process.pool, share=Share(number, count)))
        for number in range(1, count + 1)
    ]
    return [*batch, local(note=notes / NOTES[Lane.INTERACTIVE], lane=Lane.INTERACTIVE)]


def end_predecessors(data: Path) -> None:
    """End what a killed daemon's workers still compute, however many it had."""
    for note in data.glob(ANY_NOTE):
        end_noted(note)


def _note(number: int) -> str:
    first = Path(NOTES[Lane.BATCH])
    return first.name if number == 1 else f"{first.stem}-{number}{first.suffix}"
