"""A separation that goes by what is known of sounds alone: what examples.py says of a window, through a whole clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...events import Guidance
from .components import Factorisation, member_masks
from .examples import Guide, distances, near, relabelled, trust
from .grouping import Description, concatenate, separability
from .recipe import ConsensusRecipe, Models

# What is told where groups by examples do not hold together as the clip's own do.
DOUBTED = (
    "What your examples call one sound holds together less than what is heard as one without them, so the answer "
    "without them is the first: compare both."
)


@dataclass(frozen=True)
class Named:
    """A clip's groups, called after the sounds that they are.

    labels, distance: of every chunk's components, of all windows one after the other, (components, sources); holds:
    whether groups by examples hold together about as well as the clip's own, along the axes of kinship.
    """

    labels: tuple[Tensor, ...]
    distance: tuple[Tensor, ...]
    guidance: tuple[Guidance, ...]
    holds: bool

    @property
    def trusted(self) -> bool:
        """Whether the answer by examples is the first."""
        return self.holds and all(one.trusted for one in self.guidance)


def compare(guides: Sequence[Guide], pools: Sequence[list[Factorisation]], views: int) -> list[Description]:
    """A chunk's components, of each window, as far as examples reach."""
    return [guide.described(pool, views) for guide, pool in zip(guides, pools, strict=True)]


def name(guides: Sequence[Guide], chunks: Sequence[list[Description]], labels: Sequence[Tensor]) -> Named:
    """Call groups by the sounds that they are, in all chunks at once.

    chunks: see `compare`; labels: of every chunk, as in Named. All windows call them by the same names: those
    that the first one's components speak for.
    """
    apart = [own.split([len(one.energy) for one in chunk]) for own, chunk in zip(labels, chunks, strict=True)]
    names: list[list[Tensor]] = [[] for _ in chunks]
    distance: list[list[Tensor]] = [[] for _ in chunks]
    told: tuple[Guidance, ...] = ()
    holds = True
    order: Tensor | None = None
    for window, guide in enumerate(guides):
        counts = [len(chunk[window].energy) for chunk in chunks]
        like = concatenate([chunk[window] for chunk in chunks])
        own = torch.cat([of_chunk[window] for of_chunk in apart])
        found, order = distances(like, own, guide, order)
        if window == 0:
            by_it = near(own[:, order], found, guide.rules)
            told = trust(by_it, found, like.energy, guide)
            features = guide.recipe.features
            tighter = separability(like, by_it, features) - separability(like, own, features)
            holds = not told or tighter >= -guide.rules.looser
        for index, (given, far) in enumerate(zip(own[:, order].split(counts), found.split(counts), strict=True)):
            names[index].append(given)
            distance[index].append(far)
    return Named(tuple(map(torch.cat, names)), tuple(map(torch.cat, distance)), told, holds)


def inform(
    guide: Guide,
    pool: Sequence[Factorisation],
    seen: Tensor,
    labels: Tensor,
    distance: Tensor,
    inside: Tensor,
    members: int,
    generator: torch.Generator,
) -> Tensor:
    """The labels (components, sources) of a window's components in one chunk, once what is known has spoken.

    seen: (views, rows, frames), magnitudes; distance: as labels; inside: (sources, frames), where each may sound.
    """
    masks = member_masks(pool, labels.to(seen.device), len(seen), members).mean(0)
    shares, left = guide.shares(pool, seen, masks, inside, generator)
    return relabelled(labels, shares, left, distance, guide.rules)


def taught(recipe: ConsensusRecipe) -> Models | None:
    """How models are learned beside what is known of sounds alone."""
    own, rules = recipe.models, recipe.examples
    if own is None or rules is None:
        return own
    return replace(own, alone=rules.alone, together=rules.together, growth=rules.growth)
