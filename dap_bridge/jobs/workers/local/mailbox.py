"""What the daemon and a worker's process tell each other while a job runs: a few files in the job's scratch folder."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from .... import atomic
from ....domain import Progress
from ...folder import JobFolder
from ...sessions import Sessions

if TYPE_CHECKING:
    from ....engine.spread import Executor

# A report is a file written and renamed; nobody looks more often than this.
REPORT_S = 0.1
# Between two signs of life.
SIGN_S = 1.0

_PROGRESS = TypeAdapter(Progress)

log = logging.getLogger(__name__)


class Mailbox:
    """One job's mailbox, in a folder that is open. The process holds it as the job's Control; the daemon reads it."""

    def __init__(self, folder: JobFolder, sessions: Sessions | None = None, executor: Executor | None = None) -> None:
        self.output = folder.output
        self.sessions = sessions
        self.executor = executor
        self._progress = folder.scratch / "progress.json"
        self._cancel = folder.scratch / "cancel"
        self._alive = folder.scratch / "alive"
        self._reported = self._signed = -math.inf

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

    def cancel(self) -> None:
        """Ask the process to stop."""
        try:
            self._cancel.touch()
        except OSError as error:  # it will be ended
            log.warning("a worker cannot be told to stop: %s", error)

    def progress(self) -> Progress | None:
        """The last report, None before the first, and where it cannot be read: the next one will do."""
        try:
            return _PROGRESS.validate_python(json.loads(self._progress.read_bytes()))
        except (OSError, ValueError):
            return None

    def heard(self) -> tuple[int, int]:
        """Another value whenever the process has reported or given a sign of life."""
        return _written(self._alive), _written(self._progress)

    def _sign(self) -> None:
        now = time.monotonic()
        if now - self._signed >= SIGN_S:
            self._signed = now
            with contextlib.suppress(OSError):
                self._alive.touch()


def _written(path: Path) -> int:
    """When, in ns since the epoch; 0 where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
