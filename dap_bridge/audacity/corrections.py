"""What is on its way to stems that stand in Audacity: a result of the daemon's, and where it belongs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from .. import atomic
from ..transport import protocol
from .selections import FOLDER

# What a job makes of a box; what the mask editor sends, as often as it does.
OF_BOX, OF_EDITOR = ".edit", ".editor"


@dataclass(frozen=True)
class Correction:
    """The stems of `session` that begin at a frame of the project, and what is to be selected once they are replaced.

    job: what makes the new ones; of the mask editor the session itself. start, end: seconds. alternative: which answer
    of its separation they are of.
    """

    job: str
    session: str
    stem: int
    position: int
    track: str
    start: float
    end: float
    alternative: int = 1

    def write(self, spool: Path, kind: str) -> None:
        """Raises OSError."""
        text = protocol.lines({field.name: getattr(self, field.name) for field in fields(self)})
        atomic.write_text(self._path(spool, kind), text)

    def forget(self, spool: Path) -> None:
        self._path(spool, OF_BOX).unlink(missing_ok=True)

    def _path(self, spool: Path, kind: str) -> Path:
        return spool / FOLDER / f"{self.job}{kind}"


def waiting(spool: Path, kind: str) -> Iterator[Correction]:
    """The corrections of this kind, the oldest first; what cannot be read is left out."""
    for path in sorted((spool / FOLDER).glob(f"*{kind}"), key=lambda path: path.stat().st_mtime_ns):
        with contextlib.suppress(OSError, KeyError, ValueError):
            yield _read(path)


def _read(path: Path) -> Correction:
    text = protocol.parse_lines(path.read_text(encoding="utf-8"))
    # those that an earlier version wrote are of the first answer
    alternative = int(text.get("alternative", "1"))
    stem, position = int(text["stem"]), int(text["position"])
    start, end = float(text["start"]), float(text["end"])
    return Correction(text["job"], text["session"], stem, position, text["track"], start, end, alternative)
