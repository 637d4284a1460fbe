"""Verb `separate`: K stems that sum to the clip."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import config, presets
from ...audio.files import ClipReader
from ...audio.silence import PaddedWriter
from ...domain import MAX_ALTERNATIVES, Alternative, Box, ClipRef, Guided
from ...engine.events import ChunkMasks, Guidance
from ...engine.methods import SEPARATORS, separator
from ...engine.methods.method import Known, Separator
from ...engine.recipe import MaskRecipe
from ...errors import BadPreset
from ...jobs import learned
from ...jobs.results import folder
from ...jobs.run import JobRun
from ...jobs.sessions import Session, Sessions, stamp
from ..reader import JobClipReader
from .known import boxes, examples, inputs
from .masked import MaskedClip, SeparationPreset


def separate(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    preset: SeparationPreset = presets.load_one_of(request["preset"], *SEPARATORS)
    with JobClipReader(ClipRef.from_request(request), run) as reader:
        residual = bool(request.get("residual"))
        label = request["label"] or Path(reader.inputs[0]["path"]).stem
        clip = MaskedClip(run, reader, preset, request["sources"], run.format(), label, residual)
        spans = boxes(request, reader.frames / reader.rate, reader.rate, clip.sources)
        wanted = _wanted(request, preset, clip.method)
        known = replace(told(request, clip, spans), alternatives=wanted, residual=residual)
        separation = Separation(clip, request["seed"], run.sessions if clip.corrector else None, known, spans)
        source = fingerprint(reader, preset)
        more = range(2, (known.alternatives or MAX_ALTERNATIVES) + 1)
        manifest = clip.publish_sources(results, separation.write_stems, separation.judged, map(folder, more))
        if clip.corrector:
            kept, *further = (tuple(names) for names in separation.kept)
            clip.remember(
                Session(
                    run.job.id,
                    request,
                    source,
                    label,
                    str(manifest),
                    kept,
                    spans,
                    separated=clip.stamps(manifest),
                    alternatives=tuple(further),
                    answers=separation.what,
                )
            )
        return manifest


def _wanted(request: Mapping[str, Any], preset: SeparationPreset, method: Separator[MaskRecipe]) -> int | None:
    """How many answers at the most; None: as many as the method thinks worth hearing. Raises BadPreset."""
    asked = request.get("alternatives")
    wanted = asked or config.load().alternatives
    if request.get("residual") and not method.has_alternatives:
        raise BadPreset(
            f"The preset {preset.name!r} has one answer only, and so no residual.", "Separate with another preset."
        )
    if method.has_alternatives:
        return None if wanted == "auto" else int(wanted)
    if asked not in (None, "auto", "1"):
        raise BadPreset(f"The preset {preset.name!r} has one answer only.", "Separate with another preset.")
    return 1


def told(request: Mapping[str, Any], clip: MaskedClip, spans: Sequence[Box]) -> Known:
    """What the request says is known of the sounds; spans: as boxes. Raises BadPreset where the method has no use for
    it, and as `examples` does.
    """
    if not (request.get("like") or spans):
        return Known()
    if not clip.method.takes_examples:
        raise BadPreset(
            f"The preset {clip.preset.name!r} goes by no examples and no spans.", "Separate with another preset."
        )
    heard = clip.on_signal(spans)
    inside = {chunk.index: clip.within(heard, chunk.start, chunk.frames) for chunk in clip.chunks}
    return Known(examples=examples(request, clip), spans={index: own for index, own in inside.items() if own})


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
    """A separation under way. kept: of every answer, the names in `sessions` of what was learned of each chunk."""

    clip: MaskedClip
    seed: int
    sessions: Sessions | None
    known: Known
    spans: Sequence[Box] = ()
    kept: list[list[str]] = field(default_factory=lambda: [[]])
    _sounds: tuple[float, ...] | None = None
    _what: list[str] = field(default_factory=list)
    _confidences: list[list[float]] = field(default_factory=list)
    _restarts: int | None = None
    _guidance: tuple[Guidance, ...] = ()

    def confidence(self, alternative: int = 1) -> float | None:
        """How sure the method is of an answer, 0..1, without any reference; None where it cannot say."""
        found = self._confidences[alternative - 1]
        return round(sum(found) / len(found), 3) if found else None

    @property
    def suggested_sources(self) -> dict[str, float] | None:
        """The probability of each number of sounds, the last of them or more; None where the method cannot say."""
        if not self._sounds:
            return None
        return {str(number): round(probability, 3) for number, probability in enumerate(self._sounds, 1)}

    @property
    def what(self) -> tuple[str, ...]:
        """What makes each answer different, where there are several."""
        return tuple(self._what) if len(self._what) > 1 else ()

    def judged(self) -> dict[str, Any]:
        """What the manifest says of the separation."""
        several = list(enumerate(self.what, 1))
        return {
            "correctable": self.clip.corrector is not None,
            "confidence": self.confidence(),
            "suggested_sources": self.suggested_sources,
            "restarts": self._restarts,
            "boxes": tuple(self.spans),
            "examples": inputs(self.clip.run.job.request),
            "guidance": tuple(Guided(one.source + 1, one.distance, one.trusted) for one in self._guidance),
            "alternatives": tuple(
                Alternative(number, what, self.confidence(number), self.clip.stems(number, what))
                for number, what in several
            ),
        }

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """Separate on `device`, one stem to each of `paths`, and those of further answers to folders beside them."""
        for number in range(2, MAX_ALTERNATIVES + 1):  # what a GPU left that gave out
            shutil.rmtree(paths[0].parent / folder(number), ignore_errors=True)
        writers: dict[int, PaddedWriter] = {}
        beside = partial(self.clip.within, self.clip.on_clip(self.spans))
        with ExitStack() as stack:
            for answer in self.answers(device):
                number = answer.alternative
                if number not in writers:
                    mine = paths if number == 1 else paths[: self.clip.sources]
                    places = [path.parent / folder(number) / path.name for path in mine]
                    places[0].parent.mkdir(exist_ok=True)
                    writers[number] = stack.enter_context(self.clip.writer(places))
                inside = self.known.spans.get(answer.index, ())
                self.clip.write_masked(writers[number], answer, device, inside, beside)
        self.clip.run.notes += self._told()

    def _told(self) -> list[str]:
        """What is doubtful, and what to do about it; hosts show it in a box, so nothing is told without a doubt."""
        # whoever shows the sounds knows how many there are
        sounds = None if self.known.examples or self.spans else self._sounds
        told = self.clip.method.advice(self.clip.sources, sounds, self.confidence())
        told += [
            f"The example of stem {one.source + 1} is like little that is heard in the clip (distance "
            f"{one.distance:.0f}): it may be of another sound. Compare the answers with and without it."
            for one in self._guidance
            if not one.trusted
        ]
        if told and len(self._what) > 1:
            told.append(f"To listen to, and choose from, there are other answers: {', '.join(self._what[1:])}.")
        return told

    def answers(self, device: torch.device) -> Iterator[ChunkMasks]:
        """The method's answers, chunk by chunk; what was learned is kept on the way."""
        self._what, self._confidences, self.kept = [], [], []
        clip = self.clip
        events = clip.method.separate(
            clip.seen,
            len(clip.chunks),
            sources=clip.sources,
            seed=self.seed,
            device=device,
            known=self.known,
            executor=clip.run.executor(device),
        )
        for answer in clip.run.follow(events):
            if answer.alternative > len(self._what):
                self._what.append(answer.what)
                self._confidences.append([])
                self.kept.append([])
            if answer.confidence is not None:
                self._confidences[answer.alternative - 1].append(answer.confidence)
            self._sounds = answer.sounds
            self._restarts = answer.restarts
            self._guidance = answer.guidance
            if answer.learned:
                self._keep(answer.alternative, answer.learned)
            yield answer

    def _keep(self, alternative: int, tensors: Mapping[str, Tensor]) -> None:
        if self.sessions is None:
            return
        try:
            self.kept[alternative - 1].append(self.sessions.put_learned(learned.dump(tensors)))
        except OSError as error:
            self.clip.run.notes.append(
                f"What was learned could not be kept ({error.strerror}): to correct it separates the clip again first."
            )
            self.sessions = None
            self.kept = [[] for _ in self.kept]
