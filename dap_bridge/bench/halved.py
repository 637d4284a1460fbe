"""Benchmarks of mixtures in two halves: one that choices are made on, one that is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import options
from .benchmark import Benchmark
from .data.sounds import Problem, of_half
from .report import summary
from .separations import HOW, Separation, separations


def halved(about: str | None, read: Callable[[Path], Sequence[Problem]], layout: str) -> Benchmark:
    """By presets and baselines, of what `read` finds in a folder that is laid out so."""

    def trials(root: Path, half: str, limit: int | None, **how: Any) -> list[Separation]:
        return separations(of_half(read(root), half)[:limit], **how)

    return Benchmark(
        about=about,
        trials=trials,
        blocks=summary.blocks,
        tables=summary.tables,
        options=(
            options.root(layout),
            options.HALF,
            options.limit("mixtures"),
            options.presets("default", none=True),
            *HOW,
        ),
    )
