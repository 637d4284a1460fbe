"""Spectrograms side by side, as a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import librosa
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

N_FFT, HOP = 2048, 512
RANGE_DB = 70.0


def spectrograms(path: Path, signals: Mapping[str, NDArray[np.float64]], rate: int) -> None:
    """Draw `signals` (channels, frames), one below the other, on a common scale of RANGE_DB."""
    figure = Figure(figsize=(10, 2.6 * len(signals)), layout="constrained")
    axes = figure.subplots(len(signals), 1, sharex=True, squeeze=False)[:, 0]
    levels = {
        name: np.abs(librosa.stft(signal.mean(axis=0), n_fft=N_FFT, hop_length=HOP)) for name, signal in signals.items()
    }
    loudest = max(float(level.max()) for level in levels.values()) or 1.0
    for axis, (name, level) in zip(axes, levels.items(), strict=True):
        decibels = librosa.amplitude_to_db(level, ref=loudest, amin=1e-9, top_db=None)
        extent = (0, level.shape[1] * HOP / rate, 0, rate / 2000)
        image = axis.imshow(
            decibels,
            origin="lower",
            aspect="auto",
            extent=extent,
            vmin=-RANGE_DB,
            vmax=0,
            cmap="magma",
            interpolation="nearest",
        )
        axis.set(title=name, ylabel="kHz", ylim=(0, min(rate / 2000, 11)))
    axes[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=list(axes), label="dB")
    figure.savefig(path, dpi=110)
