"""Over there: what a process of the cluster does for a daemon elsewhere.

It has a folder for what is sent, and a local worker, whose process does the jobs, stays warm between them, and is ended
and begun anew as on the daemon's machine: by the same `Watch`. A job is a Dask task that has an eye on that. Dask
itself ends none that runs: ours sees that it is not wanted any more, by whoever it was, and then ends the job.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import multiprocessing
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from distributed import Status, Worker, get_worker

from .... import config
from ....domain import Job, Manifest, Progress, Standing
from ....errors import DapError, OutOfMemory, OutputUnwritable, UnknownSession, WorkerDied, WorkerRefused
from ... import results
from ...device import Device
from ...folder import JobFolder
from ...output import TOKEN
from ...sessions import Session, Sessions
from ...watch import Limits, Outcome, Watch
from ..local.worker import LocalWorker
from ..worker import WorkerGone
from . import parcel, shared
from .identity import Identity
from .parcel import Packed
from .shared import Place

log = logging.getLogger(__name__)

# Between two polls whether the job is still wanted, and two reports of how it goes.
POLL_S, REPORT_S = 0.1, 0.5
# What nobody has fetched for so long is removed.
FORGOTTEN_S = 3600.0
# What a folder that other machines share has to answer within.
SHARED_S = 5.0
# In a parcel's folder: what was sent, links to what is seen from here, and the job's own.
SENT, LINKED, JOB = "sent", "linked", "job"


class Doing(NamedTuple):
    """What the process is asked: see `LocalWorker`."""

    run: str
    probe: str


@dataclass(frozen=True)
class Order:
    """A job to be done. token: of its parcel; topic: where it is told how it goes."""

    token: str
    topic: str
    doing: Doing
    identity: Identity
    job: Job
    limits: Limits
    sent: tuple[Packed, ...]


@dataclass(frozen=True)
class Made:
    """A file to be fetched. name: what it is called; place: where it lies, from the parcel's folder; digest: of its
    samples.
    """

    name: str
    place: str
    size: int
    digest: str


@dataclass(frozen=True)
class Stage:
    """A folder that the daemon has made, in one that both see: where it may be, and the token that lies in it."""

    places: tuple[Place, ...]
    token: bytes

    def found(self) -> Path:
        """Raises OSError."""
        return shared.found(self.places, lambda folder: (folder / TOKEN).read_bytes() == self.token)


@dataclass(frozen=True)
class Letter:
    """What became of it; of one that is done what the manifest says, and the files that it tells of; what is kept for
    corrections, and what was learned.
    """

    outcome: Outcome
    manifest: Manifest | None = None
    files: tuple[Made, ...] = ()
    session: Session | None = None
    learned: tuple[Made, ...] = ()


class Introduction(NamedTuple):
    """What a process says of itself. refusal: why it could not do a job as the asker would."""

    name: str
    device: Device = Device("", "It has not been asked.")
    gpus: bool = False
    refusal: DapError | None = None


_last_introduction: tuple[tuple[Identity, Doing] | None, Introduction | None] = None, None


def ping() -> None:
    """Answered while the process lives."""


def introduced(identity: Identity, doing: Doing) -> Introduction | None:
    """Who this is, where that was told to whoever asked the same last, and is true still: also while it does a job."""
    asked, told = _last_introduction
    if asked != (identity, doing):
        return None
    with contextlib.suppress(WorkerRefused):  # presets may have changed: `introduce` says which
        identity.require(Identity.here())
        return told
    return None


def introduce(identity: Identity, doing: Doing) -> Introduction:
    """Who this is, ready for a job."""
    global _last_introduction
    worker = get_worker()
    try:
        _require_able(identity, worker)
        local = _local(doing)
        asyncio.run(local.warm())
    except DapError as refusal:
        log.warning("no daemon gives this worker jobs (%s): %s", refusal.code, refusal.message)
        return Introduction(str(worker.name), refusal=refusal)
    told = Introduction(str(worker.name), local.device, bool(worker.state.total_resources.get("GPU")))
    _last_introduction = (identity, doing), told
    return told


def write(token: str, place: str, at: int, content: bytes) -> None:
    """Write some bytes of a file that is sent. Raises OutputUnwritable."""
    path = _folder() / token / SENT / place
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.seek(at)
            file.write(content)
    except OSError as error:
        raise OutputUnwritable.because(path.parent, error) from error


def read(token: str, place: str, at: int, size: int) -> bytes:
    """Some bytes of a file that was made."""
    with (_folder() / token / place).open("rb") as file:
        file.seek(at)
        return file.read(size)


async def link(token: str, one: Packed, places: tuple[Place, ...]) -> str:
    """Have a file that is seen from here stand for one that would be sent. Why that cannot be, or nothing."""
    return await _tried(_link, token, one, places)


def _link(token: str, one: Packed, places: tuple[Place, ...]) -> None:
    path = _folder() / token / LINKED / one.place
    found = shared.found(places, lambda path: _is_same(path, one))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(found)


def _is_same(path: Path, one: Packed) -> bool:
    status = path.stat()
    same = stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (one.size, one.written_ns)
    return same and parcel.digest(path, one.pieces) == one.digest


async def put(token: str, made: Made, at: int, size: int, stage: Stage) -> str:
    """Copy some bytes of a file that was made into the daemon's stage. Why that cannot be, or nothing."""
    return await _tried(_put, token, made, at, size, stage)


