"""What a page is shown of a session, by its name and its manifest: for threads that the HTTP door asks.

part: which of the session's answers, from 1, and which of its clips, None where there is but one.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from . import sessions, tiles
from .sessions import Session

# Tiles that are kept: some 30 MB of two stems.
KEPT_TILES = 64

Part = tuple[int, int | None]


def view(name: str, manifest: Path, part: Part) -> dict[str, Any]:
    return _session(name, manifest, part).view()


def clip(name: str, manifest: Path) -> dict[str, Any]:
    """What it was made from, as the fields of a request."""
    return sessions.load(name, manifest).clip().as_request()


def tile(name: str, manifest: Path, part: Part, chosen: int, level: int, index: int) -> bytes:
    session = _session(name, manifest, part)
    return _tile(session.paths, session.revision, session.rate, session.frames, chosen, level, index)


def waveform(name: str, manifest: Path, part: Part) -> bytes:
    session = _session(name, manifest, part)
    return tiles.waveform(session.paths, session.frames)


def samples(name: str, manifest: Path, part: Part, stem: int, start: int, frames: int) -> bytes:
    return tiles.samples(_session(name, manifest, part).path(stem), start, frames)


def _session(name: str, manifest: Path, part: Part) -> Session:
    alternative, number = part
    session = sessions.load(name, manifest).answer(alternative)
    return session if number is None else session.of_clip(number)


@lru_cache(maxsize=KEPT_TILES)
def _tile(paths: tuple[Path, ...], revision: int, rate: int, frames: int, chosen: int, level: int, index: int) -> bytes:
    # `revision` tells a folder from one that took its place.
    return tiles.tile(paths, tiles.Geometry(rate, frames), chosen, level, index)
