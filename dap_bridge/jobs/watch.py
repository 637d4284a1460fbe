"""A watch over one job while a worker has it: its reports are passed on, and it is ended by force where it must be."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ..domain import Job, Progress, Standing, State
from ..errors import Cancelled, DapError, OutputUnwritable, WorkerDied, WorkerStuck
from .folder import JobFolder
from .workers.worker import Worker, WorkerGone

log = logging.getLogger(__name__)

# A worker that dies once may have been unlucky; twice is the job's fault.
ATTEMPTS = 2
# The same of machines that were lost: a job that takes one after the other with it ends some time, too.
LOSSES = 8
# How often the job is looked at. Silence is counted in polls: no time passes while the daemon is stopped or the machine
# sleeps, so that neither is held against the worker.
POLL_S = 0.1
# What was killed and is still there after so long is not waited for.
DEATH_S = 0.3
# Of a worker that has been silent for half the time that it may be.
NOT_RESPONDING = "not responding"

Announce = Callable[[Job, Standing | None], None]


@dataclass(frozen=True)
class Limits:
    """progress_s: least time between two reports that are passed on; cancel_grace_s: that a job has to stop by itself;
    stall_s: how long a worker may be silent.
    """

    progress_s: float
    cancel_grace_s: float
    stall_s: float


class Outcome(NamedTuple):
    """How a job's stay in a worker ended; QUEUED where it is to run once more. note: what its manifest then says."""

    state: State
    manifest: str | None = None
    error: dict[str, str] | None = None
    note: str = ""


class Watch:
    """Over one job, from `outcome`, which is awaited once, to what that returns.

    folder: the job's; announce: is told of progress; progress: the last that it was told.
    """

    def __init__(self, job: Job, worker: Worker, folder: JobFolder, announce: Announce, limits: Limits) -> None:
        self.job, self.worker, self.folder = job, worker, folder
        self.progress: Progress | None = None
        self._announce, self._limits = announce, limits
        self._reported: Progress | None = None
        self._announced_at = float("-inf")
        self._cancelled_at: float | None = None
        self._stopping = False
        # since the last sign of life, and since it was killed, both in polls of POLL_S
        self._silent_s = self._dying_s = 0.0

    def cancel(self) -> None:
        """The user wants the job to stop."""
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            self.worker.cancel()

    def stop(self) -> None:
        """The daemon ends: so does the job, by force."""
        self._stopping = True

    async def outcome(self, attempt: int) -> Outcome:
        """What became of the job. A result that has appeared counts, whatever came after."""
        (answer,) = await asyncio.gather(self._manifest(), return_exceptions=True)
        if not isinstance(answer, BaseException):
            return Outcome(State.DONE, str(answer))
        manifest = self.folder.published()
        if manifest is not None:
            return Outcome(State.DONE, str(manifest))
        return self._without_result(answer, attempt)

    def _without_result(self, failure: BaseException, attempt: int) -> Outcome:
        if self._cancelled_at is not None or isinstance(failure, Cancelled):
            return Outcome(State.CANCELLED)
        if isinstance(failure, WorkerGone):
            if self._stopping:
                return Outcome(State.INTERRUPTED)
            log.warning("the worker died during job %s, attempt %d. %s", self.job.id, attempt, failure.lost)
            if attempt < (LOSSES if failure.lost else ATTEMPTS):
                return Outcome(State.QUEUED, note=failure.lost)
            failure = _death(failure, attempt)
        if not isinstance(failure, DapError):
            log.error("job %s failed in a way that was not foreseen", self.job.id, exc_info=failure)
            failure = DapError(f"{type(failure).__name__}: {failure}")
        return Outcome(State.FAILED, error=failure.as_dict())

    async def _manifest(self) -> Path:
        """The worker's answer. Raises what it raised, WorkerGone, or WorkerStuck."""
        try:
            self.folder.open()
        except OSError as trouble:
            reason = f"{self.folder.path} cannot be used: {trouble.strerror}."
            raise OutputUnwritable(reason, "Is the disk full?") from trouble
        answer = asyncio.ensure_future(self.worker.run(self.job, self.folder, self._hear))
        try:
            await self._attend(answer)
            if not answer.done():
                log.warning("the worker of job %s cannot be ended, and is left to itself", self.job.id)
            failure = answer.exception() if answer.done() and not answer.cancelled() else WorkerGone()
            if self._stuck:
                raise WorkerStuck(
                    f"The worker process gave no sign of life for {self._limits.stall_s:g} s, and was ended."
                ) from failure
            if failure is not None:
                raise failure
            return answer.result()
        finally:
            answer.cancel()

    async def _attend(self, answer: asyncio.Future[Path]) -> None:
        """Until there is an answer: relay progress, and end the work by force where it is silent or heeds no cancel.

        Until it has been killed for DEATH_S, that is: a process that waits in the kernel may stay for ever.
        """
        while not (await asyncio.wait({answer}, timeout=POLL_S))[0] and self._dying_s < DEATH_S:
            self._silent_s += POLL_S
            if self._late or self._stopping or self._stuck:
                self.worker.kill()
                self._dying_s += POLL_S
            elif self._cancelled_at is not None:
                self.worker.cancel()  # again: it may have begun after the first time
            else:
                self._relay()

    @property
    def seconds_left(self) -> float | None:
        """As the job last told."""
        return self.progress.seconds_left if self.progress else None

    @property
    def _late(self) -> bool:
        """Whether the job should have heeded a cancel by now."""
        at, grace_s = self._cancelled_at, self._limits.cancel_grace_s
        return at is not None and time.monotonic() > at + grace_s

    @property
    def _stuck(self) -> bool:
        return self._silent_s >= self._limits.stall_s

    def _hear(self, report: Progress | None) -> None:
        """A sign of life; once it is too late for that, it is."""
        self._reported = report or self._reported
        if not self._stuck:
            self._silent_s = 0.0

    def _relay(self) -> None:
        """Tell of progress, if there is any, and not too often."""
        now = time.monotonic()
        if now < self._announced_at + self._limits.progress_s:
            return
        progress = self._reported
        if self._silent_s >= self._limits.stall_s / 2:
            progress = replace(progress or Progress(), stage=NOT_RESPONDING)
        if progress is not None and progress != self.progress:
            self.progress, self._announced_at = progress, now
            self._announce(replace(self.job, state=State.RUNNING), progress)


def _death(gone: WorkerGone, attempts: int) -> WorkerDied:
    if gone.by_system:
        return WorkerDied(
            f"The worker process was killed {attempts} times during the job.",
            "The system does that where memory runs out: close other programs, or choose a preset with shorter chunks.",
        )
    return WorkerDied(f"The worker process died {attempts} times during the job.")