def _put(token: str, made: Made, at: int, size: int, stage: Stage) -> None:
    """No file is made: the daemon has made it, so that nobody writes what is not awaited any more."""
    content = read(token, made.place, at, size)
    path = Place(str(stage.found()), Path(made.name).parts).found()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


async def _tried(work: Callable[..., None], *arguments: object) -> str:
    """Why what has to do with a shared folder cannot be done, or nothing: such a folder may never answer."""
    try:
        await asyncio.wait_for(asyncio.to_thread(work, *arguments), SHARED_S)
    except TimeoutError:
        return "it does not answer"
    except OSError as error:
        return f"{error.filename or 'it'}: {error.strerror}" if error.strerror else str(error)
    return ""


def forget(token: str) -> None:
    """Everything of a job that has ended for whoever sent it."""
    shutil.rmtree(_folder() / token, ignore_errors=True)


def run(order: Order) -> Letter:
    """Do a job; what it made is to be fetched. Raises WorkerRefused, OutputUnwritable."""
    worker = get_worker()
    _require_able(order.identity, worker)
    _tidy()
    folder = _folder() / order.token
    places = {one.path: str(folder / (LINKED if one.linked else SENT) / one.place) for one in order.sent}
    request = parcel.elsewhere(order.job.request, lambda path: places.get(path, path)) | {"out": None}
    _settle(folder / SENT, [one for one in order.sent if not one.linked])
    local, place = _local(order.doing), JobFolder(folder / JOB)
    job = replace(order.job, request=request)
    outcome = asyncio.run(_watched(order, job, local, place, worker))
    home = {there: here for here, there in places.items()}
    if outcome.manifest is None:
        place.close(keep_output=False)
        return Letter(outcome._replace(error=parcel.replaced(outcome.error, home)))
    return _letter(outcome, Path(outcome.manifest), folder, job, home)


async def _watched(order: Order, job: Job, local: LocalWorker, place: JobFolder, worker: Worker) -> Outcome:
    """What became of the job; what a daemon asks of its watch over one of its own is asked here."""
    key, told_at, told = worker.get_current_task(), -REPORT_S, None
    latest: list[Standing | None] = [None]
    await local.warm()
    watch = Watch(job, local, place, lambda _, standing: latest.append(standing), order.limits)
    outcome = asyncio.ensure_future(watch.outcome(1))
    while not (await asyncio.wait({outcome}, timeout=POLL_S))[0]:
        standing, now = latest[-1], time.monotonic()
        del latest[:-1]
        if isinstance(standing, Progress) and standing != told and now >= told_at + REPORT_S:
            told, told_at = standing, now
            worker.log_event(order.topic, {"token": order.token, "progress": asdict(standing)})
        if not _is_wanted(worker, key):
            watch.cancel()
    found = outcome.result()
    if found.error and found.error["code"] == OutOfMemory.code:
        local.kill()  # the next one starts clean
    return found


