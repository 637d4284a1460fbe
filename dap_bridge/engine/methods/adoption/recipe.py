"""The numbers by which stems that something else made are corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...recipe import Section
from ..consensus.recipe import ConsensusRecipe


@dataclass(frozen=True)
class AdoptionRecipe(Section):
    """Given stems, corrected by boxes: by what these say, and by an answer of our own as far as they bear it out."""

    # How much of what lies in boxes is wrong in the stems, as a share of it: up to the first our answer does not count
    # beyond them, from the second on as far as it may.
    wrong: tuple[float, float]
    # How much less of it is wrong in our answer: up to the first, and from the second on.
    better: tuple[float, float]
    share: tuple[float, float]  # of our answer, corrected by the same boxes, at these two
    confidence: tuple[float, float]  # of the separation: up to the first it does not count, from the second on fully
    beside: tuple[Literal["kinship", "contrast", "timbre", "faintest"], ...]  # groupings that are averaged into it
    improvement: float  # of it in stems that are to be improved; the given ones keep the rest
    separation: ConsensusRecipe  # that makes our answer

    def __post_init__(self) -> None:
        if self.separation.boxes is None:
            raise ValueError("separation: a preset that boxes can correct")
        for key, (least, most) in {"wrong": self.wrong, "better": self.better, "confidence": self.confidence}.items():
            if not 0 <= least < most <= 1:
                raise ValueError(f"{key}: the first number is below the second, both from 0 to 1")
        if not (0 <= self.share[0] <= self.share[1] <= 1 and 0 <= self.improvement <= 1):
            raise ValueError("share and improvement are from 0 to 1, the first share no more than the second")
        if self.beside and self.separation.alternatives is None:
            raise ValueError("beside: of a separation that has alternatives")
