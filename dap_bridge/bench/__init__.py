"""Measuring: metrics, data sets, baselines, the paper's figures."""

from __future__ import annotations

import importlib.util

from ..errors import MissingExtra

EXTRA = ("fast_bss_eval", "matplotlib", "sklearn", "scipy", "pystoi", "noisereduce")


def require_extra() -> None:
    """Raises MissingExtra where a package that the benchmarks need is not installed."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(f"The benchmarks need {', '.join(missing)}.")
