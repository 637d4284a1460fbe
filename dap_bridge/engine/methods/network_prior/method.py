"""Deep Network Prior as verbs know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from ...events import Alive, ChunkMasks, Note, Speech, Step
from ...recipe import Front
from ...signal.stems import apply_masks
from ...spread import Executor
from ..method import Denoiser, Hints, Read, Shelf
from .fluctuations import denoise
from .recipe import NetworkPriorRecipe

# What the network keeps for its gradient, numbers a sample of the view and a filter of its first level.
_KEPT = 80


class NetworkPrior(Denoiser[NetworkPriorRecipe]):
    """A network of its own for every chunk."""

    @property
    def front(self) -> Front:
        return self.recipe.front

    @property
    def residue(self) -> float:
        return 10 ** (self.recipe.fluctuations.least_db / 20)

    def floats(self, samples: int) -> int:
        return samples * self.recipe.network.filters * _KEPT

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
        for event in denoise(read, chunks, recipe, seed=seed, device=device):
            if isinstance(event, ChunkMasks):
                heard, masks = read(event.index).to(device), event.masks.to(device)
                stems = apply_masks(heard.audio, heard.rate, masks, recipe.front, recipe.stems)
                yield Speech(event.index, stems[0])
            else:
                yield event
