"""Clips that share a sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import BadRequest
from .sounds import Item, Sound, audio_file

LAYOUT = "watermark/ITEM/{mix1,music1 …,watermark}.flac"


@dataclass(frozen=True)
class Watermarked:
    """Clips that share a sound: mixtures, what each has of its own, and the shared sound as it is in all of them."""

    id: str
    mixtures: tuple[Path, ...]
    own: tuple[Path, ...]
    shared: Path

    def read(self) -> list[Sound]:
        """One problem a clip: references are its own sound and the shared one. Raises BadClip."""
        return [
            Item(self.id, "watermark", (own, self.shared), mix).read()
            for mix, own in zip(self.mixtures, self.own, strict=True)
        ]


def watermarks(root: Path) -> list[Watermarked]:
    """Folders of `root`/watermark that hold mix1 … mixN, music1 … musicN and watermark."""
    found = []
    for folder in sorted((root / "watermark").glob("*/")):
        count = len(list(folder.glob("mix*")))
        clips = range(1, count + 1)
        mixtures, own = (tuple(audio_file(folder, f"{name}{k}") for k in clips) for name in ("mix", "music"))
        found.append(Watermarked(folder.name, mixtures, own, audio_file(folder, "watermark")))
    if not found:
        raise BadRequest(f"{root} holds no clips that share a sound.", "Expected watermark/ITEM/{mix1,music1 …}.")
    return found
