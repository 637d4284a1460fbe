"""DAWprojects, typed: a result as one, and the audio on a track of one, with its stems below that track in another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from .. import console
from ..dawproject import SUFFIX
from ..errors import BadRequest
from ..jobs import results
from ..names import file_name
from ..verbs.command import Option
from . import clips, here

file_option: Option = click.option(
    "--dawproject",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The clip and its stems also as one file that Bitwig Studio, Studio One and Cubase open.",
)
track_option: Option = click.option("--track", help=f"Where CLIP is a {SUFFIX}: the track whose audio is meant.")

# Does the job that is typed with a clip, `start` and `length` in seconds, and a folder; returns the manifest.
Do = Callable[..., Path]


def is_project(found: Sequence[Path]) -> bool:
    """Whether the one clip that is meant is a project."""
    return len(found) == 1 and found[0].suffix.lower() == SUFFIX


def require_writable(target: Path | None, several: bool = False, track: str | None = None) -> None:
    """Raises BadRequest where one file is not what can be written, before anything is done."""
    if target is not None and several:
        raise BadRequest("--dawproject is of one clip.", "Name one, or leave it out.")
    if target is not None and target.exists():
        raise BadRequest(f"{target} is there already, and is not written over.", "Choose another name.")
    if track is not None:
        raise BadRequest(f"--track is of a {SUFFIX}.", "Name one as the clip.")


def save(manifest: Path, target: Path, as_json: bool) -> None:
    """Write a result as a project, and say so. Raises OutputUnwritable."""
    from ..dawproject import placing

    placing.write(manifest, target)
    if not as_json:
        click.echo(f"  {here.typed(target)}")


def separate(song: Path, track: str | None, out: Path | None, target: Path | None, as_json: bool, do: Do) -> None:
    """Do a verb with every stretch of audio on a track, and write the project anew with what came of it.

    out: the folder for all of it; left out, one beside the project. Raises BadRequest, BadClip, OutputUnwritable.
    """
    from ..dawproject import placing, reading
    from ..dawproject.project import Project

    target = target or _beside(song)
    require_writable(target)
    project = Project.read(song)
    if track is None:
        names = reading.with_audio(project)
        if len(names) != 1:
            said = ", ".join(map(repr, names)) or "none"
            raise BadRequest(f"Which track of {song.name}?", f"Say it: --track NAME. There is audio on {said}.")
        track = names[0]
    place = reading.track_named(project, track)
    folder = out or clips.free(clips.beside(song))
    made: list[Path] = []
    with tempfile.TemporaryDirectory() as scratch:
        for event in reversed(reading.events(project, place)):  # each goes right below the track: the first comes last
            clip = event.path(song, folder / "clips")
            about: dict[str, Any] = {"start": event.start / event.rate, "length": event.frames / event.rate}
            goes_to = clips.free(folder / f"{file_name(event.name)}-stems")
            made.insert(0, do(clip=clip, out=goes_to, **about))
            manifest = results.read(made[0])
            placing.put(project, made[0], manifest, Path(scratch), at=event.at, beside=place)
        project.mute(place)
        project.write(target, song.stem)
    if as_json:
        told = [results.read(path).as_dict() for path in made]
        console.answer({"dawproject": str(target), "results": told}, True, "")
        return
    for path in made:
        here.finish(path, as_json=False)
    click.echo(f"The project with these stems, below the track {track!r}, which is muted: {here.typed(target)}")


def _beside(song: Path) -> Path:
    """A name for the project with stems that is not taken."""
    numbers = ("", *(f" {number}" for number in range(2, 1000)))
    return next(path for n in numbers if not (path := song.with_name(f"{song.stem} with stems{n}{SUFFIX}")).exists())
