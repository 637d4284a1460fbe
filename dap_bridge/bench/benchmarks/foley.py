"""Mixtures of two sounds such as games and films are made of, by presets and baselines."""

from __future__ import annotations

from ..data.pairings import FOLEY_LAYOUT, foley
from ..halved import halved

BENCHMARK = halved(__doc__, foley, FOLEY_LAYOUT)
