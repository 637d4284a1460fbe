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
# The group whose noise is heard alone for so long before the speech begins.
NOISE_FIRST, LEAD_S = "noise-first", 1.0


@dataclass(frozen=True)
class NoisySpeech:
    """A problem of two files: what is heard, and the speech in it; the noise is the difference.

    published: what other denoisers made of it, by name. lead_s: so much later does the speech begin, for so long the
    noise is alone.
    """

    id: str
    group: str
    noisy: Path
    clean: Path
    published: tuple[tuple[str, Path], ...] = ()
    lead_s: float = 0.0

    def read(self) -> Sound:
        """Raises BadClip where a file is missing, or where the files do not fit together."""
        (noisy, rate), (clean, other) = read_audio(self.noisy), read_audio(self.clean)
        if rate != other or len(noisy) != len(clean):
            raise BadClip(f"{self.noisy.parent}: the files differ in rate or channels.")
        noisy, clean = cut(noisy, clean)
        noise = noisy - clean
        lead = round(self.lead_s * rate)
        if lead:
            clean = np.pad(clean, ((0, 0), (lead, 0)))[:, : clean.shape[1]]
        return Sound(clean + noise if lead else noisy, np.stack([clean, noise]), rate)


def noisy_speech(root: Path) -> list[NoisySpeech]:
    """root/voicebank/ITEM/{noisy,clean,published_*} and root/recordings/noisy/ITEM/{mix,s1}, whichever is there; the
    latter also as group `noise-first`, where a second of the noise comes before the speech.
    """
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
    recorded = sorted((root / "recordings" / "noisy").glob("*/"))
    for group, lead_s in (("noisy", 0.0), (NOISE_FIRST, LEAD_S)):
        found += [
            NoisySpeech(folder.name, group, audio_file(folder, "mix"), audio_file(folder, "s1"), lead_s=lead_s)
            for folder in recorded
        ]
    if not found:
        raise BadRequest(f"{root} holds no noisy speech.", "Expected voicebank/ITEM/{noisy,clean} or recordings/noisy.")
    return found
