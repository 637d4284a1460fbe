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

from .. import times
from ..domain import fields_of, number_of
from ..errors import BadRequest

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


# A week.
LONGEST_S = 7 * 86_400.0


class Time(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """Seconds, typed as 3.5, 0:03.5 or 1:02:03. positive: more than none."""

    name = "time"

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        try:
            seconds = times.parse(value) if isinstance(value, str) else float(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if self._positive and not seconds:
            self.fail("It must be more than nothing.", param, ctx)
        if seconds > LONGEST_S:
            self.fail(f"{value} is longer than any clip.", param, ctx)
        return seconds


class Placed(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """`key=value,…` whose times may be typed as `Time` has them: what comes of it has them in seconds."""

    name = "text"
    _TIME = re.compile(r"((?:^|,)\s*(?:start|end|length|feather)\s*=\s*)(\d+:[\d:.]+)")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text with times in seconds."""
        try:
            return self._TIME.sub(lambda match: f"{match[1]}{times.parse(match[2])}", value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


# What a verb works on, by which the command line knows what else may be typed there: for ONE_CLIP many, each of them a
# job of its own; for CLIPS folders and patterns, too; for SESSION whatever leads to a result; CLIP_ALONE is one file.
ONE_CLIP: Option = click.argument("clip", type=click.Path(path_type=Path))
CLIP_ALONE: Option = click.argument("clip", type=click.Path(path_type=Path))
CLIPS: Option = click.argument(
    "clips", metavar="CLIP CLIP [CLIP…]", type=click.Path(path_type=Path), nargs=-1, required=True
)
SESSION: Option = click.argument("session")
STRETCH: tuple[Option, ...] = (
    click.option("--start", type=Time(), default=0.0, help="Where in the file to begin: 3.5, 0:03.5 or 1:02:03."),
    click.option("--length", type=Time(positive=True), help="How much of it; left out: to the end."),
)
CLIP: tuple[Option, ...] = (ONE_CLIP, *STRETCH)
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
    click.option(
        "--only", type=Placed(), multiple=True, help="stem=1,start=0,end=1.5: nothing but this sound is heard there."
    ),
    click.option("--silent", type=Placed(), multiple=True, help="stem=2,start=4,end=6: this sound is not heard there."),
)


def preset_option(default: str) -> Option:
    return click.option(
        "--preset",
        "-p",
        default=default,
        show_default=True,
        help="See `dap-bridge presets`.",
        shell_complete=lambda _, __, begun: [name for name in _presets() if name.startswith(begun)],
    )


def _presets() -> list[str]:
    from .. import presets

    return presets.names()


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


def frames_of(option: str, seconds: float, rate: int, most: int) -> int:
    """So long a time at a rate, one frame at the least. Raises BadParameter where there may not be so many."""
    frames = max(1, round(seconds * rate))
    if frames > most:
        raise click.BadParameter(f"It may be {times.show(most / rate)} at the longest.", param_hint=option)
    return frames


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
