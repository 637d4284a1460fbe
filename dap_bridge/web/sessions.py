"""A session as the mask editor sees it: what its manifest says, and the stems that lie beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ClipUnreadable, UnknownSession
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
    """A name, a manifest, and the folder that both manifest and stems lie in; `revision` changes with the manifest."""

    name: str
    manifest: dict[str, Any]
    folder: Path
    revision: int

    @property
    def rate(self) -> int:
        return int(self.manifest["rate"])

    @property
    def frames(self) -> int:
        return int(self.manifest["frames"])

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(self.folder / Path(stem["path"]).name for stem in self.manifest["stems"])

    def path(self, index: int) -> Path:
        """Where the stem of that index (from 1) lies. Raises UnknownSession when there is none."""
        for stem, path in zip(self.manifest["stems"], self.paths, strict=True):
            if stem["index"] == index:
                return path
        raise UnknownSession(f"Session {self.name} has no stem {index}.")

    def view(self) -> dict[str, Any]:
        """Plain JSON values for the page."""
        about = {name: self.manifest[name] for name in SHOWN if name in self.manifest}
        stems = [{name: stem[name] for name in ("index", "name", "role")} for stem in self.manifest["stems"]]
        return {
            "session": self.name,
            "parent": self.manifest.get("parent"),
            "revision": f"{self.revision:x}",
            **about,
            "stems": stems,
            "tiles": Geometry(self.rate, self.frames).as_dict(),
        }


def load(name: str, path: Path) -> Session:
    """The session whose manifest lies at `path`. Raises ClipUnreadable where its result is gone."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        session = Session(name, manifest, path.parent, path.stat().st_mtime_ns)
        if not session.paths or session.rate <= 0 or session.frames <= 0:
            raise ValueError("no stems")
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "Its folder may have been moved or removed: separate the clip again."
        raise ClipUnreadable(f"The result of session {name} cannot be read.", hint) from error
    return session
