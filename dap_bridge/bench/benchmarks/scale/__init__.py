"""What workers cost and gain, what a daemon takes a job, and 100 000 clips on up to 1000 workers, simulated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ... import options
from ...benchmark import Benchmark
from ...report.blocks import Block, Heading, Paragraph
from ...report.summary import provenance
from ...runner import Trial
from ...store import Row
from . import simulated, workers
from .capacity import Capacity
from .tables import tables

BACKLOGS = (0, 1000, 10_000)
COUNTS, GIGABITS = (1, 10, 100, 1000), (1.0, 10.0)


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    return [Paragraph(provenance(rows)), Heading("Tables"), *tables(rows)]


def trials(presets: Sequence[str], limit: int | None, service_s: float, seed: int, device: str) -> list[Trial]:
    lengths = workers.LENGTHS_S[:limit]
    return [
        *(workers.Overhead(preset, seconds, seed, device) for preset in presets for seconds in lengths),
        *(workers.Throughput(preset, workers.CLIP_S, seed, device) for preset in presets),
        *(workers.Long(preset, workers.LONG_S, seed, device) for preset in presets),
        *(Capacity(backlog, simulated.LEAST_BYTES, seed) for backlog in BACKLOGS),
        Capacity(0, simulated.BYTES_OUT, seed),
        *(simulated.Simulated(count, gigabits, service_s, seed) for gigabits in GIGABITS for count in COUNTS),
    ]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.presets("default"),
        options.limit("lengths of a clip"),
        click.Option(
            ["--service-s"],
            type=click.FloatRange(min=0, min_open=True),
            default=1.0,
            show_default=True,
            help="Seconds that a worker of the simulation takes a clip: assumed, where no such worker was measured.",
        ),
        options.SEED,
        options.DEVICE,
    ),
    alone=True,
)
