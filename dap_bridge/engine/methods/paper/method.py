"""Deep Audio Prior as verbs know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...events import Event
from ..method import Separator
from .recipe import PaperRecipe
from .separation import separate


@dataclass(frozen=True)
class Paper(Separator):
    """What its networks learned has nothing that boxes could move."""

    recipe: PaperRecipe

    @property
    def basis(self) -> str:
        return repr(self.recipe)

    @property
    def corrector(self) -> None:
        return None

    def separate(
        self, read: Callable[[int], Tensor], chunks: int, *, sources: int, seed: int, device: torch.device
    ) -> Iterator[Event]:
        return separate(read, chunks, self.recipe, sources=sources, seed=seed, device=device)

    def advice(self, sounds: Sequence[float], sources: int) -> list[str]:
        return []
