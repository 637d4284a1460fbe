"""The demo recording at any rate, and how far two sounds are from each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from dap_bridge import demo

# Between float files that sum to the clip, with room for the sum's own rounding.
NULL_DB = -90.0


def recording(rate: int, channels: int, seconds: float) -> np.ndarray:
    """The beginning of the demo recording, (frames, channels), float32."""
    path = Path(demo.__file__).parent / "audio" / "tabla_and_crow.flac"
    audio, own_rate = soundfile.read(path, dtype="float32")
    return np.ascontiguousarray(soxr.resample(audio, own_rate, rate)[: round(seconds * rate), :channels])


def null_db(one: np.ndarray, other: np.ndarray) -> float:
    """What is left of `other` when `one` is taken from it, as a ratio of root mean squares."""
    rest = np.sqrt(np.mean((one - other) ** 2)) / np.sqrt(np.mean(other**2))
    return float(20 * np.log10(max(rest, 1e-10)))
