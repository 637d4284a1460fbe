"""One function per equation: what a separation should be, as numbers to make small."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Any

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
    (mean[(2 sig(dA) - 1)^2 (2 sig(dB) - 1)^2])^(1/4); their sum, divided by 9 per scale and then by 2.

    a, b: (..., bins, frames), each side at least 2^scales long. Returns a scalar.
    """
    total = a.new_zeros(())
    for scale in range(scales):
        if scale:
            a, b = _halved(a), _halved(b)
        for axis in (-2, -1):
            product = (2 * a.diff(dim=axis).sigmoid() - 1) * (2 * b.diff(dim=axis).sigmoid() - 1)
            total = total + product.square().mean().clamp(min=_EXCLUSION_FLOOR) ** 0.25
    return total / (scales * _EXCLUSION_DIVISOR_PER_SCALE)


def _halved(image: Tensor) -> Tensor:
    """2x2 average pooling of (..., bins, frames); an odd last row or column is left out.

    Four strided terms: an eighth of `F.avg_pool2d`'s time on a CPU.
    """
    bins, frames = image.shape[-2] // 2 * 2, image.shape[-1] // 2 * 2
    image = image[..., :bins, :frames]
    rows = image[..., ::2, :] + image[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) / 4


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
    """exp(-min_k mean s_k) >= threshold: one stem has fallen silent (method, separated or not). No loss.

    stems: (sources, ...), magnitudes at the level that the networks draw at.
    """
    return bool((-stems.flatten(1).mean(1).min()).exp() >= threshold)


def told_apart(powers: Tensor, least_bits: float) -> float:
    """I(k; f) / max(H(k), least_bits): how much the bin tells of what is unknown about the stem.

    1 where every bin is one stem's alone, 0 where the stems have one spectrum or one of them has everything; of more
    than two stems, that of the pair told apart least. No loss (method, separated or not). powers: (sources, bins), each
    stem's energy in each bin, at least two sources; least_bits: over less, a stem that is nearly silent would be told
    apart by the bins of the noise floor that are left to it.
    """
    return min(_told_by_bins(torch.stack(pair), least_bits) for pair in combinations(powers.double(), 2))


def _told_by_bins(powers: Tensor, least_bits: float) -> float:
    joint = powers / powers.sum()
    of_stems, of_bins, of_both = (float(torch.special.entr(p).sum()) for p in (joint.sum(1), joint.sum(0), joint))
    return (of_stems + of_bins - of_both) / max(of_stems, least_bits * math.log(2))


def redraw_loss(
    logits: Tensor,
    targets: Tensor,
    mixture: Tensor,
    *,
    anchor: float,
    smoothness: float,
    reconstruction: float,
    exclusion: float,
    scales: int,
) -> Tensor:
    """The whole objective of decoders that redraw, on o = softplus(logits), with a gradient written out by hand.

    anchor sum_k mean |o_k - t_k| + smoothness `temporal_smoothness`(o) + reconstruction `reconstruction`(o, X)
    + exclusion `pairwise_exclusion`(o), summed over independent batches (docs/methods/consensus.md). Autograd's tape
    would cost more than the networks.

    logits: (batches, sources, bins, frames), targets: (sources, bins, frames), mixture: (bins, frames); bins and frames
    at least 2^scales. Returns a scalar.
    """
    arguments = (logits, targets, mixture, anchor, smoothness, reconstruction, exclusion, scales)
    loss: Tensor = _RedrawLoss.apply(*arguments)  # type: ignore[no-untyped-call]  # torch has no types for it
    return loss


class _RedrawLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        targets: Tensor,
        mixture: Tensor,
        anchor: float,
        smoothness: float,
        reconstruction: float,
        exclusion: float,
        scales: int,
    ) -> Tensor:
        o = F.softplus(logits)
        size = mixture.numel()
        difference = o - targets
        loss = anchor / size * difference.abs().sum()
        gradient = difference.sign_().mul_(anchor / size)
        change = o.diff(dim=-1)
        weight = smoothness / change[0, 0].numel()
        loss += weight * change.abs().sum()
        _add_difference(gradient, change.sign_(), -1, weight)
        rest = o.sum(1) - mixture
        loss += reconstruction / size * rest.abs().sum()
        gradient.add_(rest.sign_()[:, None], alpha=reconstruction / size)
        part, slope = _exclusion_with_gradient(o, scales)
        loss += exclusion * part
        gradient.add_(slope, alpha=exclusion)
        # the derivative of softplus is the sigmoid
        ctx.save_for_backward(gradient.mul_(logits.sigmoid()))
        return loss

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return outer * gradient, *[None] * 7


def _add_difference(gradient: Tensor, slope: Tensor, axis: int, weight: float = 1) -> None:
    """Add to `gradient` what `slope`, a gradient with respect to x.diff(dim=axis), makes of it with respect to x."""
    steps = slope.shape[axis]
    gradient.narrow(axis, 1, steps).add_(slope, alpha=weight)
    gradient.narrow(axis, 0, steps).sub_(slope, alpha=weight)


def _exclusion_with_gradient(o: Tensor, scales: int) -> tuple[Tensor, Tensor]:
    """`pairwise_exclusion` of every batch, summed, and its gradient; o: (batches, sources, bins, frames)."""
    total, level, gradients = o.new_zeros(()), o, []
    for scale in range(scales):
        if scale:
            level = _halved(level)
        gradient = torch.zeros_like(level)
        for axis in (-2, -1):
            s = level.diff(dim=axis).sigmoid_().sub_(0.5)  # tanh(d / 2) / 2, in a fifth of its time
            for a, b in combinations(range(o.shape[1]), 2):
                part, slope_a, slope_b = _exclusion_term(s[:, a], s[:, b])
                total += part
                _add_difference(gradient[:, a], slope_a, axis)
                _add_difference(gradient[:, b], slope_b, axis)
        gradients.append(gradient)
    for coarse, fine in reversed(list(zip(gradients[1:], gradients[:-1], strict=True))):
        rows, columns = coarse.shape[-2:]
        for row, column in product((0, 1), repeat=2):
            fine[..., row : 2 * rows : 2, column : 2 * columns : 2].add_(coarse, alpha=0.25)
    divisor = scales * _EXCLUSION_DIVISOR_PER_SCALE
    return total / divisor, gradients[0] / divisor


def _exclusion_term(s: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(mean[u^2 v^2])^(1/4) of every batch, summed, u = 2 s = 2 sig(dA) - 1, v = 2 t = 2 sig(dB) - 1; its gradients by
    dA and dB. The whole spectrogram goes through memory at every step here: so there are few.
    """
    both = s * t
    mean = (16 * both.square().flatten(1).mean(1)).clamp(min=_EXCLUSION_FLOOR)
    outer = (2 * mean**-0.75 / s[0].numel())[:, None, None]
    # u v^2 (1 - u^2) / 8 = s t . t - 4 (s t)^2 . s
    weighted = both * outer
    squares = both.mul_(weighted)
    by_a = (weighted * t).addcmul_(squares, s, value=-4)
    by_b = weighted.mul_(s).addcmul_(squares, t, value=-4)
    return (mean**0.25).sum(), by_a, by_b
