"""The only room where audio and engine meet: one job, from the request to the manifest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from .. import atomic, presets
from ..audio import postprocess
from ..audio.files import ClipReader
from ..audio.plan import Chunk, fit_view, plan
from ..audio.stems import StemWriter, file_name, null_db
from ..domain import Clip, Job, Manifest, Progress, Stem
from ..engine.consistency import apply_masks
from ..engine.events import ChunkMasks, Event, Note, Step
from ..engine.separation import separate as separate_chunks
from ..errors import Cancelled, OutOfMemory
from . import device as devices
from .device import Device
from .mailbox import Mailbox
from .output import Output

# A chunk is held as samples and as spectrograms, the mixture and each stem, in several copies at the worst moment.
WORKING_COPIES = 6
MANIFEST = "manifest.json"


class Control(Protocol):
    """How a running job talks to whoever runs it; `output` is where it writes."""

    output: Output

    def report(self, progress: Progress) -> None:
        """Where the job stands."""

    def cancelled(self) -> bool:
        """Whether the user wants the job to stop."""


def run(job: Job, control: Control, results: Path) -> Path:
    """Run one job; returns its manifest's path. `results`: where a job goes that names no folder of its own.

    Raises DapError, or Cancelled once the control says so; nothing of the result is left behind then.
    """
    return VERBS[job.verb](job, control, results)


def run_job(job: Job, folder: str) -> dict[str, Any]:
    """The same for a process pool: progress and cancel go through the mailbox in the job's folder."""
    manifest = run(job, Mailbox(folder), Path(folder) / "result")
    return {"manifest": str(manifest)}


def probe(wanted: str) -> dict[str, str]:
    """The device for `wanted`, found in the worker's process; importing this module has warmed it up."""
    found = devices.probe(wanted)
    return {"device": found.name, "device_reason": found.reason}


def separate(job: Job, control: Control, results: Path) -> Path:
    """Verb `separate`: K stems that sum to the clip."""
    began = time.monotonic()
    request = job.request
    preset = presets.load(request["preset"])
    device = devices.probe(request["device"])
    sources: int = request["sources"]
    names = [file_name(index) for index in range(1, sources + 1)]
    with ClipReader(Clip.from_request(request)) as reader:
        chunks = plan(reader.frames, reader.rate, preset.about.chunk.seconds, preset.about.chunk.overlap_s)
        devices.require_memory(_memory_estimate(chunks, reader.channels, sources))
        stage = control.output.stage(Path(request["out"] or results), job.id, [*names, MANIFEST])
        try:
            task = Separation(reader, chunks, preset, sources, request["seed"], control, began)
            paths = [stage / name for name in names]
            device = task.run_with_fallback(device, paths)
            warnings = list(task.notes)
            if preset.about.postprocess:
                for path in paths:
                    _stop_if_cancelled(control)
                    postprocess.run(preset.about.postprocess, path)
                warnings.append("The preset's effects were run on each stem, so the stems no longer sum to the clip.")
            label = request["label"] or Path(reader.inputs[0]["path"]).stem
            manifest = Manifest(
                job=job.id,
                verb=job.verb,
                preset=preset.name,
                seed=request["seed"],
                device=device.name,
                device_reason=device.reason,
                rate=reader.rate,
                channels=reader.channels,
                frames=reader.frames,
                elapsed_s=round(time.monotonic() - began, 3),
                iterations=task.iterations,
                null_db=round(null_db(reader, paths), 1),
                session=job.id,
                inputs=reader.inputs,
                stems=tuple(Stem(i, f"{label} - stem {i}", "source", name) for i, name in enumerate(names, 1)),
                warnings=tuple(warnings),
                confidence=task.confidence,
            )
            _stop_if_cancelled(control)
            atomic.write_text(stage / MANIFEST, json.dumps(manifest.as_dict(), indent=1, ensure_ascii=False) + "\n")
            return control.output.publish(last=MANIFEST)
        except BaseException:
            control.output.discard()
            raise


