"""How `separate` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..command import CLIP, COMPUTING, Command, clip_fields, preset_option


def fields(clip: Path, start: float, length: float | None, **options: Any) -> dict[str, Any]:
    """Split CLIP into stems that sum to it."""
    return clip_fields(clip, start, length) | options


COMMAND = Command(
    (
        *CLIP,
        click.option("--sources", type=int, default=2, show_default=True, help="How many sounds."),
        preset_option("default"),
        click.option(
            "--alternatives",
            type=click.Choice(["auto", "1", "2", "3", "4"]),
            default="1",
            show_default=True,
            help="How many answers at the most; auto: three where the first one is doubtful.",
        ),
        *COMPUTING,
    ),
    fields,
)
