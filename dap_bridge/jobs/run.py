"""What the verbs share of running a job: progress, cancel, a GPU that gives out, and the way to the manifest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from .. import atomic
from ..domain import Job, Manifest, Progress
from ..engine.events import Note, Step
from ..errors import Cancelled
from . import device as devices
from .device import Device
from .output import Output
from .sessions import Sessions

MANIFEST = "manifest.json"
# What is left to do is told once so much is done: before that it would be a guess.
LEAST_FRACTION = 0.02

Answer = TypeVar("Answer")
Result = TypeVar("Result")


class Control(Protocol):
    """How a running job talks to whoever runs it.

    output: where it writes; sessions: where what it learned is kept for corrections, None for nowhere.
    """

    output: Output

    @property
    def sessions(self) -> Sessions | None: ...

    def report(self, progress: Progress) -> None:
        """Where the job stands."""

    def cancelled(self) -> bool:
        """Whether the user wants the job to stop."""

    def publishing(self, staged: Path, manifest: Path) -> None:
        """The result is complete, and appears next: `staged` becomes `manifest`, as the last file of it."""


class Run:
    """One job under way, from the request to the manifest.

    device: where it computes, and why there. sessions: see Control.
    iterations: steps of the engine so far. notes: what the user should know.
    """

    def __init__(self, job: Job, control: Control) -> None:
        self.job = job
        self.device: Device = devices.probe(job.request["device"])
        self.sessions = control.sessions
        self.iterations = 0
        self.notes: list[str] = []
        self._control = control
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def stop_if_cancelled(self) -> None:
        """Raises Cancelled once the user wants the job to stop."""
        if self._control.cancelled():
            raise Cancelled

    def follow(self, events: Iterable[Step | Note | Answer]) -> Iterator[Answer]:
        """Pass on what the engine answers; its steps are reported on the way, its notes kept.

        Raises Cancelled between two events.
        """
        self.stop_if_cancelled()
        for event in events:
            if isinstance(event, Step):
                self.iterations += 1
                self._control.report(self._progress(event))
            elif isinstance(event, Note):
                self.notes.append(event.message)
            else:
                yield event
            self.stop_if_cancelled()

    def compute(self, attempt: Callable[[torch.device], Result]) -> Result:
        """attempt(device), and again on the CPU where the GPU runs out of memory: the reason says so then."""
        try:
            return attempt(torch.device(self.device.name))
        except torch.cuda.OutOfMemoryError:
            self.device = Device("cpu", f"CPU, because the GPU ran out of memory ({self.device.reason})")
            self.notes[:] = [self.device.reason]
            self.iterations = 0
            return attempt(torch.device(self.device.name))

    def publish(self, results: Path, names: Iterable[str], make: Callable[[Path], Manifest]) -> Path:
        """make(folder) writes the files called `names` and tells of them; returns the path of the manifest.

        All of it appears in request["out"] (or `results`) at once, or, whatever goes wrong, nothing.
        """
        output, folder = self._control.output, Path(self.job.request["out"] or results)
        stage = output.stage(folder, self.job.id, [*names, MANIFEST])
        try:
            manifest = make(stage)
            self.stop_if_cancelled()
            atomic.write_text(stage / MANIFEST, json.dumps(manifest.as_dict(), indent=1, ensure_ascii=False) + "\n")
            self._control.publishing(stage / MANIFEST, folder / MANIFEST)
            return output.publish(last=MANIFEST)
        except BaseException:
            output.discard()
            raise

    def manifest(self, **fields: Any) -> Manifest:
        """The manifest, what every verb says in the same way filled in; `fields` wins."""
        common: dict[str, Any] = {
            "job": self.job.id,
            "verb": self.job.verb,
            "seed": self.job.request["seed"],
            "device": self.device.name,
            "device_reason": self.device.reason,
            "elapsed_s": self.elapsed_s,
            "iterations": self.iterations,
            "session": self.job.id,
            "warnings": tuple(self.notes),
        }
        return Manifest(**(common | fields))

    def _progress(self, step: Step) -> Progress:
        left = None
        if step.fraction > LEAST_FRACTION:
            left = (time.monotonic() - self._began) * (1 - step.fraction) / step.fraction
        return Progress(
            fraction=step.fraction,
            stage=step.stage,
            iteration=step.iteration,
            iterations=step.iterations,
            seconds_left=left,
            device=self.device.name,
            device_reason=self.device.reason,
        )
