"""What a user who knows the truth sees of two stems: where a box would better them, and what it would do if filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import istft, stft

from ....domain import Box, Op
from ...data.sounds import RATE

# What a hand draws: edges on a grid of 0.1 s and a third of an octave.
STEP_S = 0.1
LOWEST_HZ = 62.5
N_FFT, HOP = 1024, 256
_TINY = 1e-6  # of the truth's power


@dataclass(frozen=True)
class Picture:
    """What the simulated user looks at: spectrograms at RATE, and the grid that boxes keep to.

    mixture: (bins, frames); truth: (2, bins, frames), in the order of the stems.
    """

    mixture: NDArray[np.complexfloating]
    truth: NDArray[np.complexfloating]
    frames: int

    @cached_property
    def bands(self) -> NDArray[np.floating]:
        """Edges in Hz: 0, thirds of an octave from LOWEST_HZ, the top of the band."""
        thirds = LOWEST_HZ * 2 ** (np.arange(0, 3 * np.log2(RATE / 2 / LOWEST_HZ)) / 3)
        return np.array([0.0, *thirds[thirds < 0.9 * RATE / 2], RATE / 2])

    @cached_property
    def steps(self) -> NDArray[np.floating]:
        """Edges in seconds."""
        return np.arange(int(self.mixture.shape[1] * HOP / RATE / STEP_S) + 1) * STEP_S

    def candidates(self, first: NDArray[np.complexfloating], count: int) -> list[Box]:
        """The boxes that, filled, better the first stem (bins, frames) and with it the second: `count` at most, the
        best first, none that is much the same as a better one. All boxes are tried.

        Better is what is so by the mean of SDR and SI-SDR, which differ in what they take for right: what a gain for
        every bin makes of the truth (BSS-eval's filter, nearly), or one gain. To the first alone an emptied band is no
        loss; the second alone hears little but the loudest band.
        """
        stems = np.stack([first, self.mixture - first])
        before = _Measured.of(self.truth, stems)
        found: list[tuple[float, Op, _Span]] = []
        for op, share in ((Op.DEACTIVATE, 0.0), (Op.ACTIVATE, 1.0)):
            filled = np.stack([share * self.mixture, (1 - share) * self.mixture])
            matches, powers = _inner(self.truth, filled - stems), _inner(filled, filled) - _inner(stems, stems)
            explained, match, power = [], [], []
            for inside in self._bins:
                known, truth = (each[:, inside, None, None] for each in (before.match, before.truth))
                change = self._spans(matches[:, inside])
                explained.append((change * (2 * known + change) / truth).sum(1))
                match.append(change.sum(1))
                power.append(self._spans(powers[:, inside].sum(1)))
            below = [_below(each) for each in (explained, match, power)]
            for low in range(len(self._bins)):
                gain = before.gain(*(each[:, low + 1 :] - each[:, low : low + 1] for each in below))
                # of one band, the times that pay most
                times = np.tril(gain, -1).reshape(len(gain), -1).argmax(1)
                for high, (end, start) in enumerate(np.transpose(np.unravel_index(times, gain.shape[1:])).tolist()):
                    if start < end and gain[high, end, start] > 0:
                        found.append((float(gain[high, end, start]), op, (start, end, low, low + 1 + high)))
        kept: list[tuple[Op, _Span]] = []
        for _, op, span in sorted(found, reverse=True):
            if len(kept) < count and not any(op is other and _alike(span, at) for other, at in kept):
                kept.append((op, span))
        return [self._box(op, *span) for op, span in kept]

    def _box(self, op: Op, start: int, end: int, low: int, high: int) -> Box:
        return Box(1, op, *self.steps[[start, end]].tolist(), *self.bands[[low, high]].tolist())

    @cached_property
    def _bins(self) -> list[slice]:
        """The bins of each band of the grid."""
        edges = np.searchsorted(np.arange(self.mixture.shape[0]) * RATE / N_FFT, self.bands)
        return [slice(low, high) for low, high in pairwise([*edges[:-1].tolist(), self.mixture.shape[0]])]

    def _spans(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Of (..., frames), sums between every two steps of the grid: (..., ends, starts)."""
        steps = np.searchsorted(np.arange(values.shape[-1]) * HOP / RATE, self.steps)
        steps[-1] = values.shape[-1]
        below: NDArray[np.floating] = np.pad(values.cumsum(-1), [(0, 0)] * (values.ndim - 1) + [(1, 0)])[..., steps]
        return below[..., :, None] - below[..., None, :]

    def pair(self, first: NDArray[np.complexfloating]) -> NDArray[np.floating]:
        """Both stems, (2, frames), of the first one's spectrogram."""
        return np.stack([audio(first, self.frames), audio(self.mixture - first, self.frames)])

    def fill(self, first: NDArray[np.complexfloating], boxes: Sequence[Box]) -> NDArray[np.complexfloating]:
        """The first stem with boxes filled and nothing else done: what a spectral eraser does."""
        filled = first.copy()
        hertz = np.arange(first.shape[0]) * RATE / N_FFT
        seconds = np.arange(first.shape[1]) * HOP / RATE
        for box in boxes:
            inside = np.ix_((hertz >= box.low) & (hertz < box.high), (seconds >= box.start) & (seconds < box.end))
            filled[inside] = self.mixture[inside] if box.op is Op.ACTIVATE else 0
        return filled


_Span = tuple[int, int, int, int]  # start, end; low, high: edges of the grid


def _alike(one: _Span, other: _Span) -> bool:
    """Whether more than half of what either covers is covered by both."""
    both = _area((max(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), min(one[3], other[3])))
    return 2 * both > _area(one) + _area(other) - both


def _area(span: _Span) -> int:
    return max(0, span[1] - span[0]) * max(0, span[3] - span[2])


def _below(bands: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """What lies in each band (2, ends, starts) -> below each of their edges: (2, edges, ends, starts)."""
    return np.stack([np.zeros_like(bands[0]), *bands], 1).cumsum(1)


def _inner(one: NDArray[np.complexfloating], other: NDArray[np.complexfloating]) -> NDArray[np.floating]:
    """Point by point, what the inner product of two signals is the sum of."""
    return one.real * other.real + one.imag * other.imag


@dataclass(frozen=True)
class _Measured:
    """Two stems against the truth. match, truth: (2, bins), inner products of truth and stem, power of the truth;
    power: (2,), of the stems.
    """

    match: NDArray[np.floating]
    truth: NDArray[np.floating]
    power: NDArray[np.floating]

    @classmethod
    def of(cls, truth: NDArray[np.complexfloating], stems: NDArray[np.complexfloating]) -> _Measured:
        known = _inner(truth, truth).sum(2)
        # bins without any truth have nothing to explain
        known += _TINY * known.mean(1, keepdims=True)
        return cls(_inner(truth, stems).sum(2), known, _inner(stems, stems).sum((1, 2)))

    def gain(
        self, explained: NDArray[np.floating], match: NDArray[np.floating], power: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """dB that changes are worth, each (2, ...): of the power explained bin by bin, of all matches, of the power."""
        more = (slice(None), *[None] * (match.ndim - 1))
        truth = self.truth.sum(1)[more]
        bins, whole = (self.match**2 / self.truth).sum(1)[more], self.match.sum(1)[more]
        total = self.power[more] + power
        twice: NDArray[np.floating] = (
            _decibels(bins + explained, total, truth)
            - _decibels(bins, self.power[more], truth)
            + _decibels((whole + match) ** 2 / truth, total, truth)
            - _decibels(whole**2 / truth, self.power[more], truth)
        )
        return twice / 2


def _decibels(
    explained: NDArray[np.floating], power: NDArray[np.floating], truth: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Right against wrong power, mean over both stems, each (2, ...): at most 60 dB. A stem that is silent has matched
    nothing, without an error.
    """
    error = np.maximum(power - explained, 0)
    decibels = 10 * np.log10((explained + _TINY**2 * truth) / (error + _TINY * truth))
    mean: NDArray[np.floating] = decibels.mean(0)
    return mean


def spectrogram(signal: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    values: NDArray[np.complexfloating] = stft(signal, nperseg=N_FFT, noverlap=N_FFT - HOP)[2]
    return values


def audio(values: NDArray[np.complexfloating], frames: int) -> NDArray[np.floating]:
    signal: NDArray[np.floating] = istft(values, nperseg=N_FFT, noverlap=N_FFT - HOP)[1]
    return np.pad(signal, (0, max(0, frames - len(signal))))[:frames]
