"""The report's pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .thumbnails import RANGE_DB, Thumbnails

DPI = 80
# On the axis of frequency: 5.5 is where a preset's view ends.
KILOHERTZ = (0.5, 1, 2, 5.5, 11, 20)


def box_plot(path: Path, values: Mapping[str, Sequence[float]], label: str) -> None:
    """One box a method: median, quartiles, 5th and 95th percentile, and every item as a dot."""
    figure = Figure(figsize=(9, 0.9 + 0.45 * len(values)), layout="constrained")
    axes = figure.subplots()
    names = list(values)[::-1]
    axes.boxplot([values[name] for name in names], orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.6)
    generator = np.random.default_rng(0)
    for row, name in enumerate(names, 1):
        height = row + generator.uniform(-0.18, 0.18, len(values[name]))
        axes.plot(values[name], height, ".", color="tab:blue", alpha=0.35, markersize=4)
    axes.set_yticks(range(1, len(names) + 1), names)
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
    _save(figure, path)


def separations(path: Path, columns: Mapping[str, Thumbnails]) -> None:
    """One item: the mixture, the true sources, and a column a method with its stems and their masks."""
    first = next(iter(columns.values()))
    count = len(first.references)
    figure = Figure(figsize=(2.6 * (len(columns) + 1), 1.7 * 2 * count), layout="constrained")
    grid = figure.subplots(2 * count, len(columns) + 1, sharex=True, squeeze=False)
    spectrogram(grid[0, 0], first.mixture, first, "mixture")
    for source in range(count):
        spectrogram(grid[count + source, 0], first.references[source], first, f"true source {source + 1}")
        for column, (name, item) in enumerate(columns.items(), 1):
            spectrogram(grid[source, column], item.stems[source], item, f"{name}: stem {source + 1}")
            mask(grid[count + source, column], item.masks()[source], item, f"{name}: mask {source + 1}")
    for axes in grid[:, 1:].flat:
        axes.tick_params(labelleft=False)
    for axes in grid[1:count, 0]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("kHz")
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    _save(figure, path)


def dynamics(path: Path, moments: Mapping[int, Mapping[str, NDArray[np.floating]]], rate: int) -> None:
    """Fig. 11: moments of the optimisation from left to right; rows are sounds S, masks m and stems s of all sources.

    moments: iteration -> "sounds" and "stems", levels in dB (sources, bins, frames), and "masks", 0..1, the same shape.
    """
    sources = len(next(iter(moments.values()))["sounds"])
    rows = [(kind, k) for kind in ("sounds", "masks", "stems") for k in range(sources)]
    figure = Figure(figsize=(1.5 * len(moments) + 0.6, 1.3 * len(rows)), layout="constrained")
    for axes, (kind, k) in zip(figure.subplots(len(rows), 1, sharex=True), rows, strict=True):
        limits, colours = ((0.0, 1.0), "gray") if kind == "masks" else ((-RANGE_DB, 0.0), "magma")
        side_by_side = np.concatenate([arrays[kind][k] for arrays in moments.values()], axis=1)
        _image(axes, side_by_side, float(len(moments)), rate / 2000, limits, colours)
        for edge in range(1, len(moments)):
            axes.axvline(edge, color="white", linewidth=2)
        axes.set_ylabel(f"{kind[:-1]} {k + 1} (kHz)", fontsize=8)
    axes.set_xticks(np.arange(len(moments)) + 0.5, [str(iteration) for iteration in moments])
    axes.set_xlabel("iteration")
    _save(figure, path)


def lines(path: Path, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str) -> None:
    """Curves over a common axis."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, (at, values) in curves.items():
        axes.plot(at, values, "o-", label=name, markersize=4)
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def plane(path: Path, points: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> None:
    """Points of several kinds, and the mean of each kind, large."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for index, (name, pairs) in enumerate(points.items()):
        at = np.array(pairs)
        colour = f"C{index}"
        axes.scatter(at[:, 0], at[:, 1], s=18, color=colour, alpha=0.5)
        axes.scatter(at[:, 0].mean(), at[:, 1].mean(), s=130, color=colour, edgecolor="black", label=name)
    axes.set(xlabel=x, ylabel=y, xlim=(0, None), ylim=(-0.03, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def spectrogram(axes: Axes, levels: NDArray[np.floating], item: Thumbnails, title: str) -> None:
    """levels: dB (rows, frames)."""
    _rows(axes, levels, item, (-RANGE_DB, 0.0), "magma", title)


def mask(axes: Axes, shares: NDArray[np.floating], item: Thumbnails, title: str) -> None:
    """shares: 0..1 (rows, frames)."""
    _rows(axes, shares, item, (0.0, 1.0), "gray", title)


def _rows(
    axes: Axes,
    values: NDArray[np.floating],
    item: Thumbnails,
    limits: tuple[float, float],
    colours: str,
    title: str,
) -> None:
    """Rows of equal height, whatever frequencies they have."""
    _image(axes, values, item.seconds, len(values), limits, colours)
    shown = [kilohertz for kilohertz in KILOHERTZ if 1000 * kilohertz <= item.hertz[-1]]
    places = np.interp([1000 * kilohertz for kilohertz in shown], item.hertz, np.arange(len(item.hertz)))
    axes.set_yticks(places, [f"{kilohertz:g}" for kilohertz in shown])
    axes.set_title(title, fontsize=8)


def _image(
    axes: Axes,
    values: NDArray[np.floating],
    right: float,
    top: float,
    limits: tuple[float, float],
    colours: str,
) -> None:
    extent = (0.0, right, 0.0, top)
    axes.imshow(values, origin="lower", aspect="auto", extent=extent, vmin=limits[0], vmax=limits[1], cmap=colours)
    axes.tick_params(labelsize=7)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # without the date and the library's version, a picture of the same results is the same file
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
