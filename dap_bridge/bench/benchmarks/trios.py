"""Mixtures of three sounds of Universal-150, by presets and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import options
from ..benchmark import Benchmark
from ..data.universal150 import LAYOUT, trios
from ..methods.baselines import BASELINES
from ..report import summary
from ..separations import HOW, Separation, separations


def trials(root: Path, limit: int | None, baselines: Sequence[str], **how: Any) -> list[Separation]:
    """Without the baselines that part every clip in two."""
    whole = [name for name in baselines if not BASELINES[name].halves]
    return separations(trios(root)[:limit], baselines=whole, **how)


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=summary.blocks,
    tables=summary.tables,
    options=(options.root(LAYOUT), options.limit("mixtures"), options.presets("default", none=True), *HOW),
)
