"""FLAC: the metadata blocks of a file that is there, and files that carry some.

libsndfile encodes; it writes a handful of comments, and no other block. So it is given a comment of blanks, as large as
all that is to be carried, and the blocks are put into its place: nothing is written twice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

PADDING, APPLICATION, COMMENTS = 1, 2, 4
LAST = 0x80
MOST_BLOCKS = 1024
HIGHEST_RATE = 655_350
MOST_CHANNELS = 8
# RIFF chunks lie in blocks of this name, one in each: what `flac --keep-foreign-metadata` writes and reads.
FOREIGN = b"riff"


def walk(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Every metadata block of a FLAC file: its kind, where its content begins, and how long that is."""
    at = 4
    for _ in range(MOST_BLOCKS):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4:
            return
        size = int.from_bytes(head[1:], "big")
        yield head[0] & ~LAST, at + 4, size
        if head[0] & LAST:
            return
        at += 4 + size


def block(kind: int, content: bytes) -> bytes:
    return struct.pack(">I", kind << 24 | len(content)) + content


def read_comments(content: bytes) -> Iterator[tuple[str, str]]:
    """Names, in capitals, and values of a block of comments. Raises struct.error where it is cut short."""
    (at,) = struct.unpack_from("<I", content)
    at += 4
    (count,) = struct.unpack_from("<I", content, at)
    for _ in range(count):
        at += 4
        (size,) = struct.unpack_from("<I", content, at)
        name, _, value = content[at + 4 : at + 4 + size].decode("utf-8", "replace").partition("=")
        yield name.upper(), value
        at += size


def comments(vendor: bytes, texts: Iterable[str]) -> bytes:
    """Content of a block of comments, each NAME=value; vendor: who encoded, with its length."""
    encoded = [text.encode() for text in texts]
    return vendor + struct.pack("<I", len(encoded)) + b"".join(struct.pack("<I", len(one)) + one for one in encoded)


class FlacFile:
    """A FLAC file of 24 bits."""

    def __init__(self, path: Path, rate: int, channels: int, texts: Sequence[str], foreign: Sequence[bytes]) -> None:
        """texts: comments, NAME=value; foreign: see `riff.pieces`, none where no chunk is to be carried."""
        self._path, self._texts, self._foreign = path, texts, foreign
        self._file = soundfile.SoundFile(path, "w", rate, channels, subtype="PCM_24", format="FLAC")
        if texts or foreign:
            # more than enough by the head, the vendor and the name of the comment that it is written in
            self._file.comment = " " * len(self._blocks(b""))

    def _blocks(self, vendor: bytes) -> bytes:
        chunks = (block(APPLICATION, FOREIGN + piece) for piece in self._foreign)
        return block(COMMENTS, comments(vendor, self._texts)) + b"".join(chunks)

    def write(self, block: NDArray[Any]) -> None:
        """block: (frames, channels), integers of 24 bits."""
        self._file.write(block.astype(np.int32) << 8)

    def close(self) -> None:
        self._file.close()
        if not (self._texts or self._foreign):
            return
        with self._path.open("r+b") as file:
            at, size = next((at, size) for kind, at, size in walk(file) if kind == COMMENTS)
            file.seek(at)
            content = file.read(size)
            vendor = content[: 4 + struct.unpack_from("<I", content)[0]]
            blocks = self._blocks(vendor)
            room = 4 + size - len(blocks) - 4
            file.seek(at - 4)
            file.write(blocks + struct.pack(">I", (LAST | PADDING) << 24 | room) + bytes(room))
