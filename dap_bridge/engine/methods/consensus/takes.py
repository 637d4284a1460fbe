"""Other groupings of the components there are, for an ear to choose among: no measure finds the best one.

A take is made from the same descriptions as the first answer, in another way, and wrong on other clips than that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import Tensor

from ...events import relay
from ...tiny import TINY
from .grouping import Clustering, Description, Groups, best_overlap, clustered, embed, group, k_means, renamings
from .members import by_members
from .recipe import Alternatives, ConsensusRecipe, Features

# What is told of a take: how it differs from the others, in a person's words.
FIRST = "as most clusterings say"
WORDS = {
    "kinship": "by what was learned of other sounds",
    "contrast": "by the loudest contrast",
    "timbre": "by timbre alone",
    "faintest": "the faint sound apart",
}
# The names of more groups are too many to try them all.
_MOST_GROUPS = 6


@dataclass(frozen=True)
class Take:
    """labels: (components, sources), rows summing to one; what: of WORDS."""

    labels: Tensor
    what: str


def takes(
    snapshots: Sequence[Description],
    members: Tensor,
    first: Tensor,
    recipe: ConsensusRecipe,
    rules: Alternatives,
    *,
    wanted: int,
    inform: Callable[[Tensor], Tensor],
    generator: Callable[[], torch.Generator],
) -> Generator[int, None, list[Take]]:
    """The takes that follow the first answer, `wanted` at the most, in the order of rules.order.

    snapshots, members: as for `group_members`; first: the labels (components, sources) of the first answer, after whose
    sources those of a take are named, as far as they are the same sounds. inform(labels): what is known beside.
    generator(): the same random numbers for every take, so that none depends on which others are made. One that is
    another's likeness is left out. Yields how many groupings are done.
    """
    energy = snapshots[-1].energy
    done = count(1)
    found = [Take(first, FIRST)]
    for kind in rules.order:
        if len(found) > wanted or not energy.any():  # of silence there is one answer
            break
        if kind == "kinship" and recipe.features.kinship is None:
            continue
        maker = _Maker(snapshots, members, first, recipe, rules, generator())
        groups = yield from relay(maker.make(kind), lambda _: next(done))
        labels = inform(matched(groups.labels, first, energy))
        if all(likeness(labels, other.labels, energy) < rules.same for other in found):
            found.append(Take(labels, WORDS[kind]))
    return found[1:]


@dataclass(frozen=True)
class _Maker:
    """What takes are made of; the fields as `takes` has them."""

    snapshots: Sequence[Description]
    members: Tensor
    first: Tensor
    recipe: ConsensusRecipe
    rules: Alternatives
    generator: torch.Generator

    def make(self, kind: str) -> Clustering:
        """All members' groups, the sources in any order."""
        features = self.recipe.features
        if kind in ("timbre", "contrast"):
            features = replace(features, kinship=None)
        make = getattr(self, f"_{kind}")
        return by_members(
            lambda own: make([one.of(own) for one in self.snapshots], features, self.first[own]),
            self.snapshots[-1],
            self.members,
            features,
            self.recipe.grouping,
            sources=self.first.shape[1],
            generator=self.generator,
        )

    def _kinship(self, snapshots: Sequence[Description], features: Features, first: Tensor) -> Clustering:
        """By what was learned of other sounds: the axes of kinship, and place."""
        assert features.kinship is not None
        points = embed(snapshots[-1], features)[-len(features.kinship.exponents) :]
        energy = snapshots[-1].energy
        return clustered(points, energy, self.recipe.grouping, sources=first.shape[1], generator=self.generator)

    def _timbre(self, snapshots: Sequence[Description], features: Features, first: Tensor) -> Clustering:
        """By spectra alone, however they move, and by place."""
        still = [replace(one, textures=torch.zeros_like(one.textures[:, :1])) for one in snapshots]
        once = replace(features, compressions=features.compressions[:1])
        return group(still, once, self.recipe.grouping, sources=first.shape[1], generator=self.generator)

    def _contrast(self, snapshots: Sequence[Description], features: Features, first: Tensor) -> Clustering:
        """By the direction in which components differ most, weighed by energy: the first right singular vector of all
        features side by side. More than two sources: clusters along as many directions as it takes, one less than them.
        """
        yield 1, 1
        at = features.compressions.index(self.rules.compression)
        chosen = replace(features, compressions=(self.rules.compression,))
        points = torch.cat(
            [
                point
                for one in snapshots
                for point in embed(replace(one, textures=one.textures[:, at : at + 1]), chosen)
            ],
            1,
        )
        share = (snapshots[-1].energy / snapshots[-1].energy.sum().clamp(min=TINY))[:, None]
        points = points - (share * points).sum(0)
        directions = torch.linalg.svd(points * share.sqrt(), full_matrices=False).Vh[: first.shape[1] - 1]
        along = points @ directions.mT
        if first.shape[1] == 2:
            clusters = (along[:, 0] > 0).long()
        else:
            clusters = k_means(along[None], first.shape[1], self.recipe.grouping, self.generator)[0]
        return Groups(torch.nn.functional.one_hot(clusters, first.shape[1]).to(first.dtype), 1.0)

    def _faintest(self, snapshots: Sequence[Description], features: Features, first: Tensor) -> Clustering:
        """Some groups more than there are sources, of which the faintest are one: levels may be far apart."""
        count = min(first.shape[1] + self.rules.further, max(first.shape[1], _MOST_GROUPS))
        groups = yield from group(snapshots, features, self.recipe.grouping, sources=count, generator=self.generator)
        return Groups(apart(groups.labels, first, snapshots[-1].energy, self.rules.faint), groups.agreement)


def apart(groups: Tensor, first: Tensor, energy: Tensor, count: int) -> Tensor:
    """Labels (components, sources) of which one source is so many of the groups (components, groups), the faintest, and
    the others are as in `first`.

    It takes the place of the source that shares most energy with it. What that source had beside goes to the others, as
    much to each as it has of the groups that this lies in. energy: (components,).
    """
    mass = (groups * energy[:, None]).sum(0)
    faint = groups[:, mass.argsort()[:count]].sum(1)
    place = int((first * (faint * energy)[:, None]).sum(0).argmax())
    others = torch.arange(first.shape[1]) != place
    shared = (groups * energy[:, None]).mT @ first[:, others] + TINY
    spread = groups @ (shared / shared.sum(1, keepdim=True))
    labels = first.clone()
    labels[:, others] = (1 - faint)[:, None] * (first[:, others] + first[:, [place]] * spread)
    labels[:, place] = faint
    return labels


def matched(labels: Tensor, first: Tensor, energy: Tensor) -> Tensor:
    """Labels (components, sources) with the sources in the order in which they share most energy with the first's."""
    orders = renamings(labels.shape[1])
    _, order = best_overlap((labels * energy[:, None]).mT @ first, orders)
    return labels[:, orders[order].argsort()]


def likeness(labels: Tensor, others: Tensor, energy: Tensor) -> float:
    """Share of the energy that lies in components which two takes give to the same source, whatever it is called."""
    alike = matched(labels, others, energy).argmax(1) == others.argmax(1)
    return float(energy[alike].sum() / energy.sum().clamp(min=TINY))
