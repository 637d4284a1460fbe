"""A folder of a host's that we put files into, and take them out of again."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import assets, atomic
from ..config import Settings
from ..errors import InstallFailed

RECORD = "installed.json"


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """What the system refuses, as InstallFailed."""
    try:
        yield
    except OSError as error:
        raise InstallFailed(f"{folder}: {error.strerror or error}.") from error


def where(settings: Settings) -> dict[str, object]:
    """What scripts cannot find out by themselves: the command, and where the daemon listens."""
    beside = Path(sys.executable).with_name("dap-bridge.exe" if sys.platform == "win32" else "dap-bridge")
    command = str(beside) if beside.exists() else shutil.which("dap-bridge") or "dap-bridge"
    return {"command": command, "spool": settings.spool, "osc_port": settings.osc_port}


def shared_library() -> list[Path]:
    """The Lua modules that REAPER and Ardour share; a host's library is these and its own, in one folder."""
    return sorted((assets.folder("daw_scripts") / "common").glob("*.lua"))


class Ours:
    """Our files below a host's folder, written down in `home`/installed.json, `home` being a folder of our own."""

    def __init__(self, root: Path, home: Path) -> None:
        self._root, self._home = root, root / home
        path = self._home / RECORD
        known = atomic.read_json(path, dict, "what was installed is not known to be ours")
        self.installed = known is not None
        self.record: dict[str, Any] = known or {}

    def install(self, files: Mapping[str, bytes], remember: Mapping[str, Any]) -> str:
        """Write `files`, by their paths below the root, and remove those of an earlier version that are gone.

        `remember` is kept from the first time. Raises InstallFailed rather than write over what is not ours.
        """
        before = set(self.record.get("files", ()))
        if not self.installed:
            for path in (self._home, *(self._root / name for name in files)):
                if path.exists():
                    raise InstallFailed(f"{path} exists and is not ours.", "Move it away first.")
            self.record = {**remember, "made": self._missing_folders(files)}
        self._home.mkdir(parents=True, exist_ok=True)
        for name in before - files.keys():
            (self._root / name).unlink(missing_ok=True)
        for name, content in files.items():
            path = self._root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)
        self.record["files"] = sorted(files)
        atomic.write_text(self._home / RECORD, json.dumps(self.record, indent=1, sort_keys=True) + "\n")
        return f"{len(files)} files in {self._root}."

    def uninstall(self, also: tuple[str, ...] = ()) -> None:
        """Remove them, and `also`: names in our own folder that appeared since. A folder with more in it stays."""
        for path in [*(self._root / name for name in self.record["files"]), *(self._home / name for name in also)]:
            path.unlink(missing_ok=True)
        (self._home / RECORD).unlink()
        for name in sorted(self.record["made"], reverse=True):
            with contextlib.suppress(OSError):  # something of the user's is in it
                (self._root / name).rmdir()

    def _missing_folders(self, files: Mapping[str, bytes]) -> list[str]:
        needed = {self._home} | {parent for name in files for parent in (self._root / name).parents}
        return sorted(
            str(path.relative_to(self._root)) for path in needed if self._root in path.parents and not path.exists()
        )
