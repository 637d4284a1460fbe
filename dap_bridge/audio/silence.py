"""A clip without its silence: what lies far below its own level, as padding, dither or an edited gap, tells nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from .files import ClipReader
from .plan import Chunk
from .stems import BLOCK_FRAMES, StemWriter

# First frame and the one after the last.
Span = tuple[int, int]
# Of a block of silence and its stems: its first frame in the clip, audio (channels, frames) -> (sources, channels,
# frames).
Fill = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]


class Rule(Protocol):
    """What counts as silence, as `presets.Silence` has it."""

    @property
    def below_db(self) -> float: ...

    @property
    def emphasis(self) -> float: ...

    @property
    def block_s(self) -> float: ...

    @property
    def least_s(self) -> float: ...

    @property
    def rise(self) -> float: ...


class Signal:
    """A clip whose silence is cut out: it is read, planned and learned from as if the rest were all there is.

    rate: Hz; channels: how many; frames: of signal; spans: where in the clip these lie.
    """

    def __init__(self, reader: ClipReader, rule: Rule | None, check: Callable[[], None]) -> None:
        """rule: None where everything is signal. check: called often; what it raises ends the work."""
        self._reader = reader
        self.rate, self.channels = reader.rate, reader.channels
        self.spans = signal_spans(reader, rule, check)
        # of the signal, how much lies before each span
        self._before = [0, *accumulate(last - first for first, last in self.spans)]
        self.frames = self._before[-1]

    @property
    def padded(self) -> bool:
        return self.frames < self._reader.frames

    @property
    def gaps(self) -> list[tuple[int, Span]]:
        """Every silence of the clip, and how much signal lies before it."""
        edges = [0, *(edge for span in self.spans for edge in span), self._reader.frames]
        silent = zip(edges[::2], edges[1::2], strict=True)
        return [(at, gap) for at, gap in zip(self._before, silent, strict=True) if gap[0] < gap[1]]

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """`frames` frames of signal from `start`: (channels, frames)."""
        parts = [self._reader.read(first, last - first) for first, last in self.pieces(start, start + frames)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def pieces(self, start: int, end: int) -> list[Span]:
        """Where in the clip the signal from frame `start` to `end` lies."""
        lengths = zip(self.spans, self._before, strict=False)
        cut = [(first + max(0, start - at), min(last, first + end - at)) for (first, last), at in lengths]
        return [(first, last) for first, last in cut if first < last]

    def place(self, at: int) -> int:
        """Where in the clip a frame of the signal lies, also one before its beginning or behind its end."""
        index = min(max(0, bisect_right(self._before, at) - 1), len(self.spans) - 1)
        return self.spans[index][0] + at - self._before[index]

    def position(self, frame: float) -> float:
        """How much signal lies before a frame of the clip, which may be no whole one."""
        index = max(0, bisect_right(self.spans, frame, key=lambda span: span[0]) - 1)
        first, last = self.spans[index]
        return self._before[index] + min(max(frame - first, 0), last - first)


class PaddedWriter(StemWriter):
    """Stems of a clip that are written as stems of its signal; silence is put in where it was.

    fill: makes the stems of a silence, no longer than `longest` frames at once. It is set before each chunk is written,
    or copied, for the silence before the first, within, and behind.
    """

    fill: Fill

    def __init__(self, signal: Signal, reader: ClipReader, paths: Sequence[Path], longest: int, **more: Any) -> None:
        super().__init__(paths, reader.rate, reader.channels, reader.frames, **more)
        self._signal, self._reader, self._longest = signal, reader, max(longest, BLOCK_FRAMES)
        self._gaps = signal.gaps
        self._passed = 0

    def copy(self, chunk: Chunk, originals: Sequence[Path]) -> None:
        """Add one chunk as it stands in other stems of the same clip, with its overlaps on both sides."""
        start = chunk.start + (chunk.fade_in if self._tail is None else 0)
        for first, last in self._signal.pieces(start, chunk.end):
            super().copy(Chunk(chunk.index, first, last - first, 0), originals)

    def _put(self, stems: NDArray[np.float32]) -> None:
        self._put_silence()
        while self._gaps and self._gaps[0][0] <= self._passed + stems.shape[-1]:
            ready = self._gaps[0][0] - self._passed
            super()._put(stems[..., :ready])
            stems, self._passed = stems[..., ready:], self._passed + ready
            self._put_silence()
        super()._put(stems)
        self._passed += stems.shape[-1]

    def _put_silence(self) -> None:
        """What is silent here."""
        while self._gaps and self._gaps[0][0] == self._passed:
            first, last = self._gaps.pop(0)[1]
            for start in range(first, last, self._longest):
                super()._put(self.fill(start, self._reader.read(start, min(self._longest, last - start))))


def original(paths: Sequence[Path], start: int, frames: int) -> NDArray[np.float32]:
    """A stretch of stems as they are: (sources, channels, frames)."""
    return np.stack([soundfile.read(path, frames, start, dtype="float32", always_2d=True)[0].T for path in paths])


def signal_spans(reader: ClipReader, rule: Rule | None, check: Callable[[], None]) -> tuple[Span, ...]:
    """Where a clip holds signal, in order and apart; all of it where it is one level, however faint, or without a rule.

    Levels are those of blocks, offset left out, all channels added up. The clip's own level is their mean, each weighed
    by level^emphasis: neither much silence nor one bang decides it. What stays below_db under it for least_s or longer
    is silence, up to the sample that rises out of it. check: called often; what it raises ends the work.
    """
    if rule is None:
        return ((0, reader.frames),)
    size = max(2, round(rule.block_s * reader.rate))
    levels = _levels(reader, size, check)
    weights = levels**rule.emphasis
    usual = float((weights @ levels) / max(float(weights.sum()), np.finfo(np.float64).tiny))
    loud = levels > usual * 10 ** (-rule.below_db / 10)
    edges = [size * int(edge) for edge in np.flatnonzero(np.diff(loud, prepend=False, append=False))]
    # silence, sound, silence …, in turn, from the clip's first frame to its last
    turns = list(pairwise([0, *edges[:-1], min([*edges[-1:], reader.frames]), reader.frames]))
    silent = [span for span in turns[::2] if span[1] - span[0] >= rule.least_s * reader.rate]
    if not edges or not silent:
        return ((0, reader.frames),)
    bounds = [0, *(edge for span in silent for edge in _to_the_sample(reader, span, size, rule.rise)), reader.frames]
    return tuple((first, last) for first, last in zip(bounds[::2], bounds[1::2], strict=True) if first < last)


def _to_the_sample(reader: ClipReader, silent: Span, size: int, rise: float) -> Span:
    """A silence that is known to the block, from the last sample that rises out of it to the first that does."""
    first, last = silent
    if first > 0:
        first += size - _rise(np.flip(reader.read(first - size, 3 * size), axis=1), size, rise)
    if last < reader.frames:
        start, end = last - 2 * size, min(last + size, reader.frames)
        last += _rise(reader.read(start, end - start), size, rise) - size
    return first, last


def _rise(audio: NDArray[np.float32], size: int, rise: float) -> int:
    """How many frames after the first block of audio (channels, frames), which is silence, something rises out of it:
    above `rise` times its highest sample; `size` where nothing does.
    """
    quiet, rest = np.split(audio, [size], axis=1)
    offset = quiet.mean(axis=1, keepdims=True)
    above = (np.abs(rest - offset) > rise * np.abs(quiet - offset).max(axis=1, keepdims=True)).any(axis=0)
    return int(above.argmax()) if above.any() else size


def _levels(reader: ClipReader, size: int, check: Callable[[], None]) -> NDArray[np.float64]:
    """Power of every block of so many frames, the last one as long as the clip lets it be: (blocks,)."""
    found = []
    step = max(1, BLOCK_FRAMES // size) * size
    for start in range(0, reader.frames, step):
        check()
        audio = reader.read(start, min(step, reader.frames - start))
        whole = audio.shape[1] // size * size
        blocks = audio[:, :whole].reshape(len(audio), -1, size)
        found.append(blocks.var(axis=2, dtype=np.float64).sum(axis=0))
        if whole < audio.shape[1]:
            first = max(0, reader.frames - size)
            rest = reader.read(first, reader.frames - first)
            found.append(rest.var(axis=1, dtype=np.float64).sum(keepdims=True))
    return np.concatenate(found)
