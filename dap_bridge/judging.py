"""How near a stem is to the sound that it should be, where that is known: the demo and the benchmarks judge by it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# What a silent estimate is given, and the ceiling of a perfect one, in dB.
FLOOR_DB, CEILING_DB = -60.0, 100.0
# An estimate with less of the reference's energy than this is silent.
SILENCE = 1e-12
# Of an energy: with it the ratio of two silent signals is a number.
TINY = 1e-20


def si_sdr(reference: NDArray[np.floating], estimate: NDArray[np.floating]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB; both (channels, frames) or (frames,), one gain for all.

    Le Roux et al., "SDR - half-baked or well done?", 2019, after removing each channel's mean.
    """
    reference, estimate = _centred(reference), _centred(estimate)
    energy = float(np.sum(reference**2))
    if np.sum(estimate**2) < SILENCE * energy:
        return FLOOR_DB
    target = reference * (np.sum(reference * estimate) / (energy + TINY))
    ratio = (np.sum(target**2) + TINY) / (np.sum((estimate - target) ** 2) + TINY)
    return float(np.clip(10 * np.log10(ratio), FLOOR_DB, CEILING_DB))


def _centred(signal: NDArray[np.floating]) -> NDArray[np.float64]:
    samples: NDArray[np.float64] = np.asarray(signal, dtype=np.float64)
    centred: NDArray[np.float64] = samples - samples.mean(axis=-1, keepdims=True)
    return centred


def best_permutation(
    references: NDArray[np.floating], estimates: NDArray[np.floating]
) -> tuple[tuple[int, ...], list[float]]:
    """Which estimate belongs to which reference: the order with the best mean SI-SDR, and each one's SI-SDR in dB.

    references, estimates: (sources, channels, frames).
    """
    table = [[si_sdr(reference, estimate) for estimate in estimates] for reference in references]
    order = best_order(table)
    return order, [row[index] for row, index in zip(table, order, strict=True)]


def best_order(table: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """A column for every row of `table`, no column twice, with the largest sum."""
    return max(
        itertools.permutations(range(len(table[0])), len(table)),
        key=lambda chosen: sum(row[index] for row, index in zip(table, chosen, strict=True)),
    )
