"""Writing stems chunk by chunk, cross-faded; and the null test, measured on what was written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..domain import Format
from ..errors import BadRequest, Diverged
from . import flac
from .files import ClipReader
from .flac import FlacFile
from .metadata import NOTHING, Carried
from .plan import Chunk, crossfade
from .riff import WavFile, pieces

# What the null test reports where nothing at all is left: JSON has no minus infinity.
NULL_FLOOR_DB = -200.0
BLOCK_FRAMES = 1 << 16
# What rounding and dither may add to a sample at full scale, in steps: no loss to speak of.
SLACK = 2
# Rounding to fewer bits is heard as a distortion of what is quiet, and dithered therefore.
DITHERED_BITS = 16

ANOTHER_FORMAT = "Choose another format: float32, 24 or 16."

# read(start, frames) -> (channels, frames)
Read = Callable[[int, int], NDArray[np.float32]]


def file_name(index: int, form: Format, kind: str = "stem") -> str:
    """Result `index`, from 1."""
    return f"{kind}-{index}{form.suffix}"


def bits(path: Path) -> int:
    """Of the samples of a result. Raises OSError where there is none."""
    try:
        return {"FLOAT": 32, "PCM_24": 24, "PCM_16": 16}.get(soundfile.info(path).subtype, 0)
    except soundfile.LibsndfileError as error:
        raise OSError(f"{path} is no result") from error


def require_writable(form: Format, rate: int, channels: int) -> None:
    """Raises BadRequest where the format has no room for sound of that rate, in Hz, and so many channels."""
    if form is Format.FLAC and channels > flac.MOST_CHANNELS:
        raise BadRequest(f"FLAC holds {flac.MOST_CHANNELS} channels, and the clip has {channels}.", ANOTHER_FORMAT)
    if form is Format.FLAC and rate > flac.HIGHEST_RATE:
        raise BadRequest(f"FLAC holds rates up to {flac.HIGHEST_RATE} Hz, and the clip's is {rate} Hz.", ANOTHER_FORMAT)


class StemWriter:
    """Files of one rate, channel count, length and format, written a chunk at a time."""

    def __init__(
        self,
        paths: Sequence[Path],
        rate: int,
        channels: int,
        frames: int,
        form: Format = Format.FLOAT32,
        carried: Carried = NOTHING,
        whole: Read | None = None,
    ) -> None:
        """carried: what goes into each of the files. whole: what the stems sum to, where they do."""
        self._stack = ExitStack()
        self._grid = None if form is Format.FLOAT32 else Grid(paths, form.bits, whole)
        self._at = 0
        with ExitStack() as opening:
            self._files = []
            for path in paths:
                file = _create(path, rate, channels, frames, form, carried)
                opening.callback(file.close)
                self._files.append(file)
            self._stack = opening.pop_all()
        self._tail: NDArray[np.float32] | None = None

    @property
    def warnings(self) -> list[str]:
        """A sentence for each file that holds less than it was given."""
        return self._grid.warnings if self._grid else []

    def write(self, chunk: Chunk, stems: NDArray[np.float32], following: Chunk | None) -> None:
        """Add one chunk: stems (sources, channels, frames); `following` is the chunk after it.

        The overlap with the chunk before is cross-faded, or left out where that one was copied; the overlap with the
        one after is kept back until it comes. Raises Diverged where a sample is no number.
        """
        if not np.isfinite(stems).all():
            raise Diverged("The computation gave values that are no numbers.")
        head, stems = np.split(stems, [chunk.fade_in], axis=-1)
        if self._tail is not None:
            rise = crossfade(chunk.fade_in).astype(np.float32)
            stems = np.concatenate([head * rise + self._tail * (1 - rise), stems], axis=-1)
        keep = following.fade_in if following else 0
        ready = stems.shape[-1] - keep
        self._put(stems[..., :ready])
        self._tail = stems[..., ready:].copy() if keep else None

    def copy(self, chunk: Chunk, originals: Sequence[Path]) -> None:
        """Add one chunk as it stands in other stems of the same length, with its overlaps on both sides."""
        start = chunk.start + (chunk.fade_in if self._tail is None else 0)
        self._tail = None
        with ExitStack() as stack:
            files = [stack.enter_context(soundfile.SoundFile(path)) for path in originals]
            for file in files:
                file.seek(start)
            for at in range(start, chunk.end, BLOCK_FRAMES):
                frames = min(BLOCK_FRAMES, chunk.end - at)
                self._put(np.stack([file.read(frames, dtype="float32", always_2d=True).T for file in files]))

    def _put(self, stems: NDArray[np.float32]) -> None:
        """stems: (sources, channels, frames), finished."""
        for start in range(0, stems.shape[-1], BLOCK_FRAMES):
            block = stems[..., start : start + BLOCK_FRAMES]
            samples = self._grid.round(block, self._at) if self._grid else block
            for file, channels in zip(self._files, samples, strict=True):
                file.write(channels.T)
            self._at += block.shape[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def _create(path: Path, rate: int, channels: int, frames: int, form: Format, carried: Carried) -> WavFile | FlacFile:
    header = pieces(rate, channels, frames, form, carried.mask, carried.chunks)
    if form is Format.FLAC:
        return FlacFile(path, rate, channels, carried.comments, header if carried.chunks else [])
    return WavFile(path, channels, form, header)


class Grid:
    """Rounds stems to integers so that their sum is what the clip itself is rounded to.

    The last stem takes what the others leave: where the clip lies on the grid, nothing of it is lost. Each of the
    others is rounded for itself, to 16 bits with triangular dither of two steps, the same every time; a sample that
    lies on the grid stays, so that silence is silent. What is beyond full scale is clipped, and told.
    """

    def __init__(self, paths: Sequence[Path], bits: int, whole: Read | None) -> None:
        """whole: what the stems sum to; None: each is rounded for itself."""
        self._names = [path.name for path in paths]
        self._scale = 2.0 ** (bits - 1)
        self._whole = whole
        self._generators = (
            [np.random.default_rng(index) for index in range(len(paths))] if bits <= DITHERED_BITS else []
        )
        self._clipped = np.zeros(len(paths), np.int64)
        self._highest = np.ones(len(paths))

    @property
    def warnings(self) -> list[str]:
        beyond_db = np.ceil(200 * np.log10(self._highest)) / 10
        return [
            f"{name} goes beyond full scale by up to {db:.1f} dB, and {count} of its samples were clipped: the format "
            "float32 holds them."
            for name, count, db in zip(self._names, self._clipped, beyond_db, strict=True)
            if count
        ]

    def round(self, stems: NDArray[np.float32], at: int) -> NDArray[np.int32]:
        """stems: (sources, channels, frames) from frame `at` on -> the same as integers."""
        scaled = stems.astype(np.float64) * self._scale
        for samples, generator in zip(scaled, self._generators, strict=False):
            # drawn for every frame in turn, so that it does not matter in which pieces they come
            first, second = np.moveaxis(generator.random((*samples.T.shape, 2)), -1, 0)
            samples += np.where(samples == np.rint(samples), 0, (first - second).T)
        rounded = np.rint(scaled)
        if self._whole is None:
            return self._limit(rounded, 0).astype(np.int32)
        whole = np.rint(self._whole(at, stems.shape[-1]).astype(np.float64) * self._scale)
        rounded[:-1] = self._limit(rounded[:-1], 0)
        rounded[-1] = whole - rounded[:-1].sum(axis=0)
        rounded[-1:] = self._limit(rounded[-1:], len(rounded) - 1)
        return rounded.astype(np.int32)

    def _limit(self, rounded: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """What fits, of the stems from `first` on."""
        for index, samples in enumerate(rounded, first):
            levels = np.abs(samples)
            self._clipped[index] += np.count_nonzero(levels > self._scale + SLACK)
            self._highest[index] = max(self._highest[index], levels.max(initial=0) / self._scale)
        return np.clip(rounded, -self._scale, self._scale - 1)


def null_db(reader: ClipReader, paths: Sequence[Path]) -> float:
    """The null test: 20 log10 of rms(sum of the stems - clip) over rms(clip), in dB, NULL_FLOOR_DB at the least.

    Read back from the files, so that it speaks of what the user gets.
    """
    signal = residual = 0.0
    with ExitStack() as stack:
        files = [stack.enter_context(soundfile.SoundFile(path)) for path in paths]
        for start in range(0, reader.frames, BLOCK_FRAMES):
            clip = reader.read(start, min(BLOCK_FRAMES, reader.frames - start)).astype(np.float64)
            total = sum(file.read(clip.shape[1], dtype="float64", always_2d=True).T for file in files)
            signal += float(np.sum(clip**2))
            residual += float(np.sum((total - clip) ** 2))
    if residual == 0.0:
        return NULL_FLOOR_DB
    return max(NULL_FLOOR_DB, 10 * math.log10(residual / signal)) if signal else 0.0
