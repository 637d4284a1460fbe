"""Verb `separate`: K stems that sum to the clip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import presets
from ...audio.files import ClipReader
from ...domain import ClipRef
from ...engine.events import ChunkMasks
from ...engine.methods import SEPARATORS, separator
from ...engine.methods.method import Known
from ...jobs import learned
from ...jobs.run import JobRun
from ...jobs.sessions import Session, Sessions, stamp
from ..reader import JobClipReader
from .masked import MaskedClip, SeparationPreset


def separate(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    preset: SeparationPreset = presets.load_one_of(request["preset"], *SEPARATORS)
    with JobClipReader(ClipRef.from_request(request), run) as reader:
        clip = MaskedClip(run, reader, preset, request["sources"], run.format())
        separation = Separation(clip, request["seed"], run.sessions if clip.corrector else None)
        label = request["label"] or Path(reader.inputs[0]["path"]).stem
        source = fingerprint(reader, preset)
        manifest = clip.publish_sources(results, label, separation.write_stems, separation.judged)
        if clip.corrector:
            kept = tuple(separation.kept)
            clip.remember(
                Session(run.job.id, request, source, label, str(manifest), kept, separated=clip.stamps(manifest))
            )
        return manifest


def fingerprint(reader: ClipReader, preset: SeparationPreset) -> str:
    """What a separation depends on beyond the request: the files as they are, wherever, and the preset's numbers."""
    files = [
        (entry["start"], entry["frames"], entry["channels"], stamp(Path(entry["path"]))) for entry in reader.inputs
    ]
    about = preset.about
    basis = f"({files!r}, {about.chunk!r}, {about.silence!r}, {separator(preset.recipe).basis})"
    return hashlib.sha256(basis.encode()).hexdigest()


@dataclass
class Separation:
    """A separation under way. kept: the names in `sessions` of what was learned of each chunk."""

    clip: MaskedClip
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
        """The probability of each number of sounds, the last of them or more; None where the method cannot say."""
        if not self._sounds:
            return None
        return {str(number): round(probability, 3) for number, probability in enumerate(self._sounds, 1)}

    def judged(self) -> dict[str, Any]:
        """What the manifest says of the separation."""
        return {
            "confidence": self.confidence,
            "suggested_sources": self.suggested_sources,
            "restarts": self._restarts,
        }

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """Separate on `device`, one stem to each of `paths`."""
        with self.clip.writer(paths) as writer:
            for answer in self.answers(device):
                self.clip.write_masked(writer, answer, device)
        self.clip.run.notes += self.clip.method.advice(self.clip.sources, self._sounds, self.confidence)

    def answers(self, device: torch.device) -> Iterator[ChunkMasks]:
        """The method's answers, chunk by chunk; what was learned is kept on the way."""
        self._confidences.clear()
        self.kept.clear()
        clip = self.clip
        events = clip.method.separate(
            clip.seen, len(clip.chunks), sources=clip.sources, seed=self.seed, device=device, known=Known()
        )
        for answer in clip.run.follow(events):
            if answer.confidence is not None:
                self._confidences.append(answer.confidence)
            self._sounds = answer.sounds
            self._restarts = answer.restarts
            if answer.learned:
                self._keep(answer.learned)
            yield answer

    def _keep(self, tensors: Mapping[str, Tensor]) -> None:
        if self.sessions is None:
            return
        try:
            self.kept.append(self.sessions.put_learned(learned.dump(tensors)))
        except OSError as error:
            self.clip.run.notes.append(
                f"What was learned could not be kept ({error.strerror}): to correct it separates the clip again first."
            )
            self.sessions = None
            self.kept.clear()
