"""How `texture` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..command import CLIP, COMPUTING, Command, Time, clip_fields, frames_of, preset_option
from .request import MOST_FRAMES


def fields(
    clip: Path,
    start: float,
    length: float | None,
    seconds: float,
    after: Path | None,
    gap_start: float | None,
    **options: Any,
) -> dict[str, Any]:
    """Make more of the texture in CLIP: as long as you want, into a gap, or as a loop."""
    found = clip_fields(clip, start, length)
    found["length"] = frames_of("--seconds", seconds, found["rate"], MOST_FRAMES)
    if after is not None:
        found["after"] = str(after.absolute())
    if gap_start is not None:
        found["gap_start"] = round(gap_start * found["rate"])
    return found | options


COMMAND = Command(
    (
        *CLIP,
        click.option(
            "--seconds",
            type=Time(positive=True),
            required=True,
            help="Length of the result; of the gap alone with --mode fill.",
        ),
        click.option("--mode", type=click.Choice(["extend", "fill", "loop"]), default="extend", show_default=True),
        click.option("--after", type=click.Path(path_type=Path), help="fill: the clip after the gap."),
        click.option("--gap-start", type=Time(), help="fill: where in CLIP its gap begins."),
        click.option(
            "--variation", type=float, default=0.5, show_default=True, help="0: near the clip; 1: far from it."
        ),
        click.option("--variations", type=int, default=1, show_default=True, help="How many results."),
        preset_option("texture"),
        *COMPUTING,
    ),
    fields,
)
