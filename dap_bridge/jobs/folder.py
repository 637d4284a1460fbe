"""The folder of one job, <data>/jobs/<job>: its output's ledger, what is needed for a while, a result of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from . import results
from .output import Output

# Holds the result of a job whose request names no folder.
RESULT = "result"
# There from `open` to `close`.
SCRATCH = "scratch"


class JobFolder:
    """What a job has on this machine, whoever computes it.

    output: where its result goes. scratch: for whoever runs the job; gone, with all that lies in it, after `close`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.output = Output(path / "output.json")
        self.scratch = path / SCRATCH

    @classmethod
    def left(cls, place: Path) -> Iterator[JobFolder]:
        """The folders in `place` that nobody has closed; of one that was killed over it nothing may be left in it."""
        unclosed = (path for path in place.glob("*/") if (path / SCRATCH).exists() or not any(path.iterdir()))
        return map(cls, unclosed)

    def results(self) -> Path:
        """A folder that is not there yet, for a job whose request names none."""
        names = itertools.chain([RESULT], (f"{RESULT}-{number}" for number in itertools.count(2)))
        return next(path for name in names if not os.path.lexists(path := self.path / name))

    def open(self) -> None:
        """Make ready for a run; what an unfinished run left, output included, is removed. Raises OSError.

        So is the result of a job of that name that is forgotten by now.
        """
        self.close(keep_output=False)
        self.remove_result(self.path / RESULT / results.MANIFEST)
        self.scratch.mkdir(parents=True, exist_ok=True)

    def published(self) -> Path | None:
        """The manifest of a result that has appeared as a whole; None where it has not."""
        return self.output.published()

    def close(self, keep_output: bool) -> None:
        """End of a run: its output becomes the user's or is removed, and what was needed for a while goes."""
        if keep_output:
            self.output.keep()
        else:
            self.output.discard()
        # A worker killed between writing and renaming leaves a temporary file behind.
        for path in self.path.glob(".*.tmp"):
            with contextlib.suppress(OSError):
                path.unlink()
        shutil.rmtree(self.scratch, ignore_errors=True)
        with contextlib.suppress(OSError):  # never made, or results lie in it
            self.path.rmdir()

    def remove_result(self, manifest: Path) -> None:
        """Remove a result that lies in here: the manifest and what it names. Whatever else is there stays."""
        folder = manifest.parent
        if folder.parent != self.path or not _is_folder(folder):
            return
        within: list[Path] = []
        with contextlib.suppress(results.NoResultError):  # then it is alone what can be removed
            named = results.files(manifest, results.read(manifest))
            within = [place for place in dict.fromkeys(stem.parent for stem in named) if place != folder]
            for stem in named:
                with contextlib.suppress(OSError):
                    if _is_folder(stem.parent):
                        stem.unlink()
        with contextlib.suppress(OSError):
            manifest.unlink()
        for made in (*within, folder, self.path):
            with contextlib.suppress(OSError):  # something else lies in it
                made.rmdir()


def _is_folder(path: Path) -> bool:
    """Whether it is one itself, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
