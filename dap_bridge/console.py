"""What a person at a terminal sees: progress, tables, errors."""

from __future__ import annotations

import asyncio
import io
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from . import times
from .domain import Progress as JobProgress
from .errors import DapError

# Everything that is not the answer itself goes to stderr, so that --json leaves stdout to one object.
stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)
_UNBROKEN = Console(highlight=False, width=1000)

# Where no bar can move, a line tells how it goes, so often.
LINE_EVERY_S = 3.0


def endings() -> tuple[int, ...]:
    """The signals that end a command: ctrl-C, kill, a terminal that closes. Not those that nohup had it ignore."""
    named = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    return tuple(number for number in named if number is not None and signal.getsignal(number) is not signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What would end the command does so after the block: a process that is being started must not be lost sight of."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in endings()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


@contextmanager
def told_of_endings(tell: Callable[[], object]) -> Iterator[None]:
    """In an event loop: what would end the command calls `tell` instead, in the loop's thread."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in endings()}
    for number in before:
        try:
            loop.add_signal_handler(number, tell)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(tell))
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


def forgive_encoding() -> None:
    """What a terminal's encoding cannot show (a name that is no UTF-8) is escaped, and ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[JobProgress], None]]:
    """A bar on stderr; in a log, where no bar can move, a line every few seconds."""
    if not stderr.is_terminal:
        yield _lines(title)
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


def _lines(title: str) -> Callable[[JobProgress], None]:
    said = -LINE_EVERY_S

    def show(progress: JobProgress) -> None:
        nonlocal said
        if time.monotonic() - said >= LINE_EVERY_S:
            said = time.monotonic()
            text = f"{title}: {100 * progress.fraction:.0f} %  {_detail(progress)}"
            stderr.print(text, markup=False, soft_wrap=True)

    return show


def _detail(progress: JobProgress) -> str:
    parts = [progress.stage]
    if progress.iterations:
        parts.append(f"{progress.iteration}/{progress.iterations}")
    if progress.seconds_left is not None and progress.seconds_left >= 0:
        parts.append(f"{times.show(progress.seconds_left)} left")
    return ", ".join(filter(None, [*parts, progress.device]))


def answer(value: dict[str, Any], as_json: bool, text: str) -> None:
    """The answer of a command: one JSON object, or a line a person can read."""
    click.echo(_json(value) if as_json else text)


def complain(error: DapError, as_json: bool) -> None:
    """An error, for a person on stderr, and as one object on stdout where --json asked for one."""
    stderr.print(f"[red]Error[/red] ({error.code}):", end=" ")
    stderr.print(error.message, markup=False, soft_wrap=True)
    if error.hint:
        stderr.print(error.hint, markup=False, soft_wrap=True)
    if as_json:
        with suppress(OSError):  # it may be this very output that cannot be written
            click.echo(_json({"error": error.as_dict()}))


def _json(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def table(*headings: str) -> Table:
    """An empty table in the one style that all commands share; no cell of it is cut off."""
    return Table(*(Column(heading, overflow="fold") for heading in headings), box=box.SIMPLE)


def row(*cells: object) -> tuple[str, ...]:
    """Cells of a table that hold whatever was found, names of files among it."""
    return tuple(escape(str(cell)) for cell in cells)


def show(filled: Table) -> None:
    """As wide as the terminal; to a pipe a row a line."""
    (stdout if stdout.is_terminal else _UNBROKEN).print(filled)


def command(*words: object) -> str:
    """A command as it can be copied into this system's shell."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if sys.platform == "win32" else shlex.join(texts)
