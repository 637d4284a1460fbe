"""What is known of components beside how they were clustered, and the one place where it meets their labels.

Whatever says which sounds components belong to becomes a `Prior`: labels in, labels out. What sources look like where
silence parts them is one, a user's boxes are another; `informed` lets them speak in turn, for a separation and for its
correction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...tiny import TINY
from .grouping import best_overlap, renamings
from .recipe import Boxes

# Labels of a chunk's components (components, sources), rows summing to one, as they were and as they are to be.
Prior = Callable[[Tensor], Tensor]


def informed(labels: Tensor, priors: Iterable[Prior]) -> Tensor:
    """The labels once all priors have spoken, the later over the earlier."""
    for prior in priors:
        labels = prior(labels)
    return labels


def settle(labels: Tensor, energy: Tensor, islands: Tensor) -> Tensor:
    """Labels (components, sources) where every source is one island: that which most of the given labels speak for.

    energy: (components,); islands: (components,) indices, as many islands as sources.
    """
    sources = labels.shape[1]
    member = torch.nn.functional.one_hot(islands, sources).to(labels.dtype)
    _, order = best_overlap((member * energy[:, None]).mT @ labels, renamings(sources))
    return torch.eye(sources)[renamings(sources)[order]][islands]


@dataclass(frozen=True)
class Evidence:
    """What boxes say of components. shares: (components, sources), of a component's own energy, for each source;
    against: (components, sources), the same, for any source but this one.
    """

    shares: Tensor
    against: Tensor


def relabel(labels: Tensor, evidence: Evidence, recipe: Boxes) -> Tensor:
    """Labels (components, sources) after the evidence, rows summing to one.

    l' = (tau^p l + n^(p-1) e) / (tau^p + n^p) with n = sum e. tau is recipe.doubt: how much evidence, as a share of a
    component's energy, weighs as much as the grouping's own opinion; p, recipe.sharpness, how much less counts what is
    below it. What speaks against a source speaks for the others, in the proportion of their labels.
    """
    others = labels[:, None] * (1 - torch.eye(labels.shape[1])) + TINY * (1 - torch.eye(labels.shape[1]))
    spread = others / others.sum(2, keepdim=True)
    favour = evidence.shares + torch.einsum("cj,cjk->ck", evidence.against, spread)
    total = favour.sum(1, keepdim=True)
    power = recipe.sharpness
    prior: float = recipe.doubt**power
    return (prior * labels + total ** (power - 1) * favour) / (prior + total**power)
