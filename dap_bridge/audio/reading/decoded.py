"""A file's samples, decoded once from beginning to end, in a temporary file: there every stretch is the same again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ...errors import OutputUnwritable


class Decoded:
    """Float samples, frame by frame, in a file without a name: it goes with the process, however that ends."""

    def __init__(self, file: IO[bytes], rate: int, channels: int, first: int = 0, kind: str = "<f4") -> None:
        """first: the byte at which the samples begin; kind: what numpy calls them."""
        self._file, self._first, self._kind = file, first, np.dtype(kind)
        self._bytes = channels * self._kind.itemsize
        self.rate, self.channels = rate, channels
        self.frames = max(0, file.seek(0, 2) - first) // self._bytes

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """(channels, frames), fewer at the end."""
        self._file.seek(self._first + start * self._bytes)
        content = self._file.read(max(0, min(frames, self.frames - start)) * self._bytes)
        return np.frombuffer(content, self._kind).reshape(-1, self.channels).T.astype(np.float32)

    def close(self) -> None:
        self._file.close()


def scratch() -> IO[bytes]:
    """A temporary file. Raises OutputUnwritable."""
    try:
        return tempfile.TemporaryFile(prefix="dap-bridge-")
    except OSError as error:
        raise unwritable(error) from error


def unwritable(error: OSError) -> OutputUnwritable:
    """What to say where the temporary file cannot be written."""
    return OutputUnwritable(
        f"The decoded sound cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}.",
        "Make room there, or have it done on another disk: --data for a daemon, TMPDIR for a command.",
    )


def keep(blocks: Iterable[NDArray[np.float32]], rate: int, channels: int) -> Decoded:
    """blocks: (frames, channels). Raises OutputUnwritable with the system's reason, and whatever `blocks` raises."""
    file = scratch()
    try:
        for block in blocks:
            file.write(np.ascontiguousarray(block, "<f4").tobytes())
        file.flush()
        return Decoded(file, rate, channels)
    except BaseException as error:
        with suppress(OSError):  # it is not told twice that there is no room
            file.close()
        if isinstance(error, OSError):
            raise unwritable(error) from error
        raise
