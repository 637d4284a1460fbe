"""The REAPER actions: copied into REAPER's resource folder and registered in its list of actions.

What was changed is written down, so that `uninstall` leaves what was there before, byte for byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from .. import assets, atomic
from ..config import Settings
from ..errors import InstallFailed
from ..transport import protocol
from . import folders

PROGRAM = "reaper"
FOLDER = Path("Scripts") / "dap-bridge"
KEYS = "reaper-kb.ini"
BACKUP = "reaper-kb.ini.before-dap-bridge"
RECORD = "installed.json"
WHERE = "bridge.tsv"
# A script of the main section, as REAPER writes it: SCR, what it is, section, id, description, path below Scripts.
LINE = 'SCR 4 0 {id} "Custom: {name}" "{path}"'


def resource_path() -> Path:
    """REAPER's resource folder on this system. Raises InstallFailed where there is none."""
    home = Path.home()
    if sys.platform == "win32":
        places = [Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "REAPER"]
    elif sys.platform == "darwin":
        places = [home / "Library" / "Application Support" / "REAPER"]
    else:
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        places = [config / "REAPER", home / ".var" / "app" / "fm.reaper.Reaper" / "config" / "REAPER"]
    for place in places:
        if place.is_dir():
            return place
    raise InstallFailed(
        f"REAPER's resource folder was not found in {' or '.join(map(str, places))}.",
        "Start REAPER once, or name the folder: --resource-path DIR (Options > Show REAPER resource path).",
    )


def require_closed() -> None:
    """Raises InstallFailed while REAPER runs: when it ends it writes the list of actions as it knew it."""
    running = [process.pid for process in psutil.process_iter(["name"]) if _is_reaper(process.info["name"])]
    if running:
        raise InstallFailed(
            f"REAPER is running (process {', '.join(map(str, running))}); when it ends it would undo the change.",
            "Close it, then run this again. If that REAPER has another resource folder: --while-running.",
        )


def _is_reaper(name: str | None) -> bool:
    return (name or "").lower().removesuffix(".exe") == PROGRAM


def install(resources: Path, settings: Settings) -> list[str]:
    """Copy the scripts and register the actions; a second time changes nothing. Returns what was done, in sentences.

    Raises InstallFailed.
    """
    with folders.explained(resources):
        before = _record(resources / FOLDER) or {"files": [], "had_keys": (resources / KEYS).exists()}
        copied = _copy(resources, settings)
        gone = set(before["files"]) - sources().keys()
        return [*copied, *_register(resources, gone, before["had_keys"])]


def uninstall(resources: Path) -> list[str]:
    """Take back what `install` did, and nothing else. Raises InstallFailed."""
    with folders.explained(resources):
        return _remove(resources)


def sources() -> dict[str, Path]:
    """Every script, by its path below our folder; REAPER's own library and the shared one are one there."""
    root = assets.folder("daw_scripts") / "reaper"
    own = [path for path in root.rglob("*") if path.suffix in (".lua", ".py")]
    found = {path.relative_to(root).as_posix(): path for path in own}
    found |= {f"dap/{path.name}": path for path in folders.shared_library()}
    return dict(sorted(found.items()))


def actions() -> list[str]:
    """The scripts that make actions, by their paths below our folder."""
    return [name for name in sources() if Path(name).name.startswith("DAP_")]


def _line(name: str) -> bytes:
    path = (Path("dap-bridge") / name).as_posix()
    identity = "RS" + hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
    return LINE.format(id=identity, name=Path(name).name, path=path).encode()


def _copy(resources: Path, settings: Settings) -> list[str]:
    target = resources / FOLDER
    record = _record(target)
    if record is None:
        if target.exists():
            raise InstallFailed(f"{target} exists and is not ours.", "Move it away first.")
        made = [str(path) for path in (FOLDER, FOLDER.parent) if not (resources / path).exists()]
        record = {"made": made, "had_keys": (resources / KEYS).exists(), "files": []}
    files = {name: path.read_bytes() for name, path in sources().items()}
    files[WHERE] = protocol.lines(folders.where(settings)).encode()
    for name in set(record["files"]) - files.keys():
        (target / name).unlink(missing_ok=True)
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    _write_record(target, record | {"files": sorted(files)})
    return [f"{len(files)} files in {target}."]


def _register(resources: Path, gone: set[str], had_keys: bool) -> list[str]:
    """Add the lines that are missing, and take away those of scripts that are `gone` since an earlier version."""
    keys, backup = resources / KEYS, resources / BACKUP
    before = keys.read_bytes() if keys.exists() else b""
    kept = _without(before, gone)
    missing = [line for line in map(_line, actions()) if line not in kept]
    if not missing and kept == before:
        return ["The actions were registered already."]
    if had_keys and keys.exists() and not backup.exists():
        shutil.copy2(keys, backup)
    newline = b"\r\n" if b"\r\n" in kept else b"\n"
    closing = newline if kept and not kept.endswith(b"\n") else b""
    _write(keys, kept + closing + b"".join(line + newline for line in missing))
    return [f"{len(missing)} actions registered in {keys}."]


def _remove(resources: Path) -> list[str]:
    target = resources / FOLDER
    record = _record(target)
    if record is None:
        return ["Nothing of dap-bridge is installed there."]
    keys, backup = resources / KEYS, resources / BACKUP
    if keys.exists():
        rest = _without(keys.read_bytes(), record["files"])
        # Where the last line had no end, ours gave it one.
        if backup.exists() and backup.read_bytes() == rest.rstrip(b"\r\n"):
            rest = backup.read_bytes()
        if rest or record["had_keys"]:
            _write(keys, rest)
        else:
            keys.unlink()
    backup.unlink(missing_ok=True)
    for name in [*record["files"], RECORD]:
        (target / name).unlink(missing_ok=True)
    folders = sorted({(target / name).parent for name in record["files"]} - {target}, reverse=True)
    for folder in [*folders, *(resources / name for name in record["made"])]:
        with contextlib.suppress(OSError):  # something of the user's is in it
            folder.rmdir()
    return [f"The actions are gone from {resources}."]


def _without(content: bytes, names: Iterable[str]) -> bytes:
    """A list of actions without the lines of these scripts."""
    ours = {_line(name) for name in names}
    return b"".join(line for line in content.splitlines(keepends=True) if line.rstrip(b"\r\n") not in ours)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.dap-bridge")
    temporary.write_bytes(content)
    temporary.replace(path)


def _record(target: Path) -> dict[str, Any] | None:
    path = target / RECORD
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _write_record(target: Path, record: dict[str, Any]) -> None:
    atomic.write_text(target / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")
