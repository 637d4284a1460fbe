"""Verb `coseparate`: the sound that clips share, and what each has of its own."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio import metadata
from ...audio.files import ClipReader
from ...audio.plan import Chunk
from ...audio.rates import CommonRate, mono_view
from ...audio.silence import PaddedWriter, Signal
from ...audio.stems import BLOCK_FRAMES, StemWriter, file_name, null_db, require_writable
from ...domain import ClipRef, Format, Manifest, Stem
from ...engine.methods.coseparation.recipe import CoseparationRecipe
from ...engine.methods.coseparation.separation import SharedPart, SharedSound
from ...engine.methods.coseparation.separation import coseparate as coseparate_clips
from ...jobs import device as devices
from ...jobs.run import JobRun
from ..reader import JobClipReader

# Bytes a sample of one place of the shared sound takes while it is estimated: spectrograms of 8 bytes, overlapping, of
# which half are kept, in several copies at the worst moment.
BYTES_PER_SAMPLE = 8 * 6
# The search holds every clip at its own low rate, in several spectrograms and one long transform.
SEARCH_BYTES_PER_SAMPLE = 100


def coseparate(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest. Stems 2i - 1 and 2i are the shared sound and the rest of clip i."""
    request = run.job.request
    preset = presets.load_one_of(request["preset"], CoseparationRecipe)
    with ExitStack() as stack:
        named = ClipRef.several(request["item"], request["channel"])
        readers = [stack.enter_context(JobClipReader(clip, run)) for clip in named]
        form = run.format()
        for reader in readers:
            require_writable(form, reader.rate, reader.channels)
        labels = [
            given or Path(reader.inputs[0]["path"]).stem
            for given, reader in zip(_padded(request["labels"], len(readers)), readers, strict=True)
        ]
        called = [f"{label} - {kind}" for label in labels for kind in ("shared", "own")]
        called.append(request["label"] or "shared sound")
        titles = {file_name(number, form): title for number, title in enumerate(called, 1)}
        names = run.file_names(titles, form)
        clips = Coseparation(run, readers, preset, form)
        devices.require_memory(clips.memory_estimate())

        def make(folder: Path) -> Manifest:
            run.compute(clips.find)
            paths = [folder / name for name in names]
            inputs = [clips.write(index, (paths[2 * index], paths[2 * index + 1])) for index in range(len(readers))]
            alone = clips.write_sound(paths[-1])
            clips.tell(labels)
            stems = [
                Stem(index + 1, title, "source" if index % 2 else "shared", name, input=index // 2 + 1)
                for index, (title, name) in enumerate(zip(called[:-1], names[:-1], strict=True))
            ]
            if alone:
                stems.append(Stem(len(names), called[-1], "shared", names[-1]))
            return run.manifest(
                correctable=False,
                format=form,
                preset=preset.name,
                rate=readers[0].rate,
                channels=readers[0].channels,
                frames=readers[0].frames,
                null_db=max(entry["null_db"] for entry in inputs),
                inputs=tuple(
                    {**file, **entry, "input": number}
                    for number, (reader, entry) in enumerate(zip(readers, inputs, strict=True), 1)
                    for file in reader.inputs
                ),
                stems=tuple(stems),
            )

        return run.publish(results, names, make)


def _padded(labels: list[str], count: int) -> list[str]:
    return [*labels, *[""] * (count - len(labels))]


@dataclass
class Coseparation:
    """Some clips on their way through the engine, which sees the signal of all at the highest of their rates."""

    run: JobRun
    readers: list[ClipReader]
    preset: presets.Preset[CoseparationRecipe]
    form: Format
    # of each place, of each shared sound, of each clip's shared stem in dB
    parts: list[SharedPart] = field(default_factory=list)
    sounds: list[NDArray[np.float32]] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rate = max(reader.rate for reader in self.readers)
        silence, check = self.preset.about.silence, self.run.stop_if_cancelled
        self.signals = [Signal(reader, silence, check) for reader in self.readers]
        self.clips = [CommonRate(signal, self.rate) for signal in self.signals]

    def memory_estimate(self) -> int:
        """Bytes for the search, which holds all clips at its own rate, or for one piece of the shared sound."""
        recipe, chunk = self.preset.recipe, self.preset.about.chunk
        seconds = [reader.frames / reader.rate for reader in self.readers]
        search = (sum(seconds) + 2 * max(seconds)) * recipe.front.rate * SEARCH_BYTES_PER_SAMPLE
        width = max(reader.channels for reader in self.readers)
        longest = min(max(seconds), chunk.seconds) * self.rate
        piece = longest * width * recipe.estimate.places * recipe.estimate.overlap * BYTES_PER_SAMPLE / 2
        return round(max(search, piece))

    def find(self, device: torch.device) -> None:
        """Find what the clips share, on `device`."""
        self.parts.clear()
        self.sounds.clear()
        recipe, chunk = self.preset.recipe, self.preset.about.chunk
        answers = coseparate_clips(
            [torch.from_numpy(mono_view(signal, recipe.front.rate)) for signal in self.signals],
            lambda clip, start, frames: torch.from_numpy(self.clips[clip].read(start, frames)),
            [reader.channels for reader in self.readers],
            self.rate,
            recipe,
            piece=round(chunk.seconds * self.rate),
            overlap=round(chunk.overlap_s * self.rate),
            seed=self.run.job.request["seed"],
            device=device,
        )
        for answer in self.run.follow(answers):
            if isinstance(answer, SharedSound):
                self.sounds.append(answer.audio.numpy())
            elif isinstance(answer, SharedPart):
                self.parts.append(answer)

    def write(self, index: int, paths: tuple[Path, Path]) -> dict[str, Any]:
        """Write the shared sound and the rest of clip `index`; returns what the manifest says of the clip."""
        reader, signal = self.readers[index], self.signals[index]
        places = [part for part in self.parts if part.clip == index]
        local = [self.clips[index].back(part.start, part.audio.numpy()) for part in places]
        power = own = 0.0
        carried = metadata.carried(reader, self.form)
        more = {"form": self.form, "carried": carried, "whole": reader.read}
        with PaddedWriter(signal, reader, paths, BLOCK_FRAMES, **more) as writer:
            writer.fill = lambda _, silence: np.stack([np.zeros_like(silence), silence])
            for start in range(0, signal.frames, BLOCK_FRAMES):
                clip = signal.read(start, min(BLOCK_FRAMES, signal.frames - start))
                shared = np.zeros_like(clip)
                for begin, audio in local:
                    first, last = max(start, begin), min(start + clip.shape[1], begin + audio.shape[1])
                    if first < last:
                        shared[:, first - start : last - start] += audio[:, first - begin : last - begin]
                power += float(np.sum(clip.astype(np.float64) ** 2))
                own += float(np.sum(shared.astype(np.float64) ** 2))
                writer.write(Chunk(0, start, clip.shape[1], 0), np.stack([shared, clip - shared]), None)
        self.run.notes += [f"Clip {index + 1}: {note}" for note in carried.warnings] + writer.warnings
        level = 10 * math.log10(own / power) if own and power else -math.inf
        self.levels.append(level)
        return {
            "rate": reader.rate,
            "null_db": round(null_db(reader, paths), 1),
            "shared_db": round(level, 1) if own else None,
            "places": [
                {
                    "start": signal.place(round(part.start * reader.rate / self.rate)),
                    "gain_db": round(part.gain_db, 2),
                }
                for part in places
            ],
        }

    def write_sound(self, path: Path) -> bool:
        """Write the shared sounds by themselves, one after another; False where there is none."""
        if not self.sounds:
            return False
        width = max(sound.shape[0] for sound in self.sounds)
        audio = np.concatenate([np.broadcast_to(s, (width, s.shape[1])) for s in self.sounds], axis=1)
        with StemWriter([path], self.rate, width, audio.shape[1], self.form) as writer:
            writer.write(Chunk(0, 0, audio.shape[1], 0), audio[None], None)
        self.run.notes += writer.warnings
        return True

    def tell(self, labels: list[str]) -> None:
        """A note for every clip that holds nothing of what others share."""
        if not self.parts:
            return
        for number, (label, level) in enumerate(zip(labels, self.levels, strict=True), 1):
            if level == -math.inf:
                self.run.notes.append(
                    f"Clip {number} ({label}) does not hold the sound that others share: its shared stem is silence."
                )
