"""Denoising as verbs know it: first a clip's pauses are heard, then masks are made if these are filled."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ... import seeds
from ...events import Alive, ChunkMasks, Note, Speech, Step
from ...recipe import Front, Holding, Stems
from ...signal.rows import see
from ...signal.stems import apply_masks
from ...spread import Executor
from ..consensus.separation import separate
from ..method import Denoiser, Hints, Read, Shelf
from .cleaning import Evidence, clean, cleaned_levels, filled_db, speech_evidence, speech_likeness
from .profile import Belief, Profile, hold
from .recipe import DenoisingRecipe


class Denoising(Denoiser[DenoisingRecipe]):
    """The floor always, a separation into two sounds where pauses are not quiet without it."""

    @property
    def front(self) -> Front:
        return self.recipe.separation.front

    @property
    def residue(self) -> float:
        return 10 ** (self.recipe.vocabulary.residue_db / 20)

    @property
    def takes_hints(self) -> bool:
        return True

    @property
    def filling(self) -> tuple[Stems, Holding] | None:
        made_of = self.recipe.separation
        return None if made_of.boxes is None else (made_of.stems, made_of.boxes)

    def denoise(
        self,
        read: Read,
        chunks: int,
        *,
        shelf: Shelf,
        seed: int,
        device: torch.device,
        check: Callable[[], None],
        hints: Hints,
        executor: Executor | None = None,
    ) -> Iterator[Step | Note | Alive | Speech]:
        recipe = self.recipe
        profile = Profile.of(read, hints, recipe, seed, device)
        views = (read(index).view.mean(0).to(device) for index in range(chunks))
        levels = [cleaned_levels(view, self.front.rate, recipe, profile.of_view).cpu() for view in views]
        left = filled_db(torch.cat(levels), profile.left, recipe.speech)
        filled = left > recipe.speech.filled_db
        masks = _Masks(self, read, chunks, shelf, seed, device, hints, profile, executor)
        if filled:
            yield from masks.make()
        for index in range(chunks):
            heard, generator = read(index).to(device), seeds.generator(seed, index)
            own = masks.of(index) if filled else None
            cleaned = clean(heard.audio, heard.rate, own, recipe, generator, check, profile.of_audio)
            yield Speech(index, hold(cleaned, heard, hints.alone.get(index, ()), self.residue))


@dataclass
class _Masks:
    """Masks of speech and noise on their way to the shelf, in half precision; the first fields as `denoise` has them.

    likely: of either sound of the separation, what of it sounds like speech; belief: in the separation, against
    what the noise's profile explains.
    """

    method: Denoising
    read: Read
    chunks: int
    shelf: Shelf
    seed: int
    device: torch.device
    hints: Hints
    profile: Profile
    executor: Executor | None
    likely: tuple[list[Evidence], list[Evidence]] = field(default_factory=lambda: ([], []))
    belief: Belief = field(default_factory=Belief)
    speech: int = field(default=0, init=False)

    def make(self) -> Generator[Step | Note | Alive]:
        """Separate the clip, and find which of the two sounds, 0 or 1, is the speech."""
        recipe, read = self.method.recipe, self.read
        for event in separate(
            read,
            self.chunks,
            recipe.separation,
            sources=2,
            seed=self.seed,
            device=self.device,
            executor=self.executor,
        ):
            if not isinstance(event, ChunkMasks):
                yield event
                continue
            self._listen(event)
        likeness = [speech_likeness(found) for found in self.likely]
        if self.profile.spectra is None:
            self.speech = likeness.index(max(likeness))
        else:
            self.speech = self.belief.speech(likeness, recipe.profile)

    def of(self, index: int) -> Tensor:
        """The masks of a chunk, speech first: (2, rows, frames)."""
        masks = self.shelf[index].to(self.device, torch.float32)
        found = masks[:2].flip(0) if self.speech == 1 else masks[:2]
        if self.profile.spectra is None:
            return found
        rows = self.profile.spectra.rows
        believed = self.belief.of(self.speech, self.method.recipe.profile)
        explained = torch.stack([masks[2], 1 - masks[2]])[:, :rows]
        return torch.cat([torch.lerp(explained, found[:, :rows], believed), found[:, rows:]], dim=1)

    def _listen(self, event: ChunkMasks) -> None:
        recipe, front, masks = self.method.recipe, self.method.front, event.masks
        heard = self.read(event.index)
        stems = apply_masks(heard.view.mean(0, keepdim=True), front.rate, masks, front, recipe.separation.stems)
        for found, stem in zip(self.likely, stems, strict=True):
            found.append(speech_evidence(stem[0], front.rate, recipe.speech))
        if self.profile.spectra is not None:
            seen = see(heard.to(self.device), front)
            generator = seeds.generator(self.seed, self.chunks + event.index)
            spans = self.hints.alone.get(event.index, ())
            explained = self.profile.explain(seen, spans, heard.rate, generator).cpu()
            self.belief.learn(masks, explained, seen.cpu(), spans, heard.rate, front, event.confidence)
            masks = torch.cat([masks, explained[None]])
        self.shelf[event.index] = masks.half()
