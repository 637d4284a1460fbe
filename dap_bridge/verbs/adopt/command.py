"""How `adopt` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..command import CLIP_ALONE, COMPUTING, STRETCH, Command, clip_fields, preset_option


def fields(clip: Path, stems: tuple[Path, ...], start: float, length: float | None, **options: Any) -> dict[str, Any]:
    """Take STEMs of CLIP that something else made, to correct them by boxes; what they leave is one more stem."""
    return clip_fields(clip, start, length) | {"stem": [f"0:::{stem.absolute()}" for stem in stems]} | options


COMMAND = Command(
    (
        CLIP_ALONE,
        click.argument("stems", metavar="STEM…", type=click.Path(path_type=Path), nargs=-1, required=True),
        *STRETCH,
        click.option(
            "--improve",
            is_flag=True,
            help="Blend the answer of `separate` into the stems: it helps bad stems, and may harm good ones.",
        ),
        preset_option("adopt"),
        *COMPUTING,
    ),
    fields,
)
