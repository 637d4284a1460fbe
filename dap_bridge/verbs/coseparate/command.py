"""How `coseparate` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..command import CLIPS, COMPUTING, Command, preset_option
from .request import LEAST_CLIPS, MOST_CLIPS


def fields(clips: tuple[Path, ...], **options: Any) -> dict[str, Any]:
    """Split every CLIP into the sound that all of them share and what it has of its own."""
    if not LEAST_CLIPS <= len(clips) <= MOST_CLIPS:
        raise click.UsageError(f"What is shared is found in {LEAST_CLIPS} to {MOST_CLIPS} clips, not in {len(clips)}.")
    return {"item": [f"0:::{clip.absolute()}" for clip in clips]} | options


COMMAND = Command(
    (CLIPS, preset_option("coseparate"), *COMPUTING),
    fields,
)
