"""What a person at a terminal sees: progress, tables, errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .domain import Progress as JobProgress
from .errors import DapError

# Everything that is not the answer itself goes to stderr, so that --json leaves stdout to one object.
stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[JobProgress], None]]:
    """A bar on stderr for one job; in a log, where no bar can move, a line for each new stage."""
    if not stderr.is_terminal:
        yield _stage_lines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %  {task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bars:
        bar = bars.add_task(title, total=1.0, detail="")

        def show(progress: JobProgress) -> None:
            bars.update(bar, completed=progress.fraction, detail=_detail(progress))

        yield show


def _stage_lines(title: str) -> Callable[[JobProgress], None]:
    seen = ""

    def show(progress: JobProgress) -> None:
        nonlocal seen
        if progress.stage != seen:
            seen = progress.stage
            stderr.print(f"{title}: {progress.stage} ({100 * progress.fraction:.0f} %, {progress.device})")

    return show


def _detail(progress: JobProgress) -> str:
    parts = [progress.stage]
    if progress.iterations:
        parts.append(f"{progress.iteration}/{progress.iterations}")
    if progress.seconds_left is not None and progress.seconds_left >= 0:
        parts.append(f"{progress.seconds_left:.0f} s left")
    return ", ".join([*parts, progress.device])


def answer(value: dict[str, Any], as_json: bool, text: str) -> None:
    """The answer of a command: one JSON object, or a line a person can read."""
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else text)


def complain(error: DapError, as_json: bool) -> None:
    """An error, for a person on stderr, and as one object on stdout where --json asked for one."""
    stderr.print(f"[red]Error[/red] ({error.code}):", end=" ")
    stderr.print(error.message, markup=False, soft_wrap=True)
    if error.hint:
        stderr.print(error.hint, markup=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps({"error": error.as_dict()}, ensure_ascii=False))


def table(*headings: str) -> Table:
    """An empty table in the one style that all commands share."""
    return Table(*headings, box=box.SIMPLE)
