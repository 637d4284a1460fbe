"""Which Audacitys this user has, told by the folders that each keeps, and whether stems can be sent into them.

Audacity 3 takes commands through its scripting pipe, where that is switched on; Audacity 4 has none. Where Audacity 4
keeps what is its own stands in its source (`FileNames.cpp`; `main.cpp` has the names that Qt makes folders of).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

SETTINGS = "audacity.cfg"
PLUGINS = "Plug-Ins"


@dataclass(frozen=True)
class Program:
    """version: as its settings have it, or its first number alone; plugins: its folder for a user's plug-ins."""

    version: str
    plugins: Path
    pipe: bool

    def __str__(self) -> str:
        if self.pipe:
            return f"Audacity {self.version}, scripting pipe on: `dap-bridge audacity` places the stems"
        return f"Audacity {self.version}, no scripting pipe: Generate > DAP Next stem brings the stems"


def found() -> list[Program]:
    """Those that were started at least once: one of version 3 at most, and one of version 4."""
    newer = [Program("4", data / PLUGINS, pipe=False) for data in _places_of_4() if data.is_dir()]
    older = [
        _older(settings / SETTINGS, data / PLUGINS)
        for settings, data in _places_of_3()
        # where capitals make no difference, a folder of Audacity 4's has the name of this one
        if data.is_dir() and (not newer or (settings / SETTINGS).is_file())
    ]
    return older[:1] + newer[:1]


def take_no_commands(programs: list[Program]) -> bool:
    """Whether there is an Audacity, and a scripting pipe of none."""
    return bool(programs) and not any(program.pipe for program in programs)


def _older(settings: Path, plugins: Path) -> Program:
    told = _settings(settings)
    numbers = [told.get(f"Version/{name}", "") for name in ("Major", "Minor", "Micro")]
    version = ".".join(numbers) if all(numbers) else "3"
    return Program(version, plugins, told.get("Module/mod-script-pipe") == "1")


def _settings(path: Path) -> dict[str, str]:
    """What stands in such a file, as `group/name`; nothing of one that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    told, group = {}, ""
    for line in lines:
        name, equals, value = line.partition("=")
        if line.startswith("["):
            group = line.strip("[]")
        elif equals:
            told[f"{group}/{name}"] = value
    return told


def _places_of_3() -> list[tuple[Path, Path]]:
    """Of its settings and of its data; the first that is there is the one that is used."""
    if sys.platform in ("win32", "darwin"):
        folder = _applications() / "audacity"
        return [(folder, folder)]
    home, flatpak = Path.home(), _flatpak()
    return [
        (home / ".audacity-data", home / ".audacity-data"),
        (_xdg("CONFIG", ".config") / "audacity", _xdg("DATA", ".local/share") / "audacity"),
        (flatpak / "config" / "audacity", flatpak / "data" / "audacity"),
    ]


def _places_of_4() -> list[Path]:
    """Of its data."""
    if sys.platform in ("win32", "darwin"):
        return [_applications() / "Audacity" / "Audacity4"]
    return [_xdg("DATA", ".local/share") / "audacity4", _flatpak() / "data" / "audacity4"]


def _applications() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))
    return home / "Library" / "Application Support"


def _xdg(kind: str, usual: str) -> Path:
    return Path(os.environ.get(f"XDG_{kind}_HOME") or Path.home() / usual)


def _flatpak() -> Path:
    return Path.home() / ".var" / "app" / "org.audacityteam.Audacity"
