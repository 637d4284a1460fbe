"""What is no job: the daemon itself, presets, checks, host scripts, the demo."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .. import console
from ..errors import BadPreset
from . import sessions
from .root import DONE, FAILED, json_option, main, port_option, settings, workers_option


@main.command()
@json_option
def presets(as_json: bool) -> None:
    """List the presets, and say what is wrong with a bad one."""
    from .. import presets as shelf

    found: dict[str, Any] = {}
    for name in shelf.names():
        try:
            about = shelf.load(name).about
            found[name] = {"title": about.title, "description": about.description, "method": about.method}
        except BadPreset as error:
            found[name] = {"error": error.as_dict()}
    if as_json:
        console.answer(found, True, "")
        return
    table = console.table("preset", "what it is for")
    for name, entry in found.items():
        text = entry["error"]["message"] if "error" in entry else f"{entry['title']}. {entry['description']}"
        table.add_row(*console.row(name, text))
    console.show(table)
    console.stdout.print(f"Presets of your own go into {shelf.folders()[0]}", soft_wrap=True)


@main.command()
@json_option
@port_option
def doctor(as_json: bool, osc_port: int | None) -> None:
    """Check Python, torch, the device, ports, folders and codecs, and say how to mend what is wrong."""
    from .. import doctor as surgery

    checks = surgery.examine(settings(osc_port=osc_port))
    if as_json:
        console.answer({"ok": all(c.ok for c in checks), "checks": [c.as_dict() for c in checks]}, True, "")
    else:
        table = console.table("check", "", "found", "what to do")
        for check in checks:
            table.add_row(check.name, "ok" if check.ok else "[red]no[/red]", check.found, check.fix)
        console.show(table)
    sys.exit(DONE if all(check.ok for check in checks) else FAILED)


@main.command()
@click.option(
    "--out", "-o", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the results."
)
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
def demo(out: Path, seed: int, as_json: bool) -> None:
    """Separate the recording that ships with dap-bridge, through a daemon, and show how well it went."""
    from .. import demo as show

    show.run(out, seed, as_json)


spool_option = click.option("--spool", type=click.Path(file_okay=False, path_type=Path), help="The drop folder.")


@main.command()
@port_option
@click.option("--http-port", type=click.IntRange(0, 65535), help="The mask editor's TCP port; 0: a free one.")
@spool_option
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Where jobs and results are kept.")
@workers_option
def serve(**flags: Any) -> None:
    """Run the daemon until ctrl-C: OSC over UDP on loopback, a drop folder, and the mask editor's page."""
    from .. import config
    from ..daemon import serve as run

    config.mend()
    sys.exit(run(settings(**flags)))


FILE = click.Path(dir_okay=False, path_type=Path)


@main.command()
@click.argument("address")
@click.option("--tls-ca", type=FILE, help="The certificate, in PEM, of whoever signed all others.")
@click.option("--tls-cert", type=FILE, help="This machine's certificate, in PEM.")
@click.option("--tls-key", type=FILE, help="The key of that, in PEM.")
@click.option("--name", help="What results call it; left out: its address.")
@click.option("--gpus", help="The GPU that it uses, as CUDA_VISIBLE_DEVICES has it: 0.")
@click.option("--once", is_flag=True, help="End with the scheduler; left out: wait for the next one.")
def worker(address: str, name: str | None, gpus: str | None, once: bool, **files: Path | None) -> None:
    """Do the jobs of daemons elsewhere, for the Dask scheduler at ADDRESS (tls://HOST:PORT), until ctrl-C.

    One job at a time; start it once for each GPU. See docs/cluster.md.
    """
    from .. import logs
    from ..jobs.workers.dask.address import Address, require_extra

    require_extra()
    logs.start(logging.WARNING if once else logging.INFO)  # whoever began the scheduler says who is there
    where = Address.of(address, settings(**{f"workers_{option}": file for option, file in files.items()}))
    if gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus
    with contextlib.suppress(KeyboardInterrupt):  # told to end before it listens, or after: that cancels nothing
        from ..jobs.workers.dask.serve import serve

        serve(where, name, gpus is not None, once)


browser_option = click.option(
    "--browser/--no-browser", default=True, show_default=True, help="Open it, or print the address alone."
)


