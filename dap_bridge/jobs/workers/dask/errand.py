"""One job on its way to a process of the cluster, and its result on the way back."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ....domain import Job, Manifest, Progress, State
from ....errors import (
    ClipUnreadable,
    DeviceUnavailable,
    OutOfMemory,
    OutputUnwritable,
    WorkerRefused,
    WorkerStuck,
    restored,
)
from ... import results
from ...folder import JobFolder
from ...sessions import Session, Sessions, stamp
from ..worker import Tell, WorkerGone
from . import parcel, station
from .cluster import QUIET_S, Cluster, Lost, Remote, Unfit
from .identity import Identity
from .parcel import Packed

log = logging.getLogger(__name__)

# What a job fails with because of the machine that does it: which one it was is told.
ITS_OWN = (OutOfMemory, DeviceUnavailable, WorkerStuck)

Answer = TypeVar("Answer")


class Errand:
    """From what a job reads to what it has published; done once."""

    def __init__(self, cluster: Cluster, remote: Remote, job: Job, folder: JobFolder, tell: Tell) -> None:
        self._cluster, self._remote = cluster, remote
        self._job, self._folder, self._tell = job, folder, tell
        self._token = secrets.token_hex(16)

    async def run(self) -> Path:
        """The manifest. Raises what the job failed with, WorkerGone where its process did, Lost, Unfit."""
        try:
            letter = await self._done(await self._sent())
            outcome = letter.outcome
            if letter.manifest is not None:
                return await self._published(letter, letter.manifest)
            if outcome.state is State.FAILED:
                await _asked(_failure(outcome.error))
            if outcome.state is State.QUEUED:
                raise WorkerGone
            raise Lost("it was told to end")
        except ITS_OWN as error:
            raise type(error)(f"{error.message} (On {self._remote.name}.)", error.hint) from error
        finally:
            self._cluster.forget(self._remote, self._token)

    async def _sent(self) -> list[Packed]:
        """What the job reads, once it is over there. Raises ClipUnreadable."""
        sent = []
        for one in await asyncio.to_thread(parcel.pack, self._job.request):
            digest = hashlib.sha256()
            reading = parcel.read(one.path, one.pieces)
            while piece := await asyncio.to_thread(_next, reading, one.path):
                digest.update(piece[1])
                await self._call(station.write, one.place, *piece)
            sent.append(replace(one, digest=digest.hexdigest()))
        return sent

    async def _done(self, sent: list[Packed]) -> station.Letter:
        settings, cluster = self._cluster.settings, self._cluster
        request = dict(self._job.request)
        for name in ("format", "alternatives"):  # what is not said is as it is set here
            if name in request and request[name] is None:
                request[name] = getattr(settings, name)
        order = station.Order(
            self._token,
            cluster.topic,
            cluster.doing,
            await asyncio.to_thread(Identity.here),
            replace(self._job, request=request),
            cluster.limits,
            tuple(sent),
        )
        with cluster.hearing(self._token, self._hear):
            task = asyncio.ensure_future(cluster.task(self._remote, self._token, station.run, order))
            try:
                while not (await asyncio.wait({task}, timeout=QUIET_S))[0]:
                    await self._cluster.call(self._remote, station.ping)
                    self._tell(None)
                return await _asked(task)
            finally:
                task.cancel()

    async def _published(self, letter: station.Letter, manifest: Manifest) -> Path:
        """Fetch what was made, and publish it."""
        sessions = Sessions.below(self._cluster.settings.data)
        output, out = self._folder.output, self._job.request.get("out")
        names = dict.fromkeys(Path(file.name).parts[0] for file in letter.files)
        place = Path(out) if out else self._folder.results()
        stage = await asyncio.to_thread(output.stage, place, self._job.id, [*names, results.MANIFEST])
        try:
            for file in letter.files:
                (stage / file.name).parent.mkdir(exist_ok=True)
                with (stage / file.name).open("wb") as copy:
                    await self._fetch(file, copy.write)
            for file in letter.learned:
                parts: list[bytes] = []
                await self._fetch(file, parts.append)
                await asyncio.to_thread(sessions.put_learned, b"".join(parts))
            placed = results.placed(replace(manifest, device_reason=self._where(manifest.device_reason)), stage.parent)
            results.write(stage, placed)
            clips = [Path(entry["path"]) for entry in placed.inputs] if out else []
            path = await _unbroken(lambda: output.publish(last=results.MANIFEST, like=clips))
        except OSError as error:
            output.discard()
            raise OutputUnwritable.because(stage.parent, error) from error
        except BaseException:
            output.discard()
            raise
        if letter.session is not None:
            self._remember(sessions, letter.session, path)
        return path

    def _remember(self, sessions: Sessions, made: Session, path: Path) -> None:
        """A result that cannot be remembered is a result all the same."""
        try:
            session = replace(made.moved(path), request=self._job.request)
            separated = {stem: stamp(Path(stem)) for stem in session.separated}
            sessions.add(replace(session, separated=separated))
        except OSError as error:
            log.warning("session %s cannot be kept: %s", made.id, error)

    async def _fetch(self, file: station.Made, write: Callable[[bytes], object]) -> None:
        for at in range(0, file.size, parcel.PIECE_BYTES):
            content = await self._call(station.read, file.place, at, parcel.PIECE_BYTES)
            await asyncio.to_thread(write, content)

    async def _call(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        answer: Answer = await _asked(self._cluster.call(self._remote, function, self._token, *arguments))
        self._tell(None)
        return answer

    def _hear(self, progress: Progress | None) -> None:
        self._tell(progress and replace(progress, device_reason=self._where(progress.device_reason)))

    def _where(self, reason: str) -> str:
        return f"{reason} On {self._remote.name}, of {self._cluster.called}."


async def _asked(answer: Awaitable[Answer]) -> Answer:
    """Raises Unfit where the machine over there is at fault, and others are not."""
    try:
        return await answer
    except (WorkerRefused, OutputUnwritable) as error:
        raise Unfit(error) from error


async def _failure(error: dict[str, str] | None) -> None:
    raise restored(error or {})


def _next(reading: object, path: str) -> tuple[int, bytes] | None:
    """The next piece of a file. Raises ClipUnreadable."""
    try:
        return next(reading, None)  # type: ignore[call-overload,no-any-return]
    except OSError as error:
        raise ClipUnreadable(f"{path} cannot be read: {error.strerror or error}.") from error


async def _unbroken(work: Callable[[], Answer]) -> Answer:
    """What is done in a thread, and waited for by whoever is told meanwhile that he need not."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
