"""What hearing keeps of a texture: statistics of band envelopes.

McDermott and Simoncelli, "Sound Texture Perception via Statistics of the Auditory Periphery", Neuron 2011.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recipe import Envelopes

_TINY = 1e-9


class FilterBank:
    """Half-cosine bands on the ERB-rate scale (Glasberg and Moore 1990), whose squares sum to one at every frequency.

    Works on clips of one length. Every band is held at a rate of its own, little above what it needs, which makes all
    bands together about as cheap as two transforms of the clip.
    """

    def __init__(self, samples: int, rate: int, recipe: Envelopes, device: torch.device) -> None:
        self.samples = samples
        self.frames = max(4, round(samples / rate * recipe.rate))
        edge = min(math.ceil(recipe.edge_s * recipe.rate), (self.frames - 2) // 2)
        self.inner = slice(edge, self.frames - edge)  # frames of envelopes that no edge has touched
        self._length = _fast_length(samples)
        hertz = torch.arange(self._length // 2 + 1, dtype=torch.float64) * (rate / self._length)
        top = _erb_rate(torch.tensor(0.5 * rate, dtype=torch.float64))
        bottom = _erb_rate(torch.tensor(min(recipe.lowest, 0.1 * rate), dtype=torch.float64))
        centres = torch.linspace(float(bottom), float(top), recipe.bands + 1)[:-1]
        steps = self._envelope_frames = max(4, round(self._length / rate * recipe.rate))
        self._bands = []
        for index, centre in enumerate(centres):
            away = (_erb_rate(hertz) - centre) / (centres[1] - centres[0])
            # the outermost bands reach to the ends of the spectrum
            away = away.clamp(0.0 if index == 0 else -1.0, 0.0 if index == len(centres) - 1 else 1.0)
            shape = (torch.pi / 2 * away).cos()
            inside = (shape > _TINY).nonzero()[:, 0]
            # in a short clip of a low rate a narrow band may fall between two bins, and then is silent
            low, high = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 1)
            size = _fast_length(max(2 * (high - low), steps + 2))
            self._bands.append((low, high, size, shape[low:high].float().to(device)))

    def split(self, audio: Tensor) -> list[Tensor]:
        """audio: (channels, samples) -> one complex (channels, its own length) a band."""
        spectrum = torch.fft.rfft(F.pad(audio, (0, self._length - self.samples)))
        return [
            torch.fft.ifft(F.pad(spectrum[:, low:high] * shape, (0, size - (high - low)))) * (2 * size / self._length)
            for low, high, size, shape in self._bands
        ]

    def join(self, bands: list[Tensor]) -> Tensor:
        """What `split` took apart: (channels, samples)."""
        total = torch.zeros(len(bands[0]), self._length // 2 + 1, dtype=bands[0].dtype, device=bands[0].device)
        for band, (low, high, size, shape) in zip(bands, self._bands, strict=True):
            total[:, low:high] += torch.fft.fft(band)[:, : high - low] * shape * (self._length / (2 * size))
        joined: Tensor = torch.fft.irfft(total, self._length)
        return joined[:, : self.samples]

    def envelopes(self, bands: list[Tensor]) -> Tensor:
        """(channels, bands, frames at the envelopes' rate), not compressed."""
        found = torch.stack([_resampled(band.abs(), self._envelope_frames) for band in bands], dim=1)
        return found[..., : self.frames].clamp(min=0)

    def amplify(self, bands: list[Tensor], gains: Tensor) -> list[Tensor]:
        """Every band times its gain (channels, bands, frames), which moves linearly from frame to frame."""
        full = F.pad(gains, (0, max(0, self._envelope_frames - gains.shape[-1])), mode="replicate")
        return [
            band * F.interpolate(full[:, index, None], band.shape[-1], mode="linear", align_corners=True)[:, 0]
            for index, band in enumerate(bands)
        ]


@dataclass(frozen=True)
class EnvelopeStatistics:
    """Of compressed envelopes; rows are all bands of all channels.

    level: log of mean power; mean: log; variation: std / mean; skew, peak (root of the kurtosis); modulation: root of
    each modulation band's share in the variance; correlation: of every two rows.
    """

    level: Tensor
    mean: Tensor
    variation: Tensor
    skew: Tensor
    peak: Tensor
    modulation: Tensor
    correlation: Tensor

    def distance(self, other: EnvelopeStatistics, heard: Tensor) -> Tensor:
        """Sum over the families of their mean square difference, over the rows `heard` alone."""
        rows = heard.nonzero()[:, 0]
        total = heard.new_zeros((), dtype=self.level.dtype)
        for one, two in zip(self.families(), other.families(), strict=True):
            difference = (one - two)[rows]
            if one is self.correlation:
                difference = difference[:, rows]
            total = total + difference.square().mean()
        return total

    def families(self) -> tuple[Tensor, ...]:
        return (self.level, self.mean, self.variation, self.skew, self.peak, self.modulation, self.correlation)


def describe_envelopes(envelopes: Tensor, recipe: Envelopes) -> EnvelopeStatistics:
    """envelopes: (rows, frames), not compressed."""
    floor = _TINY + envelopes.detach().square().mean().sqrt() * recipe.floor
    compressed = (envelopes + floor) ** recipe.compression
    mean = compressed.mean(1)
    centred = compressed - mean[:, None]
    deviation = centred.square().mean(1).sqrt() + _TINY
    standard = centred / deviation[:, None]
    frames = envelopes.shape[1]
    window = torch.hann_window(frames, periodic=False, device=envelopes.device)
    window = window / window.square().mean().sqrt().clamp(min=_TINY)
    power = torch.fft.rfft(standard * window).abs().square() * (2 / frames**2)
    hertz = torch.arange(power.shape[1], device=power.device) * (recipe.rate / frames)
    edges = torch.tensor(recipe.modulations, device=power.device)
    band = torch.bucketize(hertz, edges, right=True)
    shares = power.new_zeros(len(power), len(edges) + 1).index_add(1, band, power)
    return EnvelopeStatistics(
        level=(envelopes.square().mean(1) + floor**2).log() / 2,
        mean=mean.log() / recipe.compression,
        variation=deviation / mean,
        skew=standard.pow(3).mean(1),
        peak=(standard.pow(4).mean(1) + _TINY).sqrt(),
        modulation=(shares + _TINY).sqrt(),
        correlation=standard @ standard.mT / frames,
    )


def _erb_rate(hertz: Tensor) -> Tensor:
    return 9.26449 * torch.log1p(hertz / 228.8455)


def _resampled(values: Tensor, frames: int) -> Tensor:
    kept = torch.fft.rfft(values)[..., : frames // 2 + 1]
    resampled: Tensor = torch.fft.irfft(kept, frames)
    return resampled * (frames / values.shape[-1])


def _fast_length(samples: int) -> int:
    """The least even length from `samples` on that has no prime factor above five."""
    length = samples + samples % 2
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 2
