"""How `denoise` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..command import CLIP, COMPUTING, Command, clip_fields, preset_option


def fields(clip: Path, start: float, length: float | None, **options: Any) -> dict[str, Any]:
    """Split CLIP into speech and noise, which sum to it."""
    return clip_fields(clip, start, length) | options


COMMAND = Command(
    (
        *CLIP,
        click.option(
            "--strength", type=float, default=1.0, show_default=True, help="0: no noise leaves the speech, 1: all."
        ),
        click.option("--swap", is_flag=True, help="The other one of the two is the speech."),
        preset_option("denoise"),
        *COMPUTING,
    ),
    fields,
)
