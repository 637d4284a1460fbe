"""Where some clips hold the same sound: found by cross-correlation, proven by coherence."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from ...events import Step
from ...recipe import Front
from ...signal.alignment import coherence, cross_correlation, shifted, whiten
from ...tiny import FAINT
from .recipe import Search

# Quantiles are read off at most this many values; more would change no digit that is shown.
_SAMPLED = 1 << 20
# Alignments that differ by no more samples are one and the same.
_NEAR = 2
# Of a sound's length: two places in one clip share no more.
_MOSTLY = 0.5
# Of a sound's length: less than that inside a clip is no place of it.
_LITTLE = 0.25
# Of the evidence that proves an alignment: what each stretch of it has to show for itself.
_STRETCH = 0.5


@dataclass(frozen=True)
class Occurrence:
    """One place of a shared sound.

    start: in `clip`, samples, negative where the clip begins in the middle of it. sign: -1 where its polarity is not
    that of the first place.
    """

    clip: int
    start: int
    sign: int = 1


@dataclass(frozen=True)
class Shared:
    """A sound that several clips hold. length: samples; the first occurrence is in the clip all others were held to."""

    length: int
    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True)
class Found:
    """What a search came to. strength: of the best alignment, in thresholds: from 1 on it counts as shared."""

    sounds: tuple[Shared, ...]
    strength: float


@dataclass(frozen=True)
class _Pair:
    """Sample t of clip `first` laid against sample t + lag of clip `second`; strength as in Found, sign of polarity."""

    first: int
    second: int
    lag: int
    strength: float
    sign: int


@dataclass(frozen=True)
class _Offset:
    """Where a clip lies against another: sample t of that one is sample t + lag of this one, times sign."""

    lag: int = 0
    sign: int = 1


def find_shared(views: Sequence[Tensor], front: Front, recipe: Search) -> Generator[Step, None, Found]:
    """Every sound that at least two of the clips hold, the clearest first.

    views: one (samples,) a clip at front.rate. Round after round the alignment at which most clips agree is sought. The
    stretches that are coherent at it are sounds; each is looked for once more everywhere, and what was found is taken
    out of the rounds that follow.
    """
    left = [view.clone() for view in views]
    both = list(combinations(range(len(left)), 2))
    # of the whole clips: holes that all of them have make coincidence look small
    unrelated: dict[tuple[int, int], float] = {}
    sounds: list[Shared] = []
    best = 0.0
    for number in range(recipe.rounds):
        white = [whiten(view, front, recipe.ceiling, recipe.silent) for view in left]
        pairs: list[_Pair] = []
        for done, (i, j) in enumerate(both, 1):
            if number == 0:
                unrelated[i, j] = _usual_coherence(views[i], views[j], front, recipe)
            pairs += _candidates(left, white, i, j, unrelated[i, j], front, recipe)
            yield Step("searching", done, len(both), (number + done / len(both)) / recipe.rounds)
        offsets, strength = _agreement(pairs, len(left), recipe)
        best = max(best, strength)
        found = _sounds(views, left, white, offsets, front, recipe) if offsets else []
        if not found:
            break
        sounds += found
        for sound in found:
            for place in sound.occurrences:
                _take_out(left[place.clip], place.start, sound.length, round(recipe.margin_s * front.rate))
    return Found(tuple(sounds), best)


def _take_out(audio: Tensor, start: int, length: int, ramp: int) -> None:
    """Silence a stretch in place; ramps on either side keep the cut from being alike in all clips."""
    fall = torch.linspace(1, 0, ramp + 2, device=audio.device)[1:-1]
    gain = torch.cat([fall, audio.new_zeros(max(0, length - 2 * ramp)), fall.flip(0)])
    first, last = max(0, start), min(len(audio), start + len(gain))
    if first < last:
        audio[first:last] *= gain[first - start : last - start]


def _usual(values: Tensor, quantile: float) -> float:
    """What a fraction `quantile` of `values` stays below."""
    sample = values[:: max(1, len(values) // _SAMPLED)]
    return float(sample.kthvalue(max(1, round(quantile * len(sample)))).values)


def _peaks(values: Tensor, count: int, apart: int) -> list[int]:
    """Indices of the `count` highest of `values`, highest first, none closer to a higher one than `apart`."""
    rest, found = values.clone(), []
    for _ in range(count):
        top = int(rest.argmax())
        if rest[top] <= 0:
            break
        found.append(top)
        rest[max(0, top - apart + 1) : top + apart] = 0
    return found


def _candidates(
    views: Sequence[Tensor], white: Sequence[Tensor], i: int, j: int, unrelated: float, front: Front, recipe: Search
) -> list[_Pair]:
    """Alignments of two clips that stand out, and the one at which both begin together.

    How far one stands out is known in two ways: from the whitened cross-correlation, against its usual level, and from
    the coherence, against `unrelated`, what it is where nothing is shared.
    """
    x, y = views[i], views[j]
    if not (bool(x.any()) and bool(y.any())):
        return []
    lags = {0: 0.0}
    # without a ceiling a bell's few partials are heard, with it a voice between drums
    for a, b, counts in (
        (white[i], white[j], True),
        (whiten(x, front, math.inf, recipe.silent), whiten(y, front, math.inf, recipe.silent), False),
    ):
        r = cross_correlation(a, b).abs()
        usual = max(_usual(r, recipe.quantile), FAINT)
        for top in _peaks(r, recipe.candidates, recipe.apart):
            lag = top - (len(a) - 1)
            lags[lag] = max(lags.get(lag, 0.0), float(r[top]) / usual if counts else 0.0)
    least = recipe.shortest_s * front.rate
    lags = {lag: seen for lag, seen in lags.items() if min(len(x), len(y) - lag) - max(0, -lag) >= least}
    found = []
    for lag, prominence in lags.items():
        seen = float(_coherence([x, shifted(y, lag, len(x))], front, recipe).sum())
        likeness = abs(seen) / unrelated if unrelated else 0.0
        strength = max(prominence / recipe.prominence, likeness / recipe.likeness)
        found.append(_Pair(i, j, lag, strength, -1 if seen < 0 else 1))
    return found


def _coherence(signals: Sequence[Tensor], front: Front, recipe: Search) -> Tensor:
    return coherence(signals, front, recipe.silent, recipe.patch_bins, recipe.patch_frames)


def _usual_coherence(x: Tensor, y: Tensor, front: Front, recipe: Search) -> float:
    """Root mean square of the total coherence of two clips at lags where it can only be coincidence."""
    totals = [_coincidence([x, shifted(y, 0, len(x))], k, front, recipe).sum() for k in range(recipe.chances)]
    return float(torch.stack(totals).square().mean().sqrt())


def _coincidence(signals: Sequence[Tensor], number: int, front: Front, recipe: Search) -> Tensor:
    """`_coherence` that only coincidence can bring: each signal turned by a length of its own, others each `number`."""
    step = len(signals[0]) / (recipe.chances + 1)
    turned = [s.roll(round(step * (number + 1) * k / (len(signals) - 1))) for k, s in enumerate(signals)]
    return _coherence(turned, front, recipe)


def _agreement(pairs: Sequence[_Pair], clips: int, recipe: Search) -> tuple[dict[int, _Offset], float]:
    """The alignment at which clips agree best, each against the first of them, and how strongly.

    Every strong pair is a start; each other clip joins it where it agrees most with those that are in it. The strengths
    of n pairs add up like those of independent witnesses, by sum / sqrt(n).
    """
    best: dict[int, _Offset] = {}
    most = 0.0
    for start in sorted(pairs, key=lambda pair: -pair.strength)[: recipe.candidates]:
        offsets = {start.first: _Offset(), start.second: _Offset(start.lag, start.sign)}
        strengths = [start.strength]
        for clip in set(range(clips)) - set(offsets):
            choices = _offsets_of(clip, offsets, pairs)
            if not choices:
                continue
            offset, seen = max(choices.items(), key=lambda choice: sum(choice[1]))
            if sum(seen) / math.sqrt(len(seen)) >= 1:
                offsets[clip] = offset
                strengths += seen
        together = sum(strengths) / math.sqrt(len(strengths))
        if together > most:
            best, most = offsets, together
    return (best, most) if most >= 1 else ({}, most)


def _offsets_of(clip: int, known: Mapping[int, _Offset], pairs: Sequence[_Pair]) -> dict[_Offset, list[float]]:
    """Where `clip` may lie, and the strengths of the pairs that say so."""
    said: dict[_Offset, list[float]] = {}
    for pair in pairs:
        if pair.first == clip and pair.second in known:
            other = known[pair.second]
            offset = _Offset(other.lag - pair.lag, other.sign * pair.sign)
        elif pair.second == clip and pair.first in known:
            other = known[pair.first]
            offset = _Offset(other.lag + pair.lag, other.sign * pair.sign)
        else:
            continue
        same = (o for o in said if o.sign == offset.sign and abs(o.lag - offset.lag) <= _NEAR)
        said.setdefault(next(same, offset), []).append(pair.strength)
    return said


def _sounds(
    views: Sequence[Tensor],
    left: Sequence[Tensor],
    white: Sequence[Tensor],
    offsets: Mapping[int, _Offset],
    front: Front,
    recipe: Search,
) -> list[Shared]:
    """What is `left` of aligned clips and agrees, stretch by stretch, the clearest first, each with all its places."""
    start = min(-offset.lag for offset in offsets.values())
    length = max(len(views[clip]) - offset.lag for clip, offset in offsets.items()) - start

    def aligned(signals: Sequence[Tensor]) -> list[Tensor]:
        return [o.sign * shifted(signals[clip], start + o.lag, length) for clip, o in offsets.items()]

    whole = aligned(views)
    unrelated = torch.stack([_coincidence(whole, k, front, recipe) for k in range(recipe.chances)])
    edge = recipe.edge * float(unrelated.square().mean().sqrt())
    least = _STRETCH * recipe.likeness * float(unrelated.sum(1).square().mean().sqrt())
    profile = _coherence(aligned(left), front, recipe)
    margin = round(recipe.margin_s * front.rate)
    sounds: list[Shared] = []
    for first, last in _stretches(profile, edge, least, front, recipe):
        begin, size = start + first * front.hop - margin, (last - first) * front.hop + 2 * margin
        places = [Occurrence(clip, begin + offset.lag, offset.sign) for clip, offset in offsets.items()]
        places = [place for place in places if _is_free(place, size, len(views[place.clip]), sounds)]
        if len(places) < 2:
            continue
        for place in _again(white, places, size, recipe):
            if _is_free(place, size, len(views[place.clip]), [*sounds, Shared(size, tuple(places))]):
                places.append(place)
        sounds.append(Shared(size, tuple(places)))
    return sounds


def _stretches(profile: Tensor, edge: float, least: float, front: Front, recipe: Search) -> list[tuple[int, int]]:
    """Where `profile` says that something is shared: (first, last) frame, the clearest first.

    A stretch reaches as far as the profile stays above `edge`, but for gaps, and sums up to `least` or more.
    """
    gap = max(1, round(recipe.gap_s * front.rate / front.hop))
    runs: list[tuple[int, int]] = []
    for frame in (profile > edge).nonzero()[:, 0].tolist():
        if runs and frame - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    rated = [(float(profile[first : last + 1].sum()), first, last) for first, last in runs]
    return [(first, last) for total, first, last in sorted(rated, reverse=True) if total >= least]


def _is_free(place: Occurrence, size: int, clip_length: int, sounds: Sequence[Shared]) -> bool:
    """Whether enough of a place lies inside its clip, and most of it in no sound known before."""
    if min(clip_length, place.start + size) - max(0, place.start) < _LITTLE * size:
        return False
    taken = [
        min(place.start + size, other.start + sound.length) - max(place.start, other.start)
        for sound in sounds
        for other in sound.occurrences
        if other.clip == place.clip
    ]
    return sum(max(0, common) for common in taken) <= (1 - _MOSTLY) * size


def _again(white: Sequence[Tensor], places: Sequence[Occurrence], size: int, recipe: Search) -> list[Occurrence]:
    """Where else the sound at `places` is heard: in every clip, by what the places in other clips have in common.

    A clip's own place is no template for it: it would find what that clip repeats, shared or not.
    """
    found: list[tuple[float, Occurrence]] = []
    for clip, signal in enumerate(white):
        others = [p.sign * shifted(white[p.clip], p.start, size) for p in places if p.clip != clip]
        if not others:
            continue
        signed = cross_correlation(torch.stack(others).mean(0), signal)
        r = signed.abs()
        least = max(recipe.prominence * _usual(r, recipe.quantile), FAINT)
        found += [
            (float(r[top]), Occurrence(clip, top - (size - 1), -1 if signed[top] < 0 else 1))
            for top in _peaks(r, recipe.occurrences, size // 2)
            if float(r[top]) >= least
        ]
    return [place for _, place in sorted(found, key=lambda rated: -rated[0])]
