"""What is left of a bin whose noise is known: the MMSE estimator of log spectra (Ephraim and Malah 1985)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..recipe import Gain
from ..tiny import TINY

# exp(-80) is below float32's resolution of one by far.
LARGEST_EXPONENT = 80.0


def log_spectral_gain(snr: Tensor, gamma: Tensor) -> Tensor:
    """G = xi / (1 + xi) exp(E1(v) / 2), v = gamma xi / (1 + xi), at most one; any shape.

    snr: xi, the a priori SNR; gamma: the a posteriori one, power over noise.
    """
    wiener = snr / (1 + snr)
    return (wiener * torch.exp(exponential_integral((wiener * gamma).clamp(min=1e-8)) / 2)).clamp(max=1)


def decision_directed_gain(power: Tensor, noise: Tensor, recipe: Gain) -> Tensor:
    """The log-spectral gain of powers over noise, (bins, frames) each, frame after frame: (bins, frames).

    xi = a G'^2 gamma' + (1 - a) max(gamma - 1, 0), with ' of the frame before.
    """
    gamma = power / noise.clamp(min=TINY)
    before = torch.ones_like(gamma[:, 0])
    least = least_snr(recipe)
    gains = []
    for now in gamma.T:
        snr = (recipe.decision * before + (1 - recipe.decision) * (now - 1).clamp(min=0)).clamp(min=least)
        gain = log_spectral_gain(snr, now)
        before = gain.square() * now
        gains.append(gain)
    return torch.stack(gains, dim=1)


def both_ways(power: Tensor, noise: Tensor, recipe: Gain) -> tuple[Tensor, Tensor]:
    """The decision-directed gain forwards in time, which cuts the beginnings of words, and backwards: their ends."""
    backwards = decision_directed_gain(power.flip(1), noise.flip(1), recipe).flip(1)
    return decision_directed_gain(power, noise, recipe), backwards


def least_snr(recipe: Gain) -> float:
    return 10 ** (recipe.least_snr_db / 10)


def high_pass(hertz: Tensor, recipe: Gain) -> Tensor:
    """What is left of each frequency, 0 .. 1: all from recipe.lowest on, nothing from recipe.slope_hz below that."""
    return ((hertz - recipe.lowest) / recipe.slope_hz + 1).clamp(0, 1)


def exponential_integral(v: Tensor) -> Tensor:
    """E1(v) for v > 0, to 2e-7 and better (Abramowitz and Stegun 1964, 5.1.53 and 5.1.56)."""
    low, high = v.clamp(max=1), v.clamp(min=1, max=LARGEST_EXPONENT)
    near = -low.log() + _horner(low, _NEAR_ONE)
    far = torch.exp(-high) / high * _horner(high, _FAR_ABOVE) / _horner(high, _FAR_BELOW)
    return torch.where(v < 1, near, far)


_NEAR_ONE = (-0.57721566, 0.99999193, -0.24991055, 0.05519968, -0.00976004, 0.00107857)
_FAR_ABOVE = (0.2677737343, 8.6347608925, 18.0590169730, 8.5733287401, 1.0)
_FAR_BELOW = (3.9584969228, 21.0996530827, 25.6329561486, 9.5733223454, 1.0)


def _horner(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """sum_k coefficients[k] x^k."""
    total = torch.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
