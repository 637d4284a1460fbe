"""Real recordings of two sounds in other pairs and at other levels, by presets and baselines."""

from __future__ import annotations

from ..data.pairings import REMIX_LAYOUT, remix
from ..halved import halved

BENCHMARK = halved(__doc__, remix, REMIX_LAYOUT)
