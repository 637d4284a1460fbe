"""What the daemon and a worker tell each other while a job runs: a few files in a folder both can reach.

Files, and not a pipe or shared memory, so that whatever executor stands behind a lane needs to share nothing but a
folder: a process pool here, Ray or Dask elsewhere.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import math
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from .... import atomic
from ....domain import Progress
from ...output import Output
from ...sessions import Sessions

# A report is a file written and renamed; nobody looks more often than this.
REPORT_S = 0.1
# Between two signs of life.
SIGN_S = 1.0
# The folder inside a mailbox that holds the results of a job whose request names none.
RESULT = "result"

_PROGRESS = TypeAdapter(Progress)

log = logging.getLogger(__name__)


class Mailbox:
    """The mailbox of one job.

    The worker calls `report` and `cancelled`, writes through `output`, keeps fits in `sessions`, and what it needs for
    a while in `scratch`; the rest is the daemon's.
    """

    def __init__(self, folder: str | Path, sessions: Sessions | None = None) -> None:
        self.folder = Path(folder)
        self.sessions = sessions
        self.output = Output(self.folder / "output.json")
        self.scratch = self.folder / "scratch"
        self._progress = self.folder / "progress.json"
        self._cancel = self.folder / "cancel"
        self._alive = self.folder / "alive"
        self._reported = self._signed = -math.inf

    @classmethod
    def left(cls, folder: Path) -> Iterator[Mailbox]:
        """The mailboxes in `folder` that nobody has closed."""
        return (cls(path.parent) for path in folder.glob("*/alive"))

    def report(self, progress: Progress) -> None:
        """Tell where the job stands; what comes sooner than REPORT_S after the last is left out."""
        self._sign()
        now = time.monotonic()
        if now - self._reported < REPORT_S:
            return
        self._reported = now
        with contextlib.suppress(OSError):  # the disk is full; Windows: the daemon is reading; the next one will do
            atomic.write_json(self._progress, asdict(progress), durable=False)

    def cancelled(self) -> bool:
        """Whether the user wants the job to stop: one stat of a file. Asking is a sign of life."""
        self._sign()
        return self._cancel.exists()

    def results(self) -> Path:
        """A folder that is not there yet, for a job whose request names none."""
        names = itertools.chain([RESULT], (f"{RESULT}-{number}" for number in itertools.count(2)))
        return next(path for name in names if not os.path.lexists(path := self.folder / name))

    def open(self) -> None:
        """Make the mailbox ready for a run; what an unfinished run left, output included, is removed. Raises OSError.

        So is the result of a job of that name that is forgotten by now.
        """
        self.close(keep_output=False)
        self.remove_result(self.folder / RESULT / "manifest.json")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._alive.touch()

    def progress(self) -> Progress | None:
        """The last report, None before the first, and where it cannot be read: the next one will do."""
        try:
            return _PROGRESS.validate_python(json.loads(self._progress.read_bytes()))
        except (OSError, ValueError):
            return None

    def sign_of_life(self) -> int:
        """Another number whenever the worker has been heard of."""
        try:
            return self._alive.stat().st_mtime_ns
        except OSError:
            return 0

    def cancel(self) -> None:
        """Ask the worker to stop."""
        try:
            self._cancel.touch()
        except OSError as error:  # it will be ended
            log.warning("a worker cannot be told to stop: %s", error)

    def published(self) -> Path | None:
        """The manifest of a result that has appeared as a whole; None where it has not."""
        return self.output.published()

    def close(self, keep_output: bool) -> None:
        """End of a run: its output becomes the user's or is removed, and the mailbox is emptied."""
        if keep_output:
            self.output.keep()
        else:
            self.output.discard()
        shutil.rmtree(self.scratch, ignore_errors=True)
        # A worker killed between writing and renaming leaves a temporary file behind.
        for path in (self._progress, self._cancel, *self.folder.glob(".*.tmp"), self._alive):
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):  # never made, or results lie in it
            self.folder.rmdir()

    def remove_result(self, manifest: Path) -> None:
        """Remove a result that lies in the mailbox: the manifest and what it names. Whatever else is there stays."""
        folder = manifest.parent
        if folder.parent != self.folder or not _is_folder(folder):
            return
        for name in (*_files_of(manifest), manifest.name):
            with contextlib.suppress(OSError):
                (folder / name).unlink()
        for made in (folder, self.folder):
            with contextlib.suppress(OSError):  # something else lies in it
                made.rmdir()

    def _sign(self) -> None:
        now = time.monotonic()
        if now - self._signed >= SIGN_S:
            self._signed = now
            with contextlib.suppress(OSError):
                os.utime(self._alive)


def _is_folder(path: Path) -> bool:
    """Whether it is one itself, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _files_of(manifest: Path) -> list[str]:
    """The files beside a manifest that it names; none where it cannot be read."""
    try:
        return list(_names(json.loads(manifest.read_text(encoding="utf-8"))))
    except (OSError, ValueError, RecursionError):
        return []


def _names(value: Any) -> Iterator[str]:
    """Every `path` in a JSON value that is a name and nothing more."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str) and Path(path).name == path:
            yield path
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _names(item)
