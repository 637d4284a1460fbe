"""A session as the mask editor sees it: what its manifest says, and the stems that lie beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..domain import Manifest
from ..errors import ClipUnreadable, UnknownSession
from ..jobs import results
from ..jobs.results import NoResultError
from .tiles import Geometry

# Of the manifest, what a page may know: no paths of the user's.
SHOWN = (
    "verb",
    "preset",
    "seed",
    "device",
    "rate",
    "channels",
    "frames",
    "null_db",
    "confidence",
    "suggested_sources",
    "chunks",
    "boxes",
    "carry",
    "changes",
    "warnings",
)


@dataclass(frozen=True)
class Session:
    """A name, a manifest and where it lies, the stems beside it; `revision` changes with the manifest."""

    name: str
    manifest: Manifest
    place: Path
    revision: int

    @property
    def rate(self) -> int:
        return self.manifest.rate

    @property
    def frames(self) -> int:
        return self.manifest.frames

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(results.stems(self.place, self.manifest))

    def path(self, index: int) -> Path:
        """Where the stem of that index (from 1) lies. Raises UnknownSession when there is none."""
        for stem, path in zip(self.manifest.stems, self.paths, strict=True):
            if stem.index == index:
                return path
        raise UnknownSession(f"Session {self.name} has no stem {index}.")

    def view(self) -> dict[str, Any]:
        """Plain JSON values for the page."""
        about = self.manifest.as_dict()
        return {
            "session": self.name,
            "parent": self.manifest.parent,
            "revision": f"{self.revision:x}",
            **{name: about[name] for name in SHOWN},
            "stems": [{name: stem[name] for name in ("index", "name", "role")} for stem in about["stems"]],
            "tiles": Geometry(self.rate, self.frames).as_dict(),
        }


def load(name: str, path: Path) -> Session:
    """The session whose manifest lies at `path`. Raises ClipUnreadable where its result is gone."""
    try:
        return Session(name, results.read(path), path, path.stat().st_mtime_ns)
    except (OSError, NoResultError) as error:
        hint = "Its folder may have been moved or removed: separate the clip again."
        raise ClipUnreadable(f"The result of session {name} cannot be read.", hint) from error
