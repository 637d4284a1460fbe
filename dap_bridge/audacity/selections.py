"""What the plug-in sent: a selection's audio and, beside it, where in the project it was."""

from __future__ import annotations

import glob
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import atomic
from ..transport import protocol

FOLDER = "clips"
SUFFIX = ".selection"


@dataclass(frozen=True)
class Selection:
    """Seconds of the project; hertz where it was a spectral selection; taken: of its stems, those that were brought."""

    path: Path
    job: str
    track: str
    start: float
    end: float
    low: float | None = None
    high: float | None = None
    taken: int = 0

    def forget(self) -> None:
        """Not wait for it any more."""
        self.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Forget it, and the audio that was handed over: JOB.wav, and of further tracks JOB.2.wav and so on."""
        self.forget()
        for path in self.path.parent.glob(f"{glob.escape(self.path.stem)}.*wav"):
            path.unlink(missing_ok=True)


def waiting(spool: Path) -> Iterator[Selection]:
    """The selections that were sent and not brought back, the oldest first; what cannot be read is left out."""
    for path in sorted((spool / FOLDER).glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns):
        selection = _read(path)
        if selection is not None:
            yield selection


def write(spool: Path, job: str, track: str, start: float, end: float) -> None:
    """Wait for a job as if it had been sent by a plug-in. Raises OSError."""
    text = protocol.lines({"track": track, "start": start, "end": end, "job": job})
    atomic.write_text(spool / FOLDER / f"{job}{SUFFIX}", text)


def _read(path: Path) -> Selection | None:
    fields = protocol.parse_lines(path.read_text(encoding="utf-8", errors="replace"))
    try:
        numbers = {name: float(fields[name]) for name in ("start", "end", "low", "high") if name in fields}
        if not all(map(math.isfinite, numbers.values())):
            return None
        taken = int(fields.get("taken", "0"))
        return Selection(path, fields["job"], fields.get("track", ""), **numbers, taken=taken)
    except (KeyError, ValueError, TypeError):
        return None
