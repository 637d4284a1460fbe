"""Stems as the mask editor reads them: stretch by stretch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import ClipUnreadable


def opened(path: Path) -> soundfile.SoundFile:
    """Raises ClipUnreadable."""
    try:
        return soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ClipUnreadable(f"The stem {path.name} cannot be read.", "Separate the clip again.") from error


def stretch(file: soundfile.SoundFile, start: int, frames: int) -> NDArray[np.float32]:
    """(channels, frames) from `start`, which may lie before the beginning; silence beyond the ends."""
    found = np.zeros((file.channels, frames), dtype=np.float32)
    begin, end = max(start, 0), min(start + frames, file.frames)
    if begin < end:
        file.seek(begin)
        found[:, begin - start : end - start] = file.read(end - begin, dtype="float32", always_2d=True).T
    return found
