"""Denoising as verbs know it: first a clip's pauses are heard, then masks are made if these are filled."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import torch

from ... import seeds
from ...events import ChunkMasks, Note, Speech, Step
from ...recipe import Front
from ...signal.stems import apply_masks
from ..consensus.separation import separate
from ..method import Denoiser, Known, Read, Shelf
from .cleaning import Evidence, clean, cleaned_levels, pauses_db, speech_evidence, speech_likeness
from .recipe import DenoisingRecipe


class Denoising(Denoiser[DenoisingRecipe]):
    """The floor always, a separation into two sounds where pauses are not quiet without it."""

    @property
    def front(self) -> Front:
        return self.recipe.separation.front

    @property
    def residue(self) -> float:
        return 10 ** (self.recipe.vocabulary.residue_db / 20)

    def denoise(
        self,
        read: Read,
        chunks: int,
        *,
        shelf: Shelf,
        seed: int,
        device: torch.device,
        check: Callable[[], None],
    ) -> Iterator[Step | Note | Speech]:
        recipe = self.recipe
        views = (read(index).view.mean(0).to(device) for index in range(chunks))
        levels = [cleaned_levels(view, self.front.rate, recipe).cpu() for view in views]
        filled = pauses_db(torch.cat(levels), recipe.speech) > recipe.speech.filled_db
        speech = (yield from self._separate(read, chunks, shelf, seed, device)) if filled else 0
        for index in range(chunks):
            masks = shelf[index].to(device, torch.float32) if filled else None
            if masks is not None and speech == 1:
                masks = masks.flip(0)
            heard, generator = read(index).to(device), seeds.generator(seed, index)
            yield Speech(index, clean(heard.audio, heard.rate, masks, recipe, generator, check))

    def _separate(
        self, read: Read, chunks: int, shelf: Shelf, seed: int, device: torch.device
    ) -> Generator[Step | Note, None, int]:
        """Leave masks of two sounds on the shelf, in half precision; returns which of them, 0 or 1, is the speech."""
        recipe, front = self.recipe, self.front
        heard: tuple[list[Evidence], list[Evidence]] = ([], [])
        for event in separate(read, chunks, recipe.separation, sources=2, seed=seed, device=device, known=Known()):
            if not isinstance(event, ChunkMasks):
                yield event
                continue
            shelf[event.index] = event.masks.half()
            view = read(event.index).view.mean(0, keepdim=True)
            stems = apply_masks(view, front.rate, event.masks, front, recipe.separation.stems)
            for found, stem in zip(heard, stems, strict=True):
                found.append(speech_evidence(stem[0], front.rate, recipe.speech))
        likeness = [speech_likeness(found) for found in heard]
        return likeness.index(max(likeness))