@main.command("open")
@browser_option
@json_option
def open_page(browser: bool, as_json: bool) -> None:
    """Open the page in the browser: drop files, see what is under way, save results. Starts the daemon if need be."""
    import webbrowser

    from .. import background

    address = background.editor(settings())
    if browser:
        webbrowser.open(address)
    console.answer({"page": address}, as_json, address)


@main.command()
@sessions.argument
@browser_option
@spool_option
@json_option
def edit(session: str, browser: bool, spool: Path | None, as_json: bool) -> None:
    """Open the mask editor on SESSION (a result's folder, manifest or name, or `last`); starts a daemon if need be."""
    import webbrowser

    from .. import background

    name = sessions.name_of(session)
    address = background.editor(settings(spool=spool)) + name
    if browser:
        webbrowser.open(address)
    console.answer({"editor": address}, as_json, address)


@main.group()
def install() -> None:
    """Bring the actions to where a host finds them."""


def place_options(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Where a host keeps its scripts, and the way back, as every `install` takes them."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        place = click.Path(exists=True, file_okay=False, path_type=Path)
        text = f"{what}; left out: the usual place of this system."
        command = click.option("--uninstall", is_flag=True, help="Take everything back.")(json_option(command))
        return click.option("--resource-path", type=place, help=text)(command)

    return add


def _say(folder: Path, done: list[str], afterwards: str, as_json: bool) -> None:
    said = [*done, afterwards]
    console.answer({"resource_path": str(folder), "done": said}, as_json, "\n".join(said))


@install.command("reaper")
@place_options("REAPER's resource folder")
@click.option("--while-running", is_flag=True, help="Also while a REAPER runs: one with another resource folder.")
def install_reaper(resource_path: Path | None, uninstall: bool, while_running: bool, as_json: bool) -> None:
    """Copy the scripts into REAPER's resource folder and register the actions. Close REAPER first."""
    from ..install import reaper

    if not while_running:
        reaper.require_closed()
    folder = (resource_path or reaper.resource_path()).absolute()
    done = reaper.uninstall(folder) if uninstall else reaper.install(folder, settings())
    _say(folder, done, "REAPER reads its list of actions when it starts.", as_json)


@install.command("ardour")
@place_options("Ardour's configuration folder")
def install_ardour(resource_path: Path | None, uninstall: bool, as_json: bool) -> None:
    """Copy the scripts into Ardour's configuration folder and register them. Close Ardour first."""
    from ..install import ardour

    folder = (resource_path or ardour.config_path()).absolute()
    done = ardour.uninstall(folder) if uninstall else ardour.install(folder, settings())
    _say(folder, done, "Ardour reads its list of scripts when it starts, and writes it when it ends.", as_json)


@install.command("audacity")
@place_options("Audacity's folder for plug-ins")
def install_audacity(resource_path: Path | None, uninstall: bool, as_json: bool) -> None:
    """Copy the plug-ins into the folder of each Audacity."""
    from ..install import audacity

    folders = [resource_path.absolute()] if resource_path else audacity.plugin_paths()
    done = [
        sentence
        for folder in folders
        for sentence in (audacity.uninstall(folder) if uninstall else audacity.install(folder, settings()))
    ]
    done += [] if uninstall or resource_path else audacity.advice()
    _say(folders[0], done, "Audacity looks for plug-ins when it starts.", as_json)


@main.command()
@click.option("--once", is_flag=True, help="End when nothing is waited for any more.")
@json_option
def audacity(once: bool, as_json: bool) -> None:
    """Bring what came of Audacity's plug-ins there, onto new tracks or into those of refined stems, until ctrl-C."""
    from ..audacity import programs
    from ..audacity.follow import follow

    known = programs.found()
    for program in known if programs.take_no_commands(known) else ():
        console.stderr.print(f"{program}.", markup=False, soft_wrap=True)
    outcomes = []
    for outcome in follow(settings().spool, once or as_json, console.stderr.print):
        outcomes.append(outcome)
        if not as_json:
            said = [", ".join(outcome.tracks), outcome.message]
            console.stdout.print(f"{outcome.track}: {'. '.join(filter(None, said))}", markup=False, soft_wrap=True)
            if outcome.hint:
                console.stdout.print(outcome.hint, markup=False, soft_wrap=True)
    if as_json:
        console.answer({"selections": [outcome.as_dict() for outcome in outcomes]}, True, "")
    sys.exit(DONE if all(outcome.ok for outcome in outcomes) else FAILED)
