"""Writing stems: chunk by chunk, cross-faded, with the null test measured on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
from numpy.typing import NDArray

from .plan import Chunk, crossfade

SUBTYPE = "FLOAT"
# A RIFF header counts bytes in 32 bits.
RIFF_LIMIT = 2**32 - 2**16
# What the null test reports where nothing at all is left: JSON has no minus infinity.
NULL_FLOOR_DB = -200.0


def file_name(index: int) -> str:
    """Stem `index`, from 1."""
    return f"stem-{index}.wav"


class StemWriter:
    """Float32 WAV files of one rate, channel count and length, written a chunk at a time.

    Measures the null test on the way: what the written stems, summed, differ from the clip by.
    """

    def __init__(self, paths: Sequence[Path], rate: int, channels: int, frames: int) -> None:
        self._stack = ExitStack()
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
        self._signal = self._residual = 0.0

    def write(
        self, chunk: Chunk, clip: NDArray[np.float32], stems: NDArray[np.float32], following: Chunk | None
    ) -> None:
        """Add one chunk: clip (channels, frames), stems (sources, channels, frames); `following` is the chunk after it.

        The overlap with the chunk before is cross-faded; the overlap with the one after is kept back until it comes.
        """
        if self._tail is not None and chunk.fade_in:
            rise = crossfade(chunk.fade_in).astype(np.float32)
            head = stems[..., : chunk.fade_in] * rise + self._tail * (1 - rise)
            stems = np.concatenate([head, stems[..., chunk.fade_in :]], axis=-1)
        keep = following.fade_in if following else 0
        ready = stems.shape[-1] - keep
        for file, stem in zip(self._files, stems, strict=True):
            file.write(stem[:, :ready].T)
        self._tail = stems[..., ready:].copy() if keep else None
        target = clip[:, :ready].astype(np.float64)
        self._signal += float(np.sum(target**2))
        self._residual += float(np.sum((stems[..., :ready].astype(np.float64).sum(axis=0) - target) ** 2))

    @property
    def null_db(self) -> float:
        """20 log10 of rms(sum of stems - clip) over rms(clip), in dB; NULL_FLOOR_DB at the least."""
        if self._residual == 0.0:
            return NULL_FLOOR_DB
        if self._signal == 0.0:
            return 0.0
        return max(NULL_FLOOR_DB, 10 * math.log10(self._residual / self._signal))

    def __enter__(self) -> StemWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
