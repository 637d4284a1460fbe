"""Similar events: where else in a clip what a box holds is heard, for the mask editor to put boxes there, too.

The box's stretch of the spectrogram, in decibels, is laid over every other place of its band; how alike two places are
is their correlation, whatever their levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..domain import number_of
from ..errors import BadRequest
from .reading import opened, stretch
from .sessions import Session
from .tiles import Geometry

# Answers at the most, and the likeness that they have at least: takes of one sound have 0.85 and more, other sounds
# that begin and die away alike up to 0.7.
MOST_EVENTS = 64
LEAST_LIKENESS = 0.75
# Of a window: short enough for a click, or as long as a narrow band needs for so many bins, if the event lasts as long.
WINDOW_S = 0.023
NARROW_BINS = 8
LEAST_WINDOW, LONGEST_WINDOW_S = 64, 0.37
# Windows over any one sample, and places in time of an event and of a clip at the most: longer ones are looked at more
# coarsely, so that an hour takes seconds and some ten megabytes.
OVERLAP = 4
MOST_PLACES, MOST_CLIP_PLACES = 256, 1 << 18
# Parts of a band, evenly in octaves: enough to tell spectra apart, few enough to forgive a little of pitch.
BANDS = 24
# dB below the event's loudest point, from where on all is silence: more, and whatever begins and dies away is alike;
# less, and a softer take is lost.
RANGE_DB = 35.0
# Share of the event's own contrast (its deviation in dB) below which another place is flat, and no event.
FLAT = 0.25
# A stem is looked into where it has this share of the energy in the box; else the mixture is, which has all of it.
OWN_SHARE = 0.5
# Samples of windows looked at together: bounds the memory, whatever the length.
BLOCK = 1 << 22


@dataclass(frozen=True)
class Asked:
    """An event that is there. start, end: seconds; low, high: Hz."""

    start: float
    end: float
    low: float
    high: float

    def require_inside(self, geometry: Geometry) -> None:
        """Raises BadRequest where the clip has no such place."""
        seconds, highest = geometry.frames / geometry.rate, geometry.rate / 2
        in_time, in_band = 0 <= self.start < min(self.end, seconds), 0 <= self.low < min(self.high, highest)
        if not (in_time and in_band):
            hint = f"The clip has {seconds:g} s and reaches to {highest:g} Hz."
            raise BadRequest("start, end, low and high are no place in the clip.", hint)


@dataclass(frozen=True)
class _Grid:
    """window, hop: frames; edges: of the bands, in bins of the window."""

    window: int
    hop: int
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, asked: Asked, geometry: Geometry) -> _Grid:
        rate, long = geometry.rate, asked.end - asked.start
        wanted = min(max(WINDOW_S, NARROW_BINS / (asked.high - asked.low)), long / 2, LONGEST_WINDOW_S)
        window = max(LEAST_WINDOW, 2 ** round(np.log2(wanted * rate)))
        hop = max(window // OVERLAP, int(long * rate / MOST_PLACES), geometry.frames // MOST_CLIP_PLACES)
        first, last = (round(min(edge, rate / 2) * window / rate) for edge in (asked.low, asked.high))
        first, last = max(1, first), max(first, last, 1) + 1
        return cls(window, hop, np.unique(np.geomspace(first, last, BANDS + 1).round().astype(np.int64)))


def answer(session: Session, query: Mapping[str, str]) -> dict[str, Any]:
    """Plain JSON values for the page. query: what it asks in an address.

    Raises BadRequest, UnknownSession where there is no such stem, ClipUnreadable.
    """
    try:
        asked = Asked(*(number_of(name, query.get(name, "")) for name in ("start", "end", "low", "high")))
        own = session.path(int(query["stem"])) if query.get("stem") else None
    except ValueError as error:
        raise BadRequest(f"The address is no place in a clip: {error}.", "Reload the page.") from error
    return {"events": similar(session.paths, Geometry(session.rate, session.frames), asked, own)}


def similar(paths: Sequence[Path], geometry: Geometry, asked: Asked, own: Path | None = None) -> list[dict[str, float]]:
    """Where what `asked` holds is heard again: `start`, `end` (s) and `likeness` (0 to 1), the likeliest first.

    Each is as long as what was asked for and overlaps neither that nor another. own: a stem, which is looked into where
    what is heard in the box is its own for the most part; else the mixture is, the sum of the stems at `paths`. Raises
    BadRequest, ClipUnreadable where a stem is gone.
    """
    asked.require_inside(geometry)
    grid = _Grid.of(asked, geometry)
    end = min(asked.end, geometry.frames / geometry.rate)
    begin, places = round(asked.start * geometry.rate), max(2, round((end - asked.start) * geometry.rate / grid.hop))
    with ExitStack() as stack:
        files = [stack.enter_context(opened(path)) for path in paths]
        levels = _levels(files, grid, begin, places)
        if own is not None:
            alone = [files[paths.index(own)]]
            of_stem = _levels(alone, grid, begin, places)
            if of_stem.sum() >= OWN_SHARE * levels.sum():
                files, levels = alone, of_stem
        floor = max(float(levels.max()) * 10 ** (-RANGE_DB / 10), 1e-20)
        event = _decibels(levels, floor)
        likeness = _likeness(files, grid, event, floor, geometry.frames // grid.hop)
    taken = -(-begin // grid.hop)
    likeness[max(0, taken - places) : taken + places] = 0
    starts = ((place * grid.hop / geometry.rate, likeness[place]) for place in _peaks(likeness, places))
    return [
        {
            "start": round(start, 4),
            "end": round(start + end - asked.start, 4),
            "likeness": round(min(1.0, float(like)), 3),
        }
        for start, like in starts
    ]


def _levels(files: Sequence[soundfile.SoundFile], grid: _Grid, first: int, places: int) -> NDArray[np.float32]:
    """Powers (bands, places) of the sum of the files from a frame on, the mean of all channels."""
    before = (grid.window - grid.hop) // 2
    pieces = (stretch(file, first - before, (places - 1) * grid.hop + grid.window) for file in files)
    audio = reduce(np.add, pieces)
    window = np.hanning(grid.window + 1)[:-1].astype(np.float32)
    power = np.zeros((places, grid.window // 2 + 1), dtype=np.float32)
    for channel in audio:
        spectrum = np.fft.rfft(sliding_window_view(channel, grid.window)[:: grid.hop] * window)
        power += spectrum.real**2 + spectrum.imag**2
    sums = np.add.reduceat(power[:, : grid.edges[-1]], grid.edges[:-1], axis=1)
    levels: NDArray[np.float32] = (sums / (np.diff(grid.edges) * len(audio))).T.astype(np.float32)
    return levels


def _decibels(levels: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
    decibels: NDArray[np.float32] = 10 * np.log10(np.maximum(levels, floor) / floor)
    return decibels


def _likeness(
    files: Sequence[soundfile.SoundFile], grid: _Grid, event: NDArray[np.float32], floor: float, total: int
) -> NDArray[np.float32]:
    """Of an event (bands, places) and each place of a clip that it has room at."""
    places = event.shape[1]
    contrast = event - event.mean()
    own = max(float(contrast.std()), 1e-6)
    block = max(MOST_PLACES, BLOCK // grid.window)
    size = 2 ** int(np.ceil(np.log2(block + places)))
    seen = np.conj(np.fft.rfft(contrast, size))
    likeness = np.zeros(max(0, total - places + 1), dtype=np.float32)
    for first in range(0, len(likeness), block):
        count = min(block, len(likeness) - first)
        levels = _decibels(_levels(files, grid, first * grid.hop, count + places - 1), floor)
        product = np.fft.irfft((np.fft.rfft(levels, size) * seen).sum(0), size)[:count] / event.size
        mean, square = (_running(values, places) for values in (levels.mean(0), (levels**2).mean(0)))
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        likeness[first : first + count] = product / (own * np.maximum(deviation, FLAT * own))
    return likeness


def _running(values: NDArray[np.float32], places: int) -> NDArray[np.float64]:
    """The mean of so many values from each on."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    means: NDArray[np.float64] = (sums[places:] - sums[:-places]) / places
    return means


def _peaks(likeness: NDArray[np.float32], places: int) -> list[int]:
    """The likeliest places, each at least so many from those before it."""
    found: list[int] = []
    free = likeness >= LEAST_LIKENESS
    for place in np.argsort(-likeness, kind="stable")[: int(free.sum())].tolist():
        if free[place]:
            found.append(place)
            free[max(0, place - places + 1) : place + places] = False
        if len(found) == MOST_EVENTS:
            break
    return found
