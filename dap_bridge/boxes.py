"""What a user says of places in a clip: boxes of time and frequency, the regions drawn in them, and spans of time.

Standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Op(StrEnum):
    """What a box says of its stem: nothing of the mixture in it is this stem's, or all of it."""

    DEACTIVATE = "deactivate"
    ACTIVATE = "activate"


class Axis(StrEnum):
    """How a mask's rows divide the band of its box: evenly in Hz, or evenly in octaves."""

    LINEAR = "linear"
    LOG = "log"


# Of a mask: rows and columns each, and runs. More than a screen shows of a hand's stroke.
MAX_SIDE = 512
MAX_RUNS = 4096
# Hz, where the rows of a logarithmic mask begin at the lowest; the first one reaches down to the box's own edge.
LOWEST_ROW = 20.0
_MASK = re.compile(r"(linear|log):([1-9][0-9]{0,5})x([1-9][0-9]{0,5}):((?:0|[1-9][0-9]{0,5})(?:\.[1-9][0-9]{0,5})*)")


@dataclass(frozen=True)
class Mask:
    """Which cells of a box are drawn: with it, a box is a region of any shape.

    columns divide the box's time evenly, rows its band, as axis says. runs: lengths of cells that are off, on, off …,
    column after column from the start, in each of them from low to high; the first is off and may be 0.
    """

    axis: Axis
    columns: int
    rows: int
    runs: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Mask:
        """`AXIS:COLUMNSxROWS:RUNS`, as `log:3x2:1.4.1`. Raises ValueError as `Box.parse` does."""
        if text.count(".") >= MAX_RUNS:
            raise ValueError(f"mask has more than {MAX_RUNS} runs: draw it coarser")
        found = _MASK.fullmatch(text)
        if found is None:
            raise ValueError(
                "mask must be linear or log, columns x rows, and runs of cells off, on, off …, where the first alone "
                f"may be 0, as in log:3x2:1.4.1; it is {text[:40]!r}"
            )
        axis, columns, rows, runs = found.groups()
        mask = cls(Axis(axis), int(columns), int(rows), tuple(map(int, runs.split("."))))
        mask._check()
        return mask

    def _check(self) -> None:
        for name, count in (("columns", self.columns), ("rows", self.rows)):
            if count > MAX_SIDE:
                raise ValueError(f"mask has {count} {name}, {MAX_SIDE} at most")
        if sum(self.runs) != self.columns * self.rows:
            raise ValueError(f"mask has runs of {sum(self.runs)} cells, its grid {self.columns * self.rows}")
        if len(self.runs) == 1:
            raise ValueError("mask has no cell that is on")

    @property
    def cells(self) -> bytes:
        """A byte each, 0 or 1, in the order of the runs."""
        return b"".join(bytes([number % 2]) * run for number, run in enumerate(self.runs))

    def hertz(self, low: float, high: float) -> tuple[float, ...]:
        """Edges of the rows in a band from low to high, one more than there are rows."""
        if self.axis is Axis.LINEAR:
            return tuple(low + (high - low) * row / self.rows for row in range(self.rows + 1))
        lowest = max(low, LOWEST_ROW)
        return (low, *(lowest * (high / lowest) ** (row / self.rows) for row in range(1, self.rows + 1)))

    def as_text(self) -> str:
        """What `parse` reads."""
        return f"{self.axis}:{self.columns}x{self.rows}:{'.'.join(map(str, self.runs))}"


