"""`dap-bridge bench`: a subcommand a benchmark, each with its own options; and the reports again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .. import console
from ..bench.options import JOBS, OUT
from ..bench.table import TITLES, load
from .root import CANCELLED, DONE, FAILED, json_option, main


class _Benchmarks(click.Group):
    """Those of the table; one is loaded, with the libraries that it needs, when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*TITLES, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in TITLES else super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Loads none."""
        others = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*TITLES.items(), *others])


def _command(name: str) -> click.Command:
    benchmark = load(name)

    def run(as_json: bool, **chosen: Any) -> None:
        from ..bench.command import measure

        _answer(lambda: measure(name, **chosen), as_json)

    shared = [OUT] if benchmark.alone else [JOBS, OUT]
    return json_option(click.Command(name, callback=run, params=[*benchmark.options, *shared], help=benchmark.about))


def _answer(ask: Callable[[], dict[str, Any]], as_json: bool) -> None:
    try:
        answer = ask()
    except KeyboardInterrupt:
        console.stderr.print("Stopped. What is finished is kept: the same command goes on from there.")
        sys.exit(CANCELLED)
    console.answer(answer, as_json, answer["text"])
    sys.exit(FAILED if answer.get("failed") else DONE)


@main.group(cls=_Benchmarks)
def bench() -> None:
    """Measure the engine, baselines and the paper's figures; finished items are not run again."""


@bench.command(params=[OUT])
@click.option("--page", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A page to fill in.")
@json_option
def report(out: Path, page: Path | None, as_json: bool) -> None:
    """The reports again, and the tables of a page, from what is there."""
    from ..bench.command import report_all

    _answer(lambda: report_all(out, page), as_json)
