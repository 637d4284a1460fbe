"""Files read whole, and bytes of them changed as recorders, encoders and crashes do."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dap_bridge.audio.files import ClipReader
from dap_bridge.domain import ClipRef

RATE = 44100
FRAMES = 3 * RATE


def opened(path: Path) -> ClipReader:
    return ClipReader(ClipRef.of(str(path)))


def everything(path: Path) -> tuple[np.ndarray, list[str]]:
    """All samples (channels, frames), and what was said of the file."""
    with opened(path) as reader:
        return reader.read(0, reader.frames), reader.warnings


def put(path: Path, *fields: tuple[int, bytes]) -> Path:
    """Write over some bytes."""
    content = bytearray(path.read_bytes())
    for place, value in fields:
        content[place : place + len(value)] = value
    path.write_bytes(content)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep that share of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


def at(path: Path, wanted: bytes) -> int:
    return path.read_bytes().index(wanted)


def riff_sizes(path: Path, whole: int, data: int) -> Path:
    return put(path, (4, struct.pack("<I", whole)), (at(path, b"data") + 4, struct.pack("<I", data)))


def flac_count(path: Path, frames: int) -> Path:
    """Have the header say so many."""
    rate_and_more = path.read_bytes()[21] & 0xF0
    return put(path, (21, bytes([rate_and_more | frames >> 32]) + struct.pack(">I", frames & 2**32 - 1)))


def mp3(encode: Callable[..., Path], mode: str) -> Path:
    return encode("clip.mp3", format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.5)


def xing(path: Path) -> int:
    """Where the frame begins that counts the others."""
    content = path.read_bytes()
    return max(content.find(b"Xing"), content.find(b"Info"))


def without_xing(path: Path) -> Path:
    content, count = path.read_bytes(), xing(path)
    first = content.rindex(b"\xff\xfb", 0, count)
    path.write_bytes(content[:first] + content[content.index(b"\xff\xfb", count) :])
    return path
