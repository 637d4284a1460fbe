"""One function per equation: what a separation should be, as numbers to make small."""

from __future__ import annotations

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

# The published sum is divided by 9 at every scale (the colour pairs of an RGB image; a spectrogram has but one) and
# then by 2 (its two axes).
_EXCLUSION_DIVISOR_PER_SCALE = 9 * 2

# Below this mean the fourth root's slope outgrows float32: two silent stems would turn the gradient into NaN.
_EXCLUSION_FLOOR = 1e-20

# Keeps 1 / mask finite, as published for the binary mask.
_MASK_FLOOR = 1e-6


def reconstruction(stems: Tensor, mixture: Tensor) -> Tensor:
    """mean |sum_k s_k - X|: the stems add up to the mixture (method, losses).

    stems: (sources, ..., bins, frames), mixture: (..., bins, frames), both magnitudes. Returns a scalar.
    """
    return (stems.sum(0) - mixture).abs().mean()


def temporal_smoothness(sources: Tensor) -> Tensor:
    """sum_k mean |S_k(t+1) - S_k(t)|: a sound changes slowly (method, losses).

    sources: (sources, ..., frames), at least two frames. Differences are taken within the last axis only, never across
    segments. Returns a scalar.
    """
    return sources.diff(dim=-1).abs().flatten(1).mean(1).sum()


def exclusion(a: Tensor, b: Tensor, *, scales: int) -> Tensor:
    """Two stems change in different places (method, losses).

    For each axis and each of `scales` scales (2x2 average pooling between them):
    (mean[(2 sig(dA) - 1)^2 (2 sig(dB) - 1)^2])^(1/4); their sum, divided by 9 per scale and then by 2. 2 sig(d) - 1 is
    written tanh(d / 2), which is the same number.

    a, b: (..., bins, frames), each side at least 2^scales long. Returns a scalar.
    """
    # (1, n, bins, frames): pooling wants exactly this many axes
    a, b = (x.reshape(1, -1, *x.shape[-2:]) for x in (a, b))
    total = a.new_zeros(())
    for scale in range(scales):
        if scale:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        for axis in (-2, -1):
            product = (a.diff(dim=axis) / 2).tanh() * (b.diff(dim=axis) / 2).tanh()
            total = total + product.square().mean().clamp(min=_EXCLUSION_FLOOR) ** 0.25
    return total / (scales * _EXCLUSION_DIVISOR_PER_SCALE)


def pairwise_exclusion(stems: Tensor, *, scales: int) -> Tensor:
    """Sum of `exclusion` over every pair of stems; for two stems it is `exclusion` itself.

    stems: (sources, ..., bins, frames), at least two sources. Returns a scalar.
    """
    return torch.stack([exclusion(a, b, scales=scales) for a, b in combinations(stems, 2)]).sum()


def nonzero_mask(masks: Tensor, mixture: Tensor) -> Tensor:
    """mean[w / min(sum_k m_k, 1)], w = clip(log(1 + X), 0, 1): where there is sound, a mask is open (method, losses).

    masks: (sources, ..., bins or 1, frames) in 0..1, mixture: (..., bins, frames), magnitude. Returns a scalar.
    """
    weight = mixture.log1p().clamp(0, 1)
    return (weight / masks.sum(0).clamp(_MASK_FLOOR, 1)).mean()


def binary_mask(mask: Tensor) -> Tensor:
    """mean over segments of 1 / (1e-6 + mean |m - 1/2|): a mask is open or closed (method, losses).

    mask: (segments, ..., frames) in 0..1. Returns a scalar, 2 at the least.
    """
    return ((mask - 0.5).abs().flatten(1).mean(1) + _MASK_FLOOR).reciprocal().mean()


def is_collapsed(stems: Tensor, threshold: float) -> bool:
    """exp(-min_k mean s_k) >= threshold: one stem has fallen silent (method, losses).

    stems: (sources, ...), magnitudes at the level of the fit.
    """
    return bool((-stems.flatten(1).mean(1).min()).exp() >= threshold)
