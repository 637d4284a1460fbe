"""The anchored fit: untrained networks refine masks that are there already, and are held to them."""

from __future__ import annotations

from collections.abc import Generator

import torch
import torch.nn.functional as F
from torch import Tensor

from .fit import Iteration, fit
from .losses import anchored
from .networks import DecoderBank, draw_weights
from .recipe import Refinement

_TINY = 1e-12
_LEAST_LEVEL = 1e-4  # of the mixture's mean: where a decoder starts in a bin that its target leaves empty


def refine(
    spectrogram: Tensor, masks: Tensor, recipe: Refinement, generator: torch.Generator
) -> Generator[Iteration, None, Tensor]:
    """Redraw every source by a decoder of its own and read the masks off the drawings (docs/method.md, refinement).

    spectrogram: magnitudes (bins, frames); masks: (sources, bins, frames), summing to one. x = A^c / mean is the
    mixture and t_k = mask_k x the targets of `losses.anchored`; the result is o_k / sum o, averaged over recipe.fits
    fits and blended with the given masks. Yields after every iteration, returns the masks. A spectrogram that is
    silent, or too small for the exclusion's scales, is left as it is.
    """
    sources, bins, frames = masks.shape
    smallest = 2**recipe.exclusion_scales
    level = (spectrogram**recipe.compression).mean()
    if min(bins, frames) < smallest or level <= _TINY:
        return masks
    mixture = spectrogram**recipe.compression / level
    targets = masks * mixture
    net, noise = decoders(targets, recipe, generator)

    def draw() -> Tensor:
        return net(noise, frames).unflatten(0, (recipe.fits, sources))

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

    yield from fit(net.parameters(), objective, iterations=recipe.iterations, learning_rate=recipe.learning_rate)
    with torch.no_grad():
        drawn = F.softplus(draw()) + _TINY
        return torch.lerp(masks, (drawn / drawn.sum(1, keepdim=True)).mean(0), recipe.share)


def decoders(targets: Tensor, recipe: Refinement, generator: torch.Generator) -> tuple[DecoderBank, Tensor]:
    """A fresh decoder for every fit and source, starting at its target's mean spectrum, and their noise."""
    sources, bins, frames = targets.shape
    shape = recipe.network
    net = DecoderBank(
        recipe.fits * sources,
        latent_channels=shape.latent_channels,
        channels=shape.channels,
        halvings=shape.halvings,
        kernel=shape.kernel,
        slope=shape.slope,
        bins=bins,
    )
    draw_weights(net, generator)
    noise = net.noise(frames, generator)
    mean = targets.mean(2).clamp(min=_LEAST_LEVEL)
    inverse_softplus = mean + (-(-mean).expm1()).log()
    net.set_level(inverse_softplus.repeat(recipe.fits, 1).cpu())
    return net.to(targets.device), noise.to(targets.device)
