"""What else takes noise out of speech: spectral gating, minimum statistics, and networks trained for it.

They hear one channel after the other, and share no code with the engine.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy.special import exp1

from ..data.noisy_speech import SPEECH_RATE
from .checkpoint import CHECKPOINT, digest

if TYPE_CHECKING:
    from .segan import Generator

Signal = NDArray[np.floating]  # (frames,)
Powers = NDArray[np.floating]  # (bins,) of one frame, or (frames, bins)
TINY = 1e-12  # of a clip's mean power


@dataclass(frozen=True)
class Denoiser:
    """A method: clean(noisy, seed, weights) -> the speech in it, both at `rate` Hz.

    package: what it is made of, if it is another project's. weighted: it needs a file of weights. seeded: whether the
    seed changes the result.
    """

    title: str
    clean: Callable[[Signal, int, Path | None], Signal]
    rate: int = SPEECH_RATE
    package: str | None = None
    weighted: bool = False
    seeded: bool = False

    def missing(self, weights: Path | None) -> str | None:
        """Why it cannot be run here, or None."""
        if self.package and not importlib.util.find_spec(self.package):
            return f"needs {self.package}: pip install 'dap-bridge[speech]'"
        return f"needs the file {CHECKPOINT}: --segan FILE" if self.weighted and not weights else None

    def version(self, weights: Path | None) -> str | None:
        """What its results depend on besides the clip: the package's version, or a digest of the weights.

        Raises BadRequest where the file cannot be read.
        """
        if self.missing(weights):
            return None
        return version(self.package) if self.package else digest(weights) if self.weighted and weights else None


def untouched(noisy: Signal, seed: int, weights: Path | None) -> Signal:
    """What came in."""
    return noisy


# --- spectral gating -----------------------------------------------------------------------------------------------


PROFILE_S = 0.25


def gate(noisy: Signal, seed: int, weights: Path | None) -> Signal:
    """noisereduce with one threshold a bin, from a profile of the noise: the quietest stretch of the clip."""
    import noisereduce

    frames = min(len(noisy), round(PROFILE_S * SPEECH_RATE))
    energy = np.convolve(noisy**2, np.ones(frames), "valid")
    profile = noisy[int(energy.argmin()) :][:frames]
    cleaned: Signal = noisereduce.reduce_noise(y=noisy, sr=SPEECH_RATE, stationary=True, y_noise=profile)
    return cleaned


def moving_gate(noisy: Signal, seed: int, weights: Path | None) -> Signal:
    """noisereduce as it comes: thresholds that follow the clip's level over seconds."""
    import noisereduce

    cleaned: Signal = noisereduce.reduce_noise(y=noisy, sr=SPEECH_RATE)
    return cleaned


# --- MMSE-LSA with minimum statistics ------------------------------------------------------------------------------

N_FFT, HOP = 512, 256  # 32 ms, half overlapping: the constants below belong to that hop
WINDOW = "hann"
DECISION, LEAST_SNR_DB = 0.98, -25.0


def mmse_lsa(noisy: Signal, seed: int, weights: Path | None) -> Signal:
    """The MMSE estimator of log amplitudes (Ephraim and Malah 1985), the noise's power by minimum statistics.

    G = xi / (1 + xi) exp(E1(v) / 2), v = gamma xi / (1 + xi), gamma = |Y|^2 / noise (eq. 20);
    xi = a G'^2 gamma' + (1 - a) max(gamma - 1, 0), with ' of the frame before (their 1984 paper, eq. 51).
    """
    window = np.sqrt(librosa.filters.get_window(WINDOW, N_FFT))
    spectrogram = librosa.stft(noisy, n_fft=N_FFT, hop_length=HOP, window=window)
    powers = np.abs(spectrogram.T) ** 2
    powers = powers + TINY * (powers.mean() + TINY)
    before, gains = np.ones(powers.shape[1]), []
    for gamma in powers / minimum_statistics(powers):
        xi = DECISION * before + (1 - DECISION) * np.maximum(gamma - 1, 0)
        wiener = (xi := np.maximum(xi, 10 ** (LEAST_SNR_DB / 10))) / (1 + xi)
        gain = np.minimum(wiener * np.exp(exp1(np.maximum(wiener * gamma, TINY)) / 2), 1)
        before = gain**2 * gamma
        gains.append(gain)
    cleaned: Signal = librosa.istft(
        spectrogram * np.array(gains).T, hop_length=HOP, n_fft=N_FFT, window=window, length=len(noisy)
    )
    return cleaned


# The constants of Martin 2001. The window searched for minima is of 8 sub-windows of 12 frames, 1.5 s.
SUB_WINDOWS, SUB_FRAMES = 8, 12
OPENING_FRAMES = 6
SMOOTHEST, ROUGHEST, LEAST_CORRECTION, CORRECTION_MEMORY = 0.96, 0.3, 0.7, 0.7
MOST_VARIANCE_MEMORY, MOST_VARIANCE = 0.8, 0.5
BIAS_SPREAD = 2.12
# mean variance below -> how many times the floor may have risen within one sub-window
SLOPES = ((0.03, 8.0), (0.05, 4.0), (0.06, 2.0), (np.inf, 1.2))
# M(D), tabulated there, for minima over D frames
LENGTHS = (1, 2, 5, 8, 10, 15, 20, 30, 40, 60, 80, 120, 140, 160)
SHRINKAGE = (0, 0.26, 0.48, 0.58, 0.61, 0.668, 0.705, 0.762, 0.8, 0.841, 0.865, 0.89, 0.9, 0.91)


