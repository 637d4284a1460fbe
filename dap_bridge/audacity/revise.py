"""Refined stems into the place of those that stand in the project in front: one step of Audacity's undo."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import HostRefused, HostUnreachable
from ..transport import protocol
from . import stems
from .corrections import Correction
from .pipe import Pipe
from .place import Track, require_stems, tracks
from .selections import FOLDER
from .stems import Result, Stem

PLAN = "stems.plan"
READ, REPLACE = "DAP Read stems", "DAP Replace stems"


def revise(pipe: Pipe, spool: Path, correction: Correction, manifest: Path) -> tuple[list[str], list[int]]:
    """Put the stems of a finished job where those of its family stand; the names of the tracks, and what was not there.

    Raises HostRefused where the result cannot be used or none of them stands there any more; HostUnreachable where
    Audacity does not answer, or is at something else. Nothing has changed then.
    """
    made = require_stems(manifest)
    new = {stem.index: manifest.parent / stem.path for stem in made.stems}
    known = stems.results(spool)
    origin = stems.origins(known)
    family = [
        result
        for result in known
        if (origin[result.session], result.alternative) == (origin.get(correction.session), correction.alternative)
    ]
    start, end = correction.position / made.rate, (correction.position + made.frames) / made.rate
    standing = _standing(pipe, spool, family, start, end)
    if not standing:
        raise HostRefused("No stem of that separation stands there any more, in the project in front.")
    old = {track: new[stem.index] for track, stem in standing.items() if stem.path != new[stem.index]}
    if old:
        _replace(pipe, spool, old, start, end)
    # The box is selected again: to be heard.
    corrected = [track for track, stem in standing.items() if stem.index == correction.stem] or list(standing)
    _select(pipe, corrected[0].position, 1, correction.start, correction.end)
    return [track.name for track in standing], sorted(new.keys() - {stem.index for stem in standing.values()})


def _standing(pipe: Pipe, spool: Path, family: list[Result], start: float, end: float) -> dict[Track, Stem]:
    """The tracks with a stem of the family as a clip from `start` to `end`, and which stem that is."""
    everything = tracks(pipe)
    waves = [track for track in everything if track.kind == "wave"]
    _select(pipe, 0, len(everything), start, end)
    with _plan(spool, {"start": f"{start:.12f}", "end": f"{end:.12f}"}):
        _carry_out(pipe, READ, _short(READ))
        found = {}
        for number, track in enumerate(waves, 1):
            path = _audio(spool, number)
            if path.exists():
                stem = next(stems.matching(stems.read(path), 0, family), None)
                if stem is not None:
                    found[track] = stem
        return found


def _replace(pipe: Pipe, spool: Path, audio: dict[Track, Path], start: float, end: float) -> None:
    first, *others = audio
    _select(pipe, first.position, 1, start, end)
    for track in others:
        pipe.command("SelectTracks", Track=track.position, TrackCount=1, Mode="Add")
    with _plan(spool, {str(number): path.as_posix() for number, path in enumerate(audio.values(), 1)}):
        _carry_out(pipe, REPLACE, menu_entry(pipe, REPLACE))


def _carry_out(pipe: Pipe, plugin: str, command: str) -> None:
    try:
        pipe.command(f"{command}:")
    except HostRefused as error:
        raise HostUnreachable(
            "Audacity does not let stems be replaced now.",
            f"Stop it if it plays or records; {plugin} must be enabled in Tools > Plugin Manager.",
        ) from error


def menu_entry(pipe: Pipe, plugin: str) -> str:
    """The command that runs a plug-in as a click in the menu does: as a step of undo. By its short name it is none.

    It holds the plug-in's path. Where that has a colon (Windows), which ends a command, the short name must do.
    """
    found = re.search(rf'"id":"([^":]*_{plugin}_[^":]*)"', pipe.command("GetInfo", Type="Menus", Format="JSON"))
    return found[1] if found else _short(plugin)


def _short(plugin: str) -> str:
    return plugin.title().replace(" ", "")


def _select(pipe: Pipe, first: int, count: int, start: float, end: float) -> None:
    edges = [f"{edge:.12f}" for edge in (start, end)]
    pipe.command("Select", Track=first, TrackCount=count, Mode="Set", Start=edges[0], End=edges[1])


@contextlib.contextmanager
def _plan(spool: Path, lines: dict[str, str]) -> Iterator[None]:
    """What a plug-in is to do, and what it leaves, for as long as it is needed."""
    path = spool / FOLDER / PLAN
    try:
        path.write_text(protocol.lines(lines), encoding="utf-8")
        yield
    finally:
        path.unlink(missing_ok=True)
        for audio in path.parent.glob(_audio(spool, 0).name.replace("0", "*")):
            audio.unlink(missing_ok=True)


def _audio(spool: Path, number: int) -> Path:
    return spool / FOLDER / f"stems.{number}.wav"
