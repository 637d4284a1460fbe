"""Component consensus as verbs know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...events import ChunkMasks, Corrected, Event, Step
from ...signal.boxes import ChunkBox
from ...spread import Executor
from ..method import Known, Read, Separator
from . import boxes as correcting
from . import drawing, separation
from .counting import suggestion
from .recipe import Boxes, ConsensusRecipe


class Consensus(Separator[ConsensusRecipe]):
    """Many small components, grouped, and redrawn by networks."""

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
        return separation.separate(
            read,
            chunks,
            self.recipe,
            sources=sources,
            seed=seed,
            device=device,
            known=known,
            executor=executor,
        )

    @property
    def takes_examples(self) -> bool:
        return self.recipe.examples is not None

    @property
    def has_alternatives(self) -> bool:
        return self.recipe.alternatives is not None

    @property
    def basis(self) -> str:
        """All but what boxes and counting go by."""
        return repr(replace(self.recipe, boxes=None, counting=None))

    @property
    def corrector(self) -> Correcting | None:
        return Correcting(self.recipe, self.recipe.boxes) if self.recipe.boxes else None

    def advice(self, sources: int, sounds: Sequence[float] | None, confidence: float | None) -> list[str]:
        counting, caution = self.recipe.counting, self.recipe.caution
        told = suggestion(sounds, sources, counting.told_from) if counting and sounds else []
        if confidence is not None and confidence < caution.told_below:
            told.append(
                f"What belongs together is doubtful (confidence {confidence:.2f}), so the stems share more of the clip "
                "than usual and little is lost: listen, and correct them by boxes."
            )
        return told


@dataclass(frozen=True)
class Correcting:
    """Boxes as evidence, by what a separation learned. holding: the recipe's own."""

    recipe: ConsensusRecipe
    holding: Boxes

    @property
    def carries(self) -> bool:
        return self.recipe.models is not None and self.holding.carry is not None

    def correct(
        self,
        read: Read,
        learned: Callable[[int], Mapping[str, Tensor]],
        boxes: Mapping[int, Sequence[ChunkBox]],
        *,
        redraw: bool,
        carry: Sequence[int],
        device: torch.device,
    ) -> Iterator[Step | Corrected]:
        return correcting.correct(read, learned, boxes, self.recipe, redraw=redraw, carry=carry, device=device)

    def draw(
        self,
        read: Read,
        learned: Callable[[int], Mapping[str, Tensor]],
        chunks: int,
        *,
        alternative: int,
        seed: int,
        device: torch.device,
    ) -> Iterator[Step | ChunkMasks]:
        return drawing.draw(read, learned, chunks, self.recipe, alternative=alternative, seed=seed, device=device)
