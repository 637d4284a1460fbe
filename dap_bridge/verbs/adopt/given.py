"""Stems as they were given, brought to the rate, the channels and the length of their clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import times
from ...audio.files import ClipReader
from ...audio.rates import CommonRate
from ...audio.stems import BLOCK_FRAMES
from ...errors import BadClip

# Seconds by which a stem may be longer or shorter than the clip: what encoders and resamplers leave at the end.
MOST_OFF_S = 0.1
# What is left of the clip below that is rounding, and needs no stem.
NOTHING_DB = -100.0


@dataclass(frozen=True)
class Given:
    """One stem. first: the frame of it, at the clip's rate, that the clip begins with."""

    title: str
    reader: ClipReader
    clip: ClipReader
    first: int = 0

    @classmethod
    def of(cls, title: str, reader: ClipReader, clip: ClipReader, start: int, whole: int) -> Given:
        """start, whole: where in its file the clip begins, and how long that file is, in frames.

        Raises BadClip where the stem cannot be one of the clip.
        """
        if reader.channels not in (1, clip.channels):
            raise BadClip(
                f"The stem {title!r} has {reader.channels} channels, and the clip {clip.channels}.",
                "A stem has one channel, or as many as its clip.",
            )
        seconds = reader.frames / reader.rate
        for first, frames in ((0, clip.frames), (start, whole)):
            if abs(seconds - frames / clip.rate) <= MOST_OFF_S:
                return cls(title, reader, clip, first)
        lengths = times.show(seconds, 3), times.show(clip.frames / clip.rate, 3)
        raise BadClip(
            f"The stem {title!r} is {lengths[0]} long, and the clip {lengths[1]}.",
            "A stem begins with its clip and is as long: export it from the same beginning to the same end.",
        )

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """`frames` frames from `start` of the clip, silence where the stem has none: (the clip's channels, frames)."""
        audio = CommonRate(self.reader, self.clip.rate).read(self.first + start, frames)
        return np.broadcast_to(audio, (self.clip.channels, frames))

    @property
    def notes(self) -> list[str]:
        """What was done to bring it to the clip, in sentences."""
        told = []
        if self.reader.rate != self.clip.rate:
            told.append(f"{self.title} was brought from {self.reader.rate} Hz to the clip's {self.clip.rate} Hz.")
        missing = self.first + self.clip.frames - round(self.reader.frames * self.clip.rate / self.reader.rate)
        if missing > 0:
            told.append(f"{self.title} ends {missing} frames before the clip, and is silent there.")
        if self.reader.channels < self.clip.channels:
            told.append(f"{self.title} has one channel, which is heard on all of the clip's.")
        return told


def read_all(given: Sequence[Given], start: int, frames: int) -> NDArray[np.float32]:
    """A stretch of the clip of all stems: (stems, channels, frames)."""
    return np.stack([stem.read(start, frames) for stem in given])


def remainder_db(clip: ClipReader, given: Sequence[Given]) -> float:
    """How loud what the stems leave is, against the clip. Raises BadClip where they cannot be of it."""
    whole = left = 0.0
    for start in range(0, clip.frames, BLOCK_FRAMES):
        audio = clip.read(start, min(BLOCK_FRAMES, clip.frames - start)).astype(np.float64)
        whole += float(np.square(audio).sum())
        left += float(np.square(audio - read_all(given, start, audio.shape[1]).sum(0, dtype=np.float64)).sum())
    if left > whole:
        louder = "" if not whole else f" by {10 * math.log10(left / whole):.1f} dB"
        raise BadClip(
            f"What the stems leave of the clip is louder than the clip itself{louder}: they are not of this clip, begin"
            " elsewhere, or are at another level.",
            "Export them with the clip's beginning and level, without normalising.",
        )
    return 10 * math.log10(left / whole) if left else -math.inf
