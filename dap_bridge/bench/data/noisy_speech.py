"""Speech in noise, and what denoisers that others published made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import BadClip, BadRequest
from .sounds import Sound, audio_file, cut, read_audio

LAYOUT = "voicebank/ITEM/{noisy,clean,published_*}.flac, recordings/noisy/ITEM/{mix,s1}.flac"
# Hz. Wideband PESQ is defined at this rate; denoisers that are judged by it are made for it.
SPEECH_RATE = 16_000


@dataclass(frozen=True)
class NoisySpeech:
    """A problem of two files: what is heard, and the speech in it; the noise is the difference.

    published: what other denoisers made of it, by name.
    """

    id: str
    group: str
    noisy: Path
    clean: Path
    published: tuple[tuple[str, Path], ...] = ()

    def read(self) -> Sound:
        """Raises BadClip where a file is missing, or where the files do not fit together."""
        (noisy, rate), (clean, other) = read_audio(self.noisy), read_audio(self.clean)
        if rate != other or len(noisy) != len(clean):
            raise BadClip(f"{self.noisy.parent}: the files differ in rate or channels.")
        noisy, clean = cut(noisy, clean)
        return Sound(noisy, np.stack([clean, noisy - clean]), rate)


def noisy_speech(root: Path) -> list[NoisySpeech]:
    """root/voicebank/ITEM/{noisy,clean,published_*} and root/recordings/noisy/ITEM/{mix,s1}, whichever is there."""
    folders = sorted((root / "voicebank").glob("*/"))
    found = [
        NoisySpeech(
            folder.name,
            "voicebank",
            audio_file(folder, "noisy"),
            audio_file(folder, "clean"),
            tuple((path.stem.replace("_", "-"), path) for path in sorted(folder.glob("published_*"))),
        )
        for folder in folders
    ]
    found += [
        NoisySpeech(folder.name, "noisy", audio_file(folder, "mix"), audio_file(folder, "s1"))
        for folder in sorted((root / "recordings" / "noisy").glob("*/"))
    ]
    if not found:
        raise BadRequest(f"{root} holds no noisy speech.", "Expected voicebank/ITEM/{noisy,clean} or recordings/noisy.")
    return found
