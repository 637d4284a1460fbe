"""Mixtures of two synthetic sounds (Fig. 2), by presets and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import options
from ..benchmark import Benchmark
from ..data.synthetic import SOUNDS, SyntheticItem
from ..report import summary
from ..separations import HOW, Separation, separations


def trials(limit: int | None, presets: Sequence[str] | None, iterations: int | None, **how: Any) -> list[Separation]:
    """presets None: the default one, and with iterations the paper's."""
    usual = ("default",) if iterations is None else ("default", "paper")
    items = [SyntheticItem(name) for name in SOUNDS][:limit]
    return separations(items, presets=usual if presets is None else presets, iterations=iterations, **how)


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=summary.blocks_by_source,
    tables=summary.tables_by_source,
    options=(
        options.limit("sounds"),
        options.presets(none=True, hint="; left out: default, and with --iterations paper"),
        *HOW,
    ),
)
