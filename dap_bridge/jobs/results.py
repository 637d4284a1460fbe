"""Results: the one place where manifest.json is written and read."""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from .. import atomic
from ..domain import ChannelRef, ClipRef, Format, Manifest, Stem
from ..errors import BadRequest

MANIFEST = "manifest.json"


class NoResultError(ValueError):
    """There is no manifest that can be read: says which, and why."""


def write(folder: Path, manifest: Manifest) -> None:
    """Raises OSError."""
    atomic.write_json(folder / MANIFEST, manifest.as_dict(), indent=1)


def read(path: Path) -> Manifest:
    """The manifest at `path`, or in the folder there. Raises NoResultError."""
    try:
        return _checked(_MANIFEST.validate_python(json.loads(manifest_of(path).read_bytes())))
    except (OSError, ValueError, RecursionError) as error:
        raise NoResultError(f"{path} is no manifest of this version that can be read") from error


def rename_stem(path: Path, index: int, name: str) -> None:
    """Call a stem of the manifest at `path` so. Raises NoResultError, BadRequest where it has none such, OSError."""
    manifest = read(path)
    if all(stem.index != index for stem in manifest.stems):
        raise BadRequest(f"The result has no stem {index}.")

    def renamed(stems: Iterable[Stem]) -> tuple[Stem, ...]:
        return tuple(replace(stem, name=name) if stem.index == index else stem for stem in stems)

    first = renamed(manifest.stems)
    alternatives = tuple(replace(one, stems=first) if one.index == 1 else one for one in manifest.alternatives)
    mode = path.stat().st_mode
    write(path.parent, replace(manifest, stems=first, alternatives=alternatives))
    path.chmod(mode)  # as open as the clip, as before


def manifest_of(path: Path) -> Path:
    """The manifest that a person means by its path or its folder's."""
    return path / MANIFEST if path.is_dir() else path


def stems(path: Path, manifest: Manifest) -> list[Path]:
    """Where the stems of the manifest at `path` lie, in their order."""
    return [path.parent / stem.path for stem in manifest.stems]


def files(path: Path, manifest: Manifest) -> list[Path]:
    """Those stems, and the stems of all alternatives."""
    further = [path.parent / stem.path for one in manifest.alternatives for stem in one.stems]
    return list(dict.fromkeys([*stems(path, manifest), *further]))


def folder(alternative: int) -> str:
    """Where the stems of an alternative lie, from the manifest's folder; those of the first lie beside it."""
    return "" if alternative == 1 else f"alternative-{alternative}"


def told(path: Path) -> tuple[str, ...]:
    """The stems of the manifest at `path`, each as `Stem.as_text`; none where it cannot be read."""
    try:
        return tuple(stem.as_text() for stem in read(path).stems)
    except NoResultError:
        return ()


def clip(path: Path, manifest: Manifest, by: Literal["path", "relative"]) -> ClipRef | None:
    """The clip that a result of one clip was made from: where it was then, or as it lay to the manifest, which may have
    been moved with it; None where the manifest does not say so.
    """
    refs = []
    for file in manifest.inputs:
        place = file.get(by)
        if place is None:
            return None
        place = place if by == "path" else os.path.normpath(path.parent / place)
        refs += [ChannelRef(place, channel) for channel in file["channels"]]
    return ClipRef(tuple(refs), manifest.inputs[0]["start"], manifest.frames, manifest.rate) if refs else None


class _Input(BaseModel):
    """What `clip` goes by, of each of a manifest's inputs."""

    model_config = ConfigDict(strict=True)
    path: str
    relative: str | None = None
    start: int
    channels: list[int]


_MANIFEST = TypeAdapter(Manifest)


def _checked(manifest: Manifest) -> Manifest:
    """Raises ValueError where it is of another version, or of no use."""
    if manifest.version != Manifest.version:
        raise ValueError(f"it is of version {manifest.version}")
    if manifest.rate <= 0 or manifest.frames <= 0 or not manifest.stems:
        raise ValueError("it tells of no audio")
    if any(Path(stem.path).name != stem.path for stem in manifest.stems):
        raise ValueError("a stem does not lie beside it")
    for one in manifest.alternatives:
        if any(posixpath.join(folder(one.index), Path(stem.path).name) != stem.path for stem in one.stems):
            raise ValueError("a stem of an alternative does not lie where it should")
    Format(manifest.format)
    for file in manifest.inputs:
        _Input.model_validate(file)
    return manifest
