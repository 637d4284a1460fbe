"""What the daemon and a worker tell each other while a job runs: a few files in a folder both can reach.

Files, and not a pipe or shared memory, so that whatever executor stands behind a lane needs to share nothing but a
folder: a process pool here, Ray or Dask elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .. import atomic
from ..domain import Progress

PARTIAL_PREFIX = ".dap-"


@dataclass
class _Ledger:
    """What a job is about to make, on disk before it is made, so that it can be removed whatever happens to the worker.

    placed: path -> (device, inode); a file is the job's own by its identity, not by its name.
    """

    partial: str = ""
    made: list[str] = field(default_factory=list)
    placed: dict[str, list[int]] = field(default_factory=dict)


class Mailbox:
    """The mailbox of one job.

    The worker calls `report`, `cancelled`, `writing` and `placing`; the daemon calls the others.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._progress = self.folder / "progress.json"
        self._cancel = self.folder / "cancel"
        self._ledger = self.folder / "output.json"

    def report(self, progress: Progress) -> None:
        """Tell where the job stands. Cheap, but a few times a second are enough."""
        with contextlib.suppress(PermissionError):  # Windows: the daemon is reading; the next report will do
            atomic.write_text(self._progress, json.dumps(asdict(progress)))

    def cancelled(self) -> bool:
        """Whether the user wants the job to stop: one stat of a file."""
        return self._cancel.exists()

    def writing(self, partial: Path) -> None:
        """Call before the hidden folder `partial` is made: it, and parents that do not exist yet, are the job's own."""
        missing = [str(parent) for parent in partial.parents if not parent.exists()]
        self._write(_Ledger(str(partial), missing))

    def placing(self) -> None:
        """Call before the files in `partial` are moved into the folder that it lies in."""
        ledger = self._read()
        partial = Path(ledger.partial)
        ledger.placed = {str(partial.parent / path.name): _identity(path) for path in partial.iterdir()}
        self._write(ledger)

    def open(self) -> None:
        """Make the mailbox ready for a run; what an unfinished run left, output included, is removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.close(keep_output=False)
        self.folder.mkdir(parents=True, exist_ok=True)

    def progress(self) -> Progress | None:
        """The last report, None before the first."""
        try:
            return Progress(**json.loads(self._progress.read_text(encoding="utf-8")))
        except (FileNotFoundError, PermissionError):
            return None

    def cancel(self) -> None:
        """Ask the worker to stop."""
        self._cancel.touch()

    def close(self, keep_output: bool) -> None:
        """End of a run: its output becomes the user's or is removed, and the mailbox is emptied."""
        if not keep_output:
            self._discard()
        for path in (self._ledger, self._progress, self._cancel, *self.folder.glob(".*.tmp")):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # never made
            self.folder.rmdir()

    def _discard(self) -> None:
        ledger = self._read()
        for name, identity in ledger.placed.items():
            path = Path(name)
            if path.exists() and _identity(path) == identity:
                path.unlink()
        partial = Path(ledger.partial)
        if partial.name.startswith(PARTIAL_PREFIX):
            shutil.rmtree(partial, ignore_errors=True)
        for made in ledger.made:
            with contextlib.suppress(OSError):  # something else lies in it by now
                Path(made).rmdir()

    def _read(self) -> _Ledger:
        try:
            return _Ledger(**json.loads(self._ledger.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return _Ledger()

    def _write(self, ledger: _Ledger) -> None:
        atomic.write_text(self._ledger, json.dumps(asdict(ledger)))


def _identity(path: Path) -> list[int]:
    status = os.lstat(path)
    return [status.st_dev, status.st_ino]
