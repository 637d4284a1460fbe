"""What a plug-in wants of the stem under the selection: a box on its mask, its last box taken back, the mask editor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..transport import protocol
from .selections import FOLDER

SUFFIX = ".mark"
NUMBERS = ("start", "end", "low", "high", "strength", "rate")


@dataclass(frozen=True)
class MaskRequest:
    """A selection on one track, with `audio` (32-bit float) in it.

    op: deactivate, activate, undo, edit or redraw; start, end: seconds of the project; rate: Hz, the track's; clips:
    start and end of each clip of the track, in seconds; low, high: hertz of a spectral selection, None where it is
    open; carry: see `refine` in the protocol.
    """

    audio: Path
    job: str
    op: str
    track: str
    start: float
    end: float
    rate: float
    clips: tuple[tuple[float, float], ...]
    low: float | None = None
    high: float | None = None
    strength: float = 1.0
    carry: bool = True


def claimed(spool: Path) -> Iterator[MaskRequest]:
    """The requests that were made since, each of them once however many ask; what cannot be read is left out."""
    for path in (spool / FOLDER).glob(f"*{SUFFIX}"):
        asked = _read(path)
        if asked is None:
            continue
        try:
            path.unlink()
        except OSError:  # another took it
            continue
        yield asked
        asked.audio.unlink(missing_ok=True)


def _read(path: Path) -> MaskRequest | None:
    try:
        fields = protocol.parse_lines(path.read_text(encoding="utf-8", errors="replace"))
        numbers = {name: float(fields[name]) for name in NUMBERS if name in fields}
        edges = [float(word) for word in fields["clips"].split()]
        if not all(map(math.isfinite, (*numbers.values(), *edges))):
            return None
        clips = tuple(zip(edges[::2], edges[1::2], strict=True))
        carry = fields.get("carry") != "no"
        audio = path.with_suffix(".wav")
        return MaskRequest(audio, fields["job"], fields["op"], fields["track"], clips=clips, carry=carry, **numbers)
    except (OSError, KeyError, ValueError, TypeError):
        return None
