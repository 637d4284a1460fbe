"""A job's results on their way to the user's folder: staged out of sight, published together, or removed without trace.

Every step is written to a ledger before it is taken, so that whoever survives a killed worker can undo the rest.
Only what the ledger proves to be the job's own is ever removed: a file is recognised by its identity, not by its name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .. import atomic
from ..errors import OutputUnwritable

STAGE_PREFIX = ".dap-"


@dataclass
class _Ledger:
    """made: folders that did not exist; placed: path -> (device, inode) of each file on its way out of `stage`."""

    stage: str = ""
    made: list[str] = field(default_factory=list)
    placed: dict[str, list[int]] = field(default_factory=dict)


class Output:
    """The results of one job.

    ```
    stage = output.stage(folder, job, ["stem-1.wav", "manifest.json"])   # write into `stage`
    manifest = output.publish(last="manifest.json")                      # all of it appears in `folder`
    ```
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def stage(self, folder: Path, job: str, names: Iterable[str] = ()) -> Path:
        """Make `folder` if need be, and the hidden folder in it that holds the results until they are complete.

        Raises OutputUnwritable where the folder cannot be written, or already holds one of `names`.
        """
        _require_free(folder, names)
        stage = folder / f"{STAGE_PREFIX}{job}"
        self._write(_Ledger(str(stage), [str(path) for path in (folder, *folder.parents) if not path.exists()]))
        try:
            stage.mkdir(parents=True)
        except OSError as error:
            self.discard()
            raise OutputUnwritable(f"Nothing can be written in {folder}: {error.strerror}.") from error
        return stage

    def publish(self, last: str) -> Path:
        """Move everything staged into the folder, `last` after all others; returns its path there.

        Raises OutputUnwritable where a name has been taken meanwhile; nothing is moved then.
        """
        ledger = self._read()
        stage = Path(ledger.stage)
        folder = stage.parent
        names = sorted((path.name for path in stage.iterdir()), key=lambda name: (name == last, name))
        _require_free(folder, names)
        ledger.placed = {str(folder / name): _identity(stage / name) for name in names}
        self._write(ledger)
        try:
            for name in names:
                (stage / name).rename(folder / name)
            stage.rmdir()
        except OSError as error:
            raise OutputUnwritable(f"Nothing can be written in {folder}: {error.strerror}.") from error
        return folder / last

    def discard(self) -> None:
        """Remove everything the job has made, published or not. What the job did not make stays."""
        ledger = self._read()
        for name, identity in ledger.placed.items():
            path = Path(name)
            if path.exists() and _identity(path) == identity:
                path.unlink()
        stage = Path(ledger.stage)
        if stage.name.startswith(STAGE_PREFIX):
            shutil.rmtree(stage, ignore_errors=True)
        for made in ledger.made:
            with contextlib.suppress(OSError):  # something else lies in it by now
                Path(made).rmdir()
        self.keep()

    def keep(self) -> None:
        """The results are the user's from now on."""
        self._ledger.unlink(missing_ok=True)

    def _read(self) -> _Ledger:
        try:
            return _Ledger(**json.loads(self._ledger.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return _Ledger()

    def _write(self, ledger: _Ledger) -> None:
        atomic.write_text(self._ledger, json.dumps(asdict(ledger)))


def _require_free(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if (folder / name).exists():
            raise OutputUnwritable(f"{folder} already holds {name}.")


def _identity(path: Path) -> list[int]:
    status = os.lstat(path)
    return [status.st_dev, status.st_ino]
