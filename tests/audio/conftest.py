"""A sound in any format, and a system without ffmpeg."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.audio.reading import ffmpeg
from tests.audio.damage import FRAMES, RATE


@pytest.fixture
def sound() -> np.ndarray:
    """(2, FRAMES): a sweep, and noise that comes and goes, so that no stretch is like another and VBR varies."""
    time = np.arange(FRAMES) / RATE
    bursts = 0.2 * np.random.default_rng(0).standard_normal(FRAMES) * (np.sin(2 * np.pi * 0.7 * time) > 0)
    return np.stack([0.3 * np.sin(2 * np.pi * (200 + 400 * time) * time), bursts]).astype(np.float32)


@pytest.fixture
def encode(tmp_path: Path, sound: np.ndarray) -> Callable[..., Path]:
    """encode(name, **soundfile options) -> the sound's path."""

    def write(name: str, **options: object) -> Path:
        soundfile.write(tmp_path / name, sound.T, RATE, **options)
        return tmp_path / name

    return write


@pytest.fixture
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is read without it."""
    monkeypatch.setattr(ffmpeg, "command", lambda: None)
