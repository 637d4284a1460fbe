"""One verb done with many clips, as many at a time as there are workers: what fails stops none of the others, and what
is done already is not done again.

A job is named after all that its result depends on, and a result says which job made it: so the same command, typed
again, finds what it has done by looking where the results go, and needs no list of its own. What a killed run had begun
is told by the ledger of its output, which lies in a folder of the command's, and is undone first.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from .. import console, times
from ..config import Settings
from ..domain import Job, Progress
from ..errors import AlreadyRunning, Cancelled, ClipUnreadable, DapError
from ..jobs import results
from ..jobs.lock import FolderLock
from ..jobs.results import NoResultError
from ..jobs.sessions import stamp
from ..verbs.request import JobVerb
from . import clips, crew, here
from .root import CANCELLED, DONE, FAILED

log = logging.getLogger(__name__)

# Of a name that is made of a digest.
DIGITS = 16
BATCHES = "batches"
# Folders that a summary names.
MOST_PLACES = 3


@dataclass(frozen=True)
class Outcome:
    """What became of a clip: `done`, `done before`, or `failed` with the error.

    Without what the error holds on to: of a clip that is done with nothing stays in memory.
    """

    clip: Path
    state: str
    seconds: float = 0.0
    manifest: Path | None = None
    error: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """As the summary counts."""
        return f"failed: {self.error['code']}" if self.error else self.state

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        manifest = None if self.manifest is None else str(self.manifest)
        about = {"clip": str(self.clip), "state": self.state, "seconds": round(self.seconds, 3), "manifest": manifest}
        return about | {"error": self.error or None}

    def __str__(self) -> str:
        if self.manifest is None:
            return f"{self.clip.name}: {self.kind}. {self.error['message']} {self.error['hint']}"
        took = f" in {times.show(self.seconds)}" if self.state == "done" else ""
        return f"{self.clip.name}: {self.kind}{took}: {here.typed(self.manifest.parent)}"


@dataclass(frozen=True)
class Batch:
    """A command on many clips. verb, options: what was typed; out: the folder that folders for each clip are made in,
    None: beside each. ask: the request for a clip, which names no folder.
    """

    verb: str
    options: str
    out: Path | None
    ask: Callable[[Path], JobVerb]
    settings: Settings

    def run(self, found: Sequence[Path], as_json: bool) -> None:
        """Do all, say how it went, and end with the status.

        Raises BadRequest and its kind where what is asked is wrong for every clip, and AlreadyRunning.
        """
        outcomes: dict[Path, Outcome] = {}
        stopped = contextlib.suppress(Cancelled, KeyboardInterrupt)
        with self._place() as place, console.progress_bar(self.verb) as show, stopped:
            show(Progress(stage="loading"))
            asyncio.run(self._all(found, place, _Line(show, len(found)), outcomes))
        told = [outcomes[clip] for clip in found if clip in outcomes]
        left = len(found) - len(told)
        _summarise(told, left, as_json)
        sys.exit(CANCELLED if left else FAILED if any(one.error for one in told) else DONE)

    async def _all(self, found: Sequence[Path], place: Path, line: _Line, outcomes: dict[Path, Outcome]) -> None:
        """As many at a time as there are workers; those whose folders would have one name one after another, so that
        they are called the same however many workers there are.

        Raises as `run`, and Cancelled, once nothing is under way any more.
        """
        namesakes: dict[str, list[Path]] = defaultdict(list)
        for clip in found:
            namesakes[str(self._base(clip)).casefold()].append(clip)
        left = iter(namesakes.values())
        async with crew.hired(self.settings, place) as workers:

            async def work() -> None:
                for clip in itertools.chain.from_iterable(left):
                    with line.of(clip) as show:
                        outcomes[clip] = await self._one(clip, workers, show)
                    console.stderr.print(str(outcomes[clip]), markup=False, soft_wrap=True)
                    await asyncio.sleep(0)  # of many that are done already others have their turn

            ended = await asyncio.gather(*(work() for _ in range(workers.size)), return_exceptions=True)
        for trouble in filter(None, ended):
            raise trouble

    @contextlib.contextmanager
    def _place(self) -> Iterator[Path]:
        """A folder for what is needed meanwhile, this command's alone. Raises AlreadyRunning."""
        place = self.settings.data / BATCHES / _digest(self.verb, self.options, self.out)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = FolderLock(place)
        except AlreadyRunning as error:
            hint = "Wait until it has ended, or end it: what it has done stays done."
            raise AlreadyRunning("The same command is under way already.", hint) from error
        try:
            crew.settle(place)
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            lock.release()

    async def _one(self, clip: Path, workers: crew.Crew, show: here.Show) -> Outcome:
        """Do a clip, unless its result is there. Raises Cancelled, and as `run` does."""
        began = time.monotonic()
        try:
            job, base = self._job(clip)
        except ClipUnreadable as error:
            return _failed(clip, began, error)
        if (manifest := _result(job.id, base)) is not None:
            return Outcome(clip, "done before", manifest=manifest)
        job = replace(job, request=job.request | {"out": str(clips.free(base))})
        try:
            manifest = await workers.do(job, show)
        except Cancelled:
            raise
        except DapError as error:
            return _failed(clip, began, error)
        except Exception as error:  # whatever it is, others may be well
            log.exception("%s", clip)
            return _failed(clip, began, DapError(f"{type(error).__name__}: {error}"))
        return Outcome(clip, "done", results.read(manifest).elapsed_s, manifest)

    def _job(self, clip: Path) -> tuple[Job, Path]:
        """The job that a clip is, named after all that its result depends on, and the folder that this goes to.

        Raises ClipUnreadable; and BadRequest and its kind, which are of what is asked, and so of every clip.
        """
        from .. import presets

        try:
            str(clip).encode()
            asked = self.ask(clip)
            seen = stamp(clip)
        except UnicodeEncodeError:
            raise ClipUnreadable("Its name holds bytes that are no UTF-8 text.", "Rename the file.") from None
        except OSError as error:
            raise ClipUnreadable(f"{clip} cannot be read: {error.strerror}.") from error
        request = asked.request()
        preset = presets.load(request["preset"]) if "preset" in request else None
        base = self._base(clip)
        form = asked.format or self.settings.format
        return Job(_digest(asked.name, request, form, preset, base, seen), asked.name, request), base

    def _base(self, clip: Path) -> Path:
        """The folder for the clip's results, where it is free."""
        return clips.beside(clip if self.out is None else self.out / clip.name)


