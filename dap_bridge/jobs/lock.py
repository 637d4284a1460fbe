"""One daemon a folder: a lock that the system takes back from a process that ends in whatever way."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from .. import atomic
from ..errors import AlreadyRunning


class FolderLock:
    """Held from construction to `release`. Raises AlreadyRunning, which says by whom it is held."""

    def __init__(self, folder: Path, **about: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / ".lock").open("a+", encoding="utf-8")
        # A file of its own: on Windows nobody else can read what is locked.
        self._about = folder / ".lock.json"
        try:
            _acquire(self._file)
        except OSError as error:
            self._file.close()
            raise AlreadyRunning(f"{folder} is in use by another daemon{self._holder()}.") from error
        self.describe(**about)

    def describe(self, **about: Any) -> None:
        """What to tell whoever finds the lock taken; the lock holds without it, too."""
        with contextlib.suppress(OSError):
            atomic.write_json(self._about, {"pid": os.getpid(), **about}, durable=False)

    def release(self) -> None:
        with contextlib.suppress(OSError):
            self._about.unlink(missing_ok=True)
        self._file.close()

    def _holder(self) -> str:
        try:
            about = dict(json.loads(self._about.read_bytes()))
        except (OSError, ValueError, TypeError):
            return ""
        return " (" + ", ".join(f"{key} {value}" for key, value in about.items()) + ")"


if sys.platform == "win32":
    import msvcrt

    def _acquire(file: IO[str]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _acquire(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
