"""`dap-bridge service`: the daemon at login; and `completion`: what a shell reads at login."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from .. import console
from .root import json_option, main, settings

if TYPE_CHECKING:
    from ..install.service import Manager


@main.group()
def service() -> None:
    """Have the daemon started at login."""


def _manager() -> Manager:
    from ..install import folders
    from ..install.service import manager

    return manager(str(folders.where(settings())["command"]))


def _say(done: list[str], as_json: bool) -> None:
    console.answer({"done": done}, as_json, "\n".join(done))


@service.command("install")
@json_option
def install(as_json: bool) -> None:
    """Start the daemon now, and at every login, by what this system has for that; settings are read from the file."""
    from ..install import service as login

    _say(login.install(_manager()), as_json)


@service.command("uninstall")
@json_option
def uninstall(as_json: bool) -> None:
    """Take it back: the daemon ends, and is started at login no more."""
    from ..install import service as login

    _say(login.uninstall(_manager()), as_json)


@service.command("status")
@json_option
def status(as_json: bool) -> None:
    """Say whether the daemon is started at login, and whether it runs."""
    from ..install import service as login

    by = _manager()
    installed, runs = login.status(by)
    said = f"{by.name} starts the daemon at login ({by.file})." if installed else "The daemon is not started at login."
    text = f"{said} It {'runs' if runs else 'does not run'} now." if installed else said
    console.answer({"installed": installed, "running": runs, "file": str(by.file)}, as_json, text)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, presets and sessions.

    For bash and zsh: eval "$(dap-bridge completion bash)"; for fish: dap-bridge completion fish | source
    """
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(main, {}, "dap-bridge", "_DAP_BRIDGE_COMPLETE").source())
