"""How `coseparate` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..command import CLIPS, COMPUTING, Command, preset_option


def fields(clips: tuple[Path, ...], **options: Any) -> dict[str, Any]:
    """Split every CLIP into the sound that all of them share and what it has of its own."""
    if len(clips) < 2:
        raise click.UsageError("What is shared is found in two clips at least: name more, or a folder or pattern.")
    return {"item": [f"0:::{clip.absolute()}" for clip in clips]} | options


COMMAND = Command(
    (CLIPS, preset_option("coseparate"), *COMPUTING),
    fields,
)