def compute(doing: Doing, name: str, packed: bytes) -> bytes:
    """What "module:function" makes of the bytes, in the process that does jobs, which is ended where nobody waits.

    Raises WorkerDied.
    """
    return asyncio.run(_computed(_local(doing), name, packed, get_worker()))


async def _computed(local: LocalWorker, name: str, packed: bytes, worker: Worker) -> bytes:
    key, answer = worker.get_current_task(), asyncio.ensure_future(local.call(name, packed))
    while not (await asyncio.wait({answer}, timeout=POLL_S))[0]:
        if not _is_wanted(worker, key):
            local.kill()
    try:
        made: bytes = answer.result()
    except WorkerGone as error:
        raise WorkerDied("The process that computed the chunk ended.") from error
    return made


def _is_wanted(worker: Worker, key: Any) -> bool:
    """Whether what runs has still to be done: its asker has not cancelled it, or gone, nor the scheduler."""
    running = worker.state.tasks.get(key)
    return worker.status in (Status.running, Status.paused) and running is not None and running.state == "executing"


def _require_able(identity: Identity, worker: Worker) -> None:
    if worker.state.nthreads != 1:
        raise WorkerRefused("It does several things at once.", "Start it with `dap-bridge worker`, or --nthreads 1.")
    if multiprocessing.current_process().daemon:
        raise WorkerRefused(
            "It may start no process, as it was started.",
            "Start it with `dap-bridge worker`, or with DASK_DISTRIBUTED__WORKER__DAEMON=False.",
        )
    identity.require(Identity.here())


def _settle(folder: Path, sent: list[Packed]) -> None:
    """Files are as long and as old as those that they stand for. Raises OutputUnwritable, DapError where one has
    changed on its way.
    """
    try:
        for one in sent:
            path = folder / one.place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            os.truncate(path, one.size)
            if parcel.digest(path, one.pieces) != one.digest:
                raise DapError(f"{one.path} has changed on its way.", "Send the job again.")
            os.utime(path, ns=(one.written_ns, one.written_ns))
    except OSError as error:
        raise OutputUnwritable.because(folder, error) from error


def _letter(outcome: Outcome, path: Path, folder: Path, job: Job, home: Mapping[str, str]) -> Letter:
    manifest = results.read(path)
    files = [_made(one, folder, one.relative_to(path.parent)) for one in results.files(path, manifest)]
    manifest = replace(
        manifest,
        inputs=parcel.replaced(manifest.inputs, home),
        examples=parcel.replaced(manifest.examples, home),
        warnings=parcel.replaced(manifest.warnings, home),
    )
    data = _folder() / "data"
    try:
        session = Sessions.below(data).get(job.id)
    except UnknownSession:
        return Letter(outcome, manifest, tuple(files))
    # the next job begins with none
    kept = (data / "sessions").rename(folder / "sessions")
    learned = [_made(one, folder, Path(one.name)) for one in kept.rglob("*") if one.stem in session.names]
    return Letter(outcome, manifest, tuple(files), session, tuple(learned))


def _made(path: Path, folder: Path, name: Path) -> Made:
    size = path.stat().st_size
    return Made(name.as_posix(), path.relative_to(folder).as_posix(), size, parcel.digest(path, parcel.samples(size)))


def _tidy() -> None:
    """Remove what was left by whoever went away, and what a job before that failed has kept."""
    shutil.rmtree(_folder() / "data", ignore_errors=True)
    for path in _folder().iterdir():
        if path.is_dir() and time.time() - path.stat().st_mtime > FORGOTTEN_S:
            shutil.rmtree(path, ignore_errors=True)


_once = threading.Lock()


def _folder() -> Path:
    """This process's, which goes with it."""
    with _once:  # what is sent arrives in another thread than jobs are done in
        return _new_folder()


@cache
def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dap-bridge-worker-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _local(doing: Doing) -> LocalWorker:
    settings, folder = config.load(), _folder()
    return LocalWorker(
        settings.device, folder / "data", folder / "worker.json", doing.run, doing.probe, stall_s=settings.stall_s
    )
