"""Verb `denoise`: speech and noise."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ... import presets
from ...audio.files import ClipReader
from ...audio.plan import Chunk, fit_view, plan
from ...audio.stems import StemWriter, file_name, null_db
from ...domain import Clip, Manifest, Stem
from ...engine.consistency import apply_masks
from ...engine.denoising import (
    Evidence,
    clean,
    cleaned_levels,
    divide,
    pauses_db,
    speech_evidence,
    speech_likeness,
)
from ...engine.fit import chance
from ...engine.recipe import DenoisingRecipe
from ...engine.separation import separate as separate_chunks
from .. import device as devices
from ..run import Run

# A chunk is held as samples and as spectrograms, of the mixture and of both stems, in several copies at the worst.
WORKING_COPIES = 24


def denoise(run: Run, results: Path) -> Path:
    """Returns the path of the manifest. Stem 1 is the speech, stem 2 the noise."""
    request = run.job.request
    preset = presets.load_one_of(request["preset"], DenoisingRecipe)
    with ClipReader(Clip.from_request(request)) as reader, tempfile.TemporaryDirectory(prefix="dap-bridge-") as folder:
        task = Denoising(run, reader, preset, Path(folder))
        longest = max(chunk.frames for chunk in task.chunks)
        devices.require_memory(longest * reader.channels * WORKING_COPIES * 4)
        names = [file_name(1), file_name(2)]
        label = request["label"] or Path(reader.inputs[0]["path"]).stem

        def make(stage: Path) -> Manifest:
            paths = [stage / name for name in names]
            run.compute(lambda device: task.write_stems(device, paths))
            return run.manifest(
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
class Denoising:
    """One clip on its way through the engine: its pauses, then masks if they are filled, then its stems.

    folder: where the masks wait until all of the clip has been heard.
    """

    run: Run
    reader: ClipReader
    preset: presets.Preset[DenoisingRecipe]
    folder: Path
    chunks: tuple[Chunk, ...] = field(init=False)

    def __post_init__(self) -> None:
        chunking = self.preset.about.chunk
        self.chunks = plan(self.reader.frames, self.reader.rate, chunking.seconds, chunking.overlap_s)

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """Split on `device`; the speech goes to the first of `paths`, the noise to the second."""
        request, recipe = self.run.job.request, self.preset.recipe
        filled = self._pauses_db(device) > recipe.speech.filled_db
        speech = self._separate(device) if filled else 0
        with StemWriter(paths, self.reader.rate, self.reader.channels, self.reader.frames) as writer:
            for index, chunk in enumerate(self.chunks):
                self.run.stop_if_cancelled()
                masks = self._masks(index, device) if filled else None
                if masks is not None and speech == 1:
                    masks = masks.flip(0)
                audio = torch.from_numpy(self.reader.read(chunk.start, chunk.frames)).to(device)
                cleaned = clean(audio, self.reader.rate, masks, recipe, chance(request["seed"], index))
                stems = divide(audio, cleaned, strength=request["strength"], swap=request["swap"])
                following = self.chunks[index + 1] if index + 1 < len(self.chunks) else None
                writer.write(chunk, torch.stack(stems).cpu().numpy(), following)

    def _pauses_db(self, device: torch.device) -> float:
        """How quiet the clip's pauses are without the steady noise, over all chunks."""
        recipe = self.preset.recipe
        rate = recipe.separation.front.rate
        levels = []
        for index in range(len(self.chunks)):
            self.run.stop_if_cancelled()
            view = self._view(index).mean(0).to(device)
            levels.append(cleaned_levels(view, rate, recipe).cpu())
        return pauses_db(torch.cat(levels), recipe.speech)

    def _separate(self, device: torch.device) -> int:
        """Leave masks of two sounds in the folder; returns which of them, 0 or 1, is the speech."""
        recipe = self.preset.recipe
        front = recipe.separation.front
        heard: tuple[list[Evidence], list[Evidence]] = ([], [])
        events = separate_chunks(
            self._view,
            len(self.chunks),
            recipe.separation,
            sources=2,
            seed=self.run.job.request["seed"],
            device=device,
        )
        for answer in self.run.follow(events):
            np.save(self._mask_file(answer.index), answer.masks.half().numpy())
            view = self._view(answer.index).mean(0, keepdim=True)
            stems = apply_masks(view, front.rate, answer.masks, front, recipe.separation.stems)
            for found, stem in zip(heard, stems, strict=True):
                found.append(speech_evidence(stem[0], front.rate, recipe.speech))
        return int(np.argmax([speech_likeness(found) for found in heard]))

    def _view(self, index: int) -> torch.Tensor:
        chunk = self.chunks[index]
        audio = self.reader.read(chunk.start, chunk.frames)
        return torch.from_numpy(fit_view(audio, self.reader.rate, self.preset.recipe.separation.front.rate))

    def _masks(self, index: int, device: torch.device) -> torch.Tensor:
        return torch.from_numpy(np.load(self._mask_file(index))).to(device, torch.float32)

    def _mask_file(self, index: int) -> Path:
        return self.folder / f"{index}.npy"
