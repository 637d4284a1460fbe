"""The numbers by which stems that something else made are corrected."""

from __future__ import annotations

from dataclasses import dataclass

from ...recipe import Section
from ..consensus.recipe import ConsensusRecipe


@dataclass(frozen=True)
class AdoptionRecipe(Section):
    """Given stems, corrected by boxes: by what these say, and by an answer of our own as far as they bear it out."""

    # How much more of what lies in boxes the answer of our own had right, as a share of it: up to the first it does not
    # count beyond them, from the second on as far as it may.
    trust: tuple[float, float]
    share: float  # of the answer of our own, corrected by the same boxes, at the most
    improvement: float  # of that answer in stems that are to be improved; the given ones keep the rest
    separation: ConsensusRecipe  # that makes it

    def __post_init__(self) -> None:
        if self.separation.boxes is None:
            raise ValueError("separation: a preset that boxes can correct")
        if not 0 <= self.trust[0] < self.trust[1] <= 1:
            raise ValueError("trust: the first number is below the second, both from 0 to 1")
        if not (0 <= self.share <= 1 and 0 <= self.improvement <= 1):
            raise ValueError("share and improvement are from 0 to 1")
