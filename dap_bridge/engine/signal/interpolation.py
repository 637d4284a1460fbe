"""Values on one grid brought to another."""

from __future__ import annotations

import torch
from torch import Tensor


def resampled(masks: Tensor, bins: int) -> Tensor:
    """Masks (..., bins, frames) on another number of bins from zero to half the rate."""
    if masks.shape[-2] == bins:
        return masks
    return interpolate(masks, torch.linspace(0, masks.shape[-2] - 1, bins, device=masks.device), masks.ndim - 2)


def interpolate(values: Tensor, at: Tensor, dim: int) -> Tensor:
    """Linear interpolation along one axis at fractional indices; the ends are held."""
    last = values.shape[dim] - 1
    at = at.clamp(0, last)
    low = at.floor().long()
    shape = [1] * values.ndim
    shape[dim] = -1
    below, above = values.index_select(dim, low), values.index_select(dim, (low + 1).clamp(max=last))
    return torch.lerp(below, above, (at - low).reshape(shape).to(values.dtype))
