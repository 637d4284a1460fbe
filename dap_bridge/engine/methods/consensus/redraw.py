"""Decoders: untrained networks redraw masks that are there already, and are held to them."""

from __future__ import annotations

from collections.abc import Generator

import torch
import torch.nn.functional as F
from torch import Tensor

from ...nets.decoders import bank, fresh_decoders
from ...nets.losses import redraw_loss
from ...nets.networks import DecoderBank
from ...nets.optimise import Iteration, optimise
from ...recipe import Refinement
from ...tiny import TINY
from .learned import Decoders


def redraw(
    spectrogram: Tensor, masks: Tensor, recipe: Refinement, generator: torch.Generator
) -> Generator[Iteration, None, tuple[Tensor, Decoders | None]]:
    """Redraw every source by a decoder of its own and read the masks off the drawings (docs/methods/consensus.md).

    spectrogram: magnitudes (bins, frames); masks: (members, sources, bins, frames), summing to one over sources: every
    member has decoders of its own, all in one batch. x = A^c / mean is the mixture and t_k = mask_k x the targets of
    `losses.redraw_loss`; the result is o_k / sum o, blended with the given masks, as large as they are. Yields after
    every iteration, returns the masks and the decoders. A spectrogram that is silent, or too small for the exclusion's
    scales, is left as it is, without decoders.
    """
    mixture = _mixture(spectrogram, recipe)
    if mixture is None:
        return masks, None
    net, noise = fresh_decoders(masks * mixture, recipe.network, generator)
    drawn = yield from _drawn(net, noise, mixture, masks, recipe, recipe.iterations)
    return torch.lerp(masks, drawn, recipe.share), Decoders(net.state_dict(), noise)


def redraw_on(
    spectrogram: Tensor, masks: Tensor, decoders: Decoders, recipe: Refinement, *, iterations: int
) -> Generator[Iteration, None, Tensor]:
    """`redraw` by decoders that have drawn before, toward other masks: fewer iterations do.

    Returns the masks; with 0 iterations they are what `redraw` gave, where masks are what it was given.
    """
    mixture = _mixture(spectrogram, recipe)
    if mixture is None:
        return masks
    net = bank(masks.shape[:2].numel(), len(spectrogram), recipe.network)
    net.load_state_dict(decoders.weights)
    net.to(masks.device)
    drawn = yield from _drawn(net, decoders.noise.to(masks.device), mixture, masks, recipe, iterations)
    return torch.lerp(masks, drawn, recipe.share)


def _mixture(spectrogram: Tensor, recipe: Refinement) -> Tensor | None:
    """A^c / mean, None where there is nothing that decoders could draw."""
    level = (spectrogram**recipe.compression).mean()
    if min(spectrogram.shape) < 2**recipe.exclusion_scales or level <= TINY:
        return None
    return spectrogram**recipe.compression / level


def _drawn(
    net: DecoderBank, noise: Tensor, mixture: Tensor, masks: Tensor, recipe: Refinement, iterations: int
) -> Generator[Iteration, None, Tensor]:
    """Optimise the decoders in place; the masks that they draw."""
    targets = masks * mixture

    def draw() -> Tensor:
        drawn: Tensor = net(noise, masks.shape[3]).unflatten(0, masks.shape[:2])
        return drawn

    def objective(_: int) -> Tensor:
        return redraw_loss(
            draw(),
            targets,
            mixture,
            anchor=recipe.anchor,
            smoothness=recipe.smoothness,
            reconstruction=recipe.reconstruction,
            exclusion=recipe.exclusion,
            scales=recipe.exclusion_scales,
        )

    yield from optimise(net.parameters(), objective, iterations=iterations, learning_rate=recipe.learning_rate)
    with torch.no_grad():
        drawn = F.softplus(draw()) + TINY
        return drawn / drawn.sum(1, keepdim=True)
