"""Regions as a hand draws them, as text and as what is heard inside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft


@dataclass(frozen=True)
class Region:
    """drawn: (rows, columns), True where it is; rows from low to high, evenly in Hz or (log) in octaves."""

    drawn: NDArray[np.bool_]
    start: float
    end: float
    low: float
    high: float
    log: bool = False

    def text(self, stem: int, op: str, **more: float) -> str:
        """As `refine` reads it."""
        fields = {"stem": stem, "op": op, **{key: getattr(self, key) for key in ("start", "end", "low", "high")}}
        return ",".join(f"{key}={value}" for key, value in {**fields, **more, "mask": self.mask}.items())

    @property
    def mask(self) -> str:
        rows, columns = self.drawn.shape
        cells = self.drawn.T.ravel()
        edges = [0, *(np.flatnonzero(np.diff(cells)) + 1), cells.size]
        runs = [*([0] if cells[0] else []), *np.diff(edges)]
        return f"{'log' if self.log else 'linear'}:{columns}x{rows}:{'.'.join(map(str, runs))}"

    @property
    def hertz(self) -> NDArray[np.float64]:
        spaced = np.geomspace if self.log else np.linspace
        return spaced(self.low, self.high, len(self.drawn) + 1)

    def energy(self, stem: NDArray[np.float32], rate: int, drawn: bool = True) -> float:
        """Of (channels, frames), in windows that lie wholly in cells that are drawn, or wholly in those of its
        rectangle that are not; away from the edge: twice as long and as wide as they are.

        A Blackman-Harris window sees 92 dB less of what is outside its main lobe, eight bins wide.
        """
        window = 2 ** round(np.log2(0.046 * rate))
        half, lobe = window / rate, 8 * rate / window
        bins, times, values = stft(
            stem, rate, "blackmanharris", nperseg=window, noverlap=window * 3 // 4, boundary=None, padded=False
        )
        other = np.pad(~(self.drawn if drawn else ~self.drawn), 1, constant_values=True)
        counts = np.pad(other.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        seconds = np.linspace(self.start, self.end, self.drawn.shape[1] + 1)
        bottom, top = np.searchsorted(self.hertz, bins - lobe, "right"), np.searchsorted(self.hertz, bins + lobe) + 1
        first, last = np.searchsorted(seconds, times - half, "right"), np.searchsorted(seconds, times + half) + 1
        others = (
            counts[np.ix_(top, last)]
            - counts[np.ix_(top, first)]
            - counts[np.ix_(bottom, last)]
            + counts[np.ix_(bottom, first)]
        )
        inside = others == 0
        assert inside.any(), "nothing of it is as wide as a window"
        return float(np.sum(np.abs(values[:, inside]) ** 2))


def disc(start: float, end: float, low: float, high: float, log: bool = False) -> Region:
    x, y = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 48))
    return Region(np.hypot(x, y) <= 1, start, end, low, high, log)


def diagonal(start: float, end: float, low: float, high: float, log: bool = False) -> Region:
    """A broad stroke from the lowest left to the highest right."""
    x, y = np.meshgrid(np.linspace(0, 1, 90), np.linspace(0, 1, 70))
    return Region(np.abs(x - y) <= 0.25, start, end, low, high, log)
