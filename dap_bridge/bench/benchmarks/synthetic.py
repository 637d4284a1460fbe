"""Mixtures of two synthetic sounds (Fig. 2), by presets and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import options
from ..benchmark import Benchmark
from ..data.synthetic import SOUNDS, SyntheticItem
from ..report import summary
from ..report.blocks import Block, Paragraph, Table
from ..report.claims import told
from ..report.rows import by
from ..separations import HOW, Separation, separations
from ..store import Row

# SI-SDR in dB of the worse stem from which a sound counts as separated. The bars are ours: the paper shows pictures.
SEPARATED_DB = {"tones": 25.0, "curves": 15.0}


def trials(limit: int | None, presets: Sequence[str] | None, iterations: int | None, **how: Any) -> list[Separation]:
    """presets None: the default one, and with iterations the paper's."""
    usual = ("default",) if iterations is None else ("default", "paper")
    items = [SyntheticItem(name) for name in SOUNDS][:limit]
    return separations(items, presets=usual if presets is None else presets, iterations=iterations, **how)


def claims(rows: Sequence[Row]) -> list[Block]:
    """Whether the paper's own optimisation separates the sounds of its Fig. 2. Each is one sound: seeds are counted."""
    lines = []
    for method, members in by(rows, "method").items():
        for item, part in by(members, "item").items() if method.split("@")[0] == "paper" else ():
            bar = SEPARATED_DB.get(item.split("-")[0])
            if bar is not None:
                beyond = [min(row["each"]["si_sdr"]) - bar for row in part]
                lines.append((f"{item} by {method} to {bar:.0f} dB", *told(beyond, "seed")))
    columns = ("claim: it separates", "seeds", "worse stem beyond that by (dB)", "")
    return [Paragraph("The paper's claim (Fig. 2):"), Table(columns, tuple(lines))] if lines else []


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    return [*claims(rows), *summary.blocks_by_source(rows, folder)]


def tables(rows: Sequence[Row]) -> list[Block]:
    return [*summary.tables_by_source(rows), *claims(rows)]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.limit("sounds"),
        options.presets(none=True, hint="; left out: default, and with --iterations paper"),
        *HOW,
    ),
)
