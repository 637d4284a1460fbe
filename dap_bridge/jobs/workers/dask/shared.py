"""Folders that this machine and those of a cluster see: what a path of the one is called on the other."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ....config import Shared


@dataclass(frozen=True)
class Place:
    """Where another machine may have a path: below its folder `root`, by these names."""

    root: str
    names: tuple[str, ...]

    def found(self) -> Path:
        """The path on this machine, without links on its way. Raises OSError where there is none inside the root."""
        root = Path(self.root).resolve(strict=True)
        path = root.joinpath(*self.names).resolve(strict=True)
        if not path.is_relative_to(root):
            raise PermissionError(errno.EACCES, f"It leads out of {root}", str(path))
        return path


def places(path: str | Path, folders: Iterable[Shared]) -> tuple[Place, ...]:
    """Where others may have what is here behind all links: one for each of the folders that it lies in."""
    path = Path(os.path.realpath(path))
    roots = [(Path(os.path.realpath(folder.here)), folder.there) for folder in folders]
    return tuple(Place(there, path.relative_to(root).parts) for root, there in roots if path.is_relative_to(root))


def found(places: Iterable[Place], is_meant: Callable[[Path], bool]) -> Path:
    """The first of the places where there is what is meant. Raises OSError with what keeps the last of them from it."""
    trouble = OSError("there is no place for it")
    for place in places:
        try:
            path = place.found()
            if is_meant(path):
                return path
            trouble = OSError(errno.ESTALE, "It is another one", str(path))
        except OSError as error:
            trouble = error
    raise trouble
