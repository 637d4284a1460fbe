"""How `refine` is typed, and what every correction of a result is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ..command import DEVICE, SPANS, Command, Option

CORRECTING: tuple[Option, ...] = (
    click.option("--clip", type=click.Path(path_type=Path), help="Where the session's clip lies now, if it was moved."),
    click.option("--label", help="What stems are named after; left out: as the session's."),
    DEVICE,
)


def session_fields(session: str, clip: Path | None) -> dict[str, Any]:
    """A path, where there is one, as a request wants it; else a session's name. And where its clip is."""
    path = Path(session)
    named = str(path.absolute()) if os.path.lexists(path) else session
    return {"session": named, "clip": None if clip is None else str(clip.absolute())}


def fields(session: str, clip: Path | None, **options: Any) -> dict[str, Any]:
    """Correct SESSION (its name, or a manifest.json) where its masks are wrong: boxes say what is, and what is not."""
    return session_fields(session, clip) | options


COMMAND = Command(
    (
        click.argument("session"),
        click.option(
            "--box",
            multiple=True,
            help="stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000[,strength=1][,mask=log:3x2:1.4.1]",
        ),
        *SPANS,
        click.option("--keep/--replace", default=True, help="After the boxes there are, or instead of them."),
        click.option("--fit/--preview", default=True, help="Optimise the networks again, or answer at once."),
        click.option(
            "--carry/--no-carry", default=True, help="Correct the rest of a long clip by what the boxes taught."
        ),
        click.option("--seed", type=int, help="Separate again with this seed; left out: the session's."),
        *CORRECTING,
    ),
    fields,
)
