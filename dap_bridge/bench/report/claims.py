"""What figures say of a claim."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
