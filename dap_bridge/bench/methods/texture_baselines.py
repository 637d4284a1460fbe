"""What else makes a long texture of a short one: looping, shuffling, stretching, and noise of the same spectrum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Signal = NDArray[np.floating]
Extend = Callable[[Signal, int, int, np.random.Generator], Signal]

CROSSFADE_S = 0.05
GRAIN_S = 0.1


def looping(source: Signal, rate: int, frames: int, _: np.random.Generator) -> Signal:
    """The clip again and again, each time cross-faded with equal power."""
    fade = min(round(CROSSFADE_S * rate), source.shape[1] // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade))
    made = source.copy()
    while made.shape[1] < frames:
        joint = made[:, -fade:] * ramp[::-1] + source[:, :fade] * ramp
        made = np.concatenate([made[:, :-fade], joint, source[:, fade:]], axis=1)
    return made[:, :frames]


def shuffling(source: Signal, rate: int, frames: int, generator: np.random.Generator) -> Signal:
    """Grains from random places, Hann windows in power, half overlapping."""
    grain = min(2 * round(GRAIN_S * rate / 2), source.shape[1] // 2 * 2)
    window = np.sin(np.pi * (np.arange(grain) + 0.5) / grain)
    made = np.zeros((len(source), frames + grain))
    for at in range(0, frames, grain // 2):
        start = generator.integers(0, source.shape[1] - grain + 1)
        made[:, at : at + grain] += window * source[:, start : start + grain]
    made = made[:, :frames]
    made[:, : source.shape[1]] = source
    return made


def stretching(source: Signal, rate: int, frames: int, _: np.random.Generator) -> Signal:
    """The clip, followed by itself slowed down by a phase vocoder."""
    import librosa

    rest = max(1, frames - source.shape[1])
    slowed = librosa.effects.time_stretch(np.asarray(source, np.float32), rate=source.shape[1] / rest)
    slowed = np.pad(slowed, ((0, 0), (0, max(0, rest - slowed.shape[1]))))
    return np.concatenate([source, slowed[:, :rest]], axis=1)[:, :frames]


def shaped_noise(source: Signal, rate: int, frames: int, generator: np.random.Generator) -> Signal:
    """The clip, followed by stationary Gaussian noise of its mean cross-spectrum: power and stereo image are right."""
    rest = max(1, frames - source.shape[1])
    size = min(2048, source.shape[1] // 2 * 2)
    starts = range(0, source.shape[1] - size + 1, size // 2)
    spectra = np.stack([np.fft.rfft(source[:, at : at + size] * np.hanning(size)) for at in starts])
    cross = np.einsum("tcf,tdf->fcd", spectra, spectra.conj()) / len(spectra)
    smooth = gaussian_filter1d(cross, 1.0, axis=0)
    at = np.linspace(0, len(smooth) - 1, rest // 2 + 1)
    low = at.astype(int)
    share = (at - low)[:, None, None]
    dense = (1 - share) * smooth[low] + share * smooth[np.minimum(low + 1, len(smooth) - 1)]
    values, vectors = np.linalg.eigh(dense)
    root = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
    shape = (len(dense), len(source))
    white = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
    made = np.fft.irfft(np.einsum("fcd,fd->cf", root, white), rest)
    made *= np.sqrt(np.mean(source**2) / np.maximum(np.mean(made**2), 1e-30))
    return np.concatenate([source, made], axis=1)[:, :frames]


TEXTURE_BASELINES: dict[str, Extend] = {
    "looping": looping,
    "shuffling": shuffling,
    "stretching": stretching,
    "shaped-noise": shaped_noise,
}
