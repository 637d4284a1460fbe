"""Speech and noise in one clip: a floor that is steady, and, where that is not all, a separation into two sounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .consistency import apply_masks
from .recipe import DenoisingRecipe, Floor, Speech
from .stft import istft, stft

_TINY = 1e-12
# exp(-80) is below float32's resolution of one by far.
_LARGEST_EXPONENT = 80.0


@dataclass(frozen=True)
class Evidence:
    """What of a stem sounds like speech. energy: its share of weight among chunks."""

    voiced: float
    syllabic: float
    energy: float


def split(
    mixture: Tensor, rate: int, masks: Tensor | None, recipe: DenoisingRecipe, *, strength: float, swap: bool
) -> tuple[Tensor, Tensor]:
    """Speech and noise, (channels, frames) each, of `mixture` (channels, frames) at `rate`; they sum to it.

    masks: (2, bins, frames) of the separation, speech first, or None where the floor is all the noise there is.
    strength: 0 .. 1, how much of the noise leaves the speech. swap: what is found to be the noise is the speech.
    """
    cleaner, share = mixture, 1.0
    if masks is not None:
        share = recipe.floor_share
        cleaner = apply_masks(mixture, rate, masks, recipe.separation.front, recipe.separation.stems)[0]
    n_fft, hop = _grid(rate, recipe.floor)
    spectrogram = stft(cleaner, n_fft, hop)
    gain = 1 - share + share * speech_gain(spectrogram.abs().square().mean(0), rate, recipe.floor)
    cleaned = istft(spectrogram * gain, n_fft, hop, mixture.shape[-1])
    wanted = mixture - cleaned if swap else cleaned
    speech = mixture + strength * (wanted - mixture)
    return speech, mixture - speech


def _grid(rate: int, recipe: Floor) -> tuple[int, int]:
    n_fft = 2 ** max(4, round(math.log2(recipe.window_s * rate)))
    return n_fft, n_fft // recipe.overlap


def speech_gain(power: Tensor, rate: int, recipe: Floor) -> Tensor:
    """What is left of each bin: (bins, frames), of the powers (bins, frames) of a clip at `rate`.

    The log-spectral gain runs forwards and backwards and the two are averaged, so that neither the beginnings nor the
    ends of words are cut; below recipe.lowest, where nobody speaks, nothing is left.
    """
    power = power + recipe.least * power.mean() + _TINY
    floor = noise_floor(power, rate, recipe)
    forwards = log_spectral_gain(power, floor, recipe)
    backwards = log_spectral_gain(power.flip(1), floor.flip(1), recipe).flip(1)
    hertz = torch.linspace(0, rate / 2, len(power), device=power.device)
    audible = ((hertz - recipe.lowest) / recipe.slope_hz + 1).clamp(0, 1)
    return (forwards + backwards) / 2 * audible[:, None]


def noise_floor(power: Tensor, rate: int, recipe: Floor) -> Tensor:
    """The noise's power in each bin: (bins, frames), from the clip's (bins, frames).

    The geometric mean of two trackers that weigh what is heard by how probably it is noise: one over a few seconds
    around a frame, one that follows from frame to frame (Gerkmann and Hendriks 2012, with fixed a priori SNR).
    """
    sorted_power = power.kthvalue(max(1, round(recipe.quantile * power.shape[1])), dim=1).values
    level = (sorted_power / -math.log(1 - recipe.quantile))[:, None]
    for _ in range(recipe.rounds):
        noise = 1 - speech_presence(power, level, recipe)
        level = _weighted(noise, power, level)
    frames = max(1, round(recipe.span_s * rate / _grid(rate, recipe)[1])) // 2 * 2 + 1
    local = torch.hann_window(frames + 2, periodic=False, device=power.device, dtype=power.dtype)[1:-1][None, None]
    noise = 1 - speech_presence(power, level, recipe)
    near = [F.conv1d(x[:, None], local, padding=frames // 2)[:, 0] for x in (noise * power, noise)]
    slow = (near[0] + recipe.steadiness * level) / (near[1] + recipe.steadiness)
    return (slow * _followed(power, level[:, 0], recipe)).sqrt()


def _weighted(weight: Tensor, power: Tensor, otherwise: Tensor) -> Tensor:
    total = weight.sum(1, keepdim=True)
    return torch.where(total > _TINY, (weight * power).sum(1, keepdim=True) / total.clamp(min=_TINY), otherwise)


def speech_presence(power: Tensor, floor: Tensor, recipe: Floor) -> Tensor:
    """P(speech | power) = 1 / (1 + (1 + xi) exp(-gamma xi / (1 + xi))), gamma = power / floor, at a fixed SNR xi."""
    xi = 10 ** (recipe.speech_snr_db / 10)
    exponent = (power / floor.clamp(min=_TINY) * (xi / (1 + xi))).clamp(max=_LARGEST_EXPONENT)
    return 1 / (1 + (1 + xi) * torch.exp(-exponent))


def _followed(power: Tensor, start: Tensor, recipe: Floor) -> Tensor:
    """Frame by frame: a bin that has been speech for long is not quite believed, so that a risen floor is caught up."""
    level, usual, found = start, torch.zeros_like(start), []
    for frame in power.T:
        presence = speech_presence(frame, level, recipe)
        usual = torch.lerp(presence, usual, recipe.presence_memory)
        presence = torch.where(usual > recipe.presence_limit, presence.clamp(max=recipe.presence_limit), presence)
        level = torch.lerp(torch.lerp(frame, level, presence), level, recipe.memory)
        found.append(level)
    return torch.stack(found, dim=1)


def log_spectral_gain(power: Tensor, floor: Tensor, recipe: Floor) -> Tensor:
    """The MMSE gain of log spectra (Ephraim and Malah 1985), decision-directed: (bins, frames).

    G = xi / (1 + xi) exp(E1(v) / 2), v = gamma xi / (1 + xi), gamma = power / floor,
    xi = a G'^2 gamma' + (1 - a) max(gamma - 1, 0), with ' of the frame before.
    """
    gamma = power / floor.clamp(min=_TINY)
    before = torch.ones_like(gamma[:, 0])
    least = 10 ** (recipe.least_snr_db / 10)
    gains = []
    for now in gamma.T:
        xi = (recipe.decision * before + (1 - recipe.decision) * (now - 1).clamp(min=0)).clamp(min=least)
        wiener = xi / (1 + xi)
        gain = (wiener * torch.exp(exponential_integral((wiener * now).clamp(min=1e-8)) / 2)).clamp(max=1)
        before = gain.square() * now
        gains.append(gain)
    return torch.stack(gains, dim=1)


def exponential_integral(v: Tensor) -> Tensor:
    """E1(v) for v > 0, to 2e-7 and better (Abramowitz and Stegun 1964, 5.1.53 and 5.1.56)."""
    low, high = v.clamp(max=1), v.clamp(min=1, max=_LARGEST_EXPONENT)
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


def cleaned_levels(view: Tensor, rate: int, recipe: DenoisingRecipe) -> Tensor:
    """Power of every frame in the band of speech once the steady floor is gone: (frames,); view: (samples,)."""
    n_fft, hop = _grid(rate, recipe.floor)
    power = stft(view[None], n_fft, hop)[0].abs().square()
    hertz = torch.linspace(0, rate / 2, len(power), device=view.device)
    band = (hertz >= recipe.speech.low) & (hertz <= recipe.speech.high)
    return (power * speech_gain(power, rate, recipe.floor).square())[band].sum(0)


def pauses_db(levels: Tensor, recipe: Speech) -> float:
    """How far the quiet frames of a clip lie below its loud ones, dB; `levels` as `cleaned_levels` gives them.

    Speech pauses. Where they are not quiet though the floor has been taken out, another sound is there.
    """
    frames = len(levels)
    quiet, loud = (levels.kthvalue(max(1, round(q * frames))).values for q in (recipe.quiet, recipe.loud))
    return float(10 * (quiet.clamp(min=_TINY * float(levels.max()) + 1e-30) / loud.clamp(min=1e-30)).log10())


def speech_evidence(audio: Tensor, rate: int, recipe: Speech) -> Evidence:
    """How much a stem (samples,) at `rate` sounds like speech.

    voiced: the height of its autocorrelation's peak among the pitches of voices, mean over frames by energy. syllabic:
    the share of the changes of its level that come at the rate of syllables.
    """
    size, hop = round(recipe.frame_s * rate), round(recipe.frame_s * rate / 3)
    window = torch.hann_window(size, device=audio.device, dtype=audio.dtype)
    frames = F.pad(audio, (0, max(0, size - len(audio)))).unfold(0, size, hop) * window
    energy = frames.square().sum(1)
    own, of_window = (torch.fft.irfft(torch.fft.rfft(x, 2 * size).abs().square()) for x in (frames, window))
    lags = slice(round(rate / recipe.highest_pitch), round(rate / recipe.lowest_pitch) + 1)
    peak = (own[:, lags] / own[:, :1].clamp(min=_TINY) * (of_window[0] / of_window[lags])).amax(1).clamp(0, 1)
    total = float(energy.sum())
    level = energy.sqrt() - energy.sqrt().mean()
    changes = torch.fft.rfft(level).abs().square()
    hertz = torch.fft.rfftfreq(len(level), hop / rate)
    syllables = changes[(hertz >= recipe.slowest_syllable) & (hertz <= recipe.fastest_syllable)].sum()
    return Evidence(
        voiced=float((peak * energy).sum() / max(total, _TINY)),
        syllabic=float(syllables / changes[hertz >= recipe.slowest_change].sum().clamp(min=_TINY)),
        energy=total,
    )


def speech_likeness(evidence: Sequence[Evidence]) -> float:
    """voiced^2 x syllabic, mean over chunks by energy: the stem of which it is greater is taken for the speech."""
    total = sum(part.energy for part in evidence)
    return sum(part.voiced**2 * part.syllabic * part.energy for part in evidence) / total if total else 0.0
