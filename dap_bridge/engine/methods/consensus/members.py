"""Members group their components apart, and call the sources by the same names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .grouping import (
    Clustering,
    Description,
    Groups,
    best_overlap,
    concatenate,
    embed,
    group,
    kernel_labels,
    landmarks_of,
    renamings,
)
from .recipe import Features, Grouping


def group_members(
    snapshots: Sequence[Description],
    members: Tensor,
    features: Features,
    recipe: Grouping,
    *,
    sources: int,
    generator: torch.Generator,
) -> Clustering:
    """`group` for each member apart, as `by_members` has it."""

    def grouped(own: Tensor) -> Clustering:
        seen = [snapshot.of(own) for snapshot in snapshots]
        return group(seen, features, recipe, sources=sources, generator=generator)

    return by_members(grouped, snapshots[-1], members, features, recipe, sources=sources, generator=generator)


def by_members(
    grouped: Callable[[Tensor], Clustering],
    description: Description,
    members: Tensor,
    features: Features,
    recipe: Grouping,
    *,
    sources: int,
    generator: torch.Generator,
) -> Clustering:
    """The groups of each member apart, with the same names for the sources; agreement is the mean.

    grouped(own): those of the components that are a member's own; members: (components,), whose each component is, from
    0 up. A source of a later member is called after the one of the first member whose components lie around its own.
    """
    count, first = int(members.max()) + 1, members == 0
    labels, agreement = torch.zeros(len(members), sources), 0.0
    for member in range(count):
        own = members == member
        groups = yield from grouped(own)
        agreement += groups.agreement / count
        labels[own] = groups.labels
        if member > 0:
            both = description.of(own), labels[first], description.of(first)
            labels[own] = _renamed(groups.labels, *both, features, recipe, generator)
    return Groups(labels, agreement)


def _renamed(
    labels: Tensor,
    description: Description,
    others: Tensor,
    around: Description,
    features: Features,
    recipe: Grouping,
    generator: torch.Generator,
) -> Tensor:
    """Labels (components, sources) with the sources in the order of `others`, the labels of the components `around`."""
    chosen, landmarks = (landmarks_of(one.energy, recipe.landmarks, generator) for one in (description, around))
    points = embed(concatenate([description, around]), features)
    own, near = points[:, chosen], points[:, len(labels) + landmarks]
    expected = kernel_labels(own, near, others[landmarks], recipe.bandwidth)
    orders = renamings(labels.shape[1])
    _, order = best_overlap((labels[chosen] * description.energy[chosen, None]).mT @ expected, orders)
    return labels[:, orders[order].argsort()]
