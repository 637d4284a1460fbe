"""Stems onto new tracks of the project in front, at the time the selection had."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..errors import HostRefused
from .pipe import Pipe
from .selections import Selection

SELECTED = re.compile(r'(?<!\\)"selected":([01])')


def place(pipe: Pipe, selection: Selection, manifest: Path) -> list[str]:
    """Import the stems of a finished job; the names of the new tracks.

    Raises HostRefused where the result cannot be used or Audacity does not import it, HostUnreachable where it does
    not answer.
    """
    content = read_manifest(manifest)
    stems = [(stem["name"], manifest.parent / stem["path"]) for stem in content["stems"]]
    for _, path in stems:
        if not path.is_file():  # Audacity would show a dialog, and answer nobody until it is closed
            raise HostRefused(f"{path} is missing.")
    # Audacity cuts at whole samples.
    start = round(selection.start * content["rate"]) / content["rate"]
    return [_import(pipe, name, path, start) for name, path in stems]


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest with at least one stem. Raises HostRefused."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["rate"] > 0 and all(isinstance(stem["name"] + stem["path"], str) for stem in content["stems"]):
            return dict(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostRefused(f"The result cannot be read: {path}.") from error
    raise HostRefused(f"The result cannot be used: {path}.")


def _import(pipe: Pipe, name: str, path: Path, start: float) -> str:
    before = len(_selected(pipe))
    pipe.command("Import2", Filename=str(path))
    # The new track is the last one, and the one that is selected: what follows is done to it.
    if _selected(pipe) != [False] * before + [True]:
        raise HostRefused(f"Audacity did not import {path} as one new track.")
    pipe.command("SetTrackStatus", Name=name)
    if start > 0:
        pipe.command("SetClip", At=0.0, Start=f"{start:.12f}")
    return name


def _selected(pipe: Pipe) -> list[bool]:
    """Of each track, whether it is selected."""
    # Not all that Audacity says is JSON: a backslash in a track's name stands there as it is.
    return [flag == "1" for flag in SELECTED.findall(pipe.command("GetInfo", Type="Tracks", Format="JSON"))]
