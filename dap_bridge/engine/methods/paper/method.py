"""Deep Audio Prior as verbs know it."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ...events import Event
from ...spread import Executor
from ..method import Known, Read, Separator
from .recipe import PaperRecipe
from .separation import separate


class Paper(Separator[PaperRecipe]):
    """What its networks learned has nothing that boxes could move."""

    def separate(
        self,
        read: Read,
        chunks: int,
        *,
        sources: int,
        seed: int,
        device: torch.device,
        known: Known,
        executor: Executor | None = None,
    ) -> Iterator[Event]:
        """One answer, whatever is known; every chunk goes on from the one before."""
        return separate(read, chunks, self.recipe, sources=sources, seed=seed, device=device)
