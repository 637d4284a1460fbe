"""Boxes of time and frequency as geometry: how far each point of a grid belongs to one, and masks filled in by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..recipe import Front
from ..tiny import TINY
from . import rows

# A box from below this, in Hz, to beyond that share of half the clip's rate leaves nothing out that anybody hears.
LOWEST_HEARD, HIGHEST = 20.0, 0.99
_LOWEST = 1e-3  # Hz: what stands for zero where octaves are counted


@dataclass(frozen=True)
class ChunkBox:
    """A box as a chunk hears of it: in it, `source` (from 0) has all of the mixture, or nothing of it.

    start, end, feather: seconds from the beginning of the chunk, which the box may begin before or outlast; low,
    high: Hz. strength: 0..1, how far masks are moved there.
    """

    source: int
    active: bool
    start: float
    end: float
    low: float
    high: float
    strength: float
    feather: float


def whole(box: ChunkBox, rate: int) -> bool:
    """Whether it holds exactly all that sounds in a clip at `rate` Hz, as long as it lasts: a span of time."""
    return box.strength == 1 and box.low <= LOWEST_HEARD and box.high >= rate / 2 * HIGHEST


def membership(box: ChunkBox, hertz: Tensor, seconds: Tensor, octaves: float) -> Tensor:
    """How far each point of a grid belongs to the box, 0..1: (len(hertz), len(seconds)).

    One in the box; beyond it falls as a raised cosine over `octaves` and over box.feather seconds.
    """
    f = hertz.clamp(min=_LOWEST)
    beyond = torch.maximum((max(box.low, _LOWEST) / f).log2(), (f / box.high).log2())
    before = torch.maximum(box.start - seconds, seconds - box.end)
    return _fall(beyond, octaves)[:, None] * _fall(before, box.feather)


def _fall(distance: Tensor, width: float) -> Tensor:
    """1 where distance <= 0, 0 from `width` on, a raised cosine between."""
    if width <= 0:
        return (distance <= 0).to(distance.dtype)
    return 0.5 + 0.5 * (torch.pi * (distance / width).clamp(0, 1)).cos()


def fill(masks: Tensor, boxes: Sequence[ChunkBox], belonging: Sequence[Tensor]) -> Tensor:
    """Masks (sources, bins, frames) with the boxes filled in, the later over the earlier; they still sum to one.

    belonging: each box's `membership`. What is taken from a source goes to the others in their own proportion.
    """
    for box, belongs in zip(boxes, belonging, strict=True):
        only = torch.zeros_like(masks)
        if box.active:
            only[box.source] = 1.0
        else:
            only += masks + TINY
            only[box.source] = 0.0
            only = only / only.sum(0)
        masks = torch.lerp(masks, only, box.strength * belongs)
    return masks


def on_front(boxes: Sequence[ChunkBox], masks: Tensor, front: Front, rate: int, octaves: float) -> list[Tensor]:
    """Each box's membership on the front's grid, which `masks` (sources, rows, frames) of a clip at `rate` lie on."""
    hertz, seconds = rows.hertz(front, rate, masks.shape[1], masks.device), rows.seconds(front, masks)
    return [membership(box, hertz, seconds, octaves) for box in boxes]
