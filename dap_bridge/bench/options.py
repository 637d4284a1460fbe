"""The options that several benchmarks have, each declared once; a benchmark chooses those that mean something to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import BadRequest

FOLDER = click.Path(file_okay=False, path_type=Path)

OUT = click.Option(["--out"], type=FOLDER, required=True, help="Folder for the results.")
JOBS = click.Option(
    ["--jobs"], type=click.IntRange(min=1), default=1, show_default=True, help="Processes side by side."
)
SEED = click.Option(["--seed"], type=click.IntRange(min=0), default=0, show_default=True)
DEVICE = click.Option(["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)


def root(layout: str, required: bool = True) -> click.Option:
    """The folder of the clips, which are no part of the package; layout: what is looked for in it."""
    return click.Option(["--root"], type=FOLDER, required=required, help=f"Folder of the clips: {layout}.")


def limit(what: str) -> click.Option:
    """So many of `what` at most."""
    return click.Option(["--limit"], type=click.IntRange(min=1), help=f"At most so many {what}.")


HALF = click.Option(
    ["--half"],
    type=click.Choice(["odd", "even", "all"]),
    default="all",
    show_default=True,
    help="Items by the number that their names end with.",
)


def iterations(meaning: str = "Cut the paper's optimisation to so many.") -> click.Option:
    return click.Option(["--iterations"], type=click.IntRange(min=1), help=meaning)


SECONDS = click.Option(
    ["--seconds"],
    type=click.FloatRange(min=0.1),
    help="Of every clip so many, where its fainter sound is loudest; left out: all of it.",
)


def presets(*usual: str, none: bool = False, hint: str = "") -> click.Option:
    """The presets to measure; None where nothing is usual and none is named.

    none: whether `none` stands for no preset at all, where there are baselines. hint: what else the help says.
    """

    def chosen(ctx: click.Context, option: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...] | None:
        return () if none and names == ("none",) else names or None

    text = f"May be repeated{'; none: baselines alone' if none else ''}{hint}."
    return click.Option(
        ["--preset", "presets"], multiple=True, default=usual, show_default=True, callback=chosen, help=text
    )


def baselines(known: Sequence[str]) -> click.Option:
    """What to measure beside the presets: names out of `known`."""

    def chosen(ctx: click.Context, option: click.Parameter, text: str) -> tuple[str, ...]:
        names = tuple(known) if text == "all" else () if text == "none" else tuple(text.split(","))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise BadRequest(f"There is no baseline {unknown[0]!r}.", f"Baselines: all, none, {', '.join(known)}.")
        return names

    text = f"all, none, or names with commas between: {', '.join(known)}."
    return click.Option(["--baselines"], default="all", show_default=True, callback=chosen, help=text)


# What the paper's own experiments are told.
PAPER = (
    root("a clone of Universal-150; left out: the recording that ships with the package", required=False),
    limit("mixtures; left out: one"),
    presets("paper"),
    iterations(),
    SECONDS,
    SEED,
    DEVICE,
)
