"""Reading clips: a stretch at a time, channel by channel, from whatever `reading` can open."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from .. import times
from ..domain import ClipRef
from ..errors import BadClip, ClipUnreadable
from .reading import Source, open_file

# Beyond this a square leaves float32's range; 1.0 is full scale, so nothing recorded comes near.
PEAK_LIMIT = 1e9


class ClipReader:
    """A clip opened for reading; use it as a context manager.

    rate: Hz; channels: how many; frames: the clip's length at `rate`; warnings: sentences on files that are not as they
    say.
    """

    def __init__(self, clip: ClipRef, checkpoint: Callable[[], None] = lambda: None) -> None:
        """checkpoint is called again and again while a file is decoded, which may take a while; it may raise.

        Raises ClipUnreadable or BadClip, with both values named where the clip and the file disagree, and
        OutputUnwritable where there is no room for what is decoded.
        """
        self._clip = clip
        self._stack = ExitStack()
        self._files: dict[str, Source] = {}
        self.warnings: list[str] = []
        with ExitStack() as opening:
            for path in dict.fromkeys(ref.path for ref in clip.channels):
                opened, warnings = open_file(Path(path), checkpoint)
                opening.callback(opened.close)
                self._files[path] = opened
                self.warnings += warnings
            self._picks = [
                (ref.path, channel)
                for ref in clip.channels
                for channel in (range(self._files[ref.path].channels) if ref.channel is None else [ref.channel])
            ]
            self.channels = len(self._picks)
            self.rate = self._common_rate()
            self.frames = self._length()
            self._stack = opening.pop_all()

    def _common_rate(self) -> int:
        rates = {path: opened.rate for path, opened in self._files.items()}
        for path, channel in self._picks:
            if not 0 <= channel < self._files[path].channels:
                raise BadClip(
                    f"{path} has {self._files[path].channels} channels; channel {channel} (from 0) was asked for."
                )
        if len(set(rates.values())) > 1:
            named = ", ".join(f"{path}: {rate} Hz" for path, rate in rates.items())
            raise BadClip(f"The clip's files have different rates ({named}).", "Bring them to one rate first.")
        rate = next(iter(rates.values()))
        if self._clip.rate is not None and self._clip.rate != rate:
            raise BadClip(
                f"The clip was sent as {self._clip.rate} Hz, but the file is {rate} Hz.",
                "Send start and frames at the file's own rate.",
            )
        return rate

    def _length(self) -> int:
        available = min(opened.frames for opened in self._files.values())
        start, frames = self._clip.start, self._clip.frames
        if available == 0:
            raise BadClip("The file holds no audio.", "Choose another file.")
        if start >= available:
            raise BadClip(f"The clip would start at {self._time(start)}, and the file ends at {self._time(available)}.")
        if frames is None:
            return available - start
        if start + frames > available:
            ends = self._time(start + frames), self._time(available)
            raise BadClip(f"The clip would end at {ends[0]}, after the file's end at {ends[1]}.")
        return frames

    def _time(self, frame: int) -> str:
        return times.show(frame / self.rate, 3)

    @property
    def inputs(self) -> tuple[dict[str, Any], ...]:
        """What was read, for the manifest: one entry a file."""
        return tuple(
            {
                "path": str(Path(path).absolute()),
                "start": self._clip.start,
                "frames": self.frames,
                "channels": [channel for picked, channel in self._picks if picked == path],
            }
            for path in self._files
        )

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """`frames` frames from `start` (counted from the clip's beginning) -> (channels, frames).

        Raises BadClip at a sample that is not finite, ClipUnreadable where the file ends before its header says.
        """
        first = self._clip.start + start
        blocks: dict[str, NDArray[np.float32]] = {}
        for path, opened in self._files.items():
            try:
                block = opened.read(first, frames)
            except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError) as error:
                raise ClipUnreadable(f"{path} cannot be read at {self._time(first)}: {error}") from error
            if block.shape[1] < frames:
                raise ClipUnreadable(
                    f"{path} ends at {self._time(first + block.shape[1])}, before the length its header gives.",
                    "The file may be damaged or still being written.",
                )
            blocks[path] = block
        audio = np.stack([blocks[path][channel] for path, channel in self._picks])
        self._check(audio, first)
        return audio

    def _check(self, audio: NDArray[np.float32], first: int) -> None:
        sound = np.abs(audio) <= PEAK_LIMIT  # false for NaN as well
        if not sound.all():
            channel, frame = (int(i) for i in np.argwhere(~sound)[0])
            (path, index), at = self._picks[channel], self._time(first + frame)
            raise BadClip(
                f"{path} holds {audio[channel, frame]} at {at} of channel {index + 1}, no sample.",
                "Repair or re-export the file; it holds NaN, infinite or absurdly large values.",
            )

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
