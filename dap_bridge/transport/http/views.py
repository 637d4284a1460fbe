"""What a page sees and hears of a session, by its name and its manifest: for threads that addresses ask.

part: which of the session's answers, from 1, and which of its clips, None where there is but one. numpy and libsndfile
are loaded when they are first asked for, in whichever thread asks.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ClipUnreadable, DapError
from ...names import file_names

if TYPE_CHECKING:
    from ...web.sessions import Session

# Tiles that are kept: some 30 MB of two stems.
KEPT_TILES = 64

Part = tuple[int, int | None]


@dataclass(frozen=True)
class Saved:
    """A file, and what it is called where a person keeps it."""

    name: str
    path: Path


def warm_up() -> None:
    """Load what pictures need: half a second that the daemon's own start is spared."""
    from ...web import sessions, tiles  # noqa: F401


def view(name: str, manifest: Path, part: Part) -> dict[str, Any]:
    return _session(name, manifest, part).view()


def clip(name: str, manifest: Path) -> dict[str, Any]:
    """What it was made from, as the fields of a request."""
    return _session(name, manifest).clip().as_request()


def stem(name: str, manifest: Path, part: Part, index: int) -> Path:
    """Where a stem lies."""
    return _session(name, manifest, part).path(index)


def saved(title: str, name: str, manifest: Path, part: Part = (1, None)) -> list[tuple[int, Saved]]:
    """The stems of an answer by their indices, called after the result's title: TITLE - speech.wav.

    Those of several clips are called after their own.
    """
    session = _session(name, manifest, part)
    parts = [one.name.rpartition(" - ") for one in session.manifest.stems]
    if len({before for before, _, _ in parts}) == 1:
        parts = [(title, " - ", what) for _, _, what in parts]
    names = file_names("".join(part) for part in parts)
    stems = zip(session.manifest.stems, session.paths, names, strict=True)
    return [(one.index, Saved(name + path.suffix, path)) for one, path, name in stems]


def tile(name: str, manifest: Path, part: Part, windows: int, level: int, index: int) -> bytes:
    session = _session(name, manifest, part)
    return _tile(session.paths, session.revision, session.rate, session.frames, windows, level, index)


def waveform(name: str, manifest: Path, part: Part) -> bytes:
    from ...web import tiles

    session = _session(name, manifest, part)
    return tiles.waveform(session.paths, session.frames)


def samples(name: str, manifest: Path, part: Part, stem: int, start: int, frames: int) -> bytes:
    from ...web import tiles

    return tiles.samples(_session(name, manifest, part).path(stem), start, frames)


def similar(name: str, manifest: Path, part: Part, query: Mapping[str, str]) -> dict[str, Any]:
    from ...web import similar

    return similar.answer(_session(name, manifest, part), query)


def dawproject(manifest: Path) -> Path:
    """The result as a DAWproject, alone in a folder of its own, which whoever takes it removes."""
    from ...dawproject import placing
    from ...jobs.results import NoResultError

    target = Path(tempfile.mkdtemp(prefix="dap-bridge-")) / "result.dawproject"
    try:
        placing.write(manifest, target)
    except (DapError, NoResultError) as error:
        shutil.rmtree(target.parent, ignore_errors=True)
        raise ClipUnreadable(f"It cannot be saved: {error}") from error
    return target


def verbs() -> dict[str, Any]:
    """Of each verb that takes a preset: those that it can be done by, the usual one first."""
    from ... import presets
    from ...verbs import table

    return {verb: presets.offered(verb) for verb in table.VERBS if "preset" in table.request(verb).model_fields}


def _session(name: str, manifest: Path, part: Part = (1, None)) -> Session:
    from ...web import sessions

    alternative, number = part
    session = sessions.load(name, manifest).answer(alternative)
    return session if number is None else session.of_clip(number)


@lru_cache(maxsize=KEPT_TILES)
def _tile(
    paths: tuple[Path, ...], revision: int, rate: int, frames: int, windows: int, level: int, index: int
) -> bytes:
    # `revision` tells a folder from one that took its place.
    from ...web import tiles

    return tiles.tile(paths, tiles.Geometry(rate, frames), windows, level, index)
