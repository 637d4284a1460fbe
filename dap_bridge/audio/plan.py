"""How a clip of any length is cut into chunks, and what a method gets to see of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chunk:
    """A piece of the clip, in frames at the clip's rate; its first `fade_in` frames overlap the piece before it."""

    index: int
    start: int
    frames: int
    fade_in: int

    @property
    def end(self) -> int:
        return self.start + self.frames


def plan(frames: int, rate: int, seconds: float, overlap_s: float) -> tuple[Chunk, ...]:
    """Equal chunks of at most `seconds`, each overlapping the next by `overlap_s`; a short clip is one chunk.

    Equal, because a short last piece would be separated worse than the rest.
    """
    longest, overlap = max(2, round(seconds * rate)), round(overlap_s * rate)
    if overlap >= longest / 2:
        raise ValueError("chunks must be more than twice as long as their overlap")
    count = 1 if frames <= longest else math.ceil((frames - overlap) / (longest - overlap))
    stride = (frames - overlap) / count
    starts = [round(i * stride) for i in range(count)]
    ends = [start + overlap for start in starts[1:]] + [frames]
    return tuple(
        Chunk(i, start, end - start, overlap if i else 0)
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def crossfade(frames: int) -> NDArray[np.float64]:
    """Rising half of a raised cosine, (frames,): added to its own mirror image it gives one everywhere."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / max(frames, 1))


def front_view(audio: NDArray[np.float32], rate: int, front_rate: int) -> NDArray[np.float32]:
    """A chunk (channels, frames) at the front's rate, at least one frame long.

    soxr is the resampler behind librosa.resample; called directly, the worker is ready 1.5 s sooner.
    """
    view = soxr.resample(audio.T, rate, front_rate, quality="HQ").T if rate != front_rate else audio
    if view.shape[1] == 0:
        view = audio[:, :1]
    return np.ascontiguousarray(view, dtype=np.float32)