def minimum_statistics(powers: Powers) -> Powers:
    """The noise's power in every bin of every frame, (frames, bins), of the powers of noisy speech at hops of 16 ms.

    R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics", 2001. Powers
    are smoothed the more, the nearer they are to the noise alone; the minimum over 1.5 s, its bias taken back by the
    variance of what it is taken of; followed at once where a sub-window shows that the noise has risen. It starts from
    the mean of the first frames: from the first alone, a bin that is weak in it stays too low for 1.5 s.
    """
    smooth = noise = floor = mean = powers[:OPENING_FRAMES].mean(axis=0)
    square, correction = mean**2, 1.0
    unknown = np.full_like(smooth, np.inf)
    least = least_sub = unknown
    stored = [unknown] * SUB_WINDOWS
    rising = np.zeros(len(smooth), bool)
    found = []
    for number, power in enumerate(powers):
        raw = 1 / (1 + (smooth.sum() / power.sum() - 1) ** 2)
        correction = CORRECTION_MEMORY * correction + (1 - CORRECTION_MEMORY) * max(raw, LEAST_CORRECTION)
        memory = np.maximum(SMOOTHEST * correction / (1 + (smooth / noise - 1) ** 2), ROUGHEST)
        smooth = memory * smooth + (1 - memory) * power

        share = np.minimum(memory**2, MOST_VARIANCE_MEMORY)
        mean, square = share * mean + (1 - share) * smooth, share * square + (1 - share) * smooth**2
        variance = np.minimum(np.maximum(square - mean**2, 0) / (2 * noise**2), MOST_VARIANCE)
        raised = smooth * (1 + BIAS_SPREAD * np.sqrt(variance.mean()))
        whole = raised * bias(variance, SUB_WINDOWS * SUB_FRAMES)
        lower = whole < least
        least = np.where(lower, whole, least)
        least_sub = np.where(lower, raised * bias(variance, SUB_FRAMES), least_sub)

        if (number + 1) % SUB_FRAMES == 0:
            stored = [*stored[1:], least]
            floor = np.min(stored, axis=0)
            slope = next(times for limit, times in SLOPES if variance.mean() < limit)
            risen = rising & ~lower & (least_sub > floor) & (least_sub < slope * floor)
            floor = np.where(risen, least_sub, floor)
            stored = [np.where(risen, least_sub, kept) for kept in stored]
            rising = np.zeros_like(rising)
            least = least_sub = unknown
        elif number % SUB_FRAMES:
            rising = rising | lower
            noise = floor = np.minimum(least_sub, floor)
        found.append(noise)
    return np.array(found)


def bias(variance: Powers, frames: int) -> Powers:
    """How many times the minimum of `frames` smoothed powers lies below their mean.

    variance: of the smoothed powers, over twice the squared noise: one over their equivalent degrees of freedom.
    """
    shrinkage = np.interp(frames, LENGTHS, SHRINKAGE)
    freedom = (1 / np.maximum(variance, TINY) - 2 * shrinkage) / (1 - shrinkage)
    return 1 + (frames - 1) * 2 / freedom


# --- trained -------------------------------------------------------------------------------------------------------

RNNOISE_RATE = 48_000
RNNOISE_DELAY = 960  # samples: the most alike to what went in, and SI-SDR falls to either side of it


def rnnoise(noisy: Signal, seed: int, weights: Path | None) -> Signal:
    """RNNoise (Valin 2018) at RNNOISE_RATE with the weights of its library, by pyrnnoise; its delay taken back."""
    from pyrnnoise.rnnoise import FRAME_SIZE, create, destroy, process_mono_frame

    padded = np.pad(noisy, (0, RNNOISE_DELAY + -(len(noisy) + RNNOISE_DELAY) % FRAME_SIZE))
    full = np.iinfo(np.int16).max
    samples = np.clip(np.round(full * padded), -full, full).astype(np.int16)
    state = create()
    try:
        made = np.concatenate([process_mono_frame(state, frame)[0] for frame in samples.reshape(-1, FRAME_SIZE)])
    finally:
        destroy(state)
    return made[RNNOISE_DELAY:][: len(noisy)] / full


def segan(noisy: Signal, seed: int, weights: Path | None) -> Signal:
    """SEGAN's generator with the weights of its public checkpoint; see segan.py."""
    from .segan import enhance

    assert weights is not None
    return enhance(noisy, _generator(weights), seed)


@cache
def _generator(weights: Path) -> Generator:
    from .segan import load

    return load(weights)


DENOISERS: dict[str, Denoiser] = {
    "noisy": Denoiser("what came in", untouched),
    "gate": Denoiser("spectral gating, a profile of the noise", gate, package="noisereduce"),
    "gate-moving": Denoiser("spectral gating, thresholds that follow", moving_gate, package="noisereduce"),
    "mmse-lsa": Denoiser("MMSE-LSA, minimum statistics", mmse_lsa),
    "rnnoise": Denoiser("RNNoise, trained", rnnoise, RNNOISE_RATE, package="pyrnnoise"),
    "segan": Denoiser("SEGAN, trained", segan, weighted=True, seeded=True),
}
