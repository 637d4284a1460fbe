"""Verb `denoise`: speech and noise."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio import metadata
from ...audio.files import ClipReader
from ...audio.plan import Chunk, fit_view, plan
from ...audio.silence import PaddedWriter, Signal
from ...audio.stems import file_name, null_db, require_writable
from ...domain import ClipRef, Format, Manifest, Stem
from ...engine.methods.consensus.separation import separate as separate_chunks
from ...engine.methods.denoising.cleaning import (
    Evidence,
    clean,
    cleaned_levels,
    divide,
    pauses_db,
    speech_evidence,
    speech_likeness,
)
from ...engine.methods.network_prior import fluctuations as network_prior
from ...engine.nets.optimise import chance
from ...engine.recipe import DenoisingRecipe, NetworkPriorRecipe
from ...engine.signal.stems import apply_masks
from ...jobs import device as devices
from ...jobs.run import Run, writing_to
from ..reader import RunReader

# A chunk is held as samples and as spectrograms, of the mixture and of both stems, in several copies at the worst.
WORKING_COPIES = 24
# What a waveform network keeps for its gradient, floats a sample of the view and a filter of its first level.
KEPT_BY_NETWORK = 80

DenoisingPreset = presets.Preset[DenoisingRecipe | NetworkPriorRecipe]


def denoise(run: Run, results: Path) -> Path:
    """Returns the path of the manifest. Stem 1 is the speech, stem 2 the noise."""
    request = run.job.request
    preset: DenoisingPreset = presets.load_one_of(request["preset"], DenoisingRecipe, NetworkPriorRecipe)
    with (
        RunReader(ClipRef.from_request(request), run) as reader,
        tempfile.TemporaryDirectory(prefix="dap-bridge-") as folder,
    ):
        form = run.format()
        require_writable(form, reader.rate, reader.channels)
        task = Task(run, reader, preset, form)
        method: Denoising | NetworkPrior
        if isinstance(preset.recipe, DenoisingRecipe):
            method = Denoising(task, preset.recipe, Path(folder))
        else:
            method = NetworkPrior(task, preset.recipe)
        devices.require_memory(method.memory_estimate())
        names = [file_name(1, form), file_name(2, form)]
        label = request["label"] or Path(reader.inputs[0]["path"]).stem

        def make(stage: Path) -> Manifest:
            paths = [stage / name for name in names]
            run.compute(lambda device: task.write_stems(method.speech(device), method.residue, paths))
            return run.manifest(
                format=form,
                preset=preset.name,
                rate=reader.rate,
                channels=reader.channels,
                frames=reader.frames,
                null_db=round(null_db(reader, paths), 1),
                inputs=reader.inputs,
                stems=tuple(
                    Stem(index, f"{label} - {role}", role, name)
                    for index, (role, name) in enumerate(zip(("speech", "noise"), names, strict=True), 1)
                ),
            )

        return run.publish(results, names, make)


@dataclass
class Task:
    """One clip, read chunk by chunk and written again as speech and noise; chunks are of its signal alone."""

    run: Run
    reader: ClipReader
    preset: DenoisingPreset
    form: Format
    chunks: tuple[Chunk, ...] = field(init=False)

    def __post_init__(self) -> None:
        chunking = self.preset.about.chunk
        self.signal = Signal(self.reader, self.preset.about.silence, self.run.stop_if_cancelled)
        self.chunks = plan(self.signal.frames, self.reader.rate, chunking.seconds, chunking.overlap_s)

    @property
    def longest(self) -> int:
        """Frames of the longest chunk, at the clip's rate."""
        return max(chunk.frames for chunk in self.chunks)

    def audio(self, index: int) -> torch.Tensor:
        """A chunk as it is: (channels, frames)."""
        chunk = self.chunks[index]
        return torch.from_numpy(self.signal.read(chunk.start, chunk.frames))

    def view(self, index: int, rate: int) -> torch.Tensor:
        """A chunk at another rate: (channels, samples)."""
        return torch.from_numpy(fit_view(self.audio(index).numpy(), self.reader.rate, rate))

    def write_stems(self, speech: Iterator[torch.Tensor], residue: float, paths: list[Path]) -> None:
        """speech: of every chunk, (channels, frames). It goes to the first of `paths`, the noise to the second.

        residue: what stays of silence in the speech, a gain: nobody speaks there.
        """
        request = self.run.job.request

        def stems(audio: torch.Tensor, cleaned: torch.Tensor) -> NDArray[np.float32]:
            divided = divide(audio, cleaned, strength=request["strength"], swap=request["swap"])
            return torch.stack(divided).cpu().numpy()

        def fill(start: int, audio: NDArray[np.float32]) -> NDArray[np.float32]:
            return stems(torch.from_numpy(audio), torch.from_numpy(residue * audio))

        carried = metadata.carried(self.reader, self.form)
        more = {"form": self.form, "carried": carried, "whole": self.reader.read}
        with PaddedWriter(self.signal, self.reader, paths, self.longest, **more) as writer:
            writer.fill = fill
            for index, cleaned in enumerate(speech):
                following = self.chunks[index + 1] if index + 1 < len(self.chunks) else None
                writer.write(self.chunks[index], stems(self.audio(index).to(cleaned.device), cleaned), following)
        self.run.notes += [*carried.warnings, *writer.warnings]


