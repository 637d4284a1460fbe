"""Verb `separate`: K stems that sum to the clip."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio import metadata, postprocess
from ...audio.files import ClipReader
from ...audio.plan import Chunk, fit_view, plan
from ...audio.silence import PaddedWriter, Signal
from ...audio.stems import StemWriter, file_name, null_db, require_writable
from ...domain import ClipRef, Format, Manifest, Stem
from ...engine.events import ChunkMasks, Fit
from ...engine.methods.consensus.boxes import Region
from ...engine.methods.consensus.separation import separate as separate_chunks
from ...engine.recipe import ConsensusRecipe, PaperRecipe
from ...engine.signal.stems import apply_masks
from ...jobs import device as devices
from ...jobs import fits
from ...jobs.run import Run
from ...jobs.sessions import Session, Sessions, stamp
from ..reader import RunReader

log = logging.getLogger(__name__)

# A chunk is held as samples and as spectrograms, the mixture and each stem, in several copies at the worst moment.
WORKING_COPIES = 6

SeparationPreset = presets.Preset[ConsensusRecipe | PaperRecipe]


def separate(run: Run, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    preset: SeparationPreset = presets.load_one_of(request["preset"], ConsensusRecipe, PaperRecipe)
    with RunReader(ClipRef.from_request(request), run) as reader:
        task = Task(run, reader, preset, request["sources"], run.format())
        separation = Separation(task, request["seed"], run.sessions if leaves_fits(preset) else None)
        label = request["label"] or Path(reader.inputs[0]["path"]).stem
        source = fingerprint(reader, task.preset)
        manifest = task.publish(results, label, separation.write_stems, separation.judged)
        if leaves_fits(preset):
            kept = tuple(separation.kept)
            task.remember(
                Session(run.job.id, request, source, label, str(manifest), kept, separated=task.stamps(manifest))
            )
        return manifest


def leaves_fits(preset: SeparationPreset) -> bool:
    """Whether boxes can correct what the preset makes."""
    return isinstance(preset.recipe, ConsensusRecipe) and preset.recipe.boxes is not None


def fingerprint(reader: ClipReader, preset: SeparationPreset) -> str:
    """What a fit depends on beyond the request: the files as they are, wherever, and the numbers of the preset."""
    recipe = preset.recipe
    if isinstance(recipe, ConsensusRecipe):
        recipe = replace(recipe, boxes=None, counting=None)
    files = [
        (entry["start"], entry["frames"], entry["channels"], stamp(Path(entry["path"]))) for entry in reader.inputs
    ]
    return hashlib.sha256(repr((files, preset.about.chunk, preset.about.silence, recipe)).encode()).hexdigest()


@dataclass
class Task:
    """A clip that is read, and written again as stems, chunk by chunk; chunks are of its signal alone.

    clipped: whether any stem went beyond full scale.
    """

    run: Run
    reader: ClipReader
    preset: SeparationPreset
    sources: int
    form: Format
    clipped: bool = False

    def __post_init__(self) -> None:
        require_writable(self.form, self.reader.rate, self.reader.channels)
        self.carried = metadata.carried(self.reader, self.form)
        chunking = self.preset.about.chunk
        self.signal = Signal(self.reader, self.preset.about.silence, self.run.stop_if_cancelled)
        self.chunks = plan(self.signal.frames, self.reader.rate, chunking.seconds, chunking.overlap_s)
        devices.require_memory(_memory_estimate(self.chunks, self.reader.channels, self.sources))

    def view(self, index: int) -> torch.Tensor:
        """What the engine looks at: (channels, samples) of a chunk at the front's rate."""
        audio = self._read(self.chunks[index])
        return torch.from_numpy(fit_view(audio, self.reader.rate, self.preset.recipe.front.rate))

    @property
    def names(self) -> list[str]:
        """Of the stems' files."""
        return [file_name(index, self.form) for index in range(1, self.sources + 1)]

    @contextmanager
    def writer(self, paths: Sequence[Path]) -> Iterator[PaddedWriter]:
        """Writes the stems, which sum to the clip; those that effects are run on, for these alone."""
        final = {"form": self.form, "carried": self.carried, "whole": self.reader.read}
        more = {} if self.preset.about.postprocess else final
        longest = max(chunk.frames for chunk in self.chunks)
        with PaddedWriter(self.signal, self.reader, paths, longest, **more) as writer:
            yield writer
        self._tell(writer)

    def _tell(self, writer: StemWriter) -> None:
        self.run.notes += writer.warnings
        self.clipped |= bool(writer.warnings)

    def write(
        self,
        writer: PaddedWriter,
        answer: ChunkMasks,
        device: torch.device,
        regions: Sequence[Region] = (),
        beside: Callable[[int, int], Sequence[Region]] = lambda start, frames: (),
    ) -> None:
        """Write a chunk's stems; `regions`: boxes that are kept exactly; beside: those in so many frames of silence
        from a frame of the clip.
        """
        chunk, front = self.chunks[answer.index], self.preset.recipe.front

        def fill(start: int, audio: NDArray[np.float32]) -> NDArray[np.float32]:
            """Silence has the masks of what sounded last: what dies away goes on as it was."""
            at = int((self.signal.position(start) - chunk.start) / self.reader.rate * front.rate / front.hop)
            near = answer.masks[..., : at + 1][..., -1:]
            return self.stems(audio, near, device, beside(start, audio.shape[1]))

        writer.fill = fill
        following = self.chunks[chunk.index + 1] if chunk.index + 1 < len(self.chunks) else None
        writer.write(chunk, self.stems(self._read(chunk), answer.masks, device, regions), following)

    def stems(
        self, audio: NDArray[np.float32], masks: torch.Tensor, device: torch.device, regions: Sequence[Region]
    ) -> NDArray[np.float32]:
        """What masks on the front's grid make of audio (channels, frames): (sources, channels, frames)."""
        recipe = self.preset.recipe
        stems = apply_masks(
            torch.from_numpy(audio).to(device),
            self.reader.rate,
            masks.to(device),
            recipe.front,
            recipe.stems,
            regions,
            recipe.boxes if isinstance(recipe, ConsensusRecipe) else None,
        )
        return stems.cpu().numpy()

    def publish(
        self,
        results: Path,
        label: str,
        write_stems: Callable[[torch.device, list[Path]], None],
        more: Callable[[], dict[str, Any]],
    ) -> Path:
        """Have the stems written, and the manifest with what `more` then says; returns the manifest's path."""
        run, reader, preset = self.run, self.reader, self.preset
        names = self.names

        def make(folder: Path) -> Manifest:
            paths = [folder / name for name in names]
            if preset.about.postprocess:
                self._process(write_stems, paths)
            else:
                run.compute(lambda device: write_stems(device, paths))
            run.notes += self.carried.warnings
            return run.manifest(
                format=self.form,
                preset=preset.name,
                rate=reader.rate,
                channels=reader.channels,
                frames=reader.frames,
                chunks=len(self.chunks),
                null_db=round(null_db(reader, paths), 1),
                inputs=reader.inputs,
                stems=tuple(Stem(i, f"{label} - stem {i}", "source", name) for i, name in enumerate(names, 1)),
                **more(),
            )

        return run.publish(results, names, make)

    def _process(self, write_stems: Callable[[torch.device, list[Path]], None], paths: list[Path]) -> None:
        """Have the stems written elsewhere, and with the preset's effects at `paths`."""
        with tempfile.TemporaryDirectory(dir=paths[0].parent) as folder:
            dry = [Path(folder) / path.name for path in paths]
            self.run.compute(lambda device: write_stems(device, dry))
            for source, path in zip(dry, paths, strict=True):
                reader = self.reader
                with StemWriter([path], reader.rate, reader.channels, reader.frames, self.form, self.carried) as writer:
                    postprocess.run(self.preset.about.postprocess, source, writer, self.run.stop_if_cancelled)
                self._tell(writer)
        self.run.notes.append("The preset's effects were run on each stem, so the stems no longer sum to the clip.")

    def stamps(self, manifest: Path) -> dict[str, str]:
        """The stems beside `manifest`, for `Session.separated`; none where effects or clipping changed them."""
        if self.preset.about.postprocess or self.clipped:
            return {}
        paths = [manifest.with_name(name) for name in self.names]
        try:
            return {str(path): stamp(path) for path in paths}
        except OSError:  # somebody was quick to take them away
            return {}

    def remember(self, session: Session) -> None:
        """A result that cannot be remembered is a result all the same: it can be corrected by its manifest."""
        try:
            if self.run.sessions is not None:
                self.run.sessions.add(session)
        except OSError as error:
            log.warning("session %s cannot be kept: %s", session.id, error)

    def _read(self, chunk: Chunk) -> NDArray[np.float32]:
        return self.signal.read(chunk.start, chunk.frames)


