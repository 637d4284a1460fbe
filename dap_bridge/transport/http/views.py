"""What a page sees and hears of a session. Loads numpy and libsndfile when it is asked, in whichever thread asks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

# Tiles that are kept: some 50 MB of a stereo clip with two stems.
KEPT_TILES = 64


def warm_up() -> None:
    """Load what pictures need: half a second that the daemon's own start is spared."""
    from ...web import sessions, tiles  # noqa: F401


def view(name: str, manifest: Path) -> dict[str, Any]:
    from ...web import sessions

    return sessions.load(name, manifest).view()


@lru_cache(maxsize=KEPT_TILES)
def _tile_of(paths: tuple[Path, ...], revision: int, rate: int, frames: int, level: int, index: int) -> bytes:
    # `revision` tells a folder from one that took its place.
    from ...web import tiles

    return tiles.tile(paths, tiles.Geometry(rate, frames), level, index)


def clip(name: str, manifest: Path) -> dict[str, Any]:
    from ...web import sessions

    return sessions.load(name, manifest).clip().as_request()


def tile(name: str, manifest: Path, alternative: int, level: int, index: int) -> bytes:
    from ...web import sessions

    session = sessions.load(name, manifest).answer(alternative)
    return _tile_of(session.paths, session.revision, session.rate, session.frames, level, index)


def samples(name: str, manifest: Path, alternative: int, stem: int, start: int, frames: int) -> bytes:
    from ...web import sessions, tiles

    return tiles.samples(sessions.load(name, manifest).answer(alternative).path(stem), start, frames)
