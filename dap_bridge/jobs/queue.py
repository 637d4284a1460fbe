"""Jobs in order, one at a time a lane; cancelled at once; run again without a trace of the run before."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..domain import Job, Progress, State
from ..errors import Cancelled, DapError, OutputUnwritable, StoreUnavailable, UnknownJob, WorkerDied, WorkerStuck
from .sessions import DAY_S
from .store import Store
from .workers.local.mailbox import Mailbox
from .workers.local.worker import POLL_S, Lane, WorkerGone

log = logging.getLogger(__name__)

# A worker that dies once may have been unlucky; twice is the job's fault.
ATTEMPTS = 2
# Before a lane goes on after something unforeseen, a full disk for one.
PAUSE_S = 1.0
# Between two tries to write to the table: at first, and at most.
RETRY_S, LONGEST_RETRY_S = 0.1, 2.0
# A killed process that is still there after so long is not waited for.
DEATH_S = 0.3
# Of a worker that has been silent for half the time that it may be.
NOT_RESPONDING = "not responding"
# Between two looks for what is to be forgotten, where no job ends.
TIDY_S = 3600.0
# What the Linux kernel ends a process with that it has no memory for.
KILLED = -getattr(signal, "SIGKILL", signal.SIGTERM)

Announce = Callable[[Job, Progress | None], None]
Written = TypeVar("Written")


@dataclass
class _Run:
    """A job in its lane. cancelled_at: when the user asked it to stop, on the monotonic clock.

    silent_s: since the worker gave its last sign of life; dying_s: since it was killed; both in looks of POLL_S.
    """

    lane: Lane
    mailbox: Mailbox
    cancelled_at: float | None = None
    progress: Progress | None = None
    announced_at: float = field(default=float("-inf"))
    silent_s: float = 0.0
    dying_s: float = 0.0
    sign: int = 0

    def listen(self) -> None:
        sign = self.mailbox.sign_of_life()
        self.silent_s = self.silent_s + POLL_S if sign == self.sign else 0.0
        self.sign = sign


class _Outcome(NamedTuple):
    """How a run ended; QUEUED where the job is to run once more."""

    state: State
    manifest: str | None = None
    error: dict[str, str] | None = None


class JobQueue:
    """The jobs of a daemon; to be used from its event loop's thread.

    `announce` is told of every change that a lane brings about, after it is on disk; `forget` of jobs that fell out of
    the history. What a method changes at once stands in its answer instead; it raises StoreUnavailable, and has changed
    nothing, where the table cannot be written. What a lane brings about is written as soon as the table can be.

    stall_s: how long a worker may be silent. history: ended jobs that are remembered, those with a result in their
    mailbox for `results_days` at most; the result goes with them.
    """

    def __init__(
        self,
        store: Store,
        lanes: Sequence[Lane],
        mailboxes: Path,
        announce: Announce,
        forget: Callable[[str], None],
        *,
        progress_s: float,
        cancel_grace_s: float,
        stall_s: float,
        history: int,
        results_days: float,
    ) -> None:
        self._store, self._lanes, self._mailboxes = store, lanes, mailboxes
        self._announce, self._forget = announce, forget
        self._progress_s, self._cancel_grace_s, self._stall_s = progress_s, cancel_grace_s, stall_s
        self._history, self._results_s = history, results_days * DAY_S
        self._runs: dict[str, _Run] = {}
        self._wake = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], Lane] = {}
        self._stopping = False

    def start(self) -> None:
        """Settle what a killed daemon left, and then set the lanes to work."""
        for lane in self._lanes:
            lane.end_predecessor()
        recovery = asyncio.create_task(self._recover())
        self._tasks = {asyncio.create_task(self._serve(lane, recovery)): lane for lane in self._lanes}

    async def stop(self) -> None:
        """End the lanes; what was running is interrupted."""
        self._stopping = True
        busy = [run.lane for run in self._runs.values()]
        for task, lane in self._tasks.items():
            lane.close()
            if lane not in busy:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def submit(self, job_id: str, verb: str, request: dict[str, Any]) -> tuple[Job, bool]:
        """The job and whether it is new. Raises JobConflict when the name belongs to another request."""
        job, new = self._store.add(job_id, verb, request)
        self._wake.set()
        return job, new

    def resume(self, job_id: str) -> tuple[Job, bool]:
        """The job and whether it will run again: not if it is done, or has not ended yet. Raises UnknownJob."""
        job = self._store.get(job_id)
        if not job.state.ended or job.state is State.DONE:
            return job, False
        job = self._store.resume(job_id)
        self._wake.set()
        return job, True

    def cancel(self, job_id: str) -> tuple[Job, bool]:
        """The job and whether this ended it. One that runs is announced when it has stopped. Raises UnknownJob."""
        job = self._store.get(job_id)
        if job.state is State.QUEUED:
            job = self._store.end(job_id, State.CANCELLED)
            self._tidy()
            return job, True
        run = self._runs.get(job_id)
        if run is not None and run.cancelled_at is None:
            run.cancelled_at = time.monotonic()
            run.mailbox.cancel()
        return job, False

    def get(self, job_id: str) -> Job:
        """Raises UnknownJob."""
        return self._store.get(job_id)

    def active(self, limit: int) -> list[Job]:
        """The first `limit` queued and running jobs, in order."""
        return self._store.active(limit)

    def count_active(self) -> int:
        """How many jobs are queued or running; those that run alone, where the table cannot be read."""
        try:
            return self._store.count_active()
        except StoreUnavailable:
            return len(self._runs)

    def progress(self, job_id: str) -> Progress | None:
        """The last report of a running job."""
        run = self._runs.get(job_id)
        return run.progress if run else None

    def _mailbox(self, job_id: str) -> Mailbox:
        return Mailbox(self._mailboxes / job_id)

    async def _recover(self) -> None:
        """What ran when a daemon was killed is done where all of its result has appeared, else interrupted."""
        try:
            for job in await self._persist(self._store.active):
                if job.state is State.RUNNING:
                    mailbox = self._mailbox(job.id)
                    manifest = mailbox.published()
                    done = _Outcome(State.DONE, str(manifest))
                    await self._conclude(job.id, mailbox, done if manifest else _Outcome(State.INTERRUPTED))
            for mailbox in Mailbox.left(self._mailboxes):
                await self._persist(partial(self._let_go, mailbox))
            self._tidy()
        except Exception:
            log.exception("what an earlier daemon left could not be settled")

    def _let_go(self, mailbox: Mailbox) -> None:
        """Close a mailbox whose job had ended when its daemon was killed."""
        try:
            state = self._store.get(mailbox.folder.name).state
        except UnknownJob:
            state = State.DONE if mailbox.published() else State.INTERRUPTED
        if state.ended:
            self._close(mailbox, keep_output=state is State.DONE)

    async def _serve(self, lane: Lane, recovery: asyncio.Task[None]) -> None:
        await recovery
        while not self._stopping:
            try:
                stuck = await _warmed(lane)
                job = self._store.next_queued()
                if job is None:
                    self._wake.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), TIDY_S)
                    self._tidy()
                elif stuck is not None:
                    self._tell_end(self._store.end(job.id, State.FAILED, error=stuck.as_dict()))
                else:
                    await self._run(lane, job)
            except StoreUnavailable as trouble:
                log.warning("lane %s waits: %s", lane.wanted, trouble.message)
                await asyncio.sleep(PAUSE_S)
            except Exception:
                log.exception("lane %s stumbled", lane.wanted)
                await asyncio.sleep(PAUSE_S)

    async def _run(self, lane: Lane, job: Job) -> None:
        attempt = self._store.start(job.id)
        run = self._runs[job.id] = _Run(lane, self._mailbox(job.id))
        log.info("job %s runs (%s)", job.id, job.verb)
        try:
            work = asyncio.ensure_future(self._work(job, run))
            await asyncio.wait({work})
            await self._conclude(job.id, run.mailbox, self._outcome(job, run, work, attempt))
        finally:
            del self._runs[job.id]

    async def _work(self, job: Job, run: _Run) -> dict[str, Any]:
        """The worker's answer. Raises what it raised, WorkerGone, or WorkerStuck."""
        try:
            run.mailbox.open()
        except OSError as trouble:
            reason = f"{run.mailbox.folder} cannot be used: {trouble.strerror}."
            raise OutputUnwritable(reason, "Is the disk full?") from trouble
        work = asyncio.ensure_future(run.lane.run(_on(run.lane, job), run.mailbox.folder))
        try:
            await self._watch(job, run, work)
            if not work.done():
                log.warning("the worker of job %s cannot be ended, and is left to itself", job.id)
            if run.silent_s >= self._stall_s:
                raise WorkerStuck(f"The worker process gave no sign of life for {self._stall_s:g} s, and was ended.")
            if not work.done():
                raise WorkerGone
            return work.result()
        finally:
            work.cancel()

    async def _watch(self, job: Job, run: _Run, work: asyncio.Future[dict[str, Any]]) -> None:
        """Until the work has ended: relay its progress, and end it by force where it is silent or heeds no cancel.

        Until it has been killed for DEATH_S, that is: a process that waits in the kernel may stay for ever.
        """
        while not (await asyncio.wait({work}, timeout=POLL_S))[0] and run.dying_s < DEATH_S:
            if run.silent_s < self._stall_s:
                run.listen()
            late = run.cancelled_at is not None and time.monotonic() > run.cancelled_at + self._cancel_grace_s
            if late or self._stopping or run.silent_s >= self._stall_s:
                run.lane.kill()
                run.dying_s += POLL_S
            elif run.cancelled_at is None:
                self._relay(job, run)

    def _relay(self, job: Job, run: _Run) -> None:
        """Tell of progress, if there is any, and not too often."""
        now = time.monotonic()
        if now < run.announced_at + self._progress_s:
            return
        progress = run.mailbox.progress()
        if run.silent_s >= self._stall_s / 2:
            progress = replace(progress or Progress(), stage=NOT_RESPONDING)
        if progress is not None and progress != run.progress:
            run.progress, run.announced_at = progress, now
            self._announce(replace(job, state=State.RUNNING), progress)

    def _outcome(self, job: Job, run: _Run, work: asyncio.Future[dict[str, Any]], attempt: int) -> _Outcome:
        """What became of a run. A result that has appeared counts, whatever came after."""
        failure = work.exception()
        if failure is None:
            return _Outcome(State.DONE, work.result()["manifest"])
        manifest = run.mailbox.published()
        if manifest is not None:
            return _Outcome(State.DONE, str(manifest))
        if run.cancelled_at is not None or isinstance(failure, Cancelled):
            return _Outcome(State.CANCELLED)
        if isinstance(failure, WorkerGone):
            if self._stopping:
                return _Outcome(State.INTERRUPTED)
            log.warning("the worker died during job %s, attempt %d", job.id, attempt)
            if attempt < ATTEMPTS:
                return _Outcome(State.QUEUED)
            failure = _death(failure, attempt)
        if not isinstance(failure, DapError):
            log.error("job %s failed in a way that was not foreseen", job.id, exc_info=failure)
            failure = DapError(f"{type(failure).__name__}: {failure}")
        return _Outcome(State.FAILED, error=failure.as_dict())

    async def _conclude(self, job_id: str, mailbox: Mailbox, outcome: _Outcome) -> None:
        """Write down how a run ended; only then is the output let go, and everybody told.

        What is no result goes first: at whatever moment the daemon is killed, the next one finds a result that is
        complete and named, or none.
        """
        done = outcome.state is State.DONE
        if not done:
            self._close(mailbox, keep_output=False)
        if outcome.state is State.QUEUED:
            await self._persist(lambda: self._store.requeue(job_id))
            return
        job = await self._persist(lambda: self._store.end(job_id, *outcome))
        if done:
            self._close(mailbox, keep_output=True)
        self._tell_end(job)

    def _tell_end(self, job: Job) -> None:
        log.info("job %s %s%s", job.id, job.state, f": {job.error['message']}" if job.error else "")
        self._announce(job, None)
        self._tidy()

    async def _persist(self, write: Callable[[], Written]) -> Written:
        """What `write` returns, which is tried until the table can be used; everything else goes on meanwhile.

        Raises StoreUnavailable where the daemon is to end: its successor finds out from the mailbox.
        """
        pause = RETRY_S
        while True:
            try:
                return write()
            except StoreUnavailable as trouble:
                if self._stopping:
                    raise
                if pause == RETRY_S:
                    log.warning("%s It is tried again and again.", trouble.message)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_S)

    def _close(self, mailbox: Mailbox, keep_output: bool) -> None:
        try:
            mailbox.close(keep_output=keep_output)
        except OSError as trouble:
            log.warning("%s cannot be emptied: %s", mailbox.folder, trouble)

    def _tidy(self) -> None:
        """Forget jobs that are beyond the history or whose results are too old: first the result, then the row."""
        try:
            for job in self._store.outlived(self._history, self._mailboxes, time.time() - self._results_s):
                if job.manifest is not None:
                    self._mailbox(job.id).remove_result(Path(job.manifest))
                self._store.forget(job.id)
                self._forget(job.id)
        except StoreUnavailable as trouble:
            log.warning("nothing is forgotten for now: %s", trouble.message)


async def _warmed(lane: Lane) -> WorkerStuck | None:
    """What keeps the lane from working, if anything does."""
    try:
        await lane.warm()
    except WorkerStuck as stuck:
        log.warning("lane %s: %s", lane.wanted, stuck.message)
        return stuck
    return None


def _death(gone: WorkerGone, attempts: int) -> WorkerDied:
    if gone.exit_code == KILLED:
        return WorkerDied(
            f"The worker process was killed {attempts} times during the job.",
            "The system does that where memory runs out: close other programs, or choose a preset with shorter chunks.",
        )
    return WorkerDied(f"The worker process died {attempts} times during the job.")


def _on(lane: Lane, job: Job) -> Job:
    """The job as the lane runs it: `auto` is the device the lane is for."""
    if job.request.get("device") != "auto":
        return job
    return replace(job, request={**job.request, "device": lane.wanted})
