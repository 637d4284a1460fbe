"""Which stem of which result some audio is: told by its samples, whatever its track is called and wherever it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from .. import domain
from ..errors import UnknownSession
from ..jobs.results import NoResultError
from ..jobs.results import read as read_manifest
from ..transport.client import Client
from ..transport.heartbeat import heartbeat

BLOCK_FRAMES = 1 << 16
SILENCE_S = 0.5


@dataclass(frozen=True)
class Result:
    """A result that can be corrected, or a further answer of one, as the manifest tells of it.

    clip: the file that was separated; rate: Hz; frames: length of each stem; stems: path and index of each; boxes: how
    many are in force; alternative: which answer of its separation it is; drawn: in full, so that it can be corrected.
    """

    session: str
    parent: str | None
    clip: Path
    manifest: Path
    rate: int
    frames: int
    boxes: int
    stems: tuple[tuple[int, Path], ...]
    alternative: int = 1
    drawn: bool = True


@dataclass(frozen=True)
class Stem:
    """A stem of a result, counted from 1, and its file."""

    result: Result
    index: int
    path: Path


def results(spool: Path) -> list[Result]:
    """Those that the daemon of this drop folder knows, the latest first. Raises DaemonUnreachable."""
    with Client(int(heartbeat(spool)["osc_port"]), SILENCE_S) as client:
        return [
            result
            for event in client.sessions()
            for result in _read(event.session, Path(event.clip), Path(event.manifest))
        ]


def origins(known: Iterable[Result]) -> dict[str, str]:
    """By session, the separation that it goes back to."""
    parents = {result.session: result.parent for result in known}

    def origin(session: str) -> str:
        while (parent := parents.get(session)) is not None:
            session = parent
        return session

    return {session: origin(session) for session in parents}


def read(path: Path) -> NDArray[np.float32]:
    """Audio (frames, channels). Raises UnknownSession where there is none."""
    try:
        audio: NDArray[np.float32] = soundfile.read(path, dtype="float32", always_2d=True)[0]
        return audio
    except (OSError, RuntimeError) as error:
        raise UnknownSession(f"{path} cannot be read.", "Try again.") from error


def tell(audio: NDArray[np.float32], offset: int, known: Iterable[Result]) -> Stem | None:
    """The stem that has this audio (frames, channels) from frame `offset` on; of several that do, the latest.

    Raises UnknownSession where it is silence, which may be that of several stems.
    """
    among = list(known)
    found = list(matching(audio, offset, among))
    origin = origins(among)
    if not audio.any() and len({(origin[stem.result.session], stem.index) for stem in found}) > 1:
        raise UnknownSession("The selection is silent, and a stem is told by its sound.", "Select more of it.")
    return found[0] if found else None


def matching(audio: NDArray[np.float32], offset: int, among: Iterable[Result]) -> Iterator[Stem]:
    """The stems that hold audio (frames, channels), sample for sample, from frame `offset` on."""
    for result in among:
        for index, path in result.stems:
            if _holds(path, offset, audio):
                yield Stem(result, index, path)


def _read(session: str, clip: Path, path: Path) -> Iterator[Result]:
    """The result of a session, and its further answers."""
    try:
        manifest = read_manifest(path)
    except NoResultError:
        return
    common = (session, manifest.parent, clip, path, manifest.rate, manifest.frames)

    def placed(stems: Iterable[domain.Stem]) -> tuple[tuple[int, Path], ...]:
        return tuple((stem.index, path.parent / stem.path) for stem in stems)

    yield Result(*common, len(manifest.boxes), placed(manifest.stems), manifest.alternative)
    for other in manifest.alternatives:
        if other.index > 1:
            yield Result(*common, 0, placed(other.stems), other.index, drawn=False)


def _holds(path: Path, offset: int, audio: NDArray[np.float32]) -> bool:
    try:
        with soundfile.SoundFile(path) as file:
            if file.channels != audio.shape[1] or not 0 <= offset <= file.frames - len(audio):
                return False
            file.seek(offset)
            return all(
                np.array_equal(file.read(len(block), dtype="float32", always_2d=True), block)
                for block in (audio[at : at + BLOCK_FRAMES] for at in range(0, len(audio), BLOCK_FRAMES))
            )
    except (OSError, RuntimeError):  # it is gone, or no audio
        return False
