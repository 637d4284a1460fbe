"""How `separate` is typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..command import CLIP, COMPUTING, SPANS, Command, Placed, clip_fields, example_text, preset_option


def fields(
    clip: Path, start: float, length: float | None, like: Sequence[str], alternatives: str | None, **options: Any
) -> dict[str, Any]:
    """Split CLIP into stems that sum to it."""
    known = {"like": [example_text("--like", text, "stem") for text in like]}
    # an answer by examples is heard beside the one without them
    several = alternatives or ("auto" if like else "1")
    return clip_fields(clip, start, length) | known | {"alternatives": several} | options


COMMAND = Command(
    (
        *CLIP,
        click.option("--sources", type=int, default=2, show_default=True, help="How many sounds."),
        click.option(
            "--like",
            type=Placed(),
            multiple=True,
            help="stem=1,clip=PATH[,start=2.0,length=3.0]: this sound alone, in this recording or another.",
        ),
        *SPANS,
        preset_option("default"),
        click.option(
            "--alternatives",
            type=click.Choice(["auto", "1", "2", "3", "4"]),
            help="How many answers at the most; auto: three where the first one is doubtful, and with examples the one "
            "without them beside it. Left out: 1, with --like auto.",
        ),
        click.option("--residual", is_flag=True, help="Also a stem of what no sound claims for itself."),
        *COMPUTING,
    ),
    fields,
)
