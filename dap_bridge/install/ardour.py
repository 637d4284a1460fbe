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
from ..transport import protocol
from . import folders, ui_scripts

FOLDER = Path("dap-bridge")
SCRIPTS = Path("scripts")
REGISTERED = "ui_scripts"
BACKUP = "ui_scripts.before-dap-bridge"
WHERE = "bridge.tsv"
MADE_BY_THE_SCRIPTS = ("ardour.log", "options.tsv")
# The one whose list of scripts we know how to write.
REGISTRABLE = 7
ORDER = (
    "DAP_Separate selected regions",
    "DAP_Separate selected regions (options)",
    "DAP_Separate like selected examples",
    "DAP_Separate - this sound alone in range",
    "DAP_Separate this stem further",
    "DAP_Redraw chosen alternative",
    "DAP_Denoise selected regions",
    "DAP_Denoise selected regions (options)",
    "DAP_Learn noise from range",
    "DAP_Co-separate selected regions",
    "DAP_Co-separate selected regions (options)",
    "DAP_Extend texture to range",
    "DAP_Extend texture to range (options)",
    "DAP_Deactivate mask in range",
    "DAP_Activate mask in range",
    "DAP_Open mask editor",
    "DAP_Undo last mask edit",
    "DAP_Cancel jobs",
    "DAP_Status",
    "DAP_Import stems",
)
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
        copied = ours.install(_files(settings), {"had_list": (config / REGISTERED).exists()})
        return [copied, _register(config)]


def uninstall(config: Path) -> list[str]:
    """Take back what `install` did, and nothing else. Raises InstallFailed."""
    with folders.explained(config):
        ours = folders.Ours(config, FOLDER)
        if not ours.installed:
            return ["Nothing of dap-bridge is installed there."]
        _unregister(config, ours.record["had_list"])
        ours.uninstall(also=MADE_BY_THE_SCRIPTS)
        return [f"The scripts are gone from {config}."]


def _sources() -> Path:
    return assets.folder("daw_scripts") / "ardour"


def library() -> list[Path]:
    """The modules that the scripts are made of, Ardour's own and those shared with REAPER."""
    return [*(_sources() / "dap").glob("*.lua"), *folders.shared_library()]


def _files(settings: Settings) -> dict[str, bytes]:
    """Everything that is copied, by its path below the configuration folder."""
    files = {(SCRIPTS / path.name).as_posix(): path.read_bytes() for path in _sources().glob("DAP_*.lua")}
    files |= {(FOLDER / path.name).as_posix(): path.read_bytes() for path in library()}
    return files | {(FOLDER / WHERE).as_posix(): protocol.lines(folders.where(settings)).encode()}


def _scripts(config: Path) -> list[ui_scripts.Script]:
    """What is registered, the actions in the order of a menu."""
    return [
        ui_scripts.Script(name, str(config / SCRIPTS / path.name), text, hook='"EditorHook"' in text)
        for path in sorted(_sources().glob("DAP_*.lua"), key=lambda path: ORDER.index(path.stem))
        for text in [path.read_text(encoding="utf-8")]
        for name in NAME.findall(text)[:1]
    ]


def _register(config: Path) -> str:
    if _version(config) != REGISTRABLE:
        return "Add the actions and the hook in Ardour: Edit > Lua Scripts > Script Manager (docs/ardour.md)."
    path, backup = config / REGISTERED, config / BACKUP
    before = path.read_text(encoding="utf-8") if path.exists() else None
    after = ui_scripts.register(before, _scripts(config))
    if before is not None and ui_scripts.same(before, after):
        return "The actions and the hook were registered already."
    if before is not None and not backup.exists():
        shutil.copy2(path, backup)
    atomic.write_text(path, after)
    return f"The actions and the hook are registered in {path}."


def _unregister(config: Path, had_list: bool) -> None:
    path, backup = config / REGISTERED, config / BACKUP
    if path.exists():
        rest = ui_scripts.unregister(path.read_text(encoding="utf-8"))
        if backup.exists() and ui_scripts.same(rest, backup.read_text(encoding="utf-8")):
            backup.replace(path)
        elif had_list or not ui_scripts.is_empty(rest):
            atomic.write_text(path, rest)
        else:
            path.unlink()
    backup.unlink(missing_ok=True)


def _version(config: Path) -> int:
    match = VERSION.match(config.name)
    return int(match[1]) if match else 0
