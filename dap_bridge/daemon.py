"""The daemon: the doors in front, the queue behind, and what a verb means in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import __version__, atomic, console, logs, private
from .config import Settings
from .domain import Job, Progress, Standing, State, Waiting
from .errors import BadSettings, DapError, StoreUnavailable, UnknownJob, UnknownSession
from .jobs.lock import FolderLock
from .jobs.queue import JobQueue
from .jobs.sessions import Sessions
from .jobs.shelf import Shelf
from .jobs.store import Store
from .jobs.uploads import Uploads
from .jobs.watch import Limits
from .jobs.workers import kinds
from .jobs.workers.local import process
from .jobs.workers.local.worker import PROBE, RUN
from .jobs.workers.worker import Worker
from .transport import control, events, protocol
from .transport.door import Sink
from .transport.dropfolder import DropFolder
from .transport.events import Event
from .transport.heartbeat import HEARTBEAT
from .transport.http import HttpDoor
from .transport.osc import KEY_BYTES, OscDoor
from .verbs.request import JobVerb, Verb

log = logging.getLogger(__name__)

# Of one job: the latest to ask are told.
MAX_FOLLOWERS = 16
# At the end, for killed worker processes to be gone.
DEATH_S = 2.0


def serve(settings: Settings, run: str = RUN, probe: str = PROBE) -> int:
    """Run a daemon until it is told to end by SIGINT, SIGTERM or SIGHUP; returns the exit status.

    `run` and `probe` name what its workers are asked, as "module:function". Raises DapError when it cannot start.
    """
    logs.start()
    os.umask(private.OTHERS)  # of the worker, too; what is published is given its own permissions
    workers = kinds.made(settings.workers, settings, run, probe)
    asyncio.run(_serve(Daemon(settings, workers)))
    if not process.all_ended(DEATH_S):
        # It waits for a drive or a driver, and Python would wait for it at exit.
        log.warning("a worker process cannot be ended, and is left to itself")
        os._exit(0)
    return 0


async def _serve(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_unforeseen)
    end = asyncio.Event()
    with console.told_of_endings(end.set):
        await daemon.start()
        await end.wait()
        log.info("ending")
        await daemon.stop()


def _log_unforeseen(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.error(context["message"], exc_info=context.get("exception"))


class Daemon:
    """One daemon, from `start` to `stop`, in an event loop."""

    def __init__(self, settings: Settings, workers: Sequence[Worker]) -> None:
        self._settings = settings
        self._workers = workers
        self._sessions = Sessions.below(settings.data)
        self._followers: dict[str, dict[Sink, None]] = {}
        self._cleanup = AsyncExitStack()
        # A new one each time: what was told to whoever took the port of a daemon that has ended opens nothing.
        self._key = secrets.token_urlsafe(KEY_BYTES)
        self._osc = OscDoor(self._handle, None if settings.open_osc else self._key)
        self._drop = DropFolder(
            settings.spool, self._handle, self._knows, settle_s=settings.settle_s, rescan_s=settings.rescan_s
        )
        self._uploads = Uploads(settings.data / "uploads", round(settings.upload_gib * 2**30))
        self._http: HttpDoor
        self._queue: JobQueue
        self._shelf: Shelf

    async def start(self) -> None:
        """Open everything. Raises DapError, and leaves nothing open then."""
        try:
            await self._open()
        except DapError:
            await self.stop()
            raise
        except OSError as error:
            await self.stop()
            raise BadSettings(f"{error.filename or 'A folder'} cannot be used: {error.strerror}.") from error

    async def stop(self) -> None:
        """Close everything; a running job is interrupted, and told so."""
        await self._cleanup.aclose()

    async def _open(self) -> None:
        settings = self._settings
        for folder in (settings.data, settings.spool):
            private.folder(folder)
        locks = [self._lock(settings.data), self._lock(settings.spool)]
        store = Store(settings.data / "jobs.sqlite")
        self._cleanup.callback(store.close)
        kinds.end_predecessors(settings.data)
        self._queue = JobQueue(
            store,
            self._workers,
            settings.data / "jobs",
            self._announce,
            self._forget,
            limits=Limits(settings.progress_s, settings.cancel_grace_s, settings.stall_s),
            history=settings.history,
            results_days=settings.results_days,
        )
        self._shelf = Shelf(store, self._queue, self._sessions, self._uploads, settings.results_days)
        self._http = HttpDoor(self._handle, self._shelf, self._uploads, self._welcome, settings.data / "editor.json")
        self._sessions.trim()
        self._uploads.prepare()
        self._shelf.trim_uploads()
        self._drop.prepare()
        self._catch_up()
        await self._http.open(settings.http_port)
        self._cleanup.push_async_callback(self._http.close)
        await self._osc.open(settings.osc_port)
        self._cleanup.callback(self._osc.close)
        self._write_heartbeat()  # before the first message is looked at, which has to carry the key
        for lock in locks:
            lock.describe(osc_port=self._osc.port)
        self._queue.start()
        self._cleanup.push_async_callback(self._queue.stop)
        self._drop.start()
        self._cleanup.push_async_callback(self._drop.stop)
        heartbeat = asyncio.create_task(self._beat())
        self._cleanup.push_async_callback(self._still, heartbeat)
        if settings.open_osc:
            log.warning("open_osc is set: any user of this machine may have this user's files read over OSC")
        log.info("listening on OSC port %d, TCP port %d and in %s", self._osc.port, self._http.port, settings.spool)

    def _lock(self, folder: Path) -> FolderLock:
        lock = FolderLock(folder)
        self._cleanup.callback(lock.release)
        return lock

    def _handle(self, verb: Verb, sink: Sink | None) -> None:
        """Do what the message asks, and answer into the sink. Raises DapError where it is refused."""
        try:
            self._dispatch(verb, sink)
        except DapError:
            raise
        except Exception as error:
            log.exception("%s could not be handled", verb.name)
            raise DapError(f"{type(error).__name__}: {error}") from error

    def _dispatch(self, verb: Verb, sink: Sink | None) -> None:
        match verb:
            case JobVerb():
                job, changed = self._queue.submit(verb.job or secrets.token_hex(6), verb.name, verb.request())
                self._answer(job, changed, sink)
            case control.Resume():
                job, changed = self._queue.resume(verb.job)
                self._answer(job, changed, sink)
            case control.Cancel():
                job, changed = self._queue.cancel(verb.job)
                if job.state.ended:
                    self._answer(job, changed, sink)
                else:  # told when it has stopped
                    self._follow(job, sink)
            case control.Status():
                self._report(verb.job, sink)
            case control.Import():
                self._import(verb, sink)
            case control.RenameStem():
                self._shelf.rename_stem(verb.session, verb.stem, verb.to)
                _send(sink, events.Renamed(session=verb.session, stem=verb.stem, to=verb.to))
            case control.ListSessions():
                self._list_sessions(sink)
            case control.ListResults():
                self._list_results(sink)
            case control.Rename():
                self._tell_all(self._result(self._shelf.rename(verb.job, verb.title)), sink)
            case control.Remove():
                self._shelf.remove(verb.job)
                self._tell_all(events.Removed(job=verb.job), sink)
            case control.Hello():
                _send(sink, self._welcome())

    def _answer(self, job: Job, changed: bool, sink: Sink | None) -> None:
        """Say how the job stands: to all who follow it where that is new, else to the asker alone."""
        if changed or not job.state.ended:
            self._follow(job, sink)
        if changed:
            self._announce(job, None)
            return
        event = _event(job, self._queue.standing(job.id))
        self._drop.write(job.id, event)
        _send(sink, event)

    def _report(self, job_id: str | None, sink: Sink | None) -> None:
        jobs = self._queue.active(protocol.MAX_LISTED) if job_id is None else [self._queue.get(job_id)]
        waiting = self._queue.waiting()
        for job in jobs:
            about = {"title": self._shelf.title_of(job), **_place(waiting.get(job.id))}
            _send(sink, events.StatusEvent(job=job.id, verb=job.verb, state=job.state, **about))
            if job_id is not None:
                if not job.state.ended:
                    self._follow(job, sink)
                _send(sink, _event(job, self._queue.standing(job_id)))
        count = self._queue.count_active() if job_id is None else len(jobs)
        _send(sink, events.StatusEvent(job="", jobs=count))

    def _import(self, verb: control.Import, sink: Sink | None) -> None:
        self._shelf.manifest(verb.job)
        manifest = self._shelf.manifest(verb.session)
        if not manifest.is_file():
            raise UnknownSession(
                f"The result of {verb.session} is no longer at {manifest}.",
                "A job that names no folder is forgotten after a time, and its result removed: separate again.",
            )
        event = events.Chosen(job=verb.job, session=verb.session, manifest=str(manifest))
        self._drop.write_choice(event)
        _send(sink, event)

    def _list_results(self, sink: Sink | None) -> None:
        for job in self._shelf.told(protocol.MAX_LISTED):
            _send(sink, self._result(job))
        _send(sink, events.ResultEvent(result="", results=self._shelf.count_told()))

    def _result(self, job: Job) -> events.ResultEvent:
        kept = job.manifest is not None and Path(job.manifest).is_relative_to(self._settings.data / "jobs" / job.id)
        uploaded = bool(self._shelf.uploads_of(job))
        return events.ResultEvent.of(job, title=self._shelf.title_of(job), kept=kept, upload=uploaded)

    def _tell_all(self, event: Event, sink: Sink | None) -> None:
        """Who asked, and all open pages."""
        _send(sink, event)
        self._http.tell(event)

    def _list_sessions(self, sink: Sink | None) -> None:
        found = self._sessions.all()
        for session in found[: protocol.MAX_LISTED]:
            _send(sink, events.SessionEvent(**session.about(self._sessions.has_learned(session))))
        _send(sink, events.SessionEvent(session="", sessions=len(found)))

    def _follow(self, job: Job, sink: Sink | None) -> None:
        if sink is None:
            return
        followers = self._followers.setdefault(job.id, {})
        followers.pop(sink, None)
        followers[sink] = None
        if len(followers) > MAX_FOLLOWERS:
            del followers[next(iter(followers))]

    def _announce(self, job: Job, standing: Standing | None) -> None:
        """Tell everybody who follows the job; the outbox always, for senders that cannot receive."""
        event = _event(job, standing)
        self._drop.write(job.id, event)
        for sink in self._followers.get(job.id, ()):
            _send(sink, event)
        self._http.tell(event)
        if job.state.ended:
            self._followers.pop(job.id, None)

    def _forget(self, job_id: str) -> None:
        self._drop.forget(job_id)
        self._shelf.trim_uploads()

    def _knows(self, job_id: str) -> bool:
        try:
            self._queue.get(job_id)
        except UnknownJob:
            return False
        except StoreUnavailable:  # it may be one
            return True
        return True

    def _catch_up(self) -> None:
        """Write what a killed daemon did not come to say: how jobs stand that have changed since their last answer."""
        with contextlib.suppress(StoreUnavailable):
            for name, written in self._drop.answers():
                with contextlib.suppress(UnknownJob):
                    job = self._queue.get(name)
                    if job.updated > written:
                        self._drop.write(name, _event(job, None))

    def _welcome(self) -> events.Welcome:
        return events.Welcome(
            version=__version__,
            pid=os.getpid(),
            device=self._workers[0].device.name,
            device_reason=self._workers[0].device.reason,
            spool=str(self._settings.spool),
            jobs=self._queue.count_active(),
        )

    async def _beat(self) -> None:
        """Keep <spool>/daemon.status fresh: the sign of life for hosts that only read files."""
        while True:
            self._drop.mend()
            await asyncio.sleep(self._settings.heartbeat_s)
            self._write_heartbeat()

    def _write_heartbeat(self) -> None:
        path = self._settings.spool / HEARTBEAT
        where = {"osc_port": self._osc.port, "key": self._key, "editor": self._http.editor, "time": int(time.time())}
        try:
            atomic.write_text(path, protocol.lines(self._welcome().model_dump() | where), durable=False)
        except OSError as error:
            log.warning("%s cannot be written: %s", path, error)

    async def _still(self, heartbeat: asyncio.Task[None]) -> None:
        heartbeat.cancel()
        await asyncio.gather(heartbeat, return_exceptions=True)
        (self._settings.spool / HEARTBEAT).unlink(missing_ok=True)


def _send(sink: Sink | None, event: Event) -> None:
    """One asker that cannot be answered must not keep the others from being told."""
    if sink is None:
        return
    try:
        sink.send(event)
    except Exception:
        log.exception("%s could not be told of %s", sink, event.name)


def _event(job: Job, standing: Standing | None) -> Event:
    """How a job stands, as an event of the protocol."""
    match job.state:
        case State.QUEUED if isinstance(standing, Waiting):
            return events.Queued(job=job.id, **_place(standing))
        case State.QUEUED:
            return events.Accepted(job=job.id, verb=job.verb)
        case State.RUNNING:
            return _progressed(job.id, standing if isinstance(standing, Progress) else Progress())
        case State.DONE:
            return events.Done(job=job.id, manifest=job.manifest or "", stem=job.stems)
        case State.FAILED:
            return events.Failed(job=job.id, **(job.error or {}))
        case State.CANCELLED:
            return events.CancelledEvent(job=job.id)
        case State.INTERRUPTED:
            return events.Interrupted(job=job.id)


def _place(waiting: Waiting | None) -> dict[str, Any]:
    """Where a queued job stands, as events tell it."""
    if waiting is None:
        return {}
    return asdict(waiting) | {"seconds": -1.0 if waiting.seconds is None else waiting.seconds}


def _progressed(job_id: str, progress: Progress) -> Event:
    return events.Progressed(
        job=job_id,
        fraction=min(1.0, max(0.0, progress.fraction)),
        stage=progress.stage,
        iteration=progress.iteration,
        iterations=progress.iterations,
        seconds_left=-1.0 if progress.seconds_left is None else progress.seconds_left,
        device=progress.device,
        device_reason=progress.device_reason,
    )
