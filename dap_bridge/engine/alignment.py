"""Where some clips hold the same sound: found by cross-correlation, proven by coherence."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from .events import Step
from .recipe import Front, Search
from .stft import istft, stft

_TINY = 1e-20
# Quantiles are read off at most this many values; more would change no digit that is shown.
_SAMPLED = 1 << 20


@dataclass(frozen=True)
class Occurrence:
    """One place of a shared sound. start: in `clip`, frames at the front's rate, negative where its beginning is cut."""

    clip: int
    start: int


@dataclass(frozen=True)
class Shared:
    """A sound that several clips hold. length: frames at the front's rate; the first occurrence is the clearest.

    likeness: how far its coherence between clips stands above that at other lags, in standard deviations.
    """

    length: int
    occurrences: tuple[Occurrence, ...]
    likeness: float


@dataclass(frozen=True)
class Found:
    """What a search came to. likeness: of the best candidate, whether it was good enough or not."""

    sounds: tuple[Shared, ...]
    likeness: float


@dataclass(frozen=True)
class _Pair:
    """Two clips laid over each other: frame t of `first` against frame t + lag of `second`."""

    first: int
    second: int
    lag: int
    likeness: float
    prominence: float


def find_shared(views: Sequence[Tensor], front: Front, recipe: Search) -> Generator[Step, None, Found]:
    """Every sound that at least two of the clips hold, the clearest first.

    views: one (samples,) a clip at front.rate. Round after round the best alignment of all clips is sought, the
    stretches that agree at it become sounds, each is looked for in all clips once more, and what was found is taken out
    of the next round.
    """
    left = [view.clone() for view in views]
    sounds: list[Shared] = []
    best = 0.0
    for round_ in range(recipe.rounds):
        white = [whiten(view, front, recipe.ceiling) for view in left]
        pairs: list[_Pair] = []
        both = list(combinations(range(len(left)), 2))
        for done, (i, j) in enumerate(both, 1):
            pairs += _candidates(left, white, i, j, front, recipe)
            fraction = (round_ + done / len(both)) / recipe.rounds
            yield Step("searching", done, len(both), fraction)
        offsets, likeness = _agree(pairs, recipe)
        best = max(best, likeness)
        if not offsets:
            break
        new = _sounds(left, white, offsets, likeness, front, recipe)
        if not new:
            break
        sounds += new
        for sound in new:
            for place in sound.occurrences:
                left[place.clip][max(0, place.start) : max(0, place.start + sound.length)] = 0.0
    return Found(tuple(sounds), best)


def whiten(audio: Tensor, front: Front, ceiling: float) -> Tensor:
    """(samples,) with every bin brought to its median over time, and cut at `ceiling` times that.

    Steady tones and loud moments, alike in sounds that have nothing to do with each other, lose their weight.
    """
    spectrogram = stft(audio[None], front.n_fft, front.hop)[0]
    level = spectrogram.abs()
    # a bin that is silent half of the time still has a level
    usual = torch.maximum(level.median(dim=1, keepdim=True).values, level.mean(dim=1, keepdim=True) / ceiling)
    weight = (level / usual.clamp(min=_TINY)).clamp(max=ceiling) / level.clamp(min=_TINY)
    return istft(spectrogram * weight, front.n_fft, front.hop, audio.shape[-1])


def cross_correlation(a: Tensor, b: Tensor) -> Tensor:
    """r(k) = sum_t a(t) b(t + k) / (|a| |b|), k from -(len(a) - 1) to len(b) - 1: (len(a) + len(b) - 1,)."""
    size = len(a) + len(b) - 1
    n = 1 << (size - 1).bit_length()
    r = torch.fft.irfft(torch.fft.rfft(a, n).conj() * torch.fft.rfft(b, n), n)
    r = torch.cat([r[n - (len(a) - 1) :], r[: len(b)]])
    return r / (a.norm() * b.norm()).clamp(min=_TINY)


def peaks(values: Tensor, count: int, apart: int) -> list[int]:
    """Indices of the `count` highest of `values`, each at least `apart` from those before it."""
    rest, found = values.clone(), []
    for _ in range(count):
        top = int(rest.argmax())
        if rest[top] <= 0:
            break
        found.append(top)
        rest[max(0, top - apart + 1) : top + apart] = 0
    return found


def usual_level(values: Tensor, quantile: float) -> float:
    """What a fraction `quantile` of `values` stays below."""
    sample = values[:: max(1, len(values) // _SAMPLED)]
    return float(sample.kthvalue(max(1, round(quantile * len(sample)))).values)


def coherence(x: Tensor, y: Tensor, lag: int, front: Front, recipe: Search) -> Tensor:
    """How alike x(t) and y(t + lag) are, frame by frame of x: (frames,), of mean zero where nothing is shared.

    The cosine of the phases' difference, averaged over a patch of recipe.patch_bins x recipe.patch_frames, cubed, summed
    over bins and divided by their root. Phases know nothing of level: a faint sound that is the same counts in full.
    """
    shifted = F.pad(y, (max(0, -lag), 0))[max(0, lag) :][: len(x)]
    shifted = F.pad(shifted, (0, len(x) - len(shifted)))
    a, b = (_phases(stft(z[None], front.n_fft, front.hop)) for z in (x, shifted))
    cosine = (a * b.conj()).real
    patch = _average(_average(cosine, recipe.patch_frames).mT, recipe.patch_bins).mT
    return (patch[0] ** 3).sum(0) / math.sqrt(patch.shape[1])


def _phases(spectrogram: Tensor) -> Tensor:
    level = spectrogram.abs()
    return torch.where(level > 1e-6 * level.max(), spectrogram / level.clamp(min=_TINY), 0)


def _average(values: Tensor, width: int) -> Tensor:
    return F.avg_pool1d(values, width, 1, width // 2)


def _other_lags(lag: int, size: int, front: Front, recipe: Search) -> list[int]:
    """Lags that have nothing to do with `lag`, by which chance is known."""
    step = max(front.rate, size // (recipe.chances + 1))
    return [lag + (k // 2 + 1) * step * (1 if k % 2 else -1) for k in range(recipe.chances)]


def _candidates(
    views: Sequence[Tensor], white: Sequence[Tensor], i: int, j: int, front: Front, recipe: Search
) -> list[_Pair]:
    """Alignments of two clips that stand out, and the one at which they begin together."""
    x, y = views[i], views[j]
    if not (bool(x.any()) and bool(y.any())):
        return []
    found: dict[int, float] = {0: 0.0}
    for a, b in ((white[i], white[j]), (whiten(x, front, math.inf), whiten(y, front, math.inf))):
        r = cross_correlation(a, b).abs()
        usual = usual_level(r, recipe.quantile)
        for top in peaks(r, recipe.candidates, front.hop // 8):
            known = found.get(top - (len(a) - 1), 0.0)
            found[top - (len(a) - 1)] = max(known, float(r[top]) / usual) if a is white[i] else known
    # an alignment that leaves hardly anything to compare proves nothing
    found = {lag: p for lag, p in found.items() if min(len(x), len(y) - lag) - max(0, -lag) >= recipe.shortest_s * front.rate}
    chance = [float(coherence(x, y, lag, front, recipe).sum()) for lag in _other_lags(0, len(x), front, recipe)]
    deviation = math.sqrt(sum(c * c for c in chance) / len(chance)) or 1.0
    return [
        _Pair(i, j, lag, abs(float(coherence(x, y, lag, front, recipe).sum())) / deviation, prominence)
        for lag, prominence in found.items()
    ]
