"""What others do without training: baselines, and oracles that know the answer.

Each is a function from a magnitude spectrogram to masks; `separate` applies them to the mixture's complex
spectrogram, so that the methods differ in their masks alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import librosa
import numpy as np
import scipy.fft
import scipy.linalg
import scipy.ndimage
from numpy.typing import NDArray

from ..data.sounds import RATE, Sound, resample
from .estimates import Estimates

Spectrogram = NDArray[np.floating]  # magnitudes (bins, frames)
Masks = NDArray[np.floating]  # (sources, bins, frames), summing to one over sources

# With RATE the front end of the Deep Audio Prior, so that no method has a better view of the clip than another.
N_FFT, HOP = 1022, 172
TINY = 1e-10  # of a magnitude


@dataclass(frozen=True)
class Baseline:
    """A method: masks(magnitude, references' magnitudes (sources, bins, frames), seed).

    Blind methods ask the references for nothing but their number.
    seeded: whether the seed changes the result. halves: whether it parts every clip in two, however many sources.
    """

    title: str
    masks: Callable[[Spectrogram, NDArray[np.floating], int], Masks]
    seeded: bool = False
    oracle: bool = False
    halves: bool = False


def separate(
    method: Baseline, mixture: NDArray[np.floating], references: NDArray[np.floating], seed: int
) -> NDArray[np.floating]:
    """Estimates (sources, channels, frames) for `mixture` (channels, frames) at RATE; they sum to the mixture.

    All channels share the masks, which are made from the root of their mean power.
    """
    spectrogram = _stft(mixture)
    masks = method.masks(_view(spectrogram), np.stack([_view(_stft(source)) for source in references]), seed)
    return np.stack(
        [librosa.istft(mask * spectrogram, n_fft=N_FFT, hop_length=HOP, length=mixture.shape[-1]) for mask in masks]
    )


def _stft(signal: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    spectrogram: NDArray[np.complexfloating] = librosa.stft(signal.astype(np.float32), n_fft=N_FFT, hop_length=HOP)
    return spectrogram


def _view(spectrogram: NDArray[np.complexfloating]) -> Spectrogram:
    magnitude: Spectrogram = np.sqrt(np.mean(np.abs(spectrogram) ** 2, axis=0))
    return magnitude


def ratio_masks(sources: NDArray[np.floating], power: float) -> Masks:
    """s_k^p / sum_j s_j^p; equal shares where every source is silent."""
    raised = (sources / (sources.max() + TINY)) ** power + TINY**2
    masks: Masks = raised / raised.sum(axis=0)
    return masks


# --- KL-NMF with spectral clustering ------------------------------------------------------------------------------

NMF_ITERATIONS = 200
NMF_MELS, NMF_CEPSTRA = 40, 14


def nmf(magnitude: Spectrogram, references: NDArray[np.floating], seed: int, components: int) -> Masks:
    """KL-NMF (Lee and Seung 2001); components are grouped by the mel cepstra of their spectra.

    Grouping after Spiertz and Gnann, "Source-filter based clustering for monaural blind source separation", 2009, with
    spectral clustering in place of their hierarchical one.
    """
    from sklearn.cluster import SpectralClustering
    from sklearn.decomposition import NMF

    model = NMF(
        components,
        solver="mu",
        beta_loss="kullback-leibler",
        init="random",
        max_iter=NMF_ITERATIONS,
        tol=0,  # all iterations
        random_state=seed,
    )
    spectra = model.fit_transform(magnitude + TINY)
    cepstra = _cepstra(spectra)
    distances = np.sum((cepstra[:, None] - cepstra[None]) ** 2, axis=2)
    affinity = np.exp(-distances / (np.median(distances) + TINY))
    labels = SpectralClustering(len(references), affinity="precomputed", random_state=seed).fit_predict(affinity)
    sources = [spectra[:, labels == k] @ model.components_[labels == k] for k in range(len(references))]
    return ratio_masks(np.stack(sources), 1)


def _cepstra(spectra: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mel cepstra without the level: (bins, components) -> (components, NMF_CEPSTRA - 1)."""
    mel = librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=NMF_MELS)
    levels = librosa.power_to_db(mel @ (spectra / (spectra.max(axis=0) + TINY)) ** 2, top_db=60)
    cepstra: NDArray[np.floating] = scipy.fft.dct(levels, axis=0, norm="ortho")[1:NMF_CEPSTRA].T
    return cepstra


# --- RPCA ----------------------------------------------------------------------------------------------------------

RPCA_ITERATIONS, RPCA_TOLERANCE = 100, 1e-5


def rpca(magnitude: Spectrogram, references: NDArray[np.floating], seed: int) -> Masks:
    """Robust PCA: X = L + E, L of low rank, E sparse (Huang et al., "Singing-voice separation from monaural recordings
    using robust principal component analysis", 2012), by the inexact augmented Lagrangian (Lin, Chen, Ma 2010)."""
    weight = 1 / np.sqrt(max(magnitude.shape))
    norm = max(float(np.linalg.norm(magnitude, 2)), TINY)
    dual = magnitude / max(norm, np.abs(magnitude).max() / weight)
    mu, growth = 1.25 / norm, 1.5
    sparse = np.zeros_like(magnitude)
    for _ in range(RPCA_ITERATIONS):
        u, s, v = scipy.linalg.svd(magnitude - sparse + dual / mu, full_matrices=False, check_finite=False)
        low_rank = (u * np.maximum(s - 1 / mu, 0)) @ v
        rest = magnitude - low_rank + dual / mu
        sparse = np.sign(rest) * np.maximum(np.abs(rest) - weight / mu, 0)
        residual = magnitude - low_rank - sparse
        dual = dual + mu * residual
        mu *= growth
        if np.linalg.norm(residual) < RPCA_TOLERANCE * np.linalg.norm(magnitude):
            break
    return ratio_masks(np.abs(np.stack([low_rank, sparse])), 1)


