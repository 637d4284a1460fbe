"""RIFF: the chunks of a file that is there, and WAV files that say all about themselves before the first sample.

libsndfile reads the samples; here is what it does not offer: chunks beside them, a channel mask, 64-bit sizes where
they are needed and not elsewhere, and nothing that tells when a file was written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..domain import Format

# A RIFF header counts bytes in 32 bits, an RF64 one in 64.
RIFF_LIMIT = 2**32 - 2**16
ELSEWHERE = 2**32 - 1
DS64 = struct.Struct("<QQQI")
# Of one file; recorders and editors write a dozen.
MOST_CHUNKS = 4096
INTEGERS, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE
# What makes a format tag a WAVE_FORMAT_EXTENSIBLE sub-format.
SUBFORMAT = bytes.fromhex("0000000000001000800000aa00389b71")[2:]


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk, padded to an even length."""
    return struct.pack("<4sI", name, len(content)) + content + bytes(len(content) % 2)


def walk(file: BinaryIO, end: int, order: str = "<") -> Iterator[tuple[bytes, int, int]]:
    """Every chunk from where the file stands: its name, where its content begins, and how long that is.

    Ends before `end`, and before a chunk that claims more than there is; `order` is struct's. How long RF64's samples
    are is known from its ds64.
    """
    at, data = file.tell(), ELSEWHERE
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack(f"{order}4sI", head)
        if name == b"data" and size == ELSEWHERE:
            size = data
        if at + 8 + size > end:
            return
        if name == b"ds64" and size >= 16:
            data = struct.unpack("<8xQ", file.read(16))[0]
        yield name, at + 8, size
        at += 8 + size + size % 2


def pieces(
    rate: int, channels: int, frames: int, form: Format, mask: int | None, chunks: Iterable[tuple[bytes, bytes]]
) -> list[bytes]:
    """All of a WAV file in front of its samples: the header, each chunk, and the head of the one with the samples.

    mask: which loudspeaker each channel is for; chunks: names and contents. Of 4 GiB and more it is RF64.
    """
    width = form.bits // 8
    kind = FLOATS if form is Format.FLOAT32 else INTEGERS
    sizes = (channels, rate, min(rate * channels * width, ELSEWHERE), channels * width, form.bits)
    about = struct.pack("<HHIIHH", kind if mask is None else EXTENSIBLE, *sizes)
    if mask is not None:
        about += struct.pack("<HHIH", 22, form.bits, mask, kind) + SUBFORMAT
    samples = frames * channels * width
    beside = [chunk(b"fmt ", about), *(chunk(*one) for one in chunks)]
    if kind == FLOATS:
        levels = chunk(b"PEAK", peaks([0] * channels, [0] * channels))
        beside[1:1] = [chunk(b"fact", struct.pack("<I", min(frames, ELSEWHERE))), levels]
    size = len(b"WAVE") + sum(map(len, beside)) + 8 + samples + samples % 2
    if size < RIFF_LIMIT:
        return [struct.pack("<4sI4s", b"RIFF", size, b"WAVE"), *beside, struct.pack("<4sI", b"data", samples)]
    ds64 = chunk(b"ds64", DS64.pack(size + 8 + DS64.size, samples, frames, 0))
    head = struct.pack("<4sI4s", b"RF64", ELSEWHERE, b"WAVE")
    return [head, ds64, *beside, struct.pack("<4sI", b"data", ELSEWHERE)]


def peaks(values: Iterable[float], places: Iterable[int]) -> bytes:
    """Content of a PEAK chunk: the loudest sample of every channel, and its frame. Its time of writing is left at 0."""
    found = zip(values, places, strict=True)
    return struct.pack("<II", 1, 0) + b"".join(struct.pack("<fI", value, min(at, ELSEWHERE)) for value, at in found)


class WavFile:
    """A WAV file of known length, written from its beginning to its end."""

    def __init__(self, path: Path, channels: int, form: Format, header: list[bytes]) -> None:
        """header: as `pieces` makes it."""
        self._form = form
        self._file = path.open("wb")
        self._file.write(b"".join(header))
        self._peak_at = next((i for i, piece in enumerate(header) if piece.startswith(b"PEAK")), None)
        self._before = sum(map(len, header[: self._peak_at]))
        self._written = 0
        self._peaks = np.zeros(channels, np.float32)
        self._places = np.zeros(channels, np.int64)

    def write(self, block: NDArray[Any]) -> None:
        """block: (frames, channels), float32, or integers of the format's width."""
        if self._form is Format.FLOAT32:
            self._watch(block)
            content = block.astype("<f4", copy=False).tobytes()
        elif self._form is Format.PCM16:
            content = block.astype("<i2").tobytes()
        else:
            content = np.ascontiguousarray(block, "<i4")[..., None].view(np.uint8)[..., :3].tobytes()
        self._file.write(content)
        self._written += len(content)

    def _watch(self, block: NDArray[np.float32]) -> None:
        if len(block) == 0:
            return
        levels = np.abs(block)
        places = levels.argmax(axis=0)
        found = levels[places, np.arange(len(self._peaks))]
        louder = found > self._peaks
        self._peaks[louder] = found[louder]
        self._places[louder] = self._written // (4 * len(self._peaks)) + places[louder]

    def close(self) -> None:
        with self._file as file:
            file.write(bytes(self._written % 2))
            if self._peak_at is not None:
                file.seek(self._before)
                file.write(chunk(b"PEAK", peaks(self._peaks, self._places)))
