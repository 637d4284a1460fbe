"""Jobs in order, one at a time a lane; cancelled at once; run again without a trace of the run before."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..domain import Job, Progress, State
from ..errors import Cancelled, DapError, OutputUnwritable, WorkerDied
from .lane import Lane, WorkerGone
from .mailbox import Mailbox
from .store import Store

log = logging.getLogger(__name__)

# How often a running job's mailbox is looked into.
POLL_S = 0.1
# A worker that dies once may have been unlucky; twice is the job's fault.
ATTEMPTS = 2
# Before a lane goes on after something unforeseen, a full disk for one.
PAUSE_S = 1.0

Announce = Callable[[Job, Progress | None], None]


@dataclass
class _Run:
    """A job in its lane. cancelled_at: when the user asked it to stop, on the monotonic clock."""

    lane: Lane
    mailbox: Mailbox
    cancelled_at: float | None = None
    progress: Progress | None = None
    announced_at: float = field(default=float("-inf"))


class JobQueue:
    """The jobs of a daemon; to be used from its event loop's thread.

    `announce` is told of every change that a lane brings about, after it is on disk; `forget` of jobs that fell out of
    the history. What a method changes at once stands in its answer instead.
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
        history: int,
    ) -> None:
        self._store, self._lanes, self._mailboxes = store, lanes, mailboxes
        self._announce, self._forget = announce, forget
        self._progress_s, self._cancel_grace_s, self._history = progress_s, cancel_grace_s, history
        self._runs: dict[str, _Run] = {}
        self._wake = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], Lane] = {}
        self._stopping = False

    def start(self) -> None:
        """Mark what a killed daemon left running as interrupted, remove its leftovers, and set the lanes to work."""
        for lane in self._lanes:
            lane.end_predecessor()
        for job in self._store.active():
            if job.state is State.RUNNING:
                self._mailbox(job.id).close(keep_output=False)
                self._announce(self._store.end(job.id, State.INTERRUPTED), None)
        self._tasks = {asyncio.create_task(self._serve(lane)): lane for lane in self._lanes}

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
        self._wake.set()
        return self._store.resume(job_id), True

    def cancel(self, job_id: str) -> tuple[Job, bool]:
        """The job and whether this ended it. One that runs is announced when it has stopped. Raises UnknownJob."""
        job = self._store.get(job_id)
        run = self._runs.get(job_id)
        if run is None:
            return (job, False) if job.state.ended else (self._end(job_id, State.CANCELLED), True)
        if run.cancelled_at is None:
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
        """How many jobs are queued or running."""
        return self._store.count_active()

    def progress(self, job_id: str) -> Progress | None:
        """The last report of a running job."""
        run = self._runs.get(job_id)
        return run.progress if run else None

    def _mailbox(self, job_id: str) -> Mailbox:
        return Mailbox(self._mailboxes / job_id)

    async def _serve(self, lane: Lane) -> None:
        while not self._stopping:
            try:
                await lane.warm()
                job = self._store.next_queued()
                if job is None:
                    self._wake.clear()
                    await self._wake.wait()
                else:
                    await self._run(lane, job)
            except Exception:
                log.exception("lane %s stumbled", lane.wanted)
                await asyncio.sleep(PAUSE_S)

    async def _run(self, lane: Lane, job: Job) -> None:
        run = _Run(lane, self._mailbox(job.id))
        try:
            run.mailbox.open()
        except OSError as trouble:
            failure = OutputUnwritable(f"{run.mailbox.folder} cannot be used: {trouble.strerror}.", "Is the disk full?")
            self._announce(self._end(job.id, State.FAILED, error=failure.as_dict()), None)
            return
        attempt = self._store.start(job.id)
        self._runs[job.id] = run
        log.info("job %s runs (%s)", job.id, job.verb)
        try:
            work = asyncio.ensure_future(lane.run(_on(lane, job), run.mailbox.folder))
            await self._watch(job, run, work)
        finally:
            del self._runs[job.id]
        state, manifest, error = self._outcome(job, run, work, attempt)
        run.mailbox.close(keep_output=state is State.DONE)
        if state is State.QUEUED:
            self._store.requeue(job.id)
        else:
            self._announce(self._end(job.id, state, manifest, error), None)

    async def _watch(self, job: Job, run: _Run, work: asyncio.Future[dict[str, Any]]) -> None:
        """Until the work has ended: relay its progress, and end it by force where it does not heed a cancel."""
        while not (await asyncio.wait({work}, timeout=POLL_S))[0]:
            now = time.monotonic()
            if run.cancelled_at is not None:
                if now > run.cancelled_at + self._cancel_grace_s:
                    run.lane.kill()
            elif now >= run.announced_at + self._progress_s:
                progress = run.mailbox.progress()
                if progress is not None and progress != run.progress:
                    run.progress, run.announced_at = progress, now
                    self._announce(self._store.get(job.id), progress)

    def _outcome(
        self, job: Job, run: _Run, work: asyncio.Future[dict[str, Any]], attempt: int
    ) -> tuple[State, str | None, dict[str, str] | None]:
        """State, manifest and error of a job whose work has ended; QUEUED where it is to run once more."""
        failure = work.exception()
        if run.cancelled_at is not None or isinstance(failure, Cancelled):
            return State.CANCELLED, None, None
        if failure is None:
            return State.DONE, work.result()["manifest"], None
        if isinstance(failure, WorkerGone):
            if self._stopping:
                return State.INTERRUPTED, None, None
            log.warning("the worker died during job %s, attempt %d", job.id, attempt)
            if attempt < ATTEMPTS:
                return State.QUEUED, None, None
            failure = WorkerDied(f"The worker process died {attempt} times during the job.")
        if not isinstance(failure, DapError):
            log.error("job %s failed in a way that was not foreseen", job.id, exc_info=failure)
            failure = DapError(f"{type(failure).__name__}: {failure}")
        return State.FAILED, None, failure.as_dict()

    def _end(self, job_id: str, state: State, manifest: str | None = None, error: dict[str, str] | None = None) -> Job:
        job = self._store.end(job_id, state, manifest, error)
        log.info("job %s %s%s", job_id, state, f": {error['message']}" if error else "")
        for forgotten in self._store.prune(self._history):
            self._forget(forgotten)
        return job


def _on(lane: Lane, job: Job) -> Job:
    """The job as the lane runs it: `auto` is the device the lane is for."""
    if job.request.get("device") != "auto":
        return job
    return replace(job, request={**job.request, "device": lane.wanted})
