"""The Audacity plug-ins: copied into the user's plug-in folder, with the drop folder's place written into them."""

from __future__ import annotations

from pathlib import Path

from .. import assets, private
from ..audacity import programs
from ..config import Settings
from ..errors import InstallFailed
from . import folders

SPOOL = '(setf dap-spool "")'


def plugin_paths() -> list[Path]:
    """The folders for a user's plug-ins of the Audacitys that are here. Raises InstallFailed where there is none."""
    places = [program.plugins for program in programs.found()]
    if not places:
        raise InstallFailed(
            "No folder of Audacity's was found.",
            "Start Audacity once, or name its plug-in folder: --resource-path DIR.",
        )
    return places


def advice() -> list[str]:
    """How stems come back into each of them, in sentences."""
    return [f"{program}." for program in programs.found()]


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
