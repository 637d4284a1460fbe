"""What figures say of a claim."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

# So many standard errors from nothing, a mean is something.
CLEAR = 2.0


def verdict(gains: Sequence[float]) -> str:
    """Of paired differences that a claim expects to be positive: confirmed, refuted, or undecided."""
    if len(gains) < 2:
        return "undecided"
    mean, error = float(np.mean(gains)), standard_error(gains)
    return "confirmed" if mean > CLEAR * error else "refuted" if mean < -CLEAR * error else "undecided"


def standard_error(gains: Sequence[float]) -> float:
    return float(np.std(gains, ddof=1)) / math.sqrt(len(gains))


def by_item(gains: Iterable[tuple[str, float]]) -> list[float]:
    """Items and their gains -> of each item the mean: what several seeds give of one says nothing of another."""
    found: dict[str, list[float]] = defaultdict(list)
    for item, gain in gains:
        found[item].append(gain)
    return [float(np.mean(each)) for each in found.values()]


def told(gains: Sequence[float], what: str) -> tuple[str, str, str]:
    """How many gains there are, what they come to, and what that says of a claim that expects them to be positive.

    what: a gain is of, "clip": of a single one there is no error to be told.
    """
    if len(gains) > 1:
        return str(len(gains)), f"{np.mean(gains):+.2f} ± {standard_error(gains):.2f}", verdict(gains)
    return "1", f"{gains[0]:+.2f}", f"{'holds' if gains[0] > 0 else 'does not hold'} for the one {what}"
