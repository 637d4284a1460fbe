"""The Audacity plug-ins: copied into the user's plug-in folder, with the drop folder's place written into them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .. import assets, private
from ..config import Settings
from ..errors import InstallFailed
from . import folders

SPOOL = '(setf dap-spool "")'


def plugin_path() -> Path:
    """Audacity's folder for a user's plug-ins on this system. Raises InstallFailed where there is no Audacity."""
    home = Path.home()
    if sys.platform == "win32":
        places = [Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "audacity" / "Plug-Ins"]
    elif sys.platform == "darwin":
        places = [home / "Library" / "Application Support" / "audacity" / "Plug-Ins"]
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        flatpak = home / ".var" / "app" / "org.audacityteam.Audacity" / "data"
        # Where the oldest of these folders is, Audacity uses that one.
        places = [
            home / ".audacity-data" / "Plug-Ins",
            data / "audacity" / "Plug-Ins",
            flatpak / "audacity" / "Plug-Ins",
        ]
    for place in places:
        if place.parent.is_dir():
            return place
    raise InstallFailed(
        f"Audacity's folder was not found in {' or '.join(str(place.parent) for place in places)}.",
        "Start Audacity once, or name its plug-in folder: --resource-path DIR.",
    )


def sources() -> list[Path]:
    """The plug-ins as they ship."""
    return sorted((assets.folder("daw_scripts") / "audacity").glob("*.ny"))


def install(plugins: Path, settings: Settings) -> list[str]:
    """Copy the plug-ins; a second time changes nothing. Returns what was done, in sentences. Raises InstallFailed."""
    spool = settings.spool.as_posix()
    if '"' in spool:
        raise InstallFailed(f"The drop folder's name holds a quote: {spool}.", "Choose another: spool in the settings.")
    placed = SPOOL.replace('""', f'"{spool}"')
    plugged = {path.name: path.read_text(encoding="utf-8").replace(SPOOL, placed).encode() for path in sources()}
    with folders.explained(plugins):
        plugins.mkdir(parents=True, exist_ok=True)
        private.folder(settings.spool / "clips")
        return [folders.Ours(plugins, Path("dap-bridge")).install(plugged, {})]


def uninstall(plugins: Path) -> list[str]:
    """Take it back. Raises InstallFailed."""
    with folders.explained(plugins):
        ours = folders.Ours(plugins, Path("dap-bridge"))
        if not ours.installed:
            return ["Nothing of dap-bridge is installed there."]
        ours.uninstall()
        return [f"The plug-ins are gone from {plugins}."]