VERBS: dict[str, Callable[[Job, Control, Path], Path]] = {"separate": separate}


@dataclass
class Separation:
    """One clip on its way through the engine, chunk by chunk."""

    reader: ClipReader
    chunks: tuple[Chunk, ...]
    preset: presets.Preset
    sources: int
    seed: int
    control: Control
    began: float

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self.iterations = 0
        self._confidences: list[float] = []

    @property
    def confidence(self) -> float | None:
        """How sure the method is of its answer, 0..1, without any reference; None where it cannot say."""
        return round(sum(self._confidences) / len(self._confidences), 3) if self._confidences else None

    def run_with_fallback(self, device: Device, paths: list[Path]) -> Device:
        """Write the stems to `paths`; returns the device that did it.

        A GPU that runs out of memory hands over to the CPU, and the reason says so.
        """
        try:
            self._run(device, paths)
        except torch.cuda.OutOfMemoryError:
            device = Device("cpu", f"CPU, because the GPU ran out of memory ({device.reason})")
            self.notes[:] = [device.reason]
            self._confidences.clear()
            self.iterations = 0
            self._run(device, paths)
        except MemoryError as error:
            raise OutOfMemory("The machine ran out of memory.") from error
        return device

    def _run(self, device: Device, paths: list[Path]) -> None:
        recipe = self.preset.recipe
        torch_device = torch.device(device.name)
        events = separate_chunks(
            self._view, len(self.chunks), recipe, sources=self.sources, seed=self.seed, device=torch_device
        )
        progress = Progress(device=device.name, device_reason=device.reason)
        with StemWriter(paths, self.reader.rate, self.reader.channels, self.reader.frames) as writer:
            for event in self._until_cancelled(events):
                if isinstance(event, Step):
                    self.iterations += 1
                    progress = self._progress(progress, event)
                    self.control.report(progress)
                elif isinstance(event, Note):
                    self.notes.append(event.message)
                else:
                    self._write(writer, event, torch_device)

    def _until_cancelled(self, events: Iterator[Event]) -> Iterator[Event]:
        _stop_if_cancelled(self.control)
        for event in events:
            yield event
            _stop_if_cancelled(self.control)

    def _progress(self, before: Progress, step: Step) -> Progress:
        elapsed = time.monotonic() - self.began
        left = elapsed * (1 - step.fraction) / step.fraction if step.fraction > 0.02 else None
        return replace(
            before,
            fraction=step.fraction,
            stage=step.stage,
            iteration=step.iteration,
            iterations=step.iterations,
            seconds_left=left,
        )

    def _view(self, index: int) -> torch.Tensor:
        audio = self._read(self.chunks[index])
        return torch.from_numpy(fit_view(audio, self.reader.rate, self.preset.recipe.front.rate))

    def _read(self, chunk: Chunk) -> NDArray[np.float32]:
        return self.reader.read(chunk.start, chunk.frames)

    def _write(self, writer: StemWriter, answer: ChunkMasks, device: torch.device) -> None:
        chunk = self.chunks[answer.index]
        if answer.confidence is not None:
            self._confidences.append(answer.confidence)
        audio = self._read(chunk)
        recipe = self.preset.recipe
        stems = apply_masks(
            torch.from_numpy(audio).to(device), self.reader.rate, answer.masks.to(device), recipe.front, recipe.stems
        )
        following = self.chunks[chunk.index + 1] if chunk.index + 1 < len(self.chunks) else None
        writer.write(chunk, stems.cpu().numpy(), following)


def _stop_if_cancelled(control: Control) -> None:
    if control.cancelled():
        raise Cancelled


def _memory_estimate(chunks: tuple[Chunk, ...], channels: int, sources: int) -> int:
    """Bytes that the largest chunk takes at the clip's own rate, float32."""
    longest = max(chunk.frames for chunk in chunks)
    return longest * channels * (sources + 1) * WORKING_COPIES * 4
