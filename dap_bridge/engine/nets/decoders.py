"""Banks of decoders as recipes describe them, and how one starts."""

from __future__ import annotations

import torch
from torch import Tensor

from ..recipe import DecoderShape
from .networks import DecoderBank, draw_weights

_LEAST_LEVEL = 1e-4  # of the mixture's mean: where a decoder starts in a bin that its target leaves empty


def bank(decoders: int, bins: int, shape: DecoderShape, remembers: bool = False) -> DecoderBank:
    """So many decoders of one shape, whose weights are still to be drawn or loaded; remembers: see DecoderBank."""
    return DecoderBank(
        decoders,
        latent_channels=shape.latent_channels,
        channels=shape.channels,
        halvings=shape.halvings,
        kernel=shape.kernel,
        slope=shape.slope,
        bins=bins,
        remembers=remembers,
    )


def fresh_decoders(targets: Tensor, shape: DecoderShape, generator: torch.Generator) -> tuple[DecoderBank, Tensor]:
    """A fresh decoder for every target (..., bins, frames), starting at its mean spectrum, and their noise."""
    mean = targets.flatten(0, -3).mean(2).clamp(min=_LEAST_LEVEL)
    decoders, bins = mean.shape
    net = bank(decoders, bins, shape)
    draw_weights(net, generator)
    noise = net.noise(targets.shape[-1], generator)
    inverse_softplus = mean + (-(-mean).expm1()).log()
    net.set_level(inverse_softplus.cpu())
    return net.to(targets.device), noise.to(targets.device)