def _digest(*of: object) -> str:
    return hashlib.sha256(repr(of).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _failed(clip: Path, began: float, error: DapError) -> Outcome:
    return Outcome(clip, "failed", time.monotonic() - began, error=error.as_dict())


def _result(job: str, base: Path) -> Path | None:
    """The manifest of the job's result, where that is there, whole."""
    for folder in clips.numbered(base):
        if not os.path.lexists(folder):
            return None
        path = folder / results.MANIFEST
        with contextlib.suppress(NoResultError):
            manifest = results.read(path)
            if manifest.job == job and all(stem.is_file() for stem in results.files(path, manifest)):
                return path
    raise AssertionError("folders are numbered without end")


class _Line:
    """The progress of all clips, in one line."""

    def __init__(self, show: here.Show, count: int) -> None:
        self._show, self._count = show, count
        self._ended = 0
        self._under_way: dict[Path, float] = {}
        self._began = time.monotonic()

    @contextlib.contextmanager
    def of(self, clip: Path) -> Iterator[here.Show]:
        """What a clip's own progress is told to: it is under way from the first on, and may have waited before."""
        try:
            yield lambda progress: self._tell(clip, progress)
        finally:
            self._under_way.pop(clip, None)
            self._ended += 1

    def _tell(self, clip: Path, progress: Progress) -> None:
        self._under_way[clip] = progress.fraction
        fraction = (self._ended + sum(self._under_way.values())) / self._count
        left = (time.monotonic() - self._began) * (1 - fraction) / fraction if self._ended else None
        stage = f"{self._ended + 1} of {self._count}, {clip.name}: {progress.stage}"
        if (several := len(self._under_way)) > 1:
            stage = f"{self._ended} of {self._count} ended, {several} under way"
            progress = Progress(device=progress.device)
        self._show(replace(progress, fraction=fraction, stage=stage, seconds_left=left))


def _summarise(outcomes: Sequence[Outcome], left: int, as_json: bool) -> None:
    """How many came to what, and what each took; why some failed; and what may be next."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for one in outcomes:
        kinds[one.kind].append(one.seconds)
    if as_json:
        counts = {kind: len(seconds) for kind, seconds in kinds.items()}
        console.answer({"clips": [one.as_dict() for one in outcomes], "counts": counts, "left": left}, True, "")
        return
    table = console.table("clips", "outcome", "seconds a clip")
    for kind, seconds in kinds.items():
        table.add_row(*console.row(len(seconds), kind, f"{sum(seconds) / len(seconds):.1f}" if sum(seconds) else ""))
    if left:
        table.add_row(*console.row(left, "not begun or stopped", ""))
    console.show(table)
    lines = [str(one) for one in outcomes if one.error]
    if any(one.error for one in outcomes) or left:
        lines.append("The same command again does those that are missing, and no other.")
    made = [one.manifest for one in outcomes if one.manifest]
    if made:
        places = list(dict.fromkeys(str(manifest.parent.parent) for manifest in made))
        lines.append(f"Results are in {', '.join(places[:MOST_PLACES])}{', …' if places[MOST_PLACES:] else ''}")
        lines += ["To go on:", *here.following(made[-1])]
    click.echo("\n".join(lines))
