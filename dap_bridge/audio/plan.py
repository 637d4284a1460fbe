"""How a clip of any length is cut into chunks, and what the fit gets to see of each."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import soxr
from numpy.typing import NDArray

# First frame and the one after the last.
Span = tuple[int, int]
# Of a chunk's greatest length: what it may span, silence and all.
_STRETCH = 2


@dataclass(frozen=True)
class Chunk:
    """A piece of the clip, in frames at the clip's rate; its first `fade_in` frames overlap the piece before it.

    sounding: where in it there is signal, counted from its start; None: everywhere.
    """

    index: int
    start: int
    frames: int
    fade_in: int
    sounding: tuple[Span, ...] | None = None

    @property
    def end(self) -> int:
        return self.start + self.frames

    def sounding_s(self, rate: int) -> list[tuple[float, float]] | None:
        """`sounding` in seconds."""
        if self.sounding is None:
            return None
        return [(first / rate, last / rate) for first, last in self.sounding]


def plan(
    frames: int, rate: int, seconds: float, overlap_s: float, sounding: Sequence[Span] | None = None
) -> tuple[Chunk, ...]:
    """Equal chunks of at most `seconds`, each overlapping the next by `overlap_s`; a short clip is one chunk.

    Equal, because a short last piece would be separated worse than the rest. sounding: where the clip holds signal, in
    order and apart, which alone is counted: a padded clip is cut as it would be without its padding. So a chunk may
    span more than `seconds`, twice as much at most. Silence before, behind and where it is longest is in no chunk.
    """
    longest, overlap = max(2, round(seconds * rate)), round(overlap_s * rate)
    if overlap >= longest / 2:
        raise ValueError("chunks must be more than twice as long as their overlap")
    spans = tuple(sounding or [(0, frames)])
    chunks: list[Chunk] = []
    for start, end in _shares(spans, longest, overlap):
        fade_in = max(0, chunks[-1].end - start) if chunks else 0
        chunks.append(Chunk(len(chunks), start, end - start, fade_in, _within(spans, start, end)))
    return tuple(chunks)


def _shares(spans: Sequence[Span], longest: int, overlap: int) -> list[Span]:
    """Equal shares of the signal, each from its first frame to its last; where any of them spans too much, silence and
    all, what lies on either side of the longest silence has shares of its own.
    """
    before = [0, *accumulate(end - start for start, end in spans)]

    def place(signal: int, find: Callable[[list[int], int], int]) -> int:
        """Where in the clip so much signal has passed."""
        index = min(find(before, signal), len(spans)) - 1
        return spans[index][0] + signal - before[index]

    cut = _equal(before[-1], longest, overlap)
    # of a silence, a chunk begins at its end and ends at its beginning
    shares = [(place(start, bisect_right), place(end, bisect_left)) for start, end in cut]
    if len(spans) == 1 or max(end - start for start, end in shares) <= _STRETCH * longest:
        return shares
    apart = [later[0] - former[1] for former, later in pairwise(spans)]
    middle = apart.index(max(apart)) + 1
    return _shares(spans[:middle], longest, overlap) + _shares(spans[middle:], longest, overlap)


def _equal(frames: int, longest: int, overlap: int) -> list[Span]:
    count = 1 if frames <= longest else math.ceil((frames - overlap) / (longest - overlap))
    stride = (frames - overlap) / count
    starts = [round(i * stride) for i in range(count)]
    ends = [start + overlap for start in starts[1:]] + [frames]
    return list(zip(starts, ends, strict=True))


def _within(spans: Sequence[Span], start: int, end: int) -> tuple[Span, ...] | None:
    """What of spans lies from frame `start` to `end`, counted from there; None where that is all of it."""
    cut = [(max(first - start, 0), min(last, end) - start) for first, last in spans]
    inside = [(first, last) for first, last in cut if first < last]
    return None if inside == [(0, end - start)] else tuple(inside)


def gaps(chunks: Sequence[Chunk], index: int, frames: int) -> tuple[Chunk, ...]:
    """The silence between chunk `index` and the one before it, in a clip of so many frames, in pieces no longer than
    the longest chunk; index len(chunks): what lies behind the last. Nothing overlaps it.
    """
    start = chunks[index - 1].end if index else 0
    end = chunks[index].start if index < len(chunks) else frames
    step = max(chunk.frames for chunk in chunks)
    return tuple(Chunk(index, first, min(step, end - first), 0) for first in range(start, end, step))


def crossfade(frames: int) -> NDArray[np.float64]:
    """Rising half of a raised cosine, (frames,): added to its own mirror image it gives one everywhere."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / max(frames, 1))


def fit_view(audio: NDArray[np.float32], rate: int, fit_rate: int) -> NDArray[np.float32]:
    """A chunk (channels, frames) at the rate of the fit, at least one frame long.

    soxr is the resampler behind librosa.resample; called directly, the worker is ready 1.5 s sooner.
    """
    view = soxr.resample(audio.T, rate, fit_rate, quality="HQ").T if rate != fit_rate else audio
    if view.shape[1] == 0:
        view = audio[:, :1]
    return np.ascontiguousarray(view, dtype=np.float32)
