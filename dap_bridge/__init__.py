"""dap-bridge separates any two sounds of one clip, for digital audio workstations."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Result, run, separate

__version__ = "0.1.0"
__all__ = ["Result", "__version__", "run", "separate"]

# A host that plays audio shares these cores: a thread of ours that waits must sleep, not spin. Where they are all busy,
# spinning costs ten times the work itself. But one that sleeps at once is woken thousands of times a second, for half
# as long again as the work takes: on Linux it spins for a moment first (docs/notebook/speed.md). These settings are
# read when torch is loaded, so they stand before all else.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# MKL sums in an order that depends on its number of threads, which it chooses itself: one seed gives one result only
# where it is told to keep the order. No slower by measurement.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def __getattr__(name: str) -> Any:
    """What the package is as a library (api.py), loaded once it is asked for: the daemon needs none of it."""
    if name in __all__:
        return getattr(import_module(f"{__name__}.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
