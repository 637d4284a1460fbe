"""Jobs in order, one at a time a worker; cancelled at once; run again without a trace of the time before."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..domain import Job, Progress, State
from ..errors import DapError, StoreUnavailable, UnknownJob
from . import results
from .folder import JobFolder
from .sessions import DAY_S
from .store import Store
from .watch import Announce, Limits, Outcome, Watch
from .workers.worker import Worker

log = logging.getLogger(__name__)

# Before a worker goes on after something unforeseen, a full disk for one.
PAUSE_S = 1.0
# Between two tries to write to the table: at first, and at most.
RETRY_S, LONGEST_RETRY_S = 0.1, 2.0
# Between two polls for what is to be forgotten, where no job ends.
TIDY_S = 3600.0

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
        self._wake = asyncio.Event()
        self._serving: dict[asyncio.Task[None], Worker] = {}
        self._stopping = False

    def start(self) -> None:
        """Settle what a killed daemon left, and then set the workers to work."""
        for worker in self._workers:
            worker.end_predecessor()
        recovery = asyncio.create_task(self._recover())
        self._serving = {asyncio.create_task(self._serve(worker, recovery)): worker for worker in self._workers}

    async def stop(self) -> None:
        """End the workers; what was running is interrupted."""
        self._stopping = True
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

    def tell_anew(self, job_id: str) -> None:
        """Of a job that is done, its stems as its manifest tells of them now. Raises UnknownJob."""
        job = self._store.get(job_id)
        self._store.tell(job_id, results.told(Path(job.manifest or "")))

    def progress(self, job_id: str) -> Progress | None:
        """The last report of a running job."""
        watch = self._watches.get(job_id)
        return watch.progress if watch else None

    def _folder(self, job_id: str) -> JobFolder:
        return JobFolder(self._folders / job_id)

    async def _recover(self) -> None:
        """What ran when a daemon was killed is done where all of its result has appeared, else interrupted."""
        try:
            for job in await self._persist(self._store.active):
                if job.state is State.RUNNING:
                    folder = self._folder(job.id)
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
        while not self._stopping:
            try:
                trouble = await _warmed(worker)
                job = self._store.next_queued()
                if job is None:
                    self._wake.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), TIDY_S)
                    self._tidy()
                elif trouble is not None:
                    self._tell_end(self._store.end(job.id, State.FAILED, error=trouble.as_dict()))
                else:
                    await self._run(worker, job)
            except StoreUnavailable as unavailable:
                log.warning("worker %s waits: %s", worker.name, unavailable.message)
                await asyncio.sleep(PAUSE_S)
            except Exception:
                log.exception("worker %s stumbled", worker.name)
                await asyncio.sleep(PAUSE_S)

    async def _run(self, worker: Worker, job: Job) -> None:
        attempt = self._store.start(job.id)
        folder = self._folder(job.id)
        watch = self._watches[job.id] = Watch(job, worker, folder, self._announce, self._limits)
        log.info("job %s runs (%s)", job.id, job.verb)
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
            await self._persist(lambda: self._store.requeue(job_id))
            self._wake.set()  # whichever worker is idle
            return
        # in a thread: the manifest may lie where nobody answers for a while
        stems = await asyncio.to_thread(results.told, Path(outcome.manifest)) if outcome.manifest else ()
        job = await self._persist(lambda: self._store.end(job_id, *outcome, stems))
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
                if job.manifest is not None:
                    self._folder(job.id).remove_result(Path(job.manifest))
                self._store.forget(job.id)
                self._forget(job.id)
        except StoreUnavailable as trouble:
            log.warning("nothing is forgotten for now: %s", trouble.message)


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
