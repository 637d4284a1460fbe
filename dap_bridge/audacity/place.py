"""Stems onto new tracks of the project in front, at the time the selection had."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..domain import Manifest, Stem
from ..errors import HostRefused
from ..jobs import results
from ..jobs.results import NoResultError
from .pipe import Pipe
from .selections import Selection

# Not all that Audacity says is JSON: a backslash in a track's name stands there as it is.
SELECTED = re.compile(r'(?<!\\)"selected":([01])')
KIND = re.compile(r'(?<!\\)"kind":"(\w+)"')
NAME = re.compile(r'(?<!\\)"name":"(.*?)"(?=, *"(?:focused|selected|kind)":)')


@dataclass(frozen=True)
class Track:
    """A track of the project in front. position: from 0, of all tracks; kind: wave, label, time …"""

    position: int
    name: str
    kind: str


def place(pipe: Pipe, selection: Selection, manifest: Path) -> list[str]:
    """Import the stems of a finished job, those of further answers on muted tracks; the names of the new tracks.

    What DAP Next stem has brought already is left out.

    Raises HostRefused where the result cannot be used or Audacity does not import it, HostUnreachable where it does
    not answer.
    """
    made = require_stems(manifest)
    # Audacity cuts at whole samples.
    start = round(selection.start * made.rate) / made.rate
    further = [stem for other in made.alternatives if other.index > 1 for stem in other.stems]
    audible = [_import(pipe, stem, manifest.parent, start, "UnmuteTracks") for stem in made.stems[selection.taken :]]
    return audible + [_import(pipe, stem, manifest.parent, start, "MuteTracks") for stem in further]


def require_stems(path: Path) -> Manifest:
    """A manifest whose stems are all there: for one that is not, Audacity shows a dialog, and answers nobody meanwhile.

    Raises HostRefused.
    """
    manifest = read_manifest(path)
    for stem in results.files(path, manifest):
        if not stem.is_file():
            raise HostRefused(f"{stem} is missing.")
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Raises HostRefused."""
    try:
        return results.read(path)
    except NoResultError as error:
        raise HostRefused(f"The result cannot be used: {error}.") from error


def tracks(pipe: Pipe) -> list[Track]:
    """The tracks of the project in front. Raises HostRefused, HostUnreachable."""
    text = _about_tracks(pipe)
    kinds, names = KIND.findall(text), [name.replace('\\"', '"') for name in NAME.findall(text)]
    if len(names) != len(kinds):
        raise HostRefused("Audacity's list of tracks cannot be read.", "Rename the tracks that have unusual names.")
    return [Track(position, *pair) for position, pair in enumerate(zip(names, kinds, strict=True))]


def _import(pipe: Pipe, stem: Stem, folder: Path, start: float, mute: str) -> str:
    path = folder / stem.path
    before = len(_selected(pipe))
    pipe.command("Import2", Filename=str(path))
    # The new track is the last one, and the one that is selected: what follows is done to it.
    if _selected(pipe) != [False] * before + [True]:
        raise HostRefused(f"Audacity did not import {path} as one new track.")
    pipe.command("SetTrackStatus", Name=stem.name)
    if start > 0:
        pipe.command("SetClip", At=0.0, Start=f"{start:.12f}")
    # One that is audible already, too: this makes the import's step of undo hold the name and the place as well.
    pipe.command(mute)
    return stem.name


def _selected(pipe: Pipe) -> list[bool]:
    """Of each track, whether it is selected."""
    return [flag == "1" for flag in SELECTED.findall(_about_tracks(pipe))]


def _about_tracks(pipe: Pipe) -> str:
    return pipe.command("GetInfo", Type="Tracks", Format="JSON")
