"""Spectrograms of a separation, small enough to keep, so that pictures can be drawn again without the audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

WINDOW_S, HOP_S = 0.093, 0.031
# Rows, evenly on the mel scale, from 0 Hz to Nyquist or as far as one hears.
ROWS, TOP = 128, 20_000.0
RANGE_DB = 70.0


@dataclass(frozen=True)
class Thumbnails:
    """Levels in dB under the mixture's largest, -RANGE_DB..0.

    mixture: (rows, frames); references, stems: (sources, rows, frames); hertz: where rows begin and end, (rows + 1,).
    """

    mixture: NDArray[np.floating]
    references: NDArray[np.floating]
    stems: NDArray[np.floating]
    hertz: NDArray[np.floating]
    seconds: float

    def masks(self) -> NDArray[np.floating]:
        """Each stem's share of the stems' power, (sources, rows, frames)."""
        powers = 10 ** (self.stems / 10)
        masks: NDArray[np.floating] = powers / powers.sum(axis=0)
        return masks


def place(folder: Path, key: str) -> Path:
    """Where a benchmark whose results are in `folder` keeps those of the row `key`."""
    return folder / "thumbnails" / f"{key}.npz"


def save(
    path: Path,
    mixture: NDArray[np.floating],
    references: NDArray[np.floating],
    stems: NDArray[np.floating],
    rate: int,
) -> None:
    """Keep mixture (channels, frames), references and stems (sources, channels, frames) as spectrograms of bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    signals = np.concatenate([mixture[None], references, stems]).mean(axis=1)
    top = min(TOP, rate / 2)
    size, hop = (round(seconds * rate) for seconds in (WINDOW_S, HOP_S))
    # the power of a whole row, as one hears it: highs are spread over more hertz
    levels = librosa.feature.melspectrogram(
        y=signals.astype(np.float32), sr=rate, n_fft=size, hop_length=hop, n_mels=ROWS, fmax=top, norm=None
    )
    decibels = librosa.power_to_db(levels, ref=float(levels[0].max()) or 1.0, amin=1e-18, top_db=None)
    steps = np.round(255 * (np.clip(decibels, -RANGE_DB, 0) / RANGE_DB + 1)).astype(np.uint8)
    hertz = librosa.mel_frequencies(ROWS + 1, fmax=top).round(1)
    seconds = mixture.shape[-1] / rate
    with path.open("wb") as file:
        np.savez_compressed(file, levels=steps, sources=len(references), hertz=hertz, seconds=seconds)


def load(path: Path) -> Thumbnails:
    """What `save` kept."""
    with np.load(path) as kept:
        levels = (kept["levels"] / 255.0 - 1) * RANGE_DB
        sources = int(kept["sources"])
        # older ones have a row for every bin
        hertz = kept["hertz"] if "hertz" in kept else np.linspace(0, int(kept["rate"]) / 2, levels.shape[1] + 1)
        return Thumbnails(levels[0], levels[1 : sources + 1], levels[sources + 1 :], hertz, float(kept["seconds"]))
