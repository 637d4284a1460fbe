"""A session as the mask editor sees it: what its manifest says, and the stems that lie beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import soundfile

from ..domain import ClipRef, Manifest, Stem
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
# Why no box corrects what a verb makes; what the others make is separated by masks.
LISTEN_ONLY = {
    "texture": "A texture is new sound and no part of a clip, so that there are no masks to correct: listen.",
    "coseparate": "What clips share is found by comparing them, without masks that boxes could correct: listen.",
    "denoise": "This denoising left nothing that boxes could correct: listen, or denoise again with an example of the "
    "noise.",
}


@dataclass(frozen=True)
class Session:
    """A name, a manifest and where it lies, the stems beside it; `revision` changes with them."""

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

    def answer(self, alternative: int) -> Session:
        """The same with the stems of that one of its answers. Raises UnknownSession where there is none."""
        if alternative == 1:
            return self
        for one in self.manifest.alternatives:
            if one.index == alternative:
                return replace(self, manifest=replace(self.manifest, stems=one.stems))
        raise UnknownSession(f"Session {self.name} has no alternative {alternative}.")

    def of_clip(self, index: int) -> Session:
        """Of a result of several clips, the stems of one; 0: what they share, by itself. Raises UnknownSession where
        there is none, ClipUnreadable where a stem is gone.
        """
        stems = tuple(stem for stem in self.manifest.stems if (stem.input or 0) == index)
        if not stems or not self._clips():
            raise UnknownSession(f"Session {self.name} has no clip {index}.")
        try:
            about = soundfile.info(results.stems(self.place, replace(self.manifest, stems=stems))[0])
        except (soundfile.LibsndfileError, OSError) as error:
            raise ClipUnreadable(f"The stem {stems[0].path} cannot be read.", "Separate the clips again.") from error
        cut = {"rate": about.samplerate, "channels": about.channels, "frames": about.frames}
        return replace(self, manifest=replace(self.manifest, stems=stems, **cut))

    def _clips(self) -> list[dict[str, Any]]:
        """Those of a result of several, by their numbers; the last is what they share, by itself."""
        numbers = sorted({stem.input for stem in self.manifest.stems if stem.input is not None})
        first = {number: next(stem for stem in self.manifest.stems if stem.input == number) for number in numbers}
        found = [{"index": k, "name": f"{k}: {re.sub(' - shared$', '', stem.name)}"} for k, stem in first.items()]
        if found and any(stem.input is None for stem in self.manifest.stems):
            found.append({"index": 0, "name": "What they share"})
        return found

    def clip(self) -> ClipRef:
        """What it was made from: where it was then, or, where that is gone, as it lay to the manifest.

        Raises ClipUnreadable where the manifest says neither.
        """
        places = (results.clip(self.place, self.manifest, by) for by in ("path", "relative"))
        clips = [clip for clip in places if clip is not None]
        if not clips:
            raise ClipUnreadable(f"Session {self.name} does not say where its clip lies.", "Separate the clip itself.")
        return next((clip for clip in clips if all(Path(file).is_file() for file in clip.files)), clips[0])

    def path(self, index: int) -> Path:
        """Where the stem of that index (from 1) lies. Raises UnknownSession when there is none."""
        for stem, path in zip(self.manifest.stems, self.paths, strict=True):
            if stem.index == index:
                return path
        raise UnknownSession(f"Session {self.name} has no stem {index}.")

    @property
    def label(self) -> str:
        """What it is called: what its stems are named after, else its clip's file."""
        files = self.manifest.inputs
        return results.named_after(self.manifest) or (Path(files[0]["path"]).stem if files else self.name)

    def _listen_only(self) -> str:
        """Why no box can correct it; empty where one can."""
        correctable, verb = self.manifest.correctable, self.manifest.verb
        if correctable or (correctable is None and verb not in LISTEN_ONLY):
            return ""
        return LISTEN_ONLY.get(verb, f"What the preset {self.manifest.preset} makes cannot be corrected: listen.")

    def view(self) -> dict[str, Any]:
        """Plain JSON values for the page."""
        about = self.manifest.as_dict()
        return {
            "session": self.name,
            "label": self.label,
            "listen_only": self._listen_only(),
            "clips": self._clips(),
            "parent": self.manifest.parent,
            "revision": f"{self.revision:x}",
            **{name: about[name] for name in SHOWN},
            "stems": _stems(self.manifest.stems),
            "alternatives": [
                {"index": one.index, "what": one.what, "stems": _stems(one.stems)} for one in self.manifest.alternatives
            ],
            "tiles": Geometry(self.rate, self.frames).as_dict(),
        }


def _stems(stems: Sequence[Stem]) -> list[dict[str, Any]]:
    return [{"index": stem.index, "name": stem.name, "role": stem.role} for stem in stems]


def load(name: str, path: Path) -> Session:
    """The session whose manifest lies at `path`. Raises ClipUnreadable where its result is gone."""
    try:
        manifest = results.read(path)
        # not the manifest's time: a stem that gets another name sounds as before
        return Session(name, manifest, path, max(stem.stat().st_mtime_ns for stem in results.stems(path, manifest)))
    except (OSError, NoResultError) as error:
        hint = "Its folder may have been moved or removed: separate the clip again."
        raise ClipUnreadable(f"The result of session {name} cannot be read.", hint) from error