@dataclass
class NetworkPrior:
    """A clip on its way through a network of its own, chunk by chunk."""

    task: Task
    recipe: NetworkPriorRecipe

    @property
    def residue(self) -> float:
        """What stays of noise at the least, a gain."""
        return 10 ** (self.recipe.fluctuations.least_db / 20)

    def memory_estimate(self) -> int:
        """Bytes that the longest chunk takes."""
        reader, front = self.task.reader, self.recipe.front
        samples = self.task.longest * front.rate // reader.rate
        fitted = samples * self.recipe.network.filters * KEPT_BY_NETWORK
        return 4 * (self.task.longest * reader.channels * WORKING_COPIES + fitted)

    def speech(self, device: torch.device) -> Iterator[torch.Tensor]:
        """The speech of every chunk: (channels, frames)."""
        recipe, task = self.recipe, self.task
        events = network_prior.denoise(
            lambda index: task.view(index, recipe.front.rate),
            len(task.chunks),
            recipe,
            seed=task.run.job.request["seed"],
            device=device,
        )
        for answer in task.run.follow(events):
            audio, masks = task.audio(answer.index).to(device), answer.masks.to(device)
            yield apply_masks(audio, task.reader.rate, masks, recipe.front, recipe.stems)[0]


@dataclass
class Denoising:
    """A clip whose floor is taken out: its pauses are heard first, then masks are made if they are filled.

    folder: where the masks wait until all of the clip has been heard.
    """

    task: Task
    recipe: DenoisingRecipe
    folder: Path

    @property
    def residue(self) -> float:
        """What stays of noise at the least, a gain."""
        return 10 ** (self.recipe.vocabulary.residue_db / 20)

    def memory_estimate(self) -> int:
        """Bytes that the longest chunk takes."""
        return self.task.longest * self.task.reader.channels * WORKING_COPIES * 4

    def speech(self, device: torch.device) -> Iterator[torch.Tensor]:
        """The speech of every chunk: (channels, frames)."""
        task, recipe = self.task, self.recipe
        filled = self._pauses_db(device) > recipe.speech.filled_db
        speech = self._separate(device) if filled else 0
        for index in range(len(task.chunks)):
            masks = self._masks(index, device) if filled else None
            if masks is not None and speech == 1:
                masks = masks.flip(0)
            audio, generator = task.audio(index).to(device), chance(task.run.job.request["seed"], index)
            yield clean(audio, task.reader.rate, masks, recipe, generator, task.run.stop_if_cancelled)

    def _pauses_db(self, device: torch.device) -> float:
        """How quiet the clip's pauses are without the steady noise, over all chunks."""
        levels = []
        for index in range(len(self.task.chunks)):
            view = self._view(index).mean(0).to(device)
            levels.append(cleaned_levels(view, self.recipe.separation.front.rate, self.recipe).cpu())
        return pauses_db(torch.cat(levels), self.recipe.speech)

    def _separate(self, device: torch.device) -> int:
        """Leave masks of two sounds in the folder; returns which of them, 0 or 1, is the speech."""
        recipe, task = self.recipe, self.task
        front = recipe.separation.front
        heard: tuple[list[Evidence], list[Evidence]] = ([], [])
        events = separate_chunks(
            self._view,
            len(task.chunks),
            recipe.separation,
            sources=2,
            seed=task.run.job.request["seed"],
            device=device,
        )
        for answer in task.run.follow(events):
            with writing_to(self.folder):
                np.save(self._mask_file(answer.index), answer.masks.half().numpy())
            view = self._view(answer.index).mean(0, keepdim=True)
            stems = apply_masks(view, front.rate, answer.masks, front, recipe.separation.stems)
            for found, stem in zip(heard, stems, strict=True):
                found.append(speech_evidence(stem[0], front.rate, recipe.speech))
        return int(np.argmax([speech_likeness(found) for found in heard]))

    def _view(self, index: int) -> torch.Tensor:
        return self.task.view(index, self.recipe.separation.front.rate)

    def _masks(self, index: int, device: torch.device) -> torch.Tensor:
        return torch.from_numpy(np.load(self._mask_file(index))).to(device, torch.float32)

    def _mask_file(self, index: int) -> Path:
        return self.folder / f"{index}.npy"
