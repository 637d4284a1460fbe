"""Clips of several rates side by side: read at one common rate, and back to each clip's own."""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from .files import ClipReader
from .silence import Signal
from .stems import BLOCK_FRAMES

# On either side of a stretch, so that the resampler's own edges lie outside it; frames at the clip's rate.
MARGIN = 2048


class CommonRate:
    """A clip as if it had another rate; times agree to the sample, whatever the two rates."""

    def __init__(self, reader: ClipReader | Signal, rate: int) -> None:
        self._reader = reader
        self._rate = rate
        # so many frames of one are exactly so many of the other
        common = math.gcd(reader.rate, rate)
        self._there, self._here = rate // common, reader.rate // common

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """`frames` frames from `start`, both at the common rate, silence outside the clip: (channels, frames)."""
        if self._there == self._here:
            return self._read(start, frames)
        steps = (start - MARGIN) // self._there
        count = -(-(start + frames + MARGIN) // self._there) - steps
        audio = self._read(steps * self._here, count * self._here)
        resampled = resample(audio, self._reader.rate, self._rate)
        first = start - steps * self._there
        return _of_length(resampled[:, first:], frames)

    def back(self, start: int, audio: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
        """`audio`, which begins at frame `start` of the common rate, at the clip's own: its first frame, and itself."""
        if self._there == self._here:
            return start, audio
        steps = (start - MARGIN) // self._there
        padded = np.pad(audio, ((0, 0), (start - steps * self._there, MARGIN)))
        return steps * self._here, resample(padded, self._rate, self._reader.rate)

    def _read(self, start: int, frames: int) -> NDArray[np.float32]:
        first, last = max(0, start), min(self._reader.frames, start + frames)
        if first >= last:
            return np.zeros((self._reader.channels, frames), np.float32)
        inside = self._reader.read(first, last - first)
        return np.pad(inside, ((0, 0), (first - start, start + frames - last)))


def mono_view(reader: ClipReader | Signal, rate: int) -> NDArray[np.float32]:
    """The mean of all channels of the whole clip at `rate`, at least one frame long: (frames,)."""
    stream = soxr.ResampleStream(reader.rate, rate, 1, dtype="float32", quality="HQ")
    found = []
    for start in range(0, reader.frames, BLOCK_FRAMES):
        frames = min(BLOCK_FRAMES, reader.frames - start)
        block = reader.read(start, frames).mean(axis=0)
        found.append(stream.resample_chunk(block, last=start + frames == reader.frames))
    length = max(1, round(reader.frames * rate / reader.rate))
    view: NDArray[np.float32] = _of_length(np.concatenate(found)[None], length)[0]
    return view


def resample(audio: NDArray[np.float32], rate: int, new: int) -> NDArray[np.float32]:
    """(channels, frames) at another rate."""
    return np.ascontiguousarray(soxr.resample(audio.T, rate, new, quality="HQ").T, dtype=np.float32)


def _of_length(audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """(channels, frames), cut or filled up with silence at the end."""
    return np.pad(audio[:, :frames], ((0, 0), (0, max(0, frames - audio.shape[1]))))
