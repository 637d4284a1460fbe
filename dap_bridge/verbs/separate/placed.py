"""A box in the time of a clip, or of what is left of it without silence; and as a stretch of that hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...domain import Box, Op
from ...engine.recipe import Holding
from ...engine.signal.boxes import Cells, ChunkBox


@dataclass(frozen=True)
class Placed:
    """edges: of the box's columns, seconds; where silence is left out they lie closer, or on each other."""

    box: Box
    edges: tuple[float, ...]

    @classmethod
    def at(cls, box: Box, position: Callable[[float], float] = float) -> Placed:
        """position: where a second of the clip lies."""
        return cls(box, tuple(map(position, box.seconds)))

    @property
    def start(self) -> float:
        return self.edges[0]

    @property
    def end(self) -> float:
        return self.edges[-1]

    def heard(self, first: float, last: float, holding: Holding | None) -> ChunkBox | None:
        """As what lies between two seconds hears of it, in its own time; None where nothing of it is drawn there."""
        box = self.box
        own = (holding.feather_s, holding.feather_octaves) if holding else (0.0, 0.0)
        feather = own[0] if box.feather is None else box.feather
        if not box.strength or not self._reaches(first - feather, last + feather):
            return None
        return ChunkBox(
            source=box.stem - 1,
            active=box.op is Op.ACTIVATE,
            start=self.start - first,
            end=self.end - first,
            low=box.low,
            high=box.high,
            strength=box.strength,
            feather=feather,
            octaves=own[1] if box.feather_octaves is None else box.feather_octaves,
            drawn=None if box.mask is None else self._cells(first),
        )

    def _reaches(self, first: float, last: float) -> bool:
        """Whether a cell that is drawn lies between two seconds."""
        if self.start >= last or self.end <= first:
            return False
        mask = self.box.region
        cells, pairs = mask.cells, zip(self.edges, self.edges[1:], strict=False)
        columns = (cells[at : at + mask.rows] for at in range(0, len(cells), mask.rows))
        drawn = (pair for pair, column in zip(pairs, columns, strict=True) if any(column))
        return any(max(start, first) < min(end, last) for start, end in drawn)

    def _cells(self, first: float) -> Cells:
        mask = self.box.region
        columns = torch.frombuffer(bytearray(mask.cells), dtype=torch.uint8).reshape(mask.columns, mask.rows)
        hertz = torch.tensor(mask.hertz(self.box.low, self.box.high), dtype=torch.float64)
        return Cells(columns.T.double(), hertz, torch.tensor(self.edges, dtype=torch.float64) - first)
