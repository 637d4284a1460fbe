"""What every method answers with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store import Row


@dataclass(frozen=True)
class Estimates:
    """stems: (sources, channels, frames) at `rate`; elapsed_s: of the method itself; extra: for the row."""

    stems: NDArray[np.floating]
    rate: int
    elapsed_s: float
    extra: Row
