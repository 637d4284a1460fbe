"""How alike and how new a texture is: statistics that hearing is known to go by, and what was merely copied.

Likeness: McDermott and Simoncelli, "Sound Texture Perception via Statistics of the Auditory Periphery", Neuron 2011:
two textures whose statistics agree sound the same though no sample does. Nothing here is shared with the engine, which
matches statistics of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, stft

from ...judging import TINY

Signal = NDArray[np.floating]

BANDS = 30  # equally spaced on the ERB-rate scale
LOWEST_HZ, HIGHEST_HZ = 50.0, 16_000.0
COMPRESSION = 0.3  # of envelopes, as in the cochlea
ENVELOPE_RATE = 400.0  # Hz
MODULATION_HZ = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
AUDIBLE_DB = 70.0  # a band further below the loudest one does not count
SILENT = 1e-12  # of envelopes
EDGE_S = 0.02  # left out at both ends: filters see the clip as a ring

WINDOW_S = 0.05  # of the pieces that are looked for elsewhere
PIECES = 48
APART_S = 0.1  # a piece is not looked for nearer to itself

FLUX_WINDOW_S, FLUX_HOP_S = 0.012, 0.003
FLUX_FLOOR_DB = 60.0  # below the input's loudest bin
JOINT_S = 0.025  # to both sides of a joint


@dataclass(frozen=True)
class Statistics:
    """Per band: mean level (dB), coefficient of variation, skew, share of modulation power in each of the modulation
    bands (dB); and the correlations between bands. `heard`: which bands count."""

    mean: Signal
    variation: Signal
    skew: Signal
    modulation: Signal
    correlation: Signal
    heard: NDArray[np.bool_]


def statistics(audio: Signal, rate: int) -> Statistics:
    """Of one channel, (frames,). Meant for stretches of a second and more."""
    envelopes = band_envelopes(audio, rate)
    mean = envelopes.mean(1)
    level = 20 / COMPRESSION * np.log10(np.maximum(mean, SILENT))
    centred = envelopes - mean[:, None]
    deviation = np.maximum(centred.std(1), SILENT)
    spectrum = np.abs(np.fft.rfft(centred * np.hanning(centred.shape[1]), axis=1)) ** 2
    hertz = np.fft.rfftfreq(centred.shape[1], 1 / ENVELOPE_RATE)
    powers = [spectrum[:, (low <= hertz) & (hertz < high)].sum(1) for low, high in pairwise(MODULATION_HZ)]
    share = np.stack(powers, 1) / np.maximum(spectrum.sum(1), TINY)[:, None]
    return Statistics(
        mean=level,
        variation=deviation / np.maximum(mean, SILENT),
        skew=(centred**3).mean(1) / deviation**3,
        modulation=10 * np.log10(np.maximum(share, 1e-6)),
        correlation=(centred @ centred.T / centred.shape[1]) / np.outer(deviation, deviation),
        heard=level > level.max() - AUDIBLE_DB,
    )


def band_envelopes(audio: Signal, rate: int) -> Signal:
    """Compressed Hilbert envelopes (bands, frames at ENVELOPE_RATE) of overlapping half-cosine bands."""
    frames = len(audio)
    hertz = np.fft.fftfreq(frames, 1 / rate)
    spectrum = np.fft.fft(audio)
    edges = np.linspace(_erb_rate(LOWEST_HZ), _erb_rate(min(HIGHEST_HZ, 0.45 * rate)), BANDS + 2)
    place = _erb_rate(np.maximum(hertz, 0.0))
    steps = max(2, round(frames / rate * ENVELOPE_RATE))
    edge = min(round(EDGE_S * ENVELOPE_RATE), (steps - 1) // 4)
    envelopes = []
    for low, centre, high in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        shape = np.where((place > low) & (place < high), np.cos(np.pi / 2 * (place - centre) / (high - centre)), 0.0)
        envelope = np.abs(np.fft.ifft(2 * shape * (hertz > 0) * spectrum)) ** COMPRESSION
        envelopes.append(_resampled(envelope, steps)[edge : steps - edge])
    return np.stack(envelopes)


def _erb_rate(hertz: Signal | float) -> Signal:
    """Glasberg and Moore (1990)."""
    return 9.26449 * np.log(1 + np.asarray(hertz) / 228.8455)


def _resampled(values: Signal, frames: int) -> Signal:
    """By cutting the spectrum, without ringing below zero."""
    kept = np.fft.rfft(values)[: frames // 2 + 1]
    return np.maximum(np.fft.irfft(kept, frames) * (frames / len(values)), 0.0)


def distances(one: Statistics, other: Statistics) -> dict[str, float]:
    """Root mean square difference of each family of statistics, over the bands that count in `one`."""
    heard = one.heard
    pairs = np.triu(np.outer(heard, heard), 1)
    return {
        "mean": _rms(one.mean - other.mean, heard),
        "variation": _rms(one.variation - other.variation, heard),
        "skew": _rms(one.skew - other.skew, heard),
        "modulation": _rms(one.modulation - other.modulation, heard),
        "correlation": _rms(one.correlation - other.correlation, pairs),
    }


def _rms(differences: Signal, chosen: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.mean(differences[chosen] ** 2))) if chosen.any() else 0.0


def likeness(source: Signal, made: Signal, rate: int) -> dict[str, float]:
    """Distance of `made` from `source`, (channels, frames) each, in natural variations: 0 is the same, 1 is as far as
    the two halves of `source` are from each other. Each family of statistics, and `likeness`, the mean of them.
    """
    half = source.shape[1] // 2
    away: dict[str, list[float]] = {}
    natural: dict[str, list[float]] = {}
    for one, other in zip(source, made, strict=True):
        if not one.any():
            continue
        for found, pair in ((away, (one, other)), (natural, (one[:half], one[half:]))):
            for family, value in distances(*(statistics(each, rate) for each in pair)).items():
                found.setdefault(family, []).append(value)
    ratios = {family: float(np.mean(away[family]) / max(float(np.mean(natural[family])), 1e-9)) for family in away}
    return ratios | {"likeness": float(np.mean(list(ratios.values()))) if ratios else 0.0}


def copying(source: Signal, made: Signal, rate: int) -> float:
    """How far pieces of `made` are found in `source`: mean over pieces of the largest normalised correlation, 0..1."""
    white = _whitener(source)
    return _found(white(made), white(source), rate, apart=False)


def repetition(source: Signal, made: Signal, rate: int) -> float:
    """The same, of pieces of `made` elsewhere in `made`: its self-similarity at the worst other lag."""
    white = _whitener(source)(made)
    return _found(white, white, rate, apart=True)


def period(made: Signal, rate: int) -> float:
    """Largest autocorrelation of the band envelopes beyond a quarter second: a period that is heard, be it no copy."""
    envelopes = band_envelopes(_loudest(made), rate)
    heard = envelopes.mean(1) > SILENT
    if not heard.any():
        return 0.0
    standard = envelopes[heard] - envelopes[heard].mean(1, keepdims=True)
    standard /= np.maximum(standard.std(1, keepdims=True), SILENT)
    frames = standard.shape[1]
    power = (np.abs(np.fft.rfft(standard, 2 * frames, axis=1)) ** 2).mean(0)
    lags = np.fft.irfft(power)[: frames // 2]
    lags /= np.arange(frames, frames - len(lags), -1)
    return float(lags[round(ENVELOPE_RATE / 4) :].max())


def _loudest(audio: Signal) -> Signal:
    chosen: Signal = audio[np.argmax((audio**2).sum(1))]
    return chosen


class _whitener:  # noqa: N801  (used like a function)
    """Takes the source's mean spectrum out of a signal, so that only the course of it can correlate."""

    def __init__(self, source: Signal) -> None:
        self.channel = int(np.argmax((source**2).sum(1)))
        _, _, spectrum = stft(source[self.channel], nperseg=1024)
        power = (np.abs(spectrum) ** 2).mean(1)
        response = 1 / np.sqrt(np.maximum(power, 1e-6 * power.max() + 1e-30))
        self.taps = np.roll(np.fft.irfft(response), 512) * np.hanning(1024)

    def __call__(self, audio: Signal) -> Signal:
        whitened: Signal = fftconvolve(audio[self.channel], self.taps, mode="same")
        return whitened


