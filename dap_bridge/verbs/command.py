"""How verbs are typed: the options that several have, and what a room's `COMMAND` is.

`cli/jobs.py` makes two commands of each: one does the job here and now, the other sends it to a daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

CLIP: tuple[Option, ...] = (
    click.argument("clip", type=click.Path(path_type=Path)),
    click.option("--start", type=click.FloatRange(min=0), default=0.0, help="Seconds into the file."),
    click.option("--length", type=click.FloatRange(min=0, min_open=True), help="Seconds; left out: to the end."),
)
DEVICE: Option = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
COMPUTING: tuple[Option, ...] = (click.option("--seed", type=int, default=0, show_default=True), DEVICE)


@dataclass(frozen=True)
class Command:
    """A verb as a command: `fields` takes the values of `options` and says what they are in the verb's request.

    The docstring of `fields` is the command's help.
    """

    options: tuple[Option, ...]
    fields: Callable[..., dict[str, Any]]


def preset_option(default: str) -> Option:
    return click.option("--preset", default=default, show_default=True, help="See `dap-bridge presets`.")


def clip_fields(clip: Path, start: float, length: float | None) -> dict[str, Any]:
    """What names a clip in a request: seconds at the user's edge become frames at the file's own rate."""
    from ..audio.reading import rate_of

    path = clip.absolute()
    rate = rate_of(path)
    return {
        "clip": str(path),
        "start": round(start * rate),
        "frames": None if length is None else max(1, round(length * rate)),
        "rate": rate,
    }
