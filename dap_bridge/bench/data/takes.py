"""Mixtures of which more is known than the mixture: what each of their sounds is like alone, elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .pairings import SECONDS, Pairing
from .sounds import Item, Problem, Sound, read_together

# Of a sound in two halves, a window of the first is no example where it is heard again in the second: alike by more
# than RECURS, normalised, at any shift.
WINDOW_S, RECURS = 0.2, 0.9
# Shorter examples are none, and whatever is fainter than this, against the whole, is silence.
LEAST_S, SILENT = 1.0, 0.05


class Takes(Problem, Protocol):
    """A problem whose sounds were recorded once more."""

    def takes(self, seconds: float) -> list[NDArray[np.float32]]:
        """Of each sound, so many seconds alone at the most: (channels, frames) at the sound's rate; empty where nothing
        of it is left.
        """


@dataclass(frozen=True)
class Halves:
    """A mixture's second half; its sounds' first halves are what is known of them."""

    item: Item

    @property
    def id(self) -> str:
        return self.item.id

    @property
    def group(self) -> str:
        return f"Universal-150, {self.item.group}"

    def read(self) -> Sound:
        whole = self.item.read()
        half = whole.mixture.shape[-1] // 2
        return Sound(whole.mixture[..., half:], whole.references[..., half:], whole.rate)

    def takes(self, seconds: float) -> list[NDArray[np.float32]]:
        whole = self.item.read()
        half = whole.mixture.shape[-1] // 2
        parts = [new(sound[..., :half], sound[..., half:], whole.rate) for sound in whole.references]
        return [part[..., : round(seconds * whole.rate)] for part in parts]


@dataclass(frozen=True)
class Scene:
    """A pairing whose files go on with other takes of the same sounds."""

    pairing: Pairing

    @property
    def id(self) -> str:
        return self.pairing.id

    @property
    def group(self) -> str:
        return f"foley, {self.pairing.group}"

    def read(self) -> Sound:
        return self.pairing.read()

    def takes(self, seconds: float) -> list[NDArray[np.float32]]:
        signals, rate = read_together(self.pairing.sounds)
        first = round(SECONDS * rate)
        return list(signals[..., first : first + round(seconds * rate)])


def new(before: NDArray[np.float32], after: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """What of `before` is not heard again in `after`, both (channels, frames), its windows joined."""
    from scipy.signal import fftconvolve, resample_poly

    frames, thinner = round(WINDOW_S * rate), 4
    early, late = (resample_poly(signal.mean(axis=0), 1, thinner) for signal in (before, after))
    size = frames // thinner
    energies = np.maximum(fftconvolve(late**2, np.ones(size), "valid"), 1e-12)
    usual = np.sqrt(np.mean(early**2))
    kept = []
    for start in range(0, before.shape[1] - frames + 1, frames):
        window = early[start // thinner : start // thinner + size]
        norm = np.linalg.norm(window)
        if norm < SILENT * usual * np.sqrt(size):
            continue
        alike = np.abs(fftconvolve(late, window[::-1], "valid")) / (np.sqrt(energies[: len(late) - size + 1]) * norm)
        if alike.max() < RECURS:
            kept.append(before[:, start : start + frames])
    return np.concatenate(kept, axis=1) if kept else before[:, :0]


def has_examples(item: Takes, seconds: float) -> bool:
    """Whether there is as much of both sounds as an example needs."""
    rate = item.read().rate
    return all(take.shape[-1] >= LEAST_S * rate and bool(np.any(take)) for take in item.takes(seconds))


def found(root: Path) -> tuple[Path | None, Path | None]:
    """Where Universal-150 and foley lie below `root`, as far as they are there."""
    places = root / "universal150", root / "foley"
    first, second = (place if place.is_dir() else None for place in places)
    return first, second
