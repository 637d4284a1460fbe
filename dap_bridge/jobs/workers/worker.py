"""What the queue asks of whoever computes: the contract that every kind of worker keeps.

The queue knows nothing else of workers, so that a process on this machine, several of them, or another machine may
stand behind it. What the queue promises of a job (stored before it is acknowledged, cancelled in time, ended where it
is stuck, all of its result there or none) it keeps by these means alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ...domain import Job, Lane, Progress
from ..device import Device
from ..folder import JobFolder

# A report of where the job stands; None is a sign of life and nothing more.
Tell = Callable[[Progress | None], None]


class WorkerGone(Exception):
    """What ran the job has ended without an answer, by itself or because it was killed.

    by_system: as a system does where memory runs out. lost: where it was a machine that went, or was no good, and the
    job had no part in that: what its manifest then says, in a sentence.
    """

    def __init__(self, *, by_system: bool = False, lost: str = "") -> None:
        super().__init__(lost)
        self.by_system, self.lost = by_system, lost


class Worker(Protocol):
    """One device and whoever computes on it, a job at a time; to be used from the event loop's thread.

    name: what the log calls it. lane: one of `batch` takes every job; one of `interactive` only the jobs of that lane,
    beside the others: it is warmed when they are busy, and killed after it has idled for long. corrects: whether one of
    `batch` takes the jobs of `interactive`, too; one elsewhere has not what they go back to. device: what `warm` has
    found; until then, and where there is none, its name is empty and its reason says why.
    """

    @property
    def name(self) -> str: ...

    @property
    def lane(self) -> Lane: ...

    @property
    def corrects(self) -> bool: ...

    @property
    def device(self) -> Device: ...

    def end_predecessor(self) -> None:
        """End what a killed daemon's worker of that name still computes. Called once, before anything else."""

    async def warm(self) -> None:
        """Come back when a job would begin at once, however long that takes; again where that is so already.

        Raises DapError where no job can be run for now: the one that is next in line fails with it.
        """

    async def run(self, job: Job, folder: JobFolder, tell: Tell) -> Path:
        """Do what the job asks for; the manifest's path, once all of the result has been published.

        The result goes through `folder.output`, by whoever computes or by the worker itself for one that is far away:
        what is not in that ledger is not undone. What is needed for a while goes into `folder.scratch`.

        `tell` is called in the event loop's thread, for every report and at least every few seconds, for as long as the
        work goes on; who is silent for too long is killed.

        Raises what the job failed with, a DapError that is told as it is (anything else is told as `internal`),
        Cancelled where `cancel` was heeded, or WorkerGone: then the job is run once more.
        """

    def cancel(self) -> None:
        """Ask what runs to stop between two of its steps. Asked again and again until it has."""

    def kill(self) -> None:
        """End what runs, by force and at once: `run` raises WorkerGone; the next `warm` makes a new start.

        What cannot be ended is left to itself, and must not come in the way of the next job.
        """

    def close(self) -> None:
        """The same, for good."""
