"""Frames with signal: the others are left out of all that is learned or told over time, and get what is nearest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Where a chunk sounds: seconds from its beginning, at least one stretch; None: everywhere.
Spans = Sequence[tuple[float, float]] | None
# Of every chunk, by its index.
Sounding = Callable[[int], Spans]


def everywhere(_: int) -> Spans:
    """Of a clip without silence."""
    return None


@dataclass(frozen=True)
class Frames:
    """The frames of a spectrogram that hold signal. total: how many there are; kept: their indices, None for all."""

    total: int
    kept: Tensor | None = None

    @classmethod
    def of(cls, spans: Spans, total: int, hop: int, rate: int, first: float = 0.0) -> Frames:
        """Those of `total` whose middles, `hop` samples at `rate` apart, lie in spans or half a hop beside them.

        first: seconds at which the first frame's middle lies.
        """
        if spans is None:
            return cls(total)
        middles, near = first + torch.arange(total) * (hop / rate), hop / rate / 2
        inside = torch.zeros(total, dtype=torch.bool)
        for start, end in spans:
            # what sounds before the first middle or after the last is theirs
            inside |= (middles >= min(start - near, float(middles[-1]))) & (middles <= max(end + near, first))
        return cls(total, None if inside.all() else inside.nonzero()[:, 0])

    def only(self, values: Tensor) -> Tensor:
        """(..., total) -> what has signal alone, (..., kept)."""
        return values if self.kept is None else values[..., self.kept.to(values.device)]

    def all(self, values: Tensor) -> Tensor:
        """The way back: every frame without signal has what the nearest with signal has."""
        if self.kept is None:
            return values
        nearest = (torch.arange(self.total)[:, None] - self.kept).abs().argmin(1)
        return values[..., nearest.to(values.device)]
