"""What a page sees and hears of a session. Loads numpy and libsndfile when it is asked, in whichever thread asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...names import file_names

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


@dataclass(frozen=True)
class Saved:
    """A file, and what it is called where a person keeps it."""

    name: str
    path: Path


def stem(name: str, manifest: Path, alternative: int, index: int) -> Path:
    """Where a stem lies."""
    from ...web import sessions

    return sessions.load(name, manifest).answer(alternative).path(index)


def saved(title: str, name: str, manifest: Path, alternative: int = 1) -> list[tuple[int, Saved]]:
    """The stems of an answer by their indices, called after the result's title: TITLE - speech.wav.

    Those of several clips are called after their own.
    """
    from ...web import sessions

    session = sessions.load(name, manifest).answer(alternative)
    parts = [one.name.rpartition(" - ") for one in session.manifest.stems]
    if len({before for before, _, _ in parts}) == 1:
        parts = [(title, " - " if before else "", what) for before, _, what in parts]
    names = file_names("".join(part) for part in parts)
    stems = zip(session.manifest.stems, session.paths, names, strict=True)
    return [(one.index, Saved(name + path.suffix, path)) for one, path, name in stems]


def verbs() -> dict[str, Any]:
    """Of each verb that takes a preset: those that it can be done by, the usual one first."""
    from ... import presets
    from ...verbs import table

    return {verb: presets.offered(verb) for verb in table.VERBS if "preset" in table.request(verb).model_fields}


def tile(name: str, manifest: Path, alternative: int, level: int, index: int) -> bytes:
    from ...web import sessions

    session = sessions.load(name, manifest).answer(alternative)
    return _tile_of(session.paths, session.revision, session.rate, session.frames, level, index)


def samples(name: str, manifest: Path, alternative: int, stem: int, start: int, frames: int) -> bytes:
    from ...web import sessions, tiles

    return tiles.samples(sessions.load(name, manifest).answer(alternative).path(stem), start, frames)


def similar(name: str, manifest: Path, alternative: int, query: Mapping[str, str]) -> dict[str, Any]:
    from ...web import sessions, similar

    return similar.answer(sessions.load(name, manifest).answer(alternative), query)
