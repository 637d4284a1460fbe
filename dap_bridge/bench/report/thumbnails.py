"""Spectrograms of a separation, small enough to keep, so that pictures can be drawn again without the audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

N_FFT, HOP = 1022, 344
RANGE_DB = 70.0


@dataclass(frozen=True)
class Thumbnails:
    """Levels in dB under the mixture's largest bin, -RANGE_DB..0.

    mixture: (bins, frames); references, stems: (sources, bins, frames).
    """

    mixture: NDArray[np.floating]
    references: NDArray[np.floating]
    stems: NDArray[np.floating]
    seconds: float
    rate: int

    def masks(self) -> NDArray[np.floating]:
        """Each stem's share of the stems' power, (sources, bins, frames)."""
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
    levels = np.abs(librosa.stft(signals.astype(np.float32), n_fft=N_FFT, hop_length=HOP))
    decibels = librosa.amplitude_to_db(levels, ref=float(levels[0].max()) or 1.0, amin=1e-9, top_db=None)
    steps = np.round(255 * (np.clip(decibels, -RANGE_DB, 0) / RANGE_DB + 1)).astype(np.uint8)
    seconds = mixture.shape[-1] / rate
    with path.open("wb") as file:
        np.savez_compressed(file, levels=steps, sources=len(references), rate=rate, seconds=seconds)


def load(path: Path) -> Thumbnails:
    """What `save` kept."""
    with np.load(path) as kept:
        levels = (kept["levels"] / 255.0 - 1) * RANGE_DB
        sources = int(kept["sources"])
        return Thumbnails(
            levels[0], levels[1 : sources + 1], levels[sources + 1 :], float(kept["seconds"]), int(kept["rate"])
        )
