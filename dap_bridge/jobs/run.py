"""What the verbs share of running a job: progress, cancel, a GPU that gives out, and the way to the manifest."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import soundfile
import torch

from .. import config
from ..domain import Format, Job, Manifest, Progress
from ..engine.events import Alive, Note, Step
from ..engine.spread import Executor
from ..errors import Cancelled, OutputUnwritable
from ..names import file_names
from . import device as devices
from . import results
from .device import Device
from .output import Output, refusal
from .sessions import Sessions

# What is left to do is told once so much is done: before that it would be a guess.
LEAST_FRACTION = 0.02

Answer = TypeVar("Answer")
Result = TypeVar("Result")


class Control(Protocol):
    """How a running job talks to whoever runs it.

    output: where it writes; sessions: where what it learned is kept for corrections, None for nowhere. executor: who
    computes chunks of a long clip beside the job's own process, which needs nobody where it is None.
    """

    output: Output

    @property
    def sessions(self) -> Sessions | None: ...

    @property
    def executor(self) -> Executor | None: ...

    def report(self, progress: Progress) -> None:
        """Where the job stands."""

    def cancelled(self) -> bool:
        """Whether the user wants the job to stop."""


@contextlib.contextmanager
def writing_to(folder: Path, called: Path | None = None) -> Iterator[None]:
    """What the system refuses of writing in `folder` becomes OutputUnwritable, with the reason that libsndfile hides.

    called: what the person knows the folder as.
    """
    try:
        yield
    except OSError as error:
        reason = error if error.strerror else refusal(folder) or error
        raise OutputUnwritable.because(called or folder, reason) from error
    except soundfile.LibsndfileError as error:
        raise OutputUnwritable.because(called or folder, refusal(folder) or error.error_string) from error


class JobRun:
    """One job under way, from the request to the manifest.

    device: where it computes, and why there. sessions: see Control.
    iterations: steps of the engine so far. notes: what the user should know.
    """

    def __init__(self, job: Job, control: Control) -> None:
        self.job = job
        self.device: Device = devices.probe(job.request["device"])
        self.sessions = control.sessions
        self.iterations = 0
        self.notes = list(job.notes)
        self._control = control
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def format(self, session: Mapping[str, Any] | None = None) -> Format:
        """What to write: as asked, else as the request of the session that is corrected asked, else as is set."""
        asked = self.job.request.get("format") or (session or {}).get("format")
        return Format(asked or config.load().format)

    def file_names(self, titles: Mapping[str, str], form: Format) -> list[str]:
        """What the files of results are called: what `titles` has for keys, or, where the request says so, for values,
        which are the names of the stems.
        """
        if self.job.request.get("file_names") == "names":
            return file_names(titles.values(), form.suffix)
        return list(titles)

    def stop_if_cancelled(self) -> None:
        """Raises Cancelled once the user wants the job to stop."""
        if self._control.cancelled():
            raise Cancelled

    def reading(self) -> None:
        """Called again and again while a clip is opened: say that this is what takes so long. Raises Cancelled."""
        self.waiting("reading")

    def waiting(self, stage: str) -> None:
        """Called again and again while nobody knows how long it will take: say what does. Raises Cancelled."""
        self.stop_if_cancelled()
        self._control.report(Progress(stage=stage, device=self.device.name, device_reason=self.device.reason))

    def executor(self, device: torch.device) -> Executor | None:
        """Who computes chunks in this process's place; nobody does who would have to share its GPU."""
        return self._control.executor if device.type == "cpu" else None

    def follow(self, events: Iterable[Step | Note | Alive | Answer]) -> Iterator[Answer]:
        """Pass on what the engine answers; its steps are reported on the way, its notes kept.

        Raises Cancelled between two events.
        """
        self.stop_if_cancelled()
        try:
            for event in events:
                match event:
                    case Step():
                        self.iterations += 1
                        self._control.report(self._progress(event))
                    case Note():
                        self.notes.append(event.message)
                    case Alive():
                        pass
                    case _:
                        yield event
                self.stop_if_cancelled()
        finally:
            if isinstance(events, Generator):
                events.close()  # what others compute for it is called off now, and not once nobody remembers it

    def compute(self, attempt: Callable[[torch.device], Result]) -> Result:
        """attempt(device), and again on the CPU where the GPU runs out of memory: the reason says so then."""
        known = list(self.notes)
        try:
            return attempt(torch.device(self.device.name))
        except torch.cuda.OutOfMemoryError:
            pass  # in here the error still holds all that the attempt had computed
        devices.give_back()
        self.device = Device("cpu", f"CPU, because the GPU ran out of memory ({self.device.reason})")
        self.notes[:] = [*known, self.device.reason]
        self.iterations = 0
        return attempt(torch.device(self.device.name))

    def publish(self, folder: Path, names: Iterable[str], make: Callable[[Path], Manifest]) -> Path:
        """make(stage) writes the files called `names` and tells of them; returns the path of the manifest.

        All of it appears in request["out"] (or `folder`) at once, or, whatever goes wrong, nothing.
        """
        output, out = self._control.output, self.job.request["out"]
        stage = output.stage(Path(out or folder), self.job.id, [*names, results.MANIFEST])
        try:
            with writing_to(stage, called=stage.parent):
                manifest = make(stage)
                manifest = results.placed(manifest, stage.parent)
                self.stop_if_cancelled()
                results.write(stage, manifest)
            clips = [Path(entry["path"]) for entry in manifest.inputs]
            # what nobody named a folder for is nobody else's to read
            return output.publish(last=results.MANIFEST, like=clips if out else ())
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
