"""Spectrogram tiles: what the mask editor draws, computed for the stretch and the zoom level that is looked at.

A tile holds numbers, not colours: the level of the mixture and every stem's share of it, a byte each. The page gives
them colours, so that a change of range, scale or theme asks for nothing anew. The mixture is the sum of the stems.

No one window shows a click and a low partial: so low rows of a tile go by a longer window, high ones by a shorter one,
and between them what two windows see is blended. The page chooses by its zoom which of three such sets it looks at.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import BadRequest
from .reading import opened, stretch

COLUMNS = 256
# The sets: seconds of the window at PIVOT_HZ, each of the power of two next to it. Zoomed into time, whole, zoomed into
# frequency.
WINDOWS_S = (0.0116, 0.0464, 0.0929)
PIVOT_HZ = 1000.0
# From one window of a set to the next, and so many on either side of the middle one.
RATIO = 4
# How a window shortens with frequency: 4 times from PIVOT_HZ to 6.3 kHz, and no further.
SLOPE = 0.75
# Rows a bin of the window that is in force.
DENSITY = 1.4
# Columns a window of the shortest set at PIVOT_HZ, at the finest level.
OVERLAP = 32
# Places in the sound for one column of a coarse level: of each window, the longest first, where all of it is read, and
# of all windows where it is read here and there, so that a tile of ten minutes costs what one of a second does.
PLACES, SPARSE_PLACES = (2, 4, 8), 2
# Frames up to which what a block of columns spans is read as a whole.
DENSE_FRAMES = 1 << 20
# The coarsest level shows the whole clip in at most so many columns.
OVERVIEW = 2 * COLUMNS
# A byte b stands for FLOOR_DB + b STEP_DB; 0 dB is a sine of full scale.
FLOOR_DB = -127.5
STEP_DB = 0.5
# Columns computed together: bounds the memory, whatever the number of stems.
BLOCK = 32

MAX_SAMPLES = 1 << 20

# Columns of the whole clip's waveform, the places that each looks at, and frames of a place.
WAVE_COLUMNS, WAVE_PLACES, WAVE_FRAMES = 1000, 2, 512


@dataclass(frozen=True)
class Rows:
    """The rows of one set's tiles, from 0 Hz to half of `rate`; `middle`: frames of its window at PIVOT_HZ."""

    rate: int
    middle: int

    @property
    def windows(self) -> tuple[int, ...]:
        """Frames of each window, the longest first."""
        return (self.middle * RATIO, self.middle, self.middle // RATIO)

    def wanted(self, hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Frames of the window that a frequency is best seen by."""
        low, high = self.windows[-1], self.windows[0]
        pivoted = self.middle * (PIVOT_HZ / np.maximum(hertz, 1.0)) ** SLOPE
        return np.clip(pivoted, low, high)

    @cached_property
    def hertz(self) -> NDArray[np.float64]:
        """Of each row: as dense as the window that is in force there can tell apart."""
        grid = np.linspace(0, self.rate / 2, 4 * self.windows[0])
        count = np.concatenate([[0], np.cumsum(self.wanted(grid[1:]) * np.diff(grid))]) * DENSITY / self.rate
        hertz: NDArray[np.float64] = np.interp(np.linspace(0, count[-1], int(np.ceil(count[-1])) + 1), count, grid)
        return hertz

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """(windows, rows): how much each window has to say; sums to one."""
        steps = np.log(self.windows[0] / self.wanted(self.hertz)) / np.log(RATIO)
        each = np.arange(len(self.windows))[:, None]
        shares: NDArray[np.float32] = np.maximum(0, 1 - np.abs(steps - each)).astype(np.float32)
        return shares

    def sampled(self, magnitude: NDArray[np.float32], window: int) -> NDArray[np.float32]:
        """(…, bins) of that window -> (…, rows), between the bins next to each row, as heavy as its weight."""
        at = self.hertz / self.rate * self.windows[window]
        first = np.minimum(at.astype(np.int64), magnitude.shape[-1] - 2)
        share = (at - first).astype(np.float32)
        between = magnitude[..., first] * (1 - share) + magnitude[..., first + 1] * share
        weighted: NDArray[np.float32] = between * self.weights[window]
        return weighted


@cache
def _sets(rate: int) -> tuple[Rows, ...]:
    return tuple(Rows(rate, int(2 ** round(np.log2(seconds * rate)))) for seconds in WINDOWS_S)


@dataclass(frozen=True)
class Geometry:
    """How `frames` at `rate` Hz are cut: level l has columns of `hop` 2^l frames; tile i begins at column 256 i."""

    rate: int
    frames: int

    @property
    def sets(self) -> tuple[Rows, ...]:
        return _sets(self.rate)

    @property
    def hop(self) -> int:
        return max(1, self.sets[0].middle // OVERLAP)

    @property
    def levels(self) -> int:
        level = 0
        while self.columns(level) > OVERVIEW:
            level += 1
        return level + 1

    def columns(self, level: int) -> int:
        """How many columns the whole clip has at that level."""
        return -(-self.frames // (self.hop << level))

    def as_dict(self) -> dict[str, object]:
        """What the page must know to ask for tiles and to read them."""
        return {
            "columns": COLUMNS,
            "hop": self.hop,
            "levels": self.levels,
            "floor_db": FLOOR_DB,
            "step_db": STEP_DB,
            "pivot_hz": PIVOT_HZ,
            "slope": SLOPE,
            "ratio": RATIO,
            "sets": [{"window": rows.middle, "hertz": rows.hertz.round(2).tolist()} for rows in self.sets],
        }


def tile(paths: Sequence[Path], geometry: Geometry, chosen: int, level: int, index: int) -> bytes:
    """One tile of the stems at `paths`: bytes (1 + stems, rows, columns): level of the mixture, then shares in 1/255.

    chosen: which set of windows. The share of stem k is its mask, |S_k| / sum_j |S_j|. Raises BadRequest for a tile
    that the clip does not have, ClipUnreadable where a stem is gone.
    """
    there = 0 <= chosen < len(WINDOWS_S) and 0 <= level < geometry.levels
    if not there or not 0 <= index * COLUMNS < geometry.columns(level):
        raise BadRequest(f"The clip has no tile {index} at level {level} of set {chosen}.", "Reload the page.")
    rows = geometry.sets[chosen]
    hop = geometry.hop << level
    first = index * COLUMNS
    columns = min(COLUMNS, geometry.columns(level) - first)
    planes = np.empty((1 + len(paths), len(rows.hertz), columns), dtype=np.uint8)
    with ExitStack() as stack:
        files = [stack.enter_context(opened(path)) for path in paths]
        for start in range(0, columns, BLOCK):
            stop = min(start + BLOCK, columns)
            planes[:, :, start:stop] = _block(files, rows, first + start, stop - start, hop)
    return planes.tobytes()


def waveform(paths: Sequence[Path], frames: int) -> bytes:
    """The least and the greatest sample of the stems' sum in each of at most WAVE_COLUMNS stretches: float32 pairs.

    Of a long clip each stretch is looked at in a few places, so that any length costs the same. Channels are taken
    together. Raises ClipUnreadable where a stem is gone.
    """
    columns = min(WAVE_COLUMNS, frames)
    edges = np.linspace(0, frames, columns + 1).astype(np.int64)
    extremes = np.zeros((columns, 2), dtype="<f4")
    with ExitStack() as stack:
        files = [stack.enter_context(opened(path)) for path in paths]
        for column, (start, end) in enumerate(pairwise(edges)):
            if end - start <= WAVE_PLACES * WAVE_FRAMES:
                looked = [(int(start), int(end - start))]
            else:
                starts = np.linspace(start, end - WAVE_FRAMES, WAVE_PLACES).astype(np.int64)
                looked = [(int(place), WAVE_FRAMES) for place in starts]
            sums = [sum(stretch(file, place, count) for file in files) for place, count in looked]
            extremes[column] = min(np.min(one) for one in sums), max(np.max(one) for one in sums)
    return extremes.tobytes()


def samples(path: Path, start: int, frames: int) -> bytes:
    """`frames` frames of a stem from `start`, fewer at its end: float32, little-endian, channels interleaved."""
    if start < 0 or not 0 < frames <= MAX_SAMPLES:
        raise BadRequest(f"At most {MAX_SAMPLES} frames at a time, from 0 on.", "Reload the page.")
    with opened(path) as file:
        if start >= file.frames:
            return b""
        file.seek(start)
        block: NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
    return block.astype("<f4", copy=False).tobytes()


def _block(files: Sequence[soundfile.SoundFile], rows: Rows, first: int, columns: int, hop: int) -> NDArray[np.uint8]:
    """Columns `first` … of one tile -> (1 + stems, rows, columns)."""
    longest = rows.windows[0]
    dense = columns * hop <= DENSE_FRAMES
    sounds: list[_Dense | _Sparse] = [
        _Dense(file, first * hop, columns * hop, longest)
        if dense
        else _Sparse(file, _centres(first, columns, SPARSE_PLACES, hop), longest)
        for file in files
    ]
    loudest = np.zeros((columns, len(rows.hertz)), dtype=np.float32)
    parts = np.zeros((len(files), *loudest.shape), dtype=np.float32)
    for number, n_fft in enumerate(rows.windows):
        places = max(1, min(PLACES[number], 2 * hop // n_fft)) if dense else SPARSE_PLACES
        centres = _centres(first, columns, places, hop)
        window = np.hanning(n_fft + 1)[:-1].astype(np.float32) * np.float32(4 / n_fft)
        mixture: NDArray[np.complex64] | None = None
        for part, sound in zip(parts, sounds, strict=True):
            spectrum: NDArray[np.complex64] = np.fft.rfft(sound.around(centres, n_fft) * window, axis=-1).astype(
                np.complex64, copy=False
            )
            part += rows.sampled(_by_column(_over_channels(spectrum), places).mean(axis=1), number)
            mixture = spectrum if mixture is None else mixture + spectrum
        assert mixture is not None
        loudest += rows.sampled(_by_column(_over_channels(mixture), places).max(axis=1), number)
    decibels = 20 * np.log10(np.maximum(loudest, 1e-9))
    level = np.clip(np.round((decibels - FLOOR_DB) / STEP_DB), 0, 255)
    shares = np.round(255 * parts / np.maximum(parts.sum(axis=0), 1e-12))
    return np.concatenate([level[None], shares]).astype(np.uint8).transpose(0, 2, 1)


def _over_channels(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """(places, channels, bins) -> (places, bins): the root mean square of the channels."""
    magnitude: NDArray[np.float32] = np.sqrt(np.mean(spectrum.real**2 + spectrum.imag**2, axis=1))
    return magnitude


def _by_column(strength: NDArray[np.float32], places: int) -> NDArray[np.float32]:
    """(columns places, bins) -> (columns, places, bins)."""
    return strength.reshape(-1, places, strength.shape[-1])


def _centres(first: int, columns: int, places: int, hop: int) -> NDArray[np.int64]:
    """Frames that `places` windows of each column lie around."""
    return ((first + (np.arange(columns * places) + 0.5) / places) * hop).astype(np.int64)


class _Dense:
    """A file, read as a whole where `frames` from `first` on are looked at by windows of up to `longest`."""

    def __init__(self, file: soundfile.SoundFile, first: int, frames: int, longest: int) -> None:
        self._first = first - longest // 2
        self._span = stretch(file, self._first, frames + longest)

    def around(self, centres: NDArray[np.int64], n_fft: int) -> NDArray[np.float32]:
        """Windows of `n_fft` frames around each of `centres` -> (centres, channels, n_fft); silence beyond the ends."""
        windows = np.lib.stride_tricks.sliding_window_view(self._span, n_fft, axis=1)
        return windows[:, centres - n_fft // 2 - self._first].transpose(1, 0, 2)


class _Sparse:
    """A file, read where it is looked at by windows of up to `longest` around `centres`, and nowhere else."""

    def __init__(self, file: soundfile.SoundFile, centres: NDArray[np.int64], longest: int) -> None:
        self._stretches = np.stack([stretch(file, int(centre) - longest // 2, longest) for centre in centres])

    def around(self, _: NDArray[np.int64], n_fft: int) -> NDArray[np.float32]:
        """The middle of each: as `_Dense` does."""
        start = (self._stretches.shape[-1] - n_fft) // 2
        return self._stretches[..., start : start + n_fft]