def _found(pieces: Signal, place: Signal, rate: int, *, apart: bool) -> float:
    size = max(16, round(WINDOW_S * rate))
    if len(pieces) < 2 * size or len(place) < 2 * size or not pieces.any() or not place.any():
        return 0.0
    energy = np.cumsum(np.concatenate([[0.0], place**2]))
    norms = np.sqrt(np.maximum(energy[size:] - energy[:-size], TINY + 1e-9 * energy[-1] / len(place) * size))
    length = 1 << (len(place) + size - 1).bit_length()
    spectrum = np.fft.rfft(place, length)
    best = []
    for at in np.linspace(0, len(pieces) - size, PIECES).astype(int):
        piece = pieces[at : at + size]
        scale = np.linalg.norm(piece)
        if scale == 0:
            continue
        matches = np.abs(np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, length)), length)[: len(norms)])
        matches /= norms * scale
        if apart:
            away = round(APART_S * rate)
            matches[max(0, at - away) : at + away] = 0
        best.append(min(1.0, float(matches.max())))
    return float(np.mean(best))


def seams(source: Signal, whole: Signal, rate: int, joints: list[int]) -> float:
    """How far the spectral flux around the worst of `joints` (frames of `whole`) lies above the source's own: z.

    The largest flux within JOINT_S of the joint against the distribution of the same in the source.
    """
    size, hop = max(16, round(FLUX_WINDOW_S * rate)), max(4, round(FLUX_HOP_S * rate))
    loudest = np.abs(stft(_loudest(source), nperseg=size, noverlap=size - hop)[2]).max()
    if not joints or loudest == 0:
        return 0.0
    floor = loudest * 10 ** (-FLUX_FLOOR_DB / 20)
    reach = max(1, round(JOINT_S * rate / hop))

    def flux(audio: Signal) -> Signal:
        level = np.log(np.maximum(np.abs(stft(audio, nperseg=size, noverlap=size - hop, boundary=None)[2]), floor))
        rises = np.sqrt(np.mean(np.diff(level, axis=-1) ** 2, axis=(0, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(rises, min(len(rises), 2 * reach + 1))
        peaks: Signal = windows.max(1)
        return peaks

    usual = flux(source)
    found = flux(whole)
    at = [min(max(0, (joint - size // 2) // hop - reach), len(found) - 1) for joint in joints]
    return float((found[at].max() - usual.mean()) / max(usual.std(), 1e-9))


def level_db(audio: Signal) -> float:
    """Root mean square over all channels, in dB."""
    return float(10 * np.log10(np.maximum(np.mean(audio**2), TINY)))


def stereo(audio: Signal) -> float:
    """Correlation of the first two channels; 1 for a single one."""
    if len(audio) < 2:
        return 1.0
    one, other = audio[:2]
    return float(np.sum(one * other) / np.maximum(np.sqrt(np.sum(one**2) * np.sum(other**2)), TINY))
