"""What corrections need of results that are there already: how each was made, and what was learned of it for as long as
there is room.

A session is a small JSON file; what was learned of each of its chunks is a file called after its own content, so that
sessions that correct one separation share it. These files go when they are old or there is no more room, the least used
first; the session stays, for the clip can be separated again. Files and settings call a learned state a fit.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from .. import atomic, config
from ..domain import JOB_NAME, Box, ClipRef
from ..errors import UnknownSession

DAY_S = 86_400.0
# What no session names yet may belong to a job under way.
UNNAMED_S = DAY_S


@dataclass(frozen=True)
class Session:
    """A result that can be corrected.

    request: of the separation that it goes back to; source: the fingerprint of all that its answer depends on, see
    `separate`; fits: the name of each chunk's learned state, empty where none was kept; boxes: all that are in force;
    carry: whether what they teach is carried through the clip; separated: the stems without any box, by their paths,
    and the `stamp` of each file. alternative: which of the separation's answers it goes back to; alternatives: of each
    answer after the first, the name of what was learned of each chunk that is another than the first's; drawn: the same
    of the one that was chosen, in full; answers: what makes each of them different, in a person's words. titles: what
    its user has called stems, by their indices. verb: what it goes back to.
    """

    id: str
    request: dict[str, Any]
    source: str
    label: str
    manifest: str
    fits: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    carry: bool = True
    parent: str | None = None
    separated: dict[str, str] = field(default_factory=dict)
    created: float = 0.0
    alternative: int = 1
    alternatives: tuple[tuple[str, ...], ...] = ()
    drawn: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    titles: dict[int, str] = field(default_factory=dict)
    verb: str = "separate"

    def what(self, alternative: int) -> str:
        """What makes that one of its answers different, as far as it is known."""
        known = dict(enumerate(self.answers, 1))
        return known.get(alternative, f"alternative {alternative}")

    @property
    def names(self) -> set[str]:
        """All learned states that it goes by."""
        return {*self.fits, *self.drawn, *(name for names in self.alternatives for name in names)}

    @property
    def clip(self) -> ClipRef:
        """What was separated."""
        return ClipRef.from_request(self.request)

    def elsewhere(self, where: Callable[[str], str]) -> Session:
        """The same with each of the clip's files at where(file)."""
        return replace(self, request=self.request | self.clip.elsewhere(where).as_request())

    def moved(self, manifest: Path) -> Session:
        """The same with all of its files around `manifest`, each in the place that it had around the former one."""

        def where(path: str) -> str:
            return os.path.normpath(manifest.parent / os.path.relpath(path, Path(self.manifest).parent))

        separated = {where(path): seen for path, seen in self.separated.items()}
        return replace(self.elsewhere(where), manifest=str(manifest), separated=separated)

    def about(self, stored: bool) -> dict[str, Any]:
        """What a list of sessions says of it: plain JSON values."""
        return {
            "session": self.id,
            "label": self.label,
            "clip": self.clip.files[0],
            "boxes": len(self.boxes),
            "stored": stored,
            "manifest": self.manifest,
        }

    @classmethod
    def from_json(cls, value: Any) -> Session:
        """Raises ValueError, LookupError or TypeError where it is none."""
        session = _SESSION.validate_python(value)
        session.about(stored=False)
        return session


_SESSION = TypeAdapter(Session)


def stamp(path: Path) -> str:
    """Another one, once a file has been written to. Raises OSError where there is none."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


class Sessions:
    """The sessions in a folder, which several processes may use at once."""

    def __init__(self, folder: Path, *, most_bytes: float, most_days: float) -> None:
        self._sessions, self._learned = folder / "sessions", folder / "fits"
        self._most_bytes, self._oldest_s = most_bytes, most_days * DAY_S

    @classmethod
    def below(cls, data: Path) -> Sessions:
        """Those of the data folder, with the limits that the settings give."""
        settings = config.load()
        return cls(data / "sessions", most_bytes=settings.fits_gib * 2**30, most_days=settings.fits_days)

    def add(self, session: Session) -> None:
        """Remember the session, and let go of what is too old or too much. Raises OSError."""
        self._sessions.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.write_json(self._session(session.id), asdict(replace(session, created=time.time())))
        self.trim()

    def get(self, name: str) -> Session:
        """Raises UnknownSession."""
        if re.fullmatch(JOB_NAME, name):
            lost = f"session {name} can be corrected by its manifest, without what was learned"
            session = atomic.read_json(self._session(name), Session.from_json, lost)
            if session is not None:
                return session
        raise UnknownSession(f"There is no session {name[:64]!r}.")

    def rename_stem(self, name: str, index: int, title: str) -> None:
        """What goes on from the session calls the stem so. Raises UnknownSession, OSError."""
        session = self.get(name)
        renamed = replace(session, titles={**session.titles, index: title})
        atomic.write_json(self._session(name), asdict(renamed))

    def all(self) -> list[Session]:
        """Every session, the latest first; what cannot be read is left out."""
        found = []
        for path in self._sessions.glob("*.json"):
            with contextlib.suppress(UnknownSession):
                found.append(self.get(path.stem))
        return sorted(found, key=lambda session: session.created, reverse=True)

    def remove(self, name: str) -> None:
        """Forget the session of that name, if there is one; what it alone had learned goes in time."""
        with contextlib.suppress(OSError):
            self._session(name).unlink(missing_ok=True)

    def has_learned(self, session: Session) -> bool:
        """Whether what was learned of every chunk is still there; of what is corrected by its stems, these."""
        if session.verb in ("denoise", "adopt"):
            return bool(session.separated) and all(Path(path).is_file() for path in session.separated)
        return bool(session.fits) and all(self._file(name).is_file() for name in (*session.fits, *session.drawn))

    def put_learned(self, content: bytes) -> str:
        """Keep what was learned of a chunk; returns its name, the same for the same content. Raises OSError."""
        self._learned.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(content).hexdigest()
        path = self._file(name)
        if path.is_file():
            os.utime(path)
        else:
            atomic.write_bytes(path, content)
        return name

    def read_learned(self, name: str) -> bytes | None:
        """What was learned of a chunk, None where it is gone or damaged."""
        path = self._file(name)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() == name:
            return content
        path.unlink(missing_ok=True)
        return None

    def trim(self) -> None:
        """Forget sessions that are too old; remove what nobody names, then the least used until there is room."""
        now = time.time()
        named: set[str] = set()
        for session in self.all():
            if now - session.created > self._oldest_s:
                with contextlib.suppress(OSError):
                    self._session(session.id).unlink(missing_ok=True)
            else:
                named.update(session.names)
        kept = []
        for path in self._learned.glob("*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.stem not in named and now - status.st_mtime > UNNAMED_S:
                    path.unlink()
                else:
                    kept.append((status.st_mtime, status.st_size, path))
        left = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if left <= self._most_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                left -= size

    def _session(self, name: str) -> Path:
        return self._sessions / f"{name}.json"

    def _file(self, name: str) -> Path:
        return self._learned / f"{name}.safetensors"
