"""WAV files as recorders and editors leave them, and what a written file carries, read without the project's help."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

RATE = 48_000
MIDNIGHT = 172_800_000  # an hour past it
HISTORY = b"A=PCM,F=48000,W=24,M=stereo,T=recorder\r\n"

Chunks = list[tuple[bytes, bytes]]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav(path: Path, audio: np.ndarray, before: Chunks, after: Chunks, mask: int | None = None, kind: str = "") -> Path:
    """audio: (channels, frames), int16; before, after: chunks on either side of the samples; kind: RF64."""
    channels, data = len(audio), audio.T.astype("<i2").tobytes()
    fmt = struct.pack("<HHIIHH", 1 if mask is None else 0xFFFE, channels, RATE, RATE * channels * 2, channels * 2, 16)
    if mask is not None:
        fmt += struct.pack("<HHI", 22, 16, mask) + bytes.fromhex("0100000000001000800000aa00389b71")
    sizes = [chunk(b"ds64", struct.pack("<QQQI", 0, len(data), audio.shape[1], 0))] if kind else []
    samples = chunk(b"data", data)
    if kind:
        samples = b"data\xff\xff\xff\xff" + samples[8:]
    made = [b"WAVE", *sizes, *(chunk(*one) for one in [*before, (b"fmt ", fmt)]), samples, *(chunk(*x) for x in after)]
    body = b"".join(made)
    path.write_bytes((kind.encode() or b"RIFF") + (b"\xff" * 4 if kind else struct.pack("<I", len(body))) + body)
    return path


def bext(time: int = MIDNIGHT, version: int = 2) -> tuple[bytes, bytes]:
    texts = b"scene 3 take 2".ljust(256, b"\0") + b"Recorder".ljust(32, b"\0") + b"REF123".ljust(32, b"\0")
    numbers = struct.pack("<QH", time, version) + bytes(range(64)) + struct.pack("<5h", -2300, 500, -100, -2000, -2100)
    return b"bext", texts + b"2024-05-0610:11:12" + numbers + bytes(180) + HISTORY


def cue(points: Iterable[tuple[int, int]]) -> tuple[bytes, bytes]:
    """points: names and frames."""
    packed = [struct.pack("<II4sIII", name, frame, b"data", 0, 0, frame) for name, frame in points]
    return b"cue ", struct.pack("<I", len(packed)) + b"".join(packed)


def adtl(labels: dict[int, bytes], lengths: dict[int, int]) -> tuple[bytes, bytes]:
    named = [chunk(b"labl", struct.pack("<I", name) + text + b"\0") for name, text in labels.items()]
    long = [chunk(b"ltxt", struct.pack("<II4s8x", name, length, b"rgn ")) for name, length in lengths.items()]
    return b"LIST", b"adtl" + b"".join(named + long)


def smpl(loops: Iterable[tuple[int, int]]) -> tuple[bytes, bytes]:
    """loops: first and last frames."""
    packed = [struct.pack("<6I", i, 0, *loop, 0, 0) for i, loop in enumerate(loops)]
    return b"smpl", struct.pack("<9I", 0, 0, 20_833, 60, 0, 0, 0, len(packed), 0) + b"".join(packed)


def info(**texts: str) -> tuple[bytes, bytes]:
    return b"LIST", b"INFO" + b"".join(chunk(name.encode(), text.encode() + b"\0") for name, text in texts.items())


def ixml(inside: str) -> tuple[bytes, bytes]:
    return b"iXML", f'<?xml version="1.0" encoding="UTF-8"?><BWFXML>{inside}</BWFXML>'.encode()


def of(path: Path) -> dict[bytes, bytes]:
    """The chunks of a file, a LIST by the name of its kind; of FLAC those that lie in its blocks."""
    content = path.read_bytes()
    if content[:4] == b"fLaC":
        return dict(_foreign(content))
    found, at = {}, 12
    assert content[8:12] == b"WAVE"
    while at < len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        inside = content[at + 8 : at + 8 + size]
        found[inside[:4] if name == b"LIST" else name] = inside
        at += 8 + size + size % 2
    assert at == len(content)
    return found


def _foreign(content: bytes) -> Iterable[tuple[bytes, bytes]]:
    at, last = 4, False
    while not last:
        kind, size = content[at], int.from_bytes(content[at + 1 : at + 4], "big")
        block = content[at + 4 : at + 4 + size]
        at, last = at + 4 + size, bool(kind & 0x80)
        if kind & 0x7F == 2:
            name, length = struct.unpack_from("<4sI", block, 4)
            inside = block[12 : 12 + length]
            yield (inside[:4] if name == b"LIST" else name), inside


def time_reference(path: Path) -> int | None:
    content = of(path).get(b"bext")
    return None if content is None else int(struct.unpack_from("<Q", content, 338)[0])


def cues(path: Path) -> dict[int, tuple[int, bytes, int]]:
    """By name: frame, label, and length (0: a point)."""
    found = of(path)
    content, said = found.get(b"cue ", bytes(4)), found.get(b"adtl", b"adtl")
    labels: dict[int, bytes] = {}
    lengths: dict[int, int] = {}
    at = 4
    while at < len(said):
        kind, size, name = struct.unpack_from("<4sII", said, at)
        if kind == b"labl":
            labels[name] = said[at + 12 : at + 8 + size].rstrip(b"\0")
        elif kind == b"ltxt":
            (lengths[name],) = struct.unpack_from("<I", said, at + 12)
        at += 8 + size + size % 2
    (count,) = struct.unpack_from("<I", content)
    points = [struct.unpack_from("<II4sIII", content, 4 + 24 * i) for i in range(count)]
    assert all(point[1] == point[5] for point in points)
    return {point[0]: (point[5], labels.get(point[0], b""), lengths.get(point[0], 0)) for point in points}


def loops(path: Path) -> list[tuple[int, int]]:
    content = of(path)[b"smpl"]
    (count,) = struct.unpack_from("<I", content, 28)
    return [struct.unpack_from("<II", content, 36 + 24 * i + 8) for i in range(count)]
