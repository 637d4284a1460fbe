"""Spectrogram tiles: what the mask editor draws, computed for the stretch and the zoom level that is looked at.

A tile holds numbers, not colours: the level of the mixture and every stem's share of it, a byte each. The page gives
them colours, so that a change of range, scale or theme asks for nothing anew. The mixture is the sum of the stems.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import BadRequest
from .reading import opened as _open
from .reading import stretch as _stretch

COLUMNS = 256
# Window of the spectrogram: the power of two next to this.
WINDOW_S = 0.046
# Columns a window, at the finest level.
OVERLAP = 16
# Places in the sound for one column of a coarse level, so that a tile of ten minutes costs what one of a second does.
PLACES = 4
# The coarsest level shows the whole clip in at most so many columns.
OVERVIEW = 2 * COLUMNS
# A byte b stands for FLOOR_DB + b STEP_DB; 0 dB is a sine of full scale.
FLOOR_DB = -127.5
STEP_DB = 0.5
# Columns computed together: bounds the memory, whatever the number of stems.
BLOCK = 64
# Places that lie closer than this many windows are read in one piece.
SPARSE = 2

MAX_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Geometry:
    """How `frames` at `rate` Hz are cut: level l has columns of `hop` 2^l frames; tile i begins at column 256 i."""

    rate: int
    frames: int

    @property
    def n_fft(self) -> int:
        return int(2 ** round(np.log2(WINDOW_S * self.rate)))

    @property
    def hop(self) -> int:
        return max(1, self.n_fft // OVERLAP)

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1

    @property
    def levels(self) -> int:
        level = 0
        while self.columns(level) > OVERVIEW:
            level += 1
        return level + 1

    def columns(self, level: int) -> int:
        """How many columns the whole clip has at that level."""
        return -(-self.frames // (self.hop << level))

    def as_dict(self) -> dict[str, float]:
        """What the page must know to ask for tiles and to read them."""
        return {
            "columns": COLUMNS,
            "hop": self.hop,
            "bins": self.bins,
            "levels": self.levels,
            "floor_db": FLOOR_DB,
            "step_db": STEP_DB,
        }


def tile(paths: Sequence[Path], geometry: Geometry, level: int, index: int) -> bytes:
    """One tile of the stems at `paths`: bytes (1 + stems, bins, columns): level of the mixture, then shares in 1/255.

    The share of stem k is its mask, |S_k| / sum_j |S_j|. Raises BadRequest for a tile that the clip does not have,
    ClipUnreadable where a stem is gone.
    """
    if not 0 <= level < geometry.levels or not 0 <= index * COLUMNS < geometry.columns(level):
        raise BadRequest(f"The clip has no tile {index} at level {level}.", "Reload the page.")
    hop = geometry.hop << level
    first = index * COLUMNS
    columns = min(COLUMNS, geometry.columns(level) - first)
    planes = np.empty((1 + len(paths), geometry.bins, columns), dtype=np.uint8)
    with ExitStack() as stack:
        files = [stack.enter_context(_open(path)) for path in paths]
        for start in range(0, columns, BLOCK):
            stop = min(start + BLOCK, columns)
            planes[:, :, start:stop] = _block(files, geometry, first + start, stop - start, hop)
    return planes.tobytes()


def samples(path: Path, start: int, frames: int) -> bytes:
    """`frames` frames of a stem from `start`, fewer at its end: float32, little-endian, channels interleaved."""
    if start < 0 or not 0 < frames <= MAX_SAMPLES:
        raise BadRequest(f"At most {MAX_SAMPLES} frames at a time, from 0 on.", "Reload the page.")
    with _open(path) as file:
        if start >= file.frames:
            return b""
        file.seek(start)
        block: NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
    return block.astype("<f4", copy=False).tobytes()


def _block(
    files: Sequence[soundfile.SoundFile], geometry: Geometry, first: int, columns: int, hop: int
) -> NDArray[np.uint8]:
    """Columns `first` … of one tile -> (1 + stems, bins, columns)."""
    places = max(1, min(PLACES, 2 * hop // geometry.n_fft))
    centres = ((first + (np.arange(columns * places) + 0.5) / places) * hop).astype(np.int64)
    window = np.hanning(geometry.n_fft + 1)[:-1].astype(np.float32)
    mixture: NDArray[np.complex64] | None = None
    strengths = []
    for file in files:
        frames = _frames(file, centres, geometry.n_fft) * window
        spectrum: NDArray[np.complex64] = np.fft.rfft(frames, axis=-1).astype(np.complex64, copy=False)
        strengths.append(_by_column(_over_channels(spectrum), places).mean(axis=1))
        mixture = spectrum if mixture is None else mixture + spectrum
    assert mixture is not None
    loudest = _by_column(_over_channels(mixture), places).max(axis=1)
    decibels = 20 * np.log10(np.maximum(loudest * (2 / window.sum()), 1e-9))
    level = np.clip(np.round((decibels - FLOOR_DB) / STEP_DB), 0, 255)
    parts = np.stack(strengths)
    shares = np.round(255 * parts / np.maximum(parts.sum(axis=0), 1e-12))
    return np.concatenate([level[None], shares]).astype(np.uint8).transpose(0, 2, 1)


def _over_channels(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """(places, channels, bins) -> (places, bins): the root mean square of the channels."""
    magnitude: NDArray[np.float32] = np.sqrt(np.mean(spectrum.real**2 + spectrum.imag**2, axis=1))
    return magnitude


def _by_column(strength: NDArray[np.float32], places: int) -> NDArray[np.float32]:
    """(columns places, bins) -> (columns, places, bins)."""
    return strength.reshape(-1, places, strength.shape[-1])


def _frames(file: soundfile.SoundFile, centres: NDArray[np.int64], n_fft: int) -> NDArray[np.float32]:
    """Windows of `n_fft` frames around each of `centres` -> (centres, channels, n_fft); silence beyond the ends."""
    starts = centres - n_fft // 2
    if len(starts) > 1 and starts[1] - starts[0] > SPARSE * n_fft:
        return np.stack([_stretch(file, int(start), n_fft) for start in starts])
    span = _stretch(file, int(starts[0]), int(starts[-1] - starts[0]) + n_fft)
    windows = np.lib.stride_tricks.sliding_window_view(span, n_fft, axis=1)
    return windows[:, starts - starts[0]].transpose(1, 0, 2)
