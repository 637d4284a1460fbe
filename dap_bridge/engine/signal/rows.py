"""What methods see of a clip, row by row: the bins up to half the front's rate, and above these bands of the clip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recipe import Front, Highs
from .interpolation import interpolate, resampled
from .stft import magnitude


@dataclass(frozen=True)
class Heard:
    """A chunk of a clip. view: (channels, samples) at the front's rate; audio: (channels, frames) at `rate` Hz, as the
    clip has it.
    """

    view: Tensor
    audio: Tensor
    rate: int

    def to(self, device: torch.device) -> Heard:
        return Heard(self.view.to(device), self.audio.to(device), self.rate)


def see(heard: Heard, front: Front) -> Tensor:
    """What a front sees: magnitudes (views, rows, frames), rows as `hertz` says.

    A band's power is the sum of its bins' in a spectrogram of the clip at its own rate, whose window is as long as the
    front's to the nearest power of two, and whose frames lie where the front's do. A tone is as high in a band as it is
    in a bin.
    """
    seen = magnitude(heard.view, front)
    if front.highs is None or not (bands := _count(front, front.highs, heard.rate)):
        return seen
    n_fft = 2 ** max(4, round(math.log2(front.n_fft * heard.rate / front.rate)))
    own = torch.arange(n_fft // 2 + 1, device=seen.device) * (heard.rate / n_fft)
    own, first = own[own > front.rate / 2], int((own <= front.rate / 2).sum())
    band = band_of(own, front.rate / 2, front.highs.bands).clamp(max=bands - 1)
    at = (torch.arange(seen.shape[2], device=seen.device) * (front.hop * heard.rate / front.rate)).round().long()
    audio = heard.audio.mean(0, keepdim=True) if front.view == "mono" else heard.audio
    powers = seen.new_zeros(len(audio), bands, seen.shape[2])
    for channel, sum_of in zip(audio, powers, strict=True):  # one at a time, for all frames overlap in memory
        sum_of.index_add_(0, band, _framed(channel, n_fft, at)[first:])
    if front.view == "power":
        powers = powers.mean(0, keepdim=True)
    return torch.cat([seen, powers.sqrt() * (front.n_fft / n_fft)], dim=1)


def _framed(channel: Tensor, n_fft: int, centres: Tensor) -> Tensor:
    """Powers (bins, frames) of (samples,) in Hann windows around the centres, silence beyond its ends."""
    padded = F.pad(channel, (n_fft // 2, max(n_fft, int(centres[-1]) + n_fft - len(channel))))
    window = torch.hann_window(n_fft, device=channel.device, dtype=channel.dtype)
    frames = padded[centres[:, None] + torch.arange(n_fft, device=channel.device)] * window
    powers: Tensor = torch.fft.rfft(frames).abs().square().T
    return powers


def band_of(hertz: Tensor, lowest: float, bands: int) -> Tensor:
    """Which band each frequency lies in, so many an octave from the lowest up, which the first one begins at."""
    return ((hertz / lowest).log2() * bands).floor().long()


def _count(front: Front, highs: Highs, rate: int) -> int:
    """Of the bands above the front's band that a clip of this rate fills."""
    return max(0, int(highs.bands * math.log2(min(rate / 2, highs.top) / (front.rate / 2))))


def bins(front: Front) -> int:
    """How many of the rows are bins of the front's own spectrogram: the first ones."""
    return front.n_fft // 2 + 1


def hertz(front: Front, rate: int, rows: int, device: torch.device) -> Tensor:
    """The middle of each of so many rows, in Hz, of a clip at this rate: (rows,)."""
    own = torch.arange(bins(front), device=device) * (front.rate / front.n_fft)
    if front.highs is None or rows <= len(own):
        return own[:rows]
    bands = torch.arange(rows - len(own), device=device)
    middles: Tensor = (front.rate / 2) * ((bands + 0.5) / front.highs.bands).exp2()
    return torch.cat([own, middles.clamp(max=rate / 2)])


def seconds(front: Front, values: Tensor) -> Tensor:
    """Where each of the frames of values (..., frames) is centred: (frames,)."""
    return torch.arange(values.shape[-1], device=values.device) * (front.hop / front.rate)


def through(masks: Tensor, of: Front, to: Front) -> Tensor:
    """Masks (..., rows, frames) of one window on the rows of another: the bins interpolated, the bands as they are."""
    own = bins(of)
    lows = resampled(masks[..., :own, :], bins(to))
    return torch.cat([lows, masks[..., own:, :]], dim=-2) if masks.shape[-2] > own else lows


def interpolate_rows(values: Tensor, of: Tensor, at: Tensor) -> Tensor:
    """Values (sources, rows, frames) at other frequencies than those of their rows, linearly; the ends are held."""
    above = torch.searchsorted(of, at).clamp(1, len(of) - 1)
    below = above - 1
    return interpolate(values, below + (at - of[below]) / (of[above] - of[below]), dim=1)
