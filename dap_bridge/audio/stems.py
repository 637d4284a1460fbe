"""Writing stems chunk by chunk, cross-faded; and the null test, measured on what was written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import Diverged
from .files import ClipReader
from .plan import Chunk, crossfade

SUBTYPE = "FLOAT"
# A RIFF header counts bytes in 32 bits.
RIFF_LIMIT = 2**32 - 2**16
# What the null test reports where nothing at all is left: JSON has no minus infinity.
NULL_FLOOR_DB = -200.0
BLOCK_FRAMES = 1 << 16
# In front of the PEAK chunk lie RIFF or RF64, ds64, fmt and fact.
HEADER_BYTES = 256


def file_name(index: int) -> str:
    """Stem `index`, from 1."""
    return f"stem-{index}.wav"


class StemWriter:
    """Float32 WAV files of one rate, channel count and length, written a chunk at a time."""

    def __init__(self, paths: Sequence[Path], rate: int, channels: int, frames: int) -> None:
        self._stack = ExitStack()
        self._paths = paths
        size = frames * channels * 4
        # RF64 is WAV with 64-bit sizes, for stems of more than 4 GiB.
        container = "WAV" if size < RIFF_LIMIT else "RF64"
        with ExitStack() as opening:
            self._files = [
                opening.enter_context(soundfile.SoundFile(path, "w", rate, channels, subtype=SUBTYPE, format=container))
                for path in paths
            ]
            self._stack = opening.pop_all()
        self._tail: NDArray[np.float32] | None = None

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
        for file, channels in zip(self._files, stems, strict=True):
            file.write(channels.T)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        for path in self._paths:
            forget_when(path)


def forget_when(path: Path) -> None:
    """Zero the time of writing in a WAV file's PEAK chunk, where libsndfile puts it: one result, one sequence of bytes.

    The chunk stands before the samples: id, size, version, seconds since 1970, and a peak for each channel.
    """
    with path.open("r+b") as file:
        at = file.read(HEADER_BYTES).find(b"PEAK")
        if at >= 0:
            file.seek(at + 12)
            file.write(bytes(4))


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
