"""How verbs are typed: the options that several have, and what a room's `COMMAND` is.

`cli/jobs.py` makes two commands of each: one does the job here and now, the other sends it to a daemon.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..domain import fields_of, number_of
from ..errors import BadRequest

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


SPANS: tuple[Option, ...] = (
    click.option("--only", multiple=True, help="stem=1,start=0,end=1.5: nothing but this sound is heard there."),
    click.option("--silent", multiple=True, help="stem=2,start=4,end=6: this sound is not heard there."),
)


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


def example_text(option: str, text: str, *before: str) -> str:
    """`clip=fan.wav,start=2.0,length=3.0` as a request names a clip, START:FRAMES:RATE:PATH, at the file's own rate.

    option: what the text was given to, for complaints; before: keys that it must have, too, whose values come first in
    the request, each with a colon behind it. Of a path, only a comma before one of the keys ends it.
    """
    from ..audio.reading import rate_of

    names = (*before, "clip", "start", "length")
    try:
        given = fields_of(re.split(rf",(?=\s*(?:{'|'.join(names)})\s*=)", text), names, ("start", "length"))
        start, length = (number_of(key, given.get(key, "0")) for key in ("start", "length"))
        if start < 0 or ("length" in given and length <= 0):
            raise ValueError("start must not be negative, and length be above 0")
    except ValueError as error:
        raise BadRequest(f"{option} {text[:80]!r}: {error}.", f"As in {option} {_example(before)}.") from error
    path = Path(given["clip"]).absolute()
    rate = rate_of(path)
    frames = max(1, round(length * rate)) if "length" in given else ""
    return ":".join([*(given[key] for key in before), f"{round(start * rate)}:{frames}:{rate}:{path}"])


def _example(before: tuple[str, ...]) -> str:
    return ",".join([*(f"{key}=1" for key in before), "clip=fan.wav,start=2.0,length=3.0"])
