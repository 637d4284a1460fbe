"""How `denoise` is typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..command import CLIP, COMPUTING, Command, Placed, clip_fields, example_text, preset_option


def fields(clip: Path, start: float, length: float | None, noise_like: Sequence[str], **options: Any) -> dict[str, Any]:
    """Split CLIP into speech and noise, which sum to it."""
    examples = {"noise_like": [example_text("--noise-like", text) for text in noise_like]}
    return clip_fields(clip, start, length) | examples | options


COMMAND = Command(
    (
        *CLIP,
        click.option(
            "--noise-like",
            type=Placed(),
            multiple=True,
            help="clip=PATH[,start=2.0,length=3.0]: the noise alone, from this recording or another.",
        ),
        click.option(
            "--only", type=Placed(), multiple=True, help="stem=noise,start=0,end=1: nothing else is heard there."
        ),
        click.option(
            "--silent",
            type=Placed(),
            multiple=True,
            help="stem=speech,start=0,end=1: the same, said the other way round.",
        ),
        click.option(
            "--strength", type=float, default=1.0, show_default=True, help="0: no noise leaves the speech, 1: all."
        ),
        click.option("--swap", is_flag=True, help="The other one of the two is the speech."),
        preset_option("denoise"),
        *COMPUTING,
    ),
    fields,
)