# --- kernels -------------------------------------------------------------------------------------------------------

KAM_ITERATIONS = 4
KAM_BINS, KAM_FRAMES = 15, 15


def kam(magnitude: Spectrogram, references: NDArray[np.floating], seed: int) -> Masks:
    """Kernel additive modelling (Liutkus et al., "Kernel additive models for source separation", 2014): backfitting.

    Kernels as there for accompaniment and voice: the accompaniment is alike at the same phase of its period, the voice
    is alike in a cross of neighbouring bins and frames.
    """
    power = magnitude**2
    lag = _period(power)
    estimates = np.stack([power, power]) / 2
    for _ in range(KAM_ITERATIONS):
        smooth = np.stack([_periodic_median(estimates[0], lag), _cross_median(estimates[1])])
        estimates = ratio_masks(smooth, 1) ** 2 * power
    return ratio_masks(smooth, 1)


def _period(power: Spectrogram) -> int:
    """The lag, in frames, at which the power spectrogram's rows are most alike (the beat spectrum's first peak)."""
    centred = power - power.mean(axis=1, keepdims=True)
    beat = librosa.autocorrelate(centred, axis=1).sum(axis=0)
    frames: int = power.shape[1]
    shortest, longest = min(round(0.3 * RATE / HOP), frames - 1), frames // 3
    return shortest + int(np.argmax(beat[shortest : max(longest, shortest + 1)]))


def _periodic_median(power: Spectrogram, lag: int) -> Spectrogram:
    """Median over the frames at multiples of `lag` away, up to three periods each way."""
    frames = np.arange(power.shape[1])
    around = frames[:, None] + lag * np.arange(-3, 4)
    inside = (around >= 0) & (around < power.shape[1])
    values = np.where(inside, power[:, np.clip(around, 0, power.shape[1] - 1)], np.nan)
    return np.nanmedian(values, axis=2)


def _cross_median(power: Spectrogram) -> Spectrogram:
    cross = np.zeros((KAM_BINS, KAM_FRAMES), bool)
    cross[KAM_BINS // 2] = cross[:, KAM_FRAMES // 2] = True
    smooth: Spectrogram = scipy.ndimage.median_filter(power, footprint=cross, mode="nearest")
    return smooth


def hpss(magnitude: Spectrogram, references: NDArray[np.floating], seed: int) -> Masks:
    """Harmonic and percussive parts by median filters (Fitzgerald 2010), librosa's."""
    return np.stack(librosa.decompose.hpss(magnitude, mask=True))


def repet_sim(magnitude: Spectrogram, references: NDArray[np.floating], seed: int) -> Masks:
    """REPET-SIM (Rafii and Pardo 2012): what similar frames have in common is the background."""
    # frames nearer than two seconds are not compared; librosa wants less than half of the clip
    width = max(1, min(round(2 * RATE / HOP), (magnitude.shape[1] - 1) // 2 - 1))
    alike = librosa.decompose.nn_filter(magnitude, aggregate=np.median, metric="cosine", width=width)
    background = np.minimum(magnitude, alike)
    return ratio_masks(np.stack([background, magnitude - background]), 1)


# --- oracles -------------------------------------------------------------------------------------------------------


def oracle_ratio(magnitude: Spectrogram, references: NDArray[np.floating], seed: int, power: float) -> Masks:
    """The ratio mask of the true sources: p = 1 shares out magnitudes, p = 2 powers (Wiener)."""
    return ratio_masks(references, power)


def oracle_binary(magnitude: Spectrogram, references: NDArray[np.floating], seed: int) -> Masks:
    """Every bin to the loudest of the true sources."""
    loudest = np.arange(len(references))[:, None, None] == references.argmax(axis=0)
    masks: Masks = loudest.astype(float)
    return masks


BASELINES: dict[str, Baseline] = {
    "nmf-8": Baseline("KL-NMF, 8 components, spectral clustering", partial(nmf, components=8), seeded=True),
    "nmf-16": Baseline("KL-NMF, 16 components, spectral clustering", partial(nmf, components=16), seeded=True),
    "nmf-30": Baseline("KL-NMF, 30 components, spectral clustering", partial(nmf, components=30), seeded=True),
    "rpca": Baseline("robust PCA", rpca, halves=True),
    "kam": Baseline("kernel additive modelling", kam, halves=True),
    "hpss": Baseline("harmonic/percussive (HPSS)", hpss, halves=True),
    "repet-sim": Baseline("REPET-SIM", repet_sim, halves=True),
    "oracle-ratio": Baseline("oracle ratio mask, p = 1", partial(oracle_ratio, power=1), oracle=True),
    "oracle-wiener": Baseline("oracle ratio mask, p = 2", partial(oracle_ratio, power=2), oracle=True),
    "oracle-binary": Baseline("oracle binary mask", oracle_binary, oracle=True),
}


def by_baseline(sound: Sound, name: str, seed: int) -> Estimates:
    """The stems that baseline `name` makes of `sound`."""
    mixture, references = (resample(signal, sound.rate, RATE) for signal in (sound.mixture, sound.references))
    began = time.monotonic()
    stems = separate(BASELINES[name], mixture, references, seed)
    return Estimates(stems, RATE, time.monotonic() - began, {"device": "cpu"})