@dataclass(frozen=True)
class Box:
    """A rectangle of time and frequency in which the user knows better, or a region of any shape in it.

    stem counts from 1; start, end: seconds from the clip's beginning; low, high: Hz; strength: 0..1, how far the mask
    is moved; feather, feather_octaves: seconds and octaves over which it fades out beyond its edge, None for the
    preset's. mask: a `Mask` as text, the region's cells; None where all of the rectangle is meant.
    """

    stem: int
    op: Op
    start: float
    end: float
    low: float
    high: float
    strength: float = 1.0
    feather: float | None = None
    feather_octaves: float | None = None
    mask: str | None = None

    @classmethod
    def parse(cls, text: str) -> Box:
        """`stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000`, in any order, and what may be left out.

        Raises ValueError with the reason, which is a sentence's end.
        """
        fields = fields_of(text.split(","), tuple(cls.__dataclass_fields__), _OPTIONAL)
        if fields["op"] not in [op.value for op in Op]:
            raise ValueError(f"op must be {' or '.join(Op)}")
        mask = fields.pop("mask", None)
        numbers = {key: number_of(key, value) for key, value in fields.items() if key not in ("stem", "op")}
        box = cls(_stem(fields["stem"]), Op(fields["op"]), **numbers, mask=mask)
        box._check()
        return box

    def _check(self) -> None:
        if self.start < 0 or self.low < 0:
            raise ValueError("start and low must not be negative")
        if self.end <= self.start:
            raise ValueError(f"end ({self.end:g} s) must come after start ({self.start:g} s)")
        if self.high <= self.low:
            raise ValueError(f"high ({self.high:g} Hz) must be above low ({self.low:g} Hz)")
        if not 0 <= self.strength <= 1:
            raise ValueError("strength must be from 0 to 1")
        if self.feather is not None and not 0 <= self.feather <= LONGEST_FEATHER_S:
            raise ValueError(f"feather must be from 0 to {LONGEST_FEATHER_S:g} seconds")
        if self.feather_octaves is not None and not 0 <= self.feather_octaves <= WIDEST_FEATHER_OCTAVES:
            raise ValueError(f"feather_octaves must be from 0 to {WIDEST_FEATHER_OCTAVES:g}")
        self._check_mask()

    def _check_mask(self) -> None:
        if self.mask is not None and Mask.parse(self.mask).axis is Axis.LOG and self.high <= LOWEST_ROW:
            raise ValueError(f"the rows of a log mask begin at {LOWEST_ROW:g} Hz: high must be above")

    def require_inside(self, seconds: float, rate: int, stems: int) -> None:
        """Raises ValueError where a clip of so many seconds, of that rate and with so many stems, has no such place."""
        if self.stem > stems:
            raise ValueError(f"there is no stem {self.stem}, only {stems}")
        if self.start >= seconds or self.end > seconds + ROUNDED_S:
            raise ValueError(f"it reaches to {self.end:g} s, the clip only to {seconds:g} s")
        if self.low >= rate / 2:
            raise ValueError(f"it begins at {self.low:g} Hz, the clip ends at {rate / 2:g} Hz")
        self._check_mask()  # which a manifest may have from anywhere

    @property
    def region(self) -> Mask:
        """The cells that are meant: all of them where no mask says otherwise."""
        return Mask(Axis.LINEAR, 1, 1, (0, 1)) if self.mask is None else Mask.parse(self.mask)

    @property
    def seconds(self) -> tuple[float, ...]:
        """Edges of the region's columns."""
        columns = self.region.columns
        return tuple(self.start + (self.end - self.start) * column / columns for column in range(columns + 1))

    def as_text(self) -> str:
        """What `parse` reads."""
        return ",".join(f"{key}={value}" for key, value in asdict(self).items() if value is not None)


# Of one session: more than a hand draws.
MAX_BOXES = 200
# Characters of one as text: its numbers, and the longest mask there can be.
MAX_BOX_TEXT = 16_384
_OPTIONAL = ("strength", "feather", "feather_octaves", "mask")
LONGEST_FEATHER_S = 10.0
WIDEST_FEATHER_OCTAVES = 4.0
# Hosts round: so much may a box end after the clip.
ROUNDED_S = 1e-3


def fields_of(pairs: Iterable[str], names: Sequence[str], optional: Sequence[str] = ()) -> dict[str, str]:
    """The values of `key=value` pairs by their keys, which are `names`, in any order; `optional` may be left out.

    Raises ValueError with the reason, which is a sentence's end.
    """
    fields: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or key not in names:
            raise ValueError(f"{pair.strip()[:40]!r} is none of {', '.join(names)} with a value")
        if key in fields:
            raise ValueError(f"{key} is given twice")
        fields[key] = value
    missing = [name for name in names if name not in fields and name not in optional]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    return fields


def _stem(text: str, names: Sequence[str] = ()) -> int:
    """The number, from 1, of a stem that is called by it, or by one of `names`, where stems have any."""
    if names:
        if text not in names:
            raise ValueError(f"stem must be {' or '.join(names)}")
        return names.index(text) + 1
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("stem must be a whole number from 1")
    return int(text)


def number_of(name: str, text: str) -> float:
    """The number that a field holds. Raises ValueError as `fields_of` does."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, not {text[:40]!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, not {text[:40]}")
    return value


@dataclass(frozen=True)
class Span:
    """A stretch of time of which the user knows one sound: that nothing else is heard in it, or that it is silent.

    stem counts from 1; start, end: seconds from the clip's beginning.
    """

    stem: int
    start: float
    end: float

    @classmethod
    def parse(cls, text: str, names: Sequence[str] = ()) -> Span:
        """`stem=1,start=0,end=1.5`, in any order; of stems that have `names`, one of these instead of the number.

        Raises ValueError with the reason, which is a sentence's end.
        """
        fields = fields_of(text.split(","), tuple(cls.__dataclass_fields__))
        stem = _stem(fields["stem"], names)
        start, end = (number_of(key, fields[key]) for key in ("start", "end"))
        if start < 0:
            raise ValueError("start must not be negative")
        if end <= start:
            raise ValueError(f"end ({end:g} s) must come after start ({start:g} s)")
        return cls(stem, start, end)

    def require_inside(self, seconds: float) -> None:
        """Raises ValueError where a clip of so many seconds has no such place."""
        if self.start >= seconds or self.end > seconds + ROUNDED_S:
            raise ValueError(f"it reaches to {self.end:g} s, the clip only to {seconds:g} s")


# Of one request: examples, and spans of each kind.
MAX_EXAMPLES = 16
# Seconds: what is shorter tells nothing of a sound.
LEAST_EXAMPLE_S = 0.05
MAX_SPANS = 64
