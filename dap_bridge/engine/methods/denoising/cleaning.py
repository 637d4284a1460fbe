"""Speech and noise in one clip: a floor that is steady, and, where that is not all, a separation into two sounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...signal.gain import LARGEST_EXPONENT, both_ways, high_pass, least_snr, log_spectral_gain
from ...signal.stems import apply_masks
from ...signal.stft import istft, stft
from ...tiny import TINY
from .recipe import DenoisingRecipe, Floor, Speech, Vocabulary

# A spectrum that is nothing at all stays nothing.
_LEAST_START = 0.1


@dataclass(frozen=True)
class Evidence:
    """What of a stem sounds like speech. energy: its share of weight among chunks."""

    voiced: float
    syllabic: float
    energy: float


@dataclass(frozen=True)
class KnownLevel:
    """The power of noise that was heard alone in each bin: (bins,), NaN where nothing is known of it.

    own: it was heard in the clip's own recording; that of another one is as loud as it likes.
    """

    power: Tensor
    own: bool

    def over(self, guessed: Tensor) -> Tensor:
        """In place of what is guessed of the clip, (bins, 1); as loud as that where the level is not believed."""
        known = self.power[:, None]
        if not self.own:
            known = known * (guessed / known).log().nanmedian().nan_to_num(0).exp()
        return torch.where(known.isnan(), guessed, known)


def clean(
    mixture: Tensor,
    rate: int,
    masks: Tensor | None,
    recipe: DenoisingRecipe,
    generator: torch.Generator,
    check: Callable[[], None],
    known: KnownLevel | None = None,
) -> Tensor:
    """The speech of `mixture` (channels, frames) at `rate`: (channels, frames).

    masks: (2, bins, frames) of the separation, speech first, or None where the floor is all the noise there is. check:
    called often; what it raises ends the work. known: the noise's level, see `noise_floor`; where a separation has
    taken noise out already, it has become another.
    """
    cleaner, share = mixture, 1.0
    if masks is not None:
        share, known = recipe.floor_share, None
        cleaner = apply_masks(mixture, rate, masks, recipe.separation.front, recipe.separation.stems)[0]
    n_fft, hop = _grid(rate, recipe.floor)
    spectrogram = stft(cleaner, n_fft, hop)
    gain = 1 - share + share * speech_gain(spectrogram.abs().square().mean(0), rate, recipe, generator, check, known)
    return istft(spectrogram * gain, n_fft, hop, mixture.shape[-1])


def _grid(rate: int, recipe: Floor) -> tuple[int, int]:
    n_fft = 2 ** max(4, round(math.log2(recipe.window_s * rate)))
    return n_fft, n_fft // recipe.overlap


def speech_gain(
    power: Tensor,
    rate: int,
    recipe: DenoisingRecipe,
    generator: torch.Generator,
    check: Callable[[], None],
    known: KnownLevel | None = None,
) -> Tensor:
    """What is left of each bin: (bins, frames), of the powers (bins, frames) of a clip at `rate`.

    The weighted geometric mean of three log-spectral gains: decision-directed forwards and backwards, and one whose a
    priori SNR the clip's own spectra give (`learned_snr`). Means over bands of hearing make of it what an ear follows;
    where nobody speaks, the residue stays and sounds like the noise it was.
    """
    words = recipe.vocabulary
    power = _lifted(power, recipe.floor)
    floor = words.excess * noise_floor(power, rate, recipe, known)
    forwards, backwards = both_ways(power, floor, recipe.gain)
    snr = learned_snr(power, floor, words, generator, check).clamp(min=least_snr(recipe.gain))
    learned = log_spectral_gain(snr, power / floor)
    mean = (1 - words.share) / 2 * (forwards * backwards).log() + words.share * learned.log()
    hertz = torch.linspace(0, rate / 2, len(power), device=power.device)
    gain = (_hearing(hertz, words.smoothing_erb) @ mean).exp()
    return gain.clamp(min=10 ** (words.residue_db / 20)) * high_pass(hertz, recipe.gain)[:, None]


def _lifted(power: Tensor, recipe: Floor) -> Tensor:
    return power + recipe.least * power.mean() + TINY


def _hearing(hertz: Tensor, width: float) -> Tensor:
    """Means over triangles that reach `width` ERB to either side (Glasberg and Moore 1990): (bins, bins)."""
    erb = 21.4 * (1 + 0.00437 * hertz).log10()
    weight = (1 - (erb[:, None] - erb).abs() / width).clamp(min=0)
    return weight / weight.sum(1, keepdim=True)


def learned_snr(
    power: Tensor, floor: Tensor, recipe: Vocabulary, generator: torch.Generator, check: Callable[[], None]
) -> Tensor:
    """A priori SNR of a clip whose speech is made of few spectra: xi = W H / floor, (bins, frames).

    power ~ W H + floor in the Itakura-Saito divergence, the floor held: the multiplicative updates of Fevotte and Idier
    (2011), which never make it worse. What comes back in the same spectra is no coincidence, however faint in one bin.
    """
    level = power.mean()
    power, floor = power / level, floor / level

    def start(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(power.device) + _LEAST_START

    w, h = start(power.shape[0], recipe.components), start(recipe.components, power.shape[1])
    w /= (w @ h).mean()
    for _ in range(recipe.updates):
        check()
        inverse = 1 / (w @ h + floor)
        w *= (((power * inverse.square()) @ h.mT) / (inverse @ h.mT).clamp(min=TINY)).sqrt()
        inverse = 1 / (w @ h + floor)
        h *= ((w.mT @ (power * inverse.square())) / (w.mT @ inverse).clamp(min=TINY)).sqrt()
    return w @ h / floor


def noise_floor(power: Tensor, rate: int, denoising: DenoisingRecipe, known: KnownLevel | None = None) -> Tensor:
    """The noise's power in each bin: (bins, frames), from the clip's (bins, frames).

    The geometric mean of two trackers that weigh what is heard by how probably it is noise: one over a few seconds
    around a frame, one that follows from frame to frame (Gerkmann and Hendriks 2012, with fixed a priori SNR). known:
    from stretches of noise alone; it takes the place of what is guessed of the whole clip, and weighs more.
    """
    recipe, steadiness = denoising.floor, denoising.floor.steadiness
    level = _usual_level(power, recipe)
    if known is not None:
        level = known.over(level)
        steadiness = denoising.profile.steadiness
    frames = max(1, round(recipe.span_s * rate / _grid(rate, recipe)[1])) // 2 * 2 + 1
    local = torch.hann_window(frames + 2, periodic=False, device=power.device, dtype=power.dtype)[1:-1][None, None]
    noise = 1 - speech_presence(power, level, recipe)
    near = [F.conv1d(x[:, None], local, padding=frames // 2)[:, 0] for x in (noise * power, noise)]
    slow = (near[0] + steadiness * level) / (near[1] + steadiness)
    return (slow * _followed(power, level[:, 0], recipe)).sqrt()


def _usual_level(power: Tensor, recipe: Floor) -> Tensor:
    """What of each bin is probably noise, over the whole clip: (bins, 1)."""
    sorted_power = power.kthvalue(max(1, round(recipe.quantile * power.shape[1])), dim=1).values
    level = (sorted_power / -math.log(1 - recipe.quantile))[:, None]
    for _ in range(recipe.rounds):
        noise = 1 - speech_presence(power, level, recipe)
        level = _weighted(noise, power, level)
    return level


def _weighted(weight: Tensor, power: Tensor, otherwise: Tensor) -> Tensor:
    total = weight.sum(1, keepdim=True)
    return torch.where(total > TINY, (weight * power).sum(1, keepdim=True) / total.clamp(min=TINY), otherwise)


def speech_presence(power: Tensor, floor: Tensor, recipe: Floor) -> Tensor:
    """P(speech | power) = 1 / (1 + (1 + xi) exp(-gamma xi / (1 + xi))), gamma = power / floor, at a fixed SNR xi."""
    xi = 10 ** (recipe.speech_snr_db / 10)
    exponent = (power / floor.clamp(min=TINY) * (xi / (1 + xi))).clamp(max=LARGEST_EXPONENT)
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


def known_level(stretches: Sequence[tuple[Tensor, float]], rate: int, recipe: Floor, *, own: bool) -> KnownLevel:
    """The level of noise that is alone in all `stretches`, (channels, frames) at `rate`, each with the frequency in Hz
    up to which it says anything.
    """
    n_fft, hop = _grid(rate, recipe)
    powers = [_lifted(stft(audio, n_fft, hop).abs().square().mean(0), recipe) for audio, _ in stretches]
    hertz = torch.linspace(0, rate / 2, len(powers[0]), device=powers[0].device)
    known = [(hertz <= top).to(power.dtype) * power.shape[1] for power, (_, top) in zip(powers, stretches, strict=True)]
    weights = torch.stack(known)
    return KnownLevel((weights * torch.stack([power.mean(1) for power in powers])).sum(0) / weights.sum(0), own)


def cleaned_levels(view: Tensor, rate: int, recipe: DenoisingRecipe, known: KnownLevel | None = None) -> Tensor:
    """Power of every frame in the band of speech once the steady floor is gone: (frames,); view: (samples,)."""
    n_fft, hop = _grid(rate, recipe.floor)
    power = _lifted(stft(view[None], n_fft, hop)[0].abs().square(), recipe.floor)
    forwards, backwards = both_ways(power, noise_floor(power, rate, recipe, known), recipe.gain)
    hertz = torch.linspace(0, rate / 2, len(power), device=view.device)
    band = (hertz >= recipe.speech.low) & (hertz <= recipe.speech.high)
    return (power * ((forwards + backwards) / 2).square())[band].sum(0)


def filled_db(levels: Tensor, left: Tensor, recipe: Speech) -> float:
    """How far the noise lies below the loud frames of a clip once the steady floor is gone, dB; `levels` as
    `cleaned_levels` gives them; left: the same of frames of noise alone, as many as are known.

    Speech pauses. Where its pauses are not quiet though the floor has been taken out, another sound is there; and so it
    is where noise that is known to be alone is not.
    """

    def at(share: float) -> Tensor:
        return levels.kthvalue(max(1, round(share * len(levels)))).values

    noise = torch.cat([at(recipe.quiet)[None], left.mean()[None] if len(left) else left]).max()
    return float(10 * (noise.clamp(min=TINY * float(levels.max()) + 1e-30) / at(recipe.loud).clamp(min=1e-30)).log10())


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
    peak = (own[:, lags] / own[:, :1].clamp(min=TINY) * (of_window[0] / of_window[lags])).amax(1).clamp(0, 1)
    total = float(energy.sum())
    level = energy.sqrt() - energy.sqrt().mean()
    changes = torch.fft.rfft(level).abs().square()
    hertz = torch.fft.rfftfreq(len(level), hop / rate)
    syllables = changes[(hertz >= recipe.slowest_syllable) & (hertz <= recipe.fastest_syllable)].sum()
    return Evidence(
        voiced=float((peak * energy).sum() / max(total, TINY)),
        syllabic=float(syllables / changes[hertz >= recipe.slowest_change].sum().clamp(min=TINY)),
        energy=total,
    )


def speech_likeness(evidence: Sequence[Evidence]) -> float:
    """voiced^2 x syllabic, mean over chunks by energy: the stem of which it is greater is taken for the speech."""
    total = sum(part.energy for part in evidence)
    return sum(part.voiced**2 * part.syllabic * part.energy for part in evidence) / total if total else 0.0
