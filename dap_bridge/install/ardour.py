"""The Ardour scripts: copied into Ardour's configuration folder and, for Ardour 7, registered there.

What was changed is written down, so that `uninstall` leaves what was there before, byte for byte.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from .. import assets, atomic
from ..config import Settings
from ..errors import InstallFailed
from . import folders, ui_scripts

FOLDER = Path("dap-bridge")
SCRIPTS = Path("scripts")
REGISTERED = "ui_scripts"
BACKUP = "ui_scripts.before-dap-bridge"
# What they share with the REAPER actions.
SHARED = ("constants", "files", "json", "lines", "settings")
NAME = re.compile(r'^  name = "(.+)",$', re.MULTILINE)
VERSION = re.compile(r"^ardour(\d+)$", re.IGNORECASE)


def config_path() -> Path:
    """The configuration folder of the newest Ardour on this system. Raises InstallFailed where there is none."""
    home = Path.home()
    if sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        place = home / "Library" / "Preferences"
    else:
        place = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    found = [path for path in (place.iterdir() if place.is_dir() else ()) if VERSION.match(path.name) and path.is_dir()]
    if not found:
        raise InstallFailed(
            f"Ardour's configuration folder was not found in {place}.",
            "Start Ardour once, or name the folder: --resource-path DIR.",
        )
    return max(found, key=_version)


def install(config: Path, settings: Settings) -> list[str]:
    """Copy the scripts and register them; a second time changes nothing. Returns what was done, in sentences.

    Raises InstallFailed.
    """
    with folders.explained(config):
        ours = folders.Ours(config, FOLDER)
        for name in set(_actions()) - set(ours.files):
            if (config / SCRIPTS / name).exists():
                raise InstallFailed(f"{config / SCRIPTS / name} exists and is not ours.", "Move it away first.")
        had_list = (config / REGISTERED).exists()
        said = [ours.install(_contents(settings), {"had_list": had_list})]
        return [*said, _register(config)]


def uninstall(config: Path) -> list[str]:
    """Take back what `install` did, and nothing else. Raises InstallFailed."""
    with folders.explained(config):
        ours = folders.Ours(config, FOLDER)
        if not ours.installed:
            return ["Nothing of dap-bridge is installed there."]
        _unregister(config, bool(ours.record["had_list"]))
        ours.uninstall(also=("ardour.log", "options.tsv"))
        return [f"The scripts are gone from {config}."]
