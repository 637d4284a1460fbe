"""A separation that goes by what is known of sounds alone: what examples.py says of a window, through a whole clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...events import Guidance
from .components import Factorisation, member_masks
from .examples import Guide, distances, relabelled, trust
from .grouping import Description, concatenate
from .recipe import Caution, ConsensusRecipe, Models


@dataclass(frozen=True)
class Compared:
    """What is kept of a chunk's components to compare them to examples, of each window.

    like: what they are like; left: see `Guide.left`.
    """

    like: list[Description]
    left: list[Tensor]

    @property
    def counts(self) -> list[int]:
        """Components of each window."""
        return [len(one.energy) for one in self.like]


@dataclass(frozen=True)
class Named:
    """A clip's groups, called after the sounds that they are. labels, distance: of every chunk's components, of all
    windows one after the other, (components, sources).
    """

    labels: tuple[Tensor, ...]
    distance: tuple[Tensor, ...]
    guidance: tuple[Guidance, ...]

    def leads(self, confidence: float, caution: Caution) -> bool:
        """Whether the answer by examples is the first: where all are trusted; or some, where the one without them is
        doubtful.
        """
        trusted = [one.trusted for one in self.guidance]
        return all(trusted) or (any(trusted) and confidence < caution.told_below)


def compare(guides: Sequence[Guide], pools: Sequence[list[Factorisation]], views: int) -> Compared:
    """A chunk's components, of all windows, beside what is known of sounds alone."""
    return Compared(
        [guide.described(pool, views) for guide, pool in zip(guides, pools, strict=True)],
        [guide.left(pool, views) for guide, pool in zip(guides, pools, strict=True)],
    )


def name(guides: Sequence[Guide], chunks: Sequence[Compared], labels: Sequence[Tensor]) -> Named:
    """Call groups by the sounds that they are, in all chunks at once; labels: of every chunk, as in Named.

    All windows call them by the same names: those that the first one's components speak for.
    """
    apart = [own.split(chunk.counts) for own, chunk in zip(labels, chunks, strict=True)]
    names: list[list[Tensor]] = [[] for _ in chunks]
    near: list[list[Tensor]] = [[] for _ in chunks]
    told: tuple[Guidance, ...] = ()
    order: Tensor | None = None
    for window, guide in enumerate(guides):
        counts = [chunk.counts[window] for chunk in chunks]
        like = concatenate([chunk.like[window] for chunk in chunks])
        own = torch.cat([of_chunk[window] for of_chunk in apart])
        found, order = distances(like, own, guide, order)
        if window == 0:
            told = trust(torch.cat([chunk.left[0] for chunk in chunks]), like.energy, guide)
        for index, (given, far) in enumerate(zip(own[:, order].split(counts), found.split(counts), strict=True)):
            names[index].append(given)
            near[index].append(far)
    return Named(tuple(map(torch.cat, names)), tuple(map(torch.cat, near)), told)


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
