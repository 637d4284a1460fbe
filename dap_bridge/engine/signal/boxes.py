"""Boxes as geometry, and regions drawn in them: how far each point of a grid belongs to one, and masks filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recipe import Front
from ..tiny import TINY
from . import rows

# A box from below this, in Hz, to beyond that share of half the clip's rate leaves nothing out that anybody hears.
LOWEST_HEARD, HIGHEST = 20.0, 0.99
_LOWEST = 1e-3  # Hz: what stands for zero where octaves are counted


@dataclass(frozen=True)
class Cells:
    """What is drawn of a box: on (rows, columns), ones and zeros; hertz (rows + 1,), seconds (columns + 1,): the edges
    of rows and columns, which never fall. All on the CPU, in double precision.
    """

    on: Tensor
    hertz: Tensor
    seconds: Tensor

    def longest(self) -> float:
        """Seconds of the longest stretch that is drawn in any row."""
        return _longest(self.on, self.seconds.diff())

    def tallest(self) -> float:
        """Hz of the widest band that is drawn in any column."""
        return _longest(self.on.T, self.hertz.diff())

    def touched(self, on: bool, low: Tensor, high: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """How many cells that are on, or off, each rectangle of a grid touches: (rectangles' bands, their times)."""
        table = F.pad((self.on if on else 1 - self.on).cumsum(0).cumsum(1), (1, 0, 1, 0))
        bottom, top = _reach(self.hertz, low, high)
        first, last = _reach(self.seconds, start, end)
        return table[top][:, last] - table[top][:, first] - table[bottom][:, last] + table[bottom][:, first]


def _longest(on: Tensor, widths: Tensor) -> float:
    """The longest run of ones in any row of on (rows, columns), by the columns' widths."""
    ends = (on * widths).cumsum(1)
    return float((ends - (ends * (1 - on)).cummax(1).values).max())


def _reach(edges: Tensor, begin: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The first cell that each stretch touches, and the one after the last."""
    begin, end = (values.to(edges) for values in (begin, end))
    first = torch.searchsorted(edges, begin, right=True) - 1
    return first.clamp(min=0, max=len(edges) - 1), torch.searchsorted(edges, end).clamp(max=len(edges) - 1)


@dataclass(frozen=True)
class ChunkBox:
    """A box as a chunk hears of it: in it, `source` (from 0) has all of the mixture, or nothing of it.

    start, end: seconds from the beginning of the chunk, which the box may begin before or outlast; low, high: Hz.
    strength: 0..1, how far masks are moved there. feather, octaves: seconds and octaves over which it fades out beyond
    its edge. drawn: the cells of a region; None: all of the rectangle.
    """

    source: int
    active: bool
    start: float
    end: float
    low: float
    high: float
    strength: float
    feather: float
    octaves: float = 0.0
    drawn: Cells | None = None

    @property
    def cells(self) -> Cells:
        """A rectangle is a region of one cell."""
        if self.drawn is not None:
            return self.drawn
        edges = [torch.tensor(pair, dtype=torch.float64) for pair in ((self.low, self.high), (self.start, self.end))]
        return Cells(torch.ones(1, 1, dtype=torch.float64), *edges)


def whole(box: ChunkBox, rate: int) -> bool:
    """Whether it holds exactly all that sounds in a clip at `rate` Hz, as long as it lasts: a span of time."""
    everything = box.low <= LOWEST_HEARD and box.high >= rate / 2 * HIGHEST
    return box.strength == 1 and everything and (box.drawn is None or bool(box.drawn.on.all()))


def membership(box: ChunkBox, hertz: Tensor, seconds: Tensor) -> Tensor:
    """How far each point of a grid belongs to the box, 0..1: (len(hertz), len(seconds)).

    One in a cell that is drawn; around it falls as a raised cosine over box.octaves and over box.feather seconds. Of
    several cells the one that a point belongs to most counts. Cells that are finer than the grid are taken together:
    by the share of their area that is drawn.
    """
    f = hertz.clamp(min=_LOWEST)
    cells = _no_finer(box.cells, hertz, seconds)
    low, high = (edges[:, None].to(f) for edges in (cells.hertz[:-1].clamp(min=_LOWEST), cells.hertz[1:]))
    start, end = (edges[:, None].to(seconds) for edges in (cells.seconds[:-1], cells.seconds[1:]))
    across = _fall(torch.maximum((low / f).log2(), (f / high).log2()), box.octaves)
    along = _fall(torch.maximum(start - seconds, seconds - end), box.feather)
    return _most(_most(cells.on.to(f), along).T, across).T


def _most(values: Tensor, falls: Tensor) -> Tensor:
    """The greatest of each row's values times what falls from each: (n, m), (m, points) -> (n, points)."""
    greatest = values.new_zeros(len(values), falls.shape[1])
    near = falls > 0
    firsts, counts = near.int().argmax(1).tolist(), near.sum(1).tolist()
    for column, fall, first, count in zip(values.T, falls, firsts, counts, strict=True):
        part = greatest[:, first : first + count]
        torch.maximum(part, column[:, None] * fall[first : first + count], out=part)
    return greatest


def _no_finer(cells: Cells, hertz: Tensor, seconds: Tensor) -> Cells:
    """Cells taken together until none is finer than the grid around it: what is drawn is then a share of each."""
    rows, hertz = _together(cells.on, cells.hertz, hertz)
    columns, seconds = _together(rows.T, cells.seconds, seconds)
    return Cells(columns.T, hertz, seconds)


def _together(values: Tensor, edges: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Values (n, m) of stretches between edges (n + 1,), averaged over those that lie closer than the points there; and
    the edges that are left.
    """
    if len(values) == 1 or len(points) < 2:
        return values, edges
    points = points.to(edges)
    steps = points.diff()[(torch.searchsorted(points, edges) - 1).clamp(0, len(points) - 2)].tolist()
    kept, last = [0], float(edges[-1])
    for index, (edge, step) in enumerate(zip(edges.tolist(), steps, strict=True)):
        if edge - float(edges[kept[-1]]) >= step and last - edge >= step:
            kept.append(index)
    widths = edges.diff()
    group = torch.bucketize(torch.arange(len(values)), torch.tensor(kept[1:]), right=True)
    sums = values.new_zeros(len(kept), values.shape[1]).index_add_(0, group, values * widths[:, None])
    totals = widths.new_zeros(len(kept)).index_add_(0, group, widths)
    return sums / totals[:, None], edges[[*kept, len(values)]]


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


def on_front(boxes: Sequence[ChunkBox], masks: Tensor, front: Front, rate: int) -> list[Tensor]:
    """Each box's membership on the front's grid, which `masks` (sources, rows, frames) of a clip at `rate` lie on."""
    hertz, seconds = rows.hertz(front, rate, masks.shape[1], masks.device), rows.seconds(front, masks)
    return [membership(box, hertz, seconds) for box in boxes]
