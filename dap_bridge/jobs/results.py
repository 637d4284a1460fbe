"""Results: the one place where manifest.json is written and read."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple

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


def placed(manifest: Manifest, folder: Path) -> Manifest:
    """The same with the way to each file that was read, from the folder, where the manifest will lie."""

    def ways(files: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        return tuple(file | {"relative": _relative(file["path"], folder)} for file in files)

    return replace(manifest, inputs=ways(manifest.inputs), examples=ways(manifest.examples))


def _relative(path: str, folder: Path) -> str | None:
    """The way from the folder to the file, which holds where both are moved; None to another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return None


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


def named_after(manifest: Manifest) -> str:
    """What its stems are named after, as long as one of them has the name that it came with; else empty."""
    for stem in manifest.stems:
        if match := re.fullmatch(rf"(.+) - (?:stem {stem.index}|{stem.role})", stem.name):
            return match[1]
    return ""


class Told(NamedTuple):
    """What the table of jobs keeps of a manifest, so that nobody has to read it for a list.

    stems: each as `Stem.as_text`. about: `name`, see named_after; `preset`; `seconds`; `confidence`; `boxes`, how many
    are in force; `parent`; `clips`, the paths of what was read.
    """

    stems: tuple[str, ...] = ()
    about: dict[str, Any] | None = None


def told(path: Path) -> Told:
    """Of the manifest at `path`; empty where it cannot be read."""
    try:
        found = read(path)
    except NoResultError:
        return Told()
    about = {
        "name": named_after(found),
        "preset": found.preset,
        "seconds": found.frames / found.rate,
        "confidence": found.confidence,
        "boxes": len(found.boxes),
        "parent": found.parent,
        "clips": list(dict.fromkeys(file["path"] for file in found.inputs)),
    }
    return Told(tuple(stem.as_text() for stem in found.stems), about)


By = Literal["path", "relative"]


def clip(path: Path, manifest: Manifest, by: By) -> ClipRef | None:
    """The clip that a result of one clip was made from: where it was then, or as it lay to the manifest, which may have
    been moved with it; None where the manifest does not say so.
    """
    if not manifest.inputs or any(file.get(by) is None for file in manifest.inputs):
        return None
    start = manifest.inputs[0]["start"]
    return ClipRef(channels(path, manifest.inputs, by), start, manifest.frames, manifest.rate)


def examples(path: Path, manifest: Manifest, by: By) -> list[tuple[int, ClipRef]]:
    """The examples that a separation was given, each with its stem; their places as `clip` has them."""
    found: list[tuple[int, ClipRef]] = []
    for _, several in groupby(manifest.examples, key=itemgetter("example")):
        files = list(several)
        first = files[0]
        ref = ClipRef(channels(path, files, by), first["start"], first["frames"], first["rate"])
        found.append((first["stem"], ref))
    return found


def channels(path: Path, files: Sequence[Mapping[str, Any]], by: By) -> tuple[ChannelRef, ...]:
    """What the manifest at `path` says of files; to another drive there is no relative way."""
    refs: list[ChannelRef] = []
    for file in files:
        way = file.get("relative") if by == "relative" else None
        place = file["path"] if way is None else os.path.normpath(path.parent / way)
        refs += [ChannelRef(place, channel) for channel in file["channels"] or [None]]
    return tuple(refs)


class _Input(BaseModel):
    """What `clip` goes by, of each of a manifest's inputs."""

    model_config = ConfigDict(strict=True)
    path: str
    relative: str | None = None
    start: int
    channels: list[int]


class _Example(BaseModel):
    """What `examples` goes by."""

    model_config = ConfigDict(strict=True)
    example: int
    stem: int
    path: str
    relative: str | None = None
    start: int
    frames: int | None
    rate: int | None
    channels: list[int] | None


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
    for file in manifest.examples:
        _Example.model_validate(file)
    return manifest
