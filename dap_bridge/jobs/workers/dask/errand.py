"""One job on its way to a process of the cluster, and its result on the way back."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

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
from ...output import TOKEN
from ...sessions import Session, Sessions, stamp
from ..worker import Tell, WorkerGone
from . import parcel, shared, station
from .cluster import QUIET_S, Cluster, Lost, Remote, Unfit
from .identity import Identity
from .parcel import Packed
from .shared import Place

log = logging.getLogger(__name__)

# What a job fails with because of the machine that does it: which one it was is told.
ITS_OWN = (OutOfMemory, DeviceUnavailable, WorkerStuck)
# Pieces that are fetched: what of a job's result the daemon holds.
AT_ONCE = 4

Answer = TypeVar("Answer")


class Errand:
    """From what a job reads to what it has published; done once."""

    def __init__(self, cluster: Cluster, remote: Remote, job: Job, folder: JobFolder, tell: Tell) -> None:
        self._cluster, self._remote = cluster, remote
        self._job, self._folder, self._tell = job, folder, tell
        self._token = secrets.token_hex(16)
        self._few = asyncio.Semaphore(AT_ONCE)

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
        packed = await asyncio.to_thread(parcel.pack, self._job.request)
        return [await self._linked(one) or await self._shipped(one) for one in packed]

    async def _linked(self, one: Packed) -> Packed | None:
        """The file where both machines see it and it is the same; None where its bytes have to go."""
        places = await self._places(one.path)
        if not places:
            return None
        try:
            one = await asyncio.to_thread(parcel.to_be_linked, one)
        except OSError:
            return None  # whoever ships it says so
        why = await self._call(station.link, one, places)
        if why:
            log.warning("%s goes to %s as bytes, though it is shared: %s", one.path, self._remote.name, why)
            return None
        return one

    async def _shipped(self, one: Packed) -> Packed:
        digest = hashlib.sha256()
        reading = parcel.read(one.path, one.pieces)
        while piece := await asyncio.to_thread(_next, reading, one.path):
            digest.update(piece[1])
            await self._call(station.write, one.place, *piece)
        return replace(one, digest=digest.hexdigest())

    async def _places(self, path: str | Path) -> tuple[Place, ...]:
        return await asyncio.to_thread(shared.places, path, self._cluster.settings.workers_shared)

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
            answer = asyncio.ensure_future(cluster.submit(self._remote, self._token, station.run, order))
            try:
                while not (await asyncio.wait({answer}, timeout=QUIET_S))[0]:
                    await self._cluster.call(self._remote, station.ping)
                    self._tell(None)
                return await _asked(answer)
            finally:
                answer.cancel()

    async def _published(self, letter: station.Letter, manifest: Manifest) -> Path:
        """Have what was made written or fetched, and publish it."""
        sessions = Sessions.below(self._cluster.settings.data)
        output, out = self._folder.output, self._job.request.get("out")
        names = dict.fromkeys(Path(file.name).parts[0] for file in letter.files)
        place = Path(out) if out else self._folder.results()
        stage = await asyncio.to_thread(output.stage, place, self._job.id, [*names, results.MANIFEST])
        try:
            unwritten = await self._unwritten(letter.files, stage)
            await asyncio.gather(
                *(self._fetch_into(stage / file.name, file) for file in unwritten),
                *(self._learn(sessions, file) for file in letter.learned),
            )
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

    async def _unwritten(self, files: Sequence[station.Made], stage: Path) -> Sequence[station.Made]:
        """Those that are to be fetched: all, unless whoever made them sees the stage and has written them there."""
        places = await self._places(stage)
        if not places:
            return files
        there = station.Stage(places, (stage / TOKEN).read_bytes())
        for number, file in enumerate(files):
            path = stage / file.name
            path.parent.mkdir(exist_ok=True)
            path.touch()
            if why := await self._put(file, there) or await asyncio.to_thread(_difference, path, file):
                log.warning("%s comes as bytes to %s, though it is shared: %s", file.name, stage.parent, why)
                path.unlink()  # what is still writing to it is let go
                return files[number:]
        return ()

    async def _put(self, file: station.Made, stage: station.Stage) -> str:
        """Why whoever made the file could not write it into the stage, or nothing."""
        for at in range(0, file.size, parcel.PIECE_BYTES):
            why: str = await self._call(station.put, file, at, parcel.PIECE_BYTES, stage)
            if why:
                return why
        return ""

    async def _fetch_into(self, path: Path, file: station.Made) -> None:
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as copy:
            await self._fetch(file, copy.write)

    async def _learn(self, sessions: Sessions, file: station.Made) -> None:
        parts: list[bytes] = []
        await self._fetch(file, parts.append)
        await asyncio.to_thread(sessions.put_learned, b"".join(parts))

    async def _fetch(self, file: station.Made, write: Callable[[bytes], object]) -> None:
        for at in range(0, file.size, parcel.PIECE_BYTES):
            async with self._few:
                content = await self._call(station.read, file.place, at, parcel.PIECE_BYTES)
                await asyncio.to_thread(write, content)

    async def _call(self, function: Callable[..., Any], *arguments: object) -> Any:
        answer = await _asked(self._cluster.call(self._remote, function, self._token, *arguments))
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


def _difference(path: Path, file: station.Made) -> str:
    """Why a file is not what was made, as far as its samples tell, or nothing. Raises OSError."""
    with path.open("rb") as written:  # opened first: a network's file system may remember how long it was before
        size = os.fstat(written.fileno()).st_size
    same = size == file.size and parcel.digest(path, parcel.samples(size)) == file.digest
    return "" if same else "it is another one here"


def _next(reading: object, path: str) -> tuple[int, bytes] | None:
    """The next piece of a file. Raises ClipUnreadable."""
    try:
        return next(reading, None)  # type: ignore[call-overload,no-any-return]
    except OSError as error:
        raise ClipUnreadable(f"{path} cannot be read: {error.strerror or error}.") from error


async def _unbroken(work: Callable[[], Answer]) -> Answer:
    """What is done in a thread, and waited for by whoever is told meanwhile that he need not."""
    answer = asyncio.ensure_future(asyncio.to_thread(work))
    while True:
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if answer.cancelled():
                raise
