"""Real recordings of two sounds in other pairs and at other levels, by presets and baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import options
from ..benchmark import Benchmark
from ..data.pairings import REMIX_LAYOUT, remix
from ..data.sounds import of_half
from ..report import summary
from ..separations import HOW, Separation, separations


def trials(root: Path, half: str, limit: int | None, **how: Any) -> list[Separation]:
    return separations(of_half(remix(root), half)[:limit], **how)


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=summary.blocks,
    tables=summary.tables,
    options=(
        options.root(REMIX_LAYOUT),
        options.HALF,
        options.limit("mixtures"),
        options.presets("default", none=True),
        *HOW,
    ),
)
