"""Fig. 2 of the paper: mixtures of two synthetic sounds that look apart in the spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sounds import RATE, Sound

SECONDS = 6.0
LEVEL = 0.25
FADE_S = 0.05  # at both ends, so that no click spans the spectrum
TONES_HZ = (500.0, 1500.0)
CURVES_HZ = (1000.0, 2200.0)  # the middle of each curve
SWING_HZ, PERIOD_S = 300.0, 2.0


@dataclass(frozen=True)
class SyntheticItem:
    """An item like those of the data sets, computed and not read."""

    id: str
    group: str = "synthetic"

    def read(self) -> Sound:
        references = SOUNDS[self.id]()
        return Sound(references.sum(axis=0), references, RATE)


def tones() -> NDArray[np.float32]:
    """Two steady tones, (2, 1, frames)."""
    time = _time()
    return _sources([np.full_like(time, hertz) for hertz in TONES_HZ])


def curves() -> NDArray[np.float32]:
    """Two tones whose frequency follows a cosine, one shifted in frequency against the other: they never meet."""
    swing = SWING_HZ * np.cos(2 * np.pi * _time() / PERIOD_S)
    return _sources([hertz + swing for hertz in CURVES_HZ])


def crossing() -> NDArray[np.float32]:
    """The same curve shifted by half a period in time: the two cross twice a period. Harder than the paper's figure."""
    time, middle = _time(), CURVES_HZ[0]
    return _sources([middle + sign * SWING_HZ * np.cos(2 * np.pi * time / PERIOD_S) for sign in (1, -1)])


SOUNDS = {"tones": tones, "curves": curves, "crossing": crossing}


def _time() -> NDArray[np.float64]:
    return np.arange(round(SECONDS * RATE)) / RATE


def _sources(frequencies: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    fade = np.clip(np.minimum(_time(), _time()[::-1]) / FADE_S, 0, 1)
    phases = [2 * np.pi * np.cumsum(hertz) / RATE for hertz in frequencies]
    return np.stack([LEVEL * fade * np.sin(phase) for phase in phases])[:, None].astype(np.float32)
