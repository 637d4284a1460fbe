"""Where a clip holds signal: what lies far below its own level is padding, dither or an edited gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .files import ClipReader
from .plan import Span
from .stems import BLOCK_FRAMES


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


def signal_spans(reader: ClipReader, rule: Rule | None, check: Callable[[], None]) -> tuple[Span, ...]:
    """Where a clip holds signal, in order and apart; all of it where it is one level, however faint, or without a rule.

    Levels are those of blocks, offset left out, all channels added up. The clip's own level is their mean, each weighed
    by level^emphasis: neither much silence nor one bang decides it. What stays below_db under it for least_s or longer
    is silence. check: called often; what it raises ends the work.
    """
    if rule is None:
        return ((0, reader.frames),)
    size = max(2, round(rule.block_s * reader.rate))
    levels = _levels(reader, size, check)
    weights = levels**rule.emphasis
    usual = float((weights @ levels) / max(float(weights.sum()), np.finfo(np.float64).tiny))
    edges = np.flatnonzero(np.diff(levels > usual * 10 ** (-rule.below_db / 10), prepend=False, append=False))
    found: list[Span] = []
    for first, last in edges.reshape(-1, 2).tolist():
        start, end = first * size, min(last * size, reader.frames)
        if start - (found[-1][1] if found else 0) < rule.least_s * reader.rate:
            start = found.pop()[0] if found else 0
        found.append((start, end))
    if not found:
        return ((0, reader.frames),)
    start, end = found[-1]
    if reader.frames - end < rule.least_s * reader.rate:
        found[-1] = (start, reader.frames)
    return tuple(found)


def _levels(reader: ClipReader, size: int, check: Callable[[], None]) -> NDArray[np.float64]:
    """Mean power of every block of so many frames, the last one as long as the clip lets it be: (blocks,)."""
    found = []
    step = max(1, BLOCK_FRAMES // size) * size
    for start in range(0, reader.frames, step):
        check()
        audio = reader.read(start, min(step, reader.frames - start))
        whole = audio.shape[1] // size * size
        blocks = audio[:, :whole].reshape(len(audio), -1, size)
        found.append(blocks.var(axis=2, dtype=np.float64).sum(axis=0))
        if whole < audio.shape[1]:
            first = max(0, start + audio.shape[1] - size)
            rest = reader.read(first, reader.frames - first)
            found.append(rest.var(axis=1, dtype=np.float64).sum(keepdims=True))
    return np.concatenate(found)
