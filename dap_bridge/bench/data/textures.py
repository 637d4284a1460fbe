"""Textures: clips of a sound that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import BadRequest

LAYOUT = "audio files, texture/ITEM/target.flac"
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class TextureItem:
    """A clip in a file."""

    id: str
    path: Path

    def read(self) -> tuple[NDArray[np.floating], int]:
        """(channels, frames) and the rate in Hz."""
        samples, rate = soundfile.read(self.path, always_2d=True)
        return np.ascontiguousarray(samples.T), rate


def textures(root: Path) -> list[TextureItem]:
    """Audio files in `root`, and root/texture/ITEM/target.*"""
    own = [TextureItem(path.stem, path) for path in sorted(root.glob("*")) if path.suffix in SUFFIXES]
    items = [
        TextureItem(path.parent.name, path)
        for path in sorted(root.glob("texture/*/target.*"))
        if path.suffix in SUFFIXES
    ]
    if not own + items:
        raise BadRequest(f"{root} holds no textures.", "Expected audio files, or texture/ITEM/target.flac.")
    return own + items
