"""How good a separation is, given the true sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...judging import CEILING_DB, FLOOR_DB, TINY, best_permutation, si_sdr

# BSS-eval v3 allows an estimate any distortion by a filter of this many taps.
BSS_TAPS = 512
# A channel below this root mean square would make BSS-eval's equations singular; it gets noise of this level.
INAUDIBLE = 1e-7
# LSD: window and overlap in samples; levels are cut this far below the reference's largest bin, so that silence is
# compared with silence and not with log 0.
LSD_WINDOW, LSD_OVERLAP, LSD_RANGE = 1024, 768, 1e-6


@dataclass(frozen=True)
class Scores:
    """One separation, judged: a value a reference, in dB; for `lsd` less is better.

    order: which estimate belongs to each reference. si_sdri: gain in SI-SDR over the mixture itself as the estimate.
    """

    order: tuple[int, ...]
    si_sdr: tuple[float, ...]
    si_sdri: tuple[float, ...]
    sdr: tuple[float, ...]
    sir: tuple[float, ...]
    sar: tuple[float, ...]
    lsd: tuple[float, ...]


# The columns of every table, in the order of the tables.
METRICS = ("sdr", "sir", "sar", "si_sdr", "si_sdri", "lsd")


def evaluate(
    mixture: NDArray[np.floating], references: NDArray[np.floating], estimates: NDArray[np.floating], rate: int
) -> Scores:
    """Judge `estimates` (sources, channels, frames) of `references`, the same shape, in `mixture` (channels, frames).

    All at one `rate` in Hz. The order with the best mean SI-SDR holds for every metric. Raises ImportError without
    fast_bss_eval (the `bench` extra).
    """
    order, values = best_permutation(references, estimates)
    ordered = estimates[list(order)]
    before = [si_sdr(reference, mixture) for reference in references]
    sdr, sir, sar = bss_eval(references, ordered)
    return Scores(
        order,
        tuple(values),
        tuple(after - first for after, first in zip(values, before, strict=True)),
        tuple(sdr.tolist()),
        tuple(sir.tolist()),
        tuple(sar.tolist()),
        tuple(lsd(reference, estimate, rate) for reference, estimate in zip(references, ordered, strict=True)),
    )


def bss_eval(references: NDArray[np.floating], estimates: NDArray[np.floating]) -> NDArray[np.float64]:
    """BSS-eval v3 (Vincent, Gribonval, Févotte 2006; bss_eval_sources): (3, sources), rows SDR, SIR, SAR in dB.

    references, estimates: (sources, channels, frames), in the same order; the mean over channels.
    """
    channels = [_bss_eval_mono(references[:, c], estimates[:, c]) for c in range(references.shape[1])]
    mean: NDArray[np.float64] = np.mean(channels, axis=0)
    return mean


def _bss_eval_mono(references: NDArray[np.floating], estimates: NDArray[np.floating]) -> NDArray[np.float64]:
    # its numpy back end does not run with numpy 2
    import torch
    from fast_bss_eval import bss_eval_sources

    generator = np.random.default_rng(0)
    true, guessed = (
        torch.from_numpy(np.stack([_audible(signal, generator) for signal in signals]))
        for signals in (references, estimates)
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # torch.linalg.solve may fail on batches with more (pytorch issue 142815)
    try:
        values = bss_eval_sources(true, guessed, filter_length=BSS_TAPS, load_diag=1e-10, compute_permutation=False)
    finally:
        torch.set_num_threads(threads)
    stacked = np.stack([value.numpy() for value in values[:3]])
    return np.clip(np.nan_to_num(stacked.astype(np.float64), nan=FLOOR_DB), FLOOR_DB, CEILING_DB)


def _audible(signal: NDArray[np.floating], generator: np.random.Generator) -> NDArray[np.float64]:
    samples: NDArray[np.float64] = np.asarray(signal, dtype=np.float64)
    silent = np.sqrt(np.mean(samples**2)) < INAUDIBLE
    return samples + INAUDIBLE * generator.standard_normal(len(samples)) if silent else samples


def lsd(
    reference: NDArray[np.floating],
    estimate: NDArray[np.floating],
    rate: int,
    low: float = -np.inf,
    high: float = np.inf,
) -> float:
    """Log-spectral distance in dB, both (channels, frames): mean over frames of the root mean square over bins.

    low, high: only bins between them count, in Hz.
    """
    hertz = np.fft.rfftfreq(LSD_WINDOW, 1 / rate)
    bins = (hertz > low) & (hertz < high)
    distances = []
    for true, guessed in zip(_powers(reference, rate)[:, bins], _powers(estimate, rate)[:, bins], strict=True):
        floor = LSD_RANGE * true.max() + TINY
        difference = 10 * np.log10(np.maximum(true, floor) / np.maximum(guessed, floor))
        distances.append(np.sqrt(np.mean(difference**2, axis=0)).mean())
    return float(np.mean(distances))


def _powers(signal: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """(channels, frames) -> (channels, bins, frames)."""
    from scipy.signal import stft

    _, _, spectrum = stft(signal.astype(np.float64), rate, nperseg=LSD_WINDOW, noverlap=LSD_OVERLAP)
    powers: NDArray[np.float64] = np.abs(spectrum) ** 2
    return powers
