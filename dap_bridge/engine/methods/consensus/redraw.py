"""The anchored fit: untrained networks refine masks that are there already, and are held to them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...nets.losses import anchored
from ...nets.networks import DecoderBank, draw_weights
from ...nets.optimise import Iteration, fit
from ...recipe import Refinement

_TINY = 1e-12
_LEAST_LEVEL = 1e-4  # of the mixture's mean: where a decoder starts in a bin that its target leaves empty


@dataclass(frozen=True)
class Decoders:
    """A fit that can go on: the weights of a DecoderBank by their names, and the noise it draws from."""

    weights: dict[str, Tensor]
    noise: Tensor


def refine(
    spectrogram: Tensor, masks: Tensor, recipe: Refinement, generator: torch.Generator
) -> Generator[Iteration, None, tuple[Tensor, Decoders | None]]:
    """Redraw every source by a decoder of its own and read the masks off the drawings (docs/method.md, refinement).

    spectrogram: magnitudes (bins, frames); masks: (members, sources, bins, frames), summing to one over sources: every
    member of a committee has a fit of its own, all in one batch. x = A^c / mean is the mixture and t_k = mask_k x the
    targets of `losses.anchored`; the result is o_k / sum o, blended with the given masks, as large as they are. Yields
    after every iteration, returns the masks and the decoders. A spectrogram that is silent, or too small for the
    exclusion's scales, is left as it is, without decoders.
    """
    mixture = _mixture(spectrogram, recipe)
    if mixture is None:
        return masks, None
    net, noise = fresh_decoders(masks * mixture, recipe, generator)
    drawn = yield from _fit(net, noise, mixture, masks, recipe, recipe.iterations)
    return torch.lerp(masks, drawn, recipe.share), Decoders(net.state_dict(), noise)


def restart(
    spectrogram: Tensor, masks: Tensor, decoders: Decoders, recipe: Refinement, *, iterations: int
) -> Generator[Iteration, None, Tensor]:
    """`refine` from decoders that were fitted before, toward other masks: fewer iterations do.

    Returns the masks; with 0 iterations they are what `refine` gave, where masks are what it was given.
    """
    mixture = _mixture(spectrogram, recipe)
    if mixture is None:
        return masks
    net = _bank(masks.shape[:2].numel(), len(spectrogram), recipe)
    net.load_state_dict(decoders.weights)
    net.to(masks.device)
    drawn = yield from _fit(net, decoders.noise.to(masks.device), mixture, masks, recipe, iterations)
    return torch.lerp(masks, drawn, recipe.share)


def _mixture(spectrogram: Tensor, recipe: Refinement) -> Tensor | None:
    """A^c / mean, None where there is nothing that decoders could draw."""
    level = (spectrogram**recipe.compression).mean()
    if min(spectrogram.shape) < 2**recipe.exclusion_scales or level <= _TINY:
        return None
    return spectrogram**recipe.compression / level


def _fit(
    net: DecoderBank, noise: Tensor, mixture: Tensor, masks: Tensor, recipe: Refinement, iterations: int
) -> Generator[Iteration, None, Tensor]:
    """Fit the decoders in place; the masks that they draw."""
    targets = masks * mixture

    def draw() -> Tensor:
        return net(noise, masks.shape[3]).unflatten(0, masks.shape[:2])

    def objective(_: int) -> Tensor:
        return anchored(
            draw(),
            targets,
            mixture,
            anchor=recipe.anchor,
            smoothness=recipe.smoothness,
            reconstruction=recipe.reconstruction,
            exclusion=recipe.exclusion,
            scales=recipe.exclusion_scales,
        )

    yield from fit(net.parameters(), objective, iterations=iterations, learning_rate=recipe.learning_rate)
    with torch.no_grad():
        drawn = F.softplus(draw()) + _TINY
        return drawn / drawn.sum(1, keepdim=True)


def fresh_decoders(targets: Tensor, recipe: Refinement, generator: torch.Generator) -> tuple[DecoderBank, Tensor]:
    """A fresh decoder for every target (..., bins, frames), starting at its mean spectrum, and their noise."""
    mean = targets.flatten(0, -3).mean(2).clamp(min=_LEAST_LEVEL)
    decoders, bins = mean.shape
    net = _bank(decoders, bins, recipe)
    draw_weights(net, generator)
    noise = net.noise(targets.shape[-1], generator)
    inverse_softplus = mean + (-(-mean).expm1()).log()
    net.set_level(inverse_softplus.cpu())
    return net.to(targets.device), noise.to(targets.device)


def _bank(decoders: int, bins: int, recipe: Refinement) -> DecoderBank:
    shape = recipe.network
    return DecoderBank(
        decoders,
        latent_channels=shape.latent_channels,
        channels=shape.channels,
        halvings=shape.halvings,
        kernel=shape.kernel,
        slope=shape.slope,
        bins=bins,
    )
