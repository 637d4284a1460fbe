"""Mixtures of two sounds, those of Universal-150, by presets and baselines."""

from __future__ import annotations

from ..data.universal150 import LAYOUT, universal150
from ..halved import halved

BENCHMARK = halved(__doc__, universal150, LAYOUT)
