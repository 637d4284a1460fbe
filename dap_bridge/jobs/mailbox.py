"""What the daemon and a worker tell each other while a job runs: a few files in a folder both can reach.

Files, and not a pipe or shared memory, so that whatever executor stands behind a lane needs to share nothing but a
folder: a process pool here, Ray or Dask elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from .. import atomic
from ..domain import Progress
from .output import Output
from .sessions import Sessions

# A report is a file written and renamed; nobody looks more often than this.
REPORT_S = 0.1

_PROGRESS = TypeAdapter(Progress)

log = logging.getLogger(__name__)


class Mailbox:
    """The mailbox of one job.

    The worker calls `report` and `cancelled`, writes through `output` and keeps fits in `sessions`; the rest is the
    daemon's.
    """

    def __init__(self, folder: str | Path, sessions: Sessions | None = None) -> None:
        self.folder = Path(folder)
        self.sessions = sessions
        self.output = Output(self.folder / "output.json")
        self._progress = self.folder / "progress.json"
        self._cancel = self.folder / "cancel"
        self._reported = -math.inf

    def report(self, progress: Progress) -> None:
        """Tell where the job stands; what comes sooner than REPORT_S after the last is left out."""
        now = time.monotonic()
        if now - self._reported < REPORT_S:
            return
        self._reported = now
        with contextlib.suppress(OSError):  # the disk is full; Windows: the daemon is reading; the next one will do
            atomic.write_json(self._progress, asdict(progress), durable=False)

    def cancelled(self) -> bool:
        """Whether the user wants the job to stop: one stat of a file."""
        return self._cancel.exists()

    def open(self) -> None:
        """Make the mailbox ready for a run; what an unfinished run left, output included, is removed."""
        self.close(keep_output=False)
        self.folder.mkdir(parents=True, exist_ok=True)

    def progress(self) -> Progress | None:
        """The last report, None before the first, and where it cannot be read: the next one will do."""
        try:
            return _PROGRESS.validate_python(json.loads(self._progress.read_bytes()))
        except (OSError, ValueError):
            return None

    def cancel(self) -> None:
        """Ask the worker to stop."""
        try:
            self._cancel.touch()
        except OSError as error:  # it will be ended
            log.warning("a worker cannot be told to stop: %s", error)

    def close(self, keep_output: bool) -> None:
        """End of a run: its output becomes the user's or is removed, and the mailbox is emptied."""
        if keep_output:
            self.output.keep()
        else:
            self.output.discard()
        # A worker killed between writing and renaming leaves a temporary file behind.
        for path in (self._progress, self._cancel, *self.folder.glob(".*.tmp")):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # never made, or results lie in it
            self.folder.rmdir()
