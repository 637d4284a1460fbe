"""What a benchmark is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from .report.blocks import Block
from .runner import Trial
from .store import Row


@dataclass(frozen=True)
class Benchmark:
    """What is measured, how it is shown, and what may be chosen.

    about: what the help of its subcommand says.
    trials: the options' values, by their names -> what to measure, each of which knows how.
    blocks: rows, folder -> the report, whose pictures it draws into folder/pictures.
    tables: rows -> what a page of prose takes up.
    options: those of its subcommand, beside the ones that all have.
    alone: time or memory is measured, so it has one process to itself, and no --jobs.
    """

    about: str | None
    trials: Callable[..., Sequence[Trial]]
    blocks: Callable[[Sequence[Row], Path], Sequence[Block]]
    tables: Callable[[Sequence[Row]], Sequence[Block]]
    options: Sequence[click.Option]
    alone: bool = False
