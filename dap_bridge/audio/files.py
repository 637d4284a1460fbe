"""Reading clips: whatever soundfile or pedalboard can open, a stretch at a time, channel by channel."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..domain import Clip
from ..errors import BadClip, ClipUnreadable

# Beyond this a square leaves float32's range; 1.0 is full scale, so nothing recorded comes near.
PEAK_LIMIT = 1e9


class _File(Protocol):
    rate: int
    channels: int
    frames: int

    def read(self, start: int, frames: int) -> NDArray[np.float32]: ...

    def close(self) -> None: ...


class _SoundFile:
    """soundfile (libsndfile): wav, flac, aiff, ogg, mp3, caf, w64, rf64 …"""

    def __init__(self, path: Path) -> None:
        # names on Linux are bytes, and need not be text
        self._file = soundfile.SoundFile(path if os.name == "nt" else os.fsencode(path))
        self.rate, self.channels, self.frames = self._file.samplerate, self._file.channels, self._file.frames

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        self._file.seek(start)
        return self._file.read(frames, dtype="float32", always_2d=True).T

    def close(self) -> None:
        self._file.close()


class _PedalboardFile:
    """pedalboard (JUCE): what libsndfile refuses, such as wav with unusual codecs and, per system, m4a or wma."""

    def __init__(self, path: Path) -> None:
        # Imported here: most clips never need it.
        from pedalboard.io import AudioFile

        self._file: Any = AudioFile(str(path))
        self.rate, self.channels = round(self._file.samplerate), self._file.num_channels
        self.frames = self._file.frames

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        self._file.seek(start)
        return self._file.read(frames)

    def close(self) -> None:
        self._file.close()


def _open(path: Path) -> _File:
    try:
        if not path.is_file():
            raise ClipUnreadable(f"There is no file {path}.")
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise ClipUnreadable(f"{path} cannot be reached: {error.strerror}.") from error
    try:
        return _SoundFile(path)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as first:
        try:
            return _PedalboardFile(path)
        except (ValueError, RuntimeError, OSError) as second:
            raise ClipUnreadable(f"{path} is not audio that can be read: {first}".rstrip(".") + ".") from second


class ClipReader:
    """A clip opened for reading; use it as a context manager.

    rate: Hz; channels: how many; frames: the clip's length at `rate`.
    """

    def __init__(self, clip: Clip) -> None:
        """Raises ClipUnreadable or BadClip, with both values named where the clip and the file disagree."""
        self._clip = clip
        self._stack = ExitStack()
        self._files: dict[str, _File] = {}
        with ExitStack() as opening:
            for path in dict.fromkeys(ref.path for ref in clip.channels):
                opened = _open(Path(path))
                opening.callback(opened.close)
                self._files[path] = opened
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
            raise BadClip("The file holds no audio (0 frames).", "Choose another file.")
        if start >= available:
            raise BadClip(f"The clip starts at frame {start}, but the file ends at frame {available}.")
        if frames is None:
            return available - start
        if start + frames > available:
            raise BadClip(f"The clip ends at frame {start + frames}, but the file ends at frame {available}.")
        return frames

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
                raise ClipUnreadable(f"{path} cannot be read at frame {first}: {error}") from error
            if block.shape[1] < frames:
                raise ClipUnreadable(
                    f"{path} ends at frame {first + block.shape[1]}, before the length its header gives.",
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
            path, index = self._picks[channel]
            raise BadClip(
                f"{path}: frame {first + frame} of channel {index} is {audio[channel, frame]}, not a sample.",
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
