"""Verb `separate`: K stems that sum to the clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio import postprocess
from ...audio.files import ClipReader
from ...audio.plan import Chunk, fit_view, plan
from ...audio.stems import StemWriter, file_name, null_db
from ...domain import Clip, Manifest, Stem
from ...engine.consistency import apply_masks
from ...engine.events import ChunkMasks
from ...engine.recipe import ConsensusRecipe, PaperRecipe
from ...engine.separation import separate as separate_chunks
from .. import device as devices
from ..run import Run

# A chunk is held as samples and as spectrograms, the mixture and each stem, in several copies at the worst moment.
WORKING_COPIES = 6

SeparationPreset = presets.Preset[ConsensusRecipe | PaperRecipe]


def separate(run: Run, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    preset: SeparationPreset = presets.load_one_of(request["preset"], ConsensusRecipe, PaperRecipe)
    sources: int = request["sources"]
    names = [file_name(index) for index in range(1, sources + 1)]
    with ClipReader(Clip.from_request(request)) as reader:
        chunks = plan(reader.frames, reader.rate, preset.about.chunk.seconds, preset.about.chunk.overlap_s)
        devices.require_memory(_memory_estimate(chunks, reader.channels, sources))

        def make(folder: Path) -> Manifest:
            task = Separation(run, reader, chunks, preset)
            paths = [folder / name for name in names]
            run.compute(lambda device: task.write_stems(device, paths))
            for path in paths if preset.about.postprocess else ():
                run.stop_if_cancelled()
                postprocess.run(preset.about.postprocess, path)
            if preset.about.postprocess:
                run.notes.append("The preset's effects were run on each stem, so the stems no longer sum to the clip.")
            label = request["label"] or Path(reader.inputs[0]["path"]).stem
            return run.manifest(
                preset=preset.name,
                rate=reader.rate,
                channels=reader.channels,
                frames=reader.frames,
                null_db=round(null_db(reader, paths), 1),
                inputs=reader.inputs,
                stems=tuple(Stem(i, f"{label} - stem {i}", "source", name) for i, name in enumerate(names, 1)),
                confidence=task.confidence,
            )

        return run.publish(results, names, make)


@dataclass
class Separation:
    """One clip on its way through the engine, chunk by chunk."""

    run: Run
    reader: ClipReader
    chunks: tuple[Chunk, ...]
    preset: SeparationPreset
    _confidences: list[float] = field(default_factory=list)

    @property
    def confidence(self) -> float | None:
        """How sure the method is of its answer, 0..1, without any reference; None where it cannot say."""
        return round(sum(self._confidences) / len(self._confidences), 3) if self._confidences else None

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """Separate on `device`, one stem to each of `paths`."""
        self._confidences.clear()
        events = separate_chunks(
            self._view,
            len(self.chunks),
            self.preset.recipe,
            sources=len(paths),
            seed=self.run.job.request["seed"],
            device=device,
        )
        with StemWriter(paths, self.reader.rate, self.reader.channels, self.reader.frames) as writer:
            for answer in self.run.follow(events):
                self._write(writer, answer, device)

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


def _memory_estimate(chunks: tuple[Chunk, ...], channels: int, sources: int) -> int:
    """Bytes that the largest chunk takes at the clip's own rate, float32."""
    longest = max(chunk.frames for chunk in chunks)
    return longest * channels * (sources + 1) * WORKING_COPIES * 4
