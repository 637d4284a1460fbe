"""A job done here and now, in this process, and what is said of its result."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console, times
from ..domain import Job, Progress
from ..jobs import results
from ..jobs.folder import JobFolder
from ..jobs.sessions import Sessions
from . import sessions
from .root import settings

if TYPE_CHECKING:
    from ..engine.spread import Executor

Show = Callable[[Progress], None]


def run(job: Job, folder: JobFolder, show: Show, workers: str = "1") -> Path:
    """Run a job; returns its manifest's path. ctrl-C and its kind cancel it. Raises DapError, Cancelled.

    folder: what it needs meanwhile, and its output's ledger, which undoes what a run that was killed has left.
    workers: who computes a long clip, as in the settings.
    """
    show(Progress(stage="loading"))
    from ..jobs import worker
    from ..jobs.workers import kinds

    folder.open()
    done = False
    try:
        with kinds.executor(workers, settings()) as executor, _Control(folder, show, executor) as control:
            manifest = worker.run(job, control, Path.cwd())
        done = True
        return manifest
    finally:
        folder.close(keep_output=done)


class _Control:
    """Progress goes to whoever shows it; the first ctrl-C or its kind asks the job to stop, between two iterations."""

    def __init__(self, folder: JobFolder, show: Show, executor: Executor | None) -> None:
        self.output = folder.output
        self.sessions = Sessions.below(settings().data)
        self.executor = executor
        self._show = show
        self._stop = False

    def report(self, progress: Progress) -> None:
        self._show(progress)

    def cancelled(self) -> bool:
        return self._stop

    def __enter__(self) -> _Control:
        self._before = {number: signal.signal(number, self._interrupt) for number in console.endings()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, *_: object) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True


def finish(path: Path, as_json: bool) -> None:
    """Say what a job made: how many stems, which files, what to know of them, where they are, and what may be next."""
    manifest = results.read(path)
    count = len(manifest.stems)
    null = "" if manifest.null_db is None else f", null test {manifest.null_db:.0f} dB"
    lines = [
        f"{count} {'stem' if count == 1 else 'stems'} in {path.parent} "
        f"({times.show(manifest.elapsed_s)} on {manifest.device}{null})"
    ]
    lines += [f"  {stem.path}" for stem in manifest.stems]
    for one in manifest.alternatives[1:]:
        lines.append(f"  {results.folder(one.index)}  another answer, {one.what}")
    if manifest.confidence is not None:
        lines.append(f"  Confidence {manifest.confidence:.2f} of 1, judged without knowing the true sounds.")
    lines += [f"  Note: {warning}" for warning in manifest.warnings]
    lines += ["To go on:", *following(path)]
    console.answer(manifest.as_dict(), as_json, "\n".join(lines))


def following(path: Path) -> list[str]:
    """The commands that go on from a result: see and correct it; or, where that cannot be, take a stem apart."""
    manifest = results.read(path)
    if not sessions.can_be_corrected(manifest.session):
        return ["  " + console.command("dap-bridge", "separate", typed(results.stems(path, manifest)[-1]))]
    end = min(1.0, manifest.frames / manifest.rate)
    box = f"stem=1,op=deactivate,start=0,end={end:g},low=200,high=2000"
    folder = typed(path.parent)
    commands = [("edit", folder), ("refine", folder, "--box", box)]
    if len(manifest.alternatives) > 1:
        commands.append(("choose", folder, "--alternative", "2"))
    return ["  " + console.command("dap-bridge", *words) for words in commands]


def typed(path: Path) -> str:
    """A path as one would type it here: from the folder that one is in, where it lies below."""
    with contextlib.suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return f".{os.sep}{path}" if str(path).startswith("-") else str(path)
