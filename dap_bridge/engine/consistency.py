"""Estimates -> stems: soft masks on the clip's own complex spectrogram; the stems sum to the clip."""

from __future__ import annotations

import torch
from torch import Tensor

from .recipe import Front, Stems
from .stft import istft, stft

_TINY = 1e-20


def apply_masks(mixture: Tensor, rate: int, masks: Tensor, front: Front, stems: Stems) -> Tensor:
    """Stems (sources, channels, frames) of `mixture` (channels, frames) at `rate`, whose sum is the mixture.

    masks: (sources, bins, frames) on the front's grid, any rate of the mixture. They are interpolated linearly, in Hz
    and in seconds, onto the mixture's own spectrogram; all channels share one mask. Above the front's band the sources
    share every frame as they share the energy of the `stems.tail_octaves` octaves below the band's edge.
    """
    n_fft = 2 ** max(4, (round(stems.window_s * rate) - 1).bit_length())
    hop = n_fft // stems.overlap
    spectrogram = stft(mixture, n_fft, hop)
    shares = _on_grid(masks, spectrogram, rate, n_fft, hop, front, stems)
    parts = torch.stack([istft(spectrogram * share, n_fft, hop, mixture.shape[-1]) for share in shares])
    return parts + (mixture - parts.sum(0)) / len(parts)


def _on_grid(masks: Tensor, spectrogram: Tensor, rate: int, n_fft: int, hop: int, front: Front, stems: Stems) -> Tensor:
    """masks on the bins and frames of the mixture's spectrogram, summing to one."""
    _, bins, frames = spectrogram.shape
    hertz = torch.arange(bins, device=masks.device) * (rate / n_fft)
    seconds = torch.arange(frames, device=masks.device) * (hop / rate)
    masks = _interpolate(masks, seconds * (front.rate / front.hop), dim=2)
    shares = _interpolate(masks, hertz * (front.n_fft / front.rate), dim=1)
    edge = front.rate / 2
    above = hertz > edge
    band = (hertz > edge / 2**stems.tail_octaves) & ~above
    energy = spectrogram[:, band].abs().square().sum(0)
    tail = (shares[:, band] * energy).sum(1) + shares[:, band].mean(1) * _TINY
    shares[:, above] = tail[:, None]
    return shares / shares.sum(0).clamp(min=_TINY)


def _interpolate(values: Tensor, at: Tensor, dim: int) -> Tensor:
    """Linear interpolation along one axis at fractional indices; the ends are held."""
    last = values.shape[dim] - 1
    at = at.clamp(0, last)
    low = at.floor().long()
    shape = [1] * values.ndim
    shape[dim] = -1
    below, above = values.index_select(dim, low), values.index_select(dim, (low + 1).clamp(max=last))
    return torch.lerp(below, above, (at - low).reshape(shape).to(values.dtype))
