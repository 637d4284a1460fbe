"""Jobs in order, one at a time a worker, what a person waits for beside what takes long; cancelled at once; run again
without a trace of the time before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..domain import Job, Lane, Standing, State, Waiting
from ..errors import BadRequest, DapError, StoreUnavailable, UnknownJob
from ..verbs import table
from . import results
from .folder import JobFolder
from .line import MOST_SEEN, Line, Told
from .sessions import DAY_S
from .store import Store
from .watch import Announce, Limits, Outcome, Watch
from .workers.worker import Worker

log = logging.getLogger(__name__)

# Before a worker goes on after something unforeseen, a full disk for one.
PAUSE_S = 1.0
# Between two tries to write to the table: at first, and at most.
RETRY_S, LONGEST_RETRY_S = 0.1, 2.0
# Between two polls for what is to be forgotten, where no job ends; and of where what waits stands.
TIDY_S, LINE_S = 3600.0, 1.0
# A worker of the interactive lane is kept for so long after it was wanted, or a correction was to be expected.
KEPT_S = 600.0
# One that cannot be had is tried again after so long; the others do its jobs.
ABSENT_S = 60.0

Written = TypeVar("Written")


class JobQueue:
    """The jobs of a daemon; to be used from its event loop's thread.

    `announce` is told of every change that a worker brings about, after it is on disk; `forget` of jobs that fell out
    of the history. What a method changes at once stands in its answer instead; it raises StoreUnavailable, and has
    changed nothing, where the table cannot be written. What a worker brings about is written as soon as the table can
    be.

    folders: where each job has one. history: ended jobs that are remembered, those with a result in their own folder
    for `results_days` at most; the result goes with them.
    """

    def __init__(
        self,
        store: Store,
        workers: Sequence[Worker],
        folders: Path,
        announce: Announce,
        forget: Callable[[str], None],
        *,
        limits: Limits,
        history: int,
        results_days: float,
    ) -> None:
        self._store, self._workers, self._folders = store, workers, folders
        self._announce, self._forget = announce, forget
        self._limits = limits
        self._history, self._results_s = history, results_days * DAY_S
        self._watches: dict[str, Watch] = {}
        self._line = Line(store)
        self._wake = asyncio.Event()
        self._serving: dict[asyncio.Task[None], Worker] = {}
        self._telling: asyncio.Task[None] | None = None
        # until when a correction is expected, and the interactive lane's workers are kept; time.monotonic
        self._expected_until = self._kept_until = -math.inf
        self._absent: set[Worker] = set()
        # of jobs that are to run again, why
        self._notes: dict[str, tuple[str, ...]] = {}
        self._last: dict[Worker, Lane] = {}
        self._stopping = False

    def start(self) -> None:
        """Settle what a killed daemon left, and then set the workers to work."""
        for worker in self._workers:
            worker.end_predecessor()
        recovery = asyncio.create_task(self._recover())
        self._serving = {asyncio.create_task(self._serve(worker, recovery)): worker for worker in self._workers}
        self._telling = asyncio.create_task(self._tell_line())

    async def stop(self) -> None:
        """End the workers; what was running is interrupted."""
        self._stopping = True
        if self._telling is not None:
            self._telling.cancel()
        for watch in self._watches.values():
            watch.stop()
        busy = [watch.worker for watch in self._watches.values()]
        for serving, worker in self._serving.items():
            worker.close()
            if worker not in busy:
                serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

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
            self._wake.set()  # what was to correct its result
            self._tidy()
            return job, True
        if job_id in self._watches:
            self._watches[job_id].cancel()
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
            return len(self._watches)

    def remove(self, job_id: str) -> Job:
        """Forget an ended job; its result goes with it where that lies in its own folder.

        Raises UnknownJob, or BadRequest for one that has not ended.
        """
        job = self._store.get(job_id)
        if not job.state.ended:
            raise BadRequest(f"Job {job_id} has not ended.", "Cancel it first.")
        self._let_out(job)
        return job

    def standing(self, job_id: str) -> Standing | None:
        """The last report of a running job, or where a queued one stands, if anything is in its way."""
        watch = self._watches.get(job_id)
        return watch.progress if watch else self.waiting().get(job_id)

    def waiting(self) -> dict[str, Waiting]:
        """Where the queued jobs stand, in order; none while nothing runs. Raises StoreUnavailable."""
        return {job.id: waiting for job, waiting in self._waiting()}

    def expect_correction(self) -> None:
        """Somebody looks at a result: a correction of it shall find a worker that is warm, also beside a long job."""
        was_expected = time.monotonic() < self._expected_until
        self._expected_until = time.monotonic() + KEPT_S
        if not was_expected:
            self._wake.set()

    async def _recover(self) -> None:
        """What ran when a daemon was killed is done where all of its result has appeared, else interrupted."""
        try:
            for job in await self._persist(self._store.active):
                if job.state is State.RUNNING:
                    folder = JobFolder(self._folders / job.id)
                    manifest = folder.published()
                    done = Outcome(State.DONE, str(manifest))
                    await self._conclude(job.id, folder, done if manifest else Outcome(State.INTERRUPTED))
            for folder in JobFolder.left(self._folders):
                await self._persist(partial(self._let_go, folder))
            self._tidy()
        except Exception:
            log.exception("what an earlier daemon left could not be settled")

    def _let_go(self, folder: JobFolder) -> None:
        """Close a folder whose job had ended when its daemon was killed."""
        try:
            state = self._store.get(folder.path.name).state
        except UnknownJob:
            state = State.DONE if folder.published() else State.INTERRUPTED
        if state.ended:
            _close(folder, keep_output=state is State.DONE)

    async def _serve(self, worker: Worker, recovery: asyncio.Task[None]) -> None:
        """Give the worker what is next in line, one job after the other."""
        await recovery
        turn = self._turn if worker.lane is Lane.BATCH else self._turn_beside
        while not self._stopping:
            try:
                await turn(worker)
            except StoreUnavailable as unavailable:
                log.warning("worker %s waits: %s", worker.name, unavailable.message)
                await asyncio.sleep(PAUSE_S)
            except Exception:
                log.exception("worker %s stumbled", worker.name)
                await asyncio.sleep(PAUSE_S)

    async def _turn(self, worker: Worker) -> None:
        """One job, or a wait for one."""
        self._absent.add(worker)
        trouble = await _warmed(worker)
        self._absent.discard(worker)
        await self._take(worker, self._next(worker), trouble, TIDY_S)

    async def _take(self, worker: Worker, job: Job | None, trouble: DapError | None, wait_s: float) -> None:
        """Run the job, unless something keeps the worker from it; where there is none, wait for one."""
        if job is None:
            await self._woken(wait_s)
            self._tidy()
        elif trouble is not None:
            self._tell_end(self._store.end(job.id, State.FAILED, error=trouble.as_dict()))
        else:
            await self._run(worker, job)

    async def _turn_beside(self, worker: Worker) -> None:
        """The same beside the others: a worker that is there while it is wanted, and takes what a person waits for."""
        if not self._is_wanted():
            worker.kill()
            await self._woken(TIDY_S)
            return
        trouble = await _warmed(worker)
        if (trouble or not worker.device.name) and self._correcting():
            self._absent.add(worker)
            await asyncio.sleep(ABSENT_S)
            return
        self._absent.discard(worker)
        job = self._line.next(Lane.INTERACTIVE)
        await self._take(worker, job, trouble, self._kept_until - time.monotonic())
        if job is not None:
            self._kept_until = time.monotonic() + KEPT_S

    def _correcting(self) -> list[Worker]:
        """The workers of the batch lane that take corrections, too."""
        return [worker for worker in self._workers if worker.lane is Lane.BATCH and worker.corrects]

    def _is_wanted(self) -> bool:
        """Whether a worker of the interactive lane is worth its memory."""
        now = time.monotonic()
        others_busy = {watch.worker for watch in self._watches.values()}.issuperset(self._correcting())
        if others_busy and (now < self._expected_until or self._line.next(Lane.INTERACTIVE)):
            self._kept_until = now + KEPT_S
        return now < self._kept_until

    def _next(self, worker: Worker) -> Job | None:
        """What a person waits for goes first, but in turn with the rest, so that neither lane waits for ever."""
        if not worker.corrects:
            return self._line.next(Lane.BATCH)
        interactive_last = self._last.get(worker) is Lane.INTERACTIVE
        lanes = (Lane.BATCH, Lane.INTERACTIVE) if interactive_last else (Lane.INTERACTIVE, Lane.BATCH)
        return next((job for lane in lanes if (job := self._line.next(lane))), None)

    async def _woken(self, within_s: float) -> None:
        """Until something has changed, or for so long."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), within_s)

    async def _tell_line(self) -> None:
        """Tell what waits where it stands, as that changes."""
        told = Told()
        while True:
            await asyncio.sleep(LINE_S)
            try:
                for job, waiting in told.news(self._waiting(MOST_SEEN)):
                    self._announce(job, waiting)
            except StoreUnavailable:
                continue  # whoever serves says so
            except Exception:
                log.exception("what waits could not be told where it stands")

    def _waiting(self, limit: int = -1) -> Iterator[tuple[Job, Waiting]]:
        if not self._watches:
            return iter(())
        left = {name: watch.seconds_left for name, watch in self._watches.items()}
        return self._line.waiting({lane: self._in_the_way(lane) for lane in Lane}, left, limit)

    def _in_the_way(self, lane: Lane) -> Job | None:
        """Of the jobs that run in the workers of a lane the one that ends first; None where one is about to be free."""
        able = self._correcting() if lane is Lane.INTERACTIVE else []
        takers = [one for one in self._workers if (one.lane is lane or one in able) and one not in self._absent]
        watches = {watch.worker: watch for watch in self._watches.values()}
        if not takers or not all(worker in watches for worker in takers):
            return None
        return min((watches[worker] for worker in takers), key=_ends_in).job

    async def _run(self, worker: Worker, job: Job) -> None:
        attempt = self._store.start(job.id)
        job = replace(job, notes=self._notes.get(job.id, ()))
        self._last[worker] = table.lane(job.verb)
        folder = JobFolder(self._folders / job.id)
        watch = self._watches[job.id] = Watch(job, worker, folder, self._announce, self._limits)
        self._wake.set()  # whoever is wanted beside it
        log.info("job %s runs in %s (%s)", job.id, worker.name, job.verb)
        try:
            await self._conclude(job.id, folder, await watch.outcome(attempt))
        finally:
            del self._watches[job.id]

    async def _conclude(self, job_id: str, folder: JobFolder, outcome: Outcome) -> None:
        """Write down what became of a job; only then is the output let go, and everybody told.

        What is no result goes first: at whatever moment the daemon is killed, the next one finds a result that is
        complete and named, or none.
        """
        done = outcome.state is State.DONE
        if not done:
            _close(folder, keep_output=False)
        if outcome.state is State.QUEUED:
            if outcome.note:
                self._notes[job_id] = (*self._notes.get(job_id, ()), outcome.note)
            await self._persist(lambda: self._store.requeue(job_id))
            self._wake.set()  # whichever worker is idle
            return
        # in a thread: the manifest may lie where nobody answers for a while
        told = await asyncio.to_thread(results.told, Path(outcome.manifest)) if outcome.manifest else results.Told()
        job = await self._persist(lambda: self._store.end(job_id, *outcome[:3], *told))
        self._notes.pop(job_id, None)
        if done:
            _close(folder, keep_output=True)
        self._tell_end(job)

    def _tell_end(self, job: Job) -> None:
        log.info("job %s %s%s", job.id, job.state, f": {job.error['message']}" if job.error else "")
        self._announce(job, None)
        self._tidy()

    async def _persist(self, write: Callable[[], Written]) -> Written:
        """What `write` returns, which is tried until the table can be used; everything else goes on meanwhile.

        Raises StoreUnavailable where the daemon is to end: its successor finds out from the job's folder.
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

    def _tidy(self) -> None:
        """Forget jobs that are beyond the history or whose results are too old: first the result, then the row."""
        try:
            for job in self._store.outlived(self._history, self._folders, time.time() - self._results_s):
                self._let_out(job)
        except StoreUnavailable as trouble:
            log.warning("nothing is forgotten for now: %s", trouble.message)

    def _let_out(self, job: Job) -> None:
        if job.manifest is not None:
            JobFolder(self._folders / job.id).remove_result(Path(job.manifest))
        self._store.forget(job.id)
        self._forget(job.id)


def _ends_in(watch: Watch) -> float:
    """Seconds; what tells nothing of its end comes last."""
    return math.inf if watch.seconds_left is None else watch.seconds_left


async def _warmed(worker: Worker) -> DapError | None:
    """What keeps the worker from working, if anything does."""
    try:
        await worker.warm()
    except DapError as trouble:
        log.warning("worker %s: %s", worker.name, trouble.message)
        return trouble
    return None


def _close(folder: JobFolder, keep_output: bool) -> None:
    try:
        folder.close(keep_output=keep_output)
    except OSError as trouble:
        log.warning("%s cannot be emptied: %s", folder.path, trouble)
