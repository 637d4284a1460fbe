"""What a component is like, in many numbers, and the space of these in which the components of one sound are near."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...recipe import Front
from ...signal.rows import bins
from ...tiny import TINY
from .recipe import Kinship, Traits

# Shares are of no account below this.
_LEAST = 1e-6


def traits(spectra: Tensor, activations: Tensor, recipe: Traits, front: Front) -> dict[str, Tensor]:
    """Traits beside those that clusterings go by in any case: each (components, numbers), on the CPU.

    spectra: (components, views, rows), activations: (components, frames), magnitudes.
    """
    power = spectra.square().sum(1)
    found = _spectral(power[:, : bins(front)], recipe) | _temporal(activations, recipe, front)
    above = power[:, bins(front) :].sum(1) / power.sum(1).clamp(min=TINY)
    found["highs"] = above.clamp(min=_LEAST).log()[:, None]
    return {name: values.cpu() for name, values in found.items()}


def _spectral(power: Tensor, recipe: Traits) -> dict[str, Tensor]:
    """Of powers (components, bins).

    tonality: how far peaks stand out, the log of the mean around a bin over the bin, nats, by energy, for surroundings
    of several widths; peaks: log number; entropy, centroid, bandwidth: of the spectrum as a distribution.
    """
    relative = power / power.amax(1, keepdim=True).clamp(min=TINY)
    log = relative.clamp(min=_LEAST).log()
    tonality = []
    for width in recipe.widths:
        around = _smooth(relative, width)
        weight = around / around.sum(1, keepdim=True).clamp(min=TINY)
        tonality.append((weight * (around.clamp(min=_LEAST).log() - log)).sum(1))
    middle = relative[:, 1:-1]
    peaks = (middle > relative[:, :-2]) & (middle > relative[:, 2:]) & (middle > recipe.peak)
    share = power / power.sum(1, keepdim=True).clamp(min=TINY)
    at = torch.linspace(0, 1, power.shape[1], device=power.device)
    centroid = (share @ at)[:, None]
    bandwidth = (share * (at - centroid).square()).sum(1, keepdim=True).sqrt()
    return {
        "tonality": torch.stack(tonality, 1),
        "peaks": peaks.sum(1, keepdim=True).clamp(min=1).log(),
        "entropy": -(share * share.clamp(min=TINY).log()).sum(1, keepdim=True),
        "centroid": centroid.clamp(min=1e-3).log(),
        "bandwidth": bandwidth.clamp(min=1e-3).log(),
    }


def _temporal(activations: Tensor, recipe: Traits, front: Front) -> dict[str, Tensor]:
    """Of activations (components, frames).

    roughness: log variance of steps over that of levels; asymmetry: skewness of steps, positive where a sound rises
    faster than it falls; modulation: log shares of the changes of level in octaves; slow: autocorrelation at long lags;
    onsets: log rate of rises; activity: share of the time; levels: log quantiles.
    """
    level = activations / activations.mean(1, keepdim=True).clamp(min=TINY)
    frames = level.shape[1]
    root = level.sqrt()
    centred = root - root.mean(1, keepdim=True)
    variance = centred.square().mean(1).clamp(min=TINY)
    steps = F.pad(root.diff(dim=1), (0, 1))
    energy = steps.square().mean(1)
    edges = recipe.modulations
    powers = torch.fft.rfft(centred).abs().square()
    hertz = torch.fft.rfftfreq(frames, front.hop / front.rate, device=level.device)
    octave = torch.bucketize(hertz, torch.tensor(edges[1:-1], device=level.device), right=True)
    inside = hertz < edges[-1]
    changes = level.new_zeros(len(level), len(edges) - 1).index_add_(1, octave[inside], powers[:, inside])
    changes = changes / changes.sum(1, keepdim=True).clamp(min=TINY)
    smooth = _smooth(level, recipe.smooth)
    before = F.pad(smooth, (recipe.before, 0))[:, :frames]
    rising = (smooth > recipe.rise * before + recipe.swell).to(level.dtype)
    ordered = level.sort(1).values
    quantiles = torch.stack([ordered[:, int(frames * quantile)] for quantile in recipe.quantiles], 1)
    slow = [
        (centred[:, lag:] * centred[:, : max(0, frames - lag)]).sum(1) / variance / frames for lag in recipe.slow_lags
    ]
    return {
        "roughness": (energy / variance).clamp(min=1e-4).log()[:, None],
        "asymmetry": (steps.pow(3).mean(1) / (energy**1.5 + 1e-9))[:, None],
        "modulation": changes.clamp(min=1e-4).log(),
        "slow": torch.stack(slow, 1),
        "onsets": ((rising.diff(dim=1) > 0).sum(1, keepdim=True) / frames + 1e-3).log(),
        "activity": (level > recipe.sounding).to(level.dtype).mean(1, keepdim=True),
        "levels": quantiles.clamp(min=1e-4).log(),
    }


def _smooth(values: Tensor, width: int) -> Tensor:
    """Running means along the second of two dimensions, over what there is of the width at the ends."""
    return F.avg_pool1d(values[:, None], width, 1, width // 2, count_include_pad=False)[:, 0]


def standard(values: Tensor, least: float) -> Tensor:
    """Columns centred, with a standard deviation of one, where they vary by more than `least`."""
    centred = values - values.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp(min=least)


def unit(values: Tensor) -> Tensor:
    """Centred, with total variance one over all columns."""
    centred = values - values.mean(0)
    return centred / centred.square().sum(1).mean().sqrt().clamp(min=TINY)


def kin(values: dict[str, Tensor], recipe: Kinship) -> Tensor:
    """Points in which the components of one sound lie near one another, (components, axes), for each of the exponents.

    values: by the names of recipe.axes, (components, numbers) each, standardised. The axes are linear discriminants
    (Fisher 1936): what varies within sounds counts less, and so does what varies with it. An axis counts by its
    separation to the exponent.
    """
    axes = torch.cat([torch.tensor(recipe.axes[name]) for name in recipe.axes])
    found = torch.cat([values[name] for name in recipe.axes], 1) @ axes
    separation = torch.tensor(recipe.separation)
    return torch.stack([found * separation**exponent for exponent in recipe.exponents])
