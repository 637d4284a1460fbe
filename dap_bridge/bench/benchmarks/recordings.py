"""Recordings of two sounds, of several kinds, by presets and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import options
from ..benchmark import Benchmark
from ..data.recordings import KINDS, LAYOUT, recordings
from ..data.sounds import by_group, of_half
from ..report import summary
from ..separations import HOW, Separation, separations


def trials(root: Path, kinds: Sequence[str], half: str, limit: int | None, **how: Any) -> list[Separation]:
    groups = by_group(of_half(recordings(root, kinds), half)).values()
    return separations([item for group in groups for item in group[:limit]], **how)


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=partial(summary.blocks, halved=("pair",)),
    tables=partial(summary.tables, halved=("pair",)),
    options=(
        options.root(LAYOUT),
        click.Option(
            ["--kind", "kinds"],
            type=click.Choice(KINDS),
            multiple=True,
            default=KINDS,
            show_default=True,
            help="May be repeated; folded is stereo brought down to one channel.",
        ),
        options.HALF,
        options.limit("recordings of each kind"),
        options.presets("default", none=True),
        *HOW,
    ),
)
