"""The root of the command line: errors, exit statuses, and the options that commands share."""

from __future__ import annotations

import contextlib
import errno
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from .. import __version__, console
from ..errors import BadPreset, BadRequest, BadSettings, Cancelled, DapError, OutputUnwritable

if TYPE_CHECKING:
    from ..config import Settings

DONE, FAILED, BAD_ARGUMENTS, CANCELLED = 0, 1, 2, 130


class _Commands(click.Group):
    """Turns errors into a sentence and an exit status, for every command below it."""

    def invoke(self, ctx: click.Context) -> Any:
        console.forgive_encoding()
        for number in console.endings():
            signal.signal(number, _interrupt)
        try:
            return super().invoke(ctx)
        except DapError as error:
            console.complain(error, "--json" in sys.argv)
            ctx.exit(BAD_ARGUMENTS if isinstance(error, BadRequest | BadPreset | BadSettings) else FAILED)
        except (Cancelled, KeyboardInterrupt):
            with contextlib.suppress(OSError):  # the terminal may be gone
                console.stderr.print("Cancelled; nothing was left behind.")
            ctx.exit(CANCELLED)
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever was to read has seen enough: click ends in silence
                raise
            place = error.filename or "the output, or a temporary folder"
            console.complain(OutputUnwritable.because(place, error), "--json" in sys.argv)
            ctx.exit(FAILED)


def _interrupt(*_: object) -> None:
    """However the user or the system ends a command, it ends as with ctrl-C."""
    raise KeyboardInterrupt


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="dap-bridge")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Separates any two sounds of one clip, with untrained networks (Deep Audio Prior). Without a command: `open`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(main.commands["open"])


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object; logs go to stderr.")
port_option = click.option("--osc-port", type=click.IntRange(0, 65535), help="The daemon's OSC port.")
workers_option = click.option(
    "--workers", help="Who computes: a number of processes here, or dask:ADDRESS (docs/cluster.md)."
)


def settings(**flags: Any) -> Settings:
    """What the user has set; flags win."""
    from .. import config

    return config.load(**flags)