@dataclass
class Separation:
    """A separation under way. kept: the names of the chunks' fits in `sessions`."""

    task: Task
    seed: int
    sessions: Sessions | None
    kept: list[str] = field(default_factory=list)
    _sounds: tuple[float, ...] | None = None
    _confidences: list[float] = field(default_factory=list)
    _restarts: int | None = None

    @property
    def confidence(self) -> float | None:
        """How sure the method is of its answer, 0..1, without any reference; None where it cannot say."""
        return round(sum(self._confidences) / len(self._confidences), 3) if self._confidences else None

    @property
    def suggested_sources(self) -> dict[str, float] | None:
        """The chance of each number of sounds, the last of them or more; None where the method cannot say."""
        return {str(n): round(chance, 3) for n, chance in enumerate(self._sounds, 1)} if self._sounds else None

    def judged(self) -> dict[str, Any]:
        """What the manifest says of the separation."""
        return {
            "confidence": self.confidence,
            "suggested_sources": self.suggested_sources,
            "restarts": self._restarts,
        }

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """Separate on `device`, one stem to each of `paths`."""
        with self.task.writer(paths) as writer:
            for answer in self.answers(device):
                self.task.write(writer, answer, device)
        recipe = self.task.preset.recipe
        if self._sounds and isinstance(recipe, ConsensusRecipe) and recipe.counting:
            self.task.run.notes += suggestion(self._sounds, self.task.sources, recipe.counting.told_from)

    def answers(self, device: torch.device) -> Iterator[ChunkMasks]:
        """The engine's answers, chunk by chunk, their fits kept on the way."""
        self._confidences.clear()
        self.kept.clear()
        events = separate_chunks(
            self.task.view,
            len(self.task.chunks),
            self.task.preset.recipe,
            sources=self.task.sources,
            seed=self.seed,
            device=device,
        )
        for answer in self.task.run.follow(events):
            if answer.confidence is not None:
                self._confidences.append(answer.confidence)
            self._sounds = answer.sounds
            self._restarts = answer.restarts
            if answer.fits:
                self._keep(answer.fits)
            yield answer

    def _keep(self, learned: Sequence[Fit]) -> None:
        if self.sessions is None:
            return
        try:
            self.kept.append(self.sessions.put_fit(fits.dump(learned)))
        except OSError as error:
            self.task.run.notes.append(
                f"The fit could not be kept ({error.strerror}): a correction will separate the clip again first."
            )
            self.sessions = None
            self.kept.clear()


def suggestion(sounds: tuple[float, ...], used: int, told_from: float) -> list[str]:
    """A sentence where another number of sounds than the one used has a chance of `told_from` or more, else none.

    sounds: the chances of 1, 2 … sounds, the last one that of so many or more.
    """
    most = len(sounds)
    likeliest = max(range(1, most + 1), key=lambda number: sounds[number - 1])
    chance = sounds[likeliest - 1]
    if chance < told_from or likeliest == min(used, most):
        return []
    if likeliest == 1:
        return [f"This may be one sound alone (chance {chance:.2f}): the stems are then parts of it."]
    number = f"{likeliest} sounds" + (" or more" if likeliest == most else "")
    return [f"This may be {number} and not {used} (chance {chance:.2f}): try again with that number of sources."]


def _memory_estimate(chunks: tuple[Chunk, ...], channels: int, sources: int) -> int:
    """Bytes that the largest chunk takes at the clip's own rate, float32."""
    longest = max(chunk.frames for chunk in chunks)
    return longest * channels * (sources + 1) * WORKING_COPIES * 4
