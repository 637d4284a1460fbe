"""How many bytes of samples a container says it holds, and how many there are.

Whoever writes to a pipe does not know the size, a recorder that crashed never wrote it, a copy may have ended early:
then the samples are those up to the file's end, and the header is mended so that libsndfile reads them all.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from .kinds import HEAD_BYTES, Kind

_FOUR_GIB = 1 << 32
# No samples lie behind more chunks than this.
MOST_CHUNKS = 4096
# Bytes of a chunk `fmt ` that is copied.
MOST_FORM = 1 << 12


@dataclass(frozen=True)
class Samples:
    """Samples from byte `start`. there: bytes of them in the file; claimed: what the header says where that is more.

    mended: bytes that put the header right, by their place in the file; head: one to stand before the samples in its
    place, where no bytes do.
    """

    start: int
    there: int
    claimed: int
    mended: Mapping[int, bytes] = field(default_factory=dict)
    head: bytes = b""


@dataclass(frozen=True)
class _Size:
    """A field of a header, at byte `place`: it holds the number of bytes of samples and `more`, or the most it can."""

    place: int
    layout: str
    more: int = 0

    def holding(self, there: int) -> bytes:
        bits = struct.calcsize(self.layout) * 8 - self.layout.islower()
        return struct.pack(self.layout, min(there + self.more, (1 << bits) - 1))


@dataclass(frozen=True)
class _Claim:
    """Samples from byte `start`: `length` bytes, None where the header does not say; sizes: where it says so.

    wrong: whether the header has to be mended whatever is there; name: other bytes that it has to have; form: what
    describes the samples of a container that has 32 bits for their size, empty for others.
    """

    start: int
    length: int | None
    sizes: tuple[_Size, ...] = ()
    wrong: bool = False
    name: Mapping[int, bytes] = field(default_factory=dict)
    form: bytes = b""


def samples(kind: Kind, file: BinaryIO, size: int) -> Samples | None:
    """What the header says of a file of `size` bytes, against what there is; None where that cannot be told."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    try:
        claim = _CONTAINERS[kind](file, head, size) if kind in _CONTAINERS else None
    except struct.error:  # the header itself is cut short: libsndfile will say so
        return None
    if claim is None:
        return None
    rest = max(0, size - claim.start)
    claimed = rest if claim.length is None else claim.length
    there = min(claimed, rest)
    if claim.form and there >= _FOUR_GIB:
        return Samples(claim.start, there, claimed, head=_rf64(claim.form, there))
    mended = dict(claim.name)
    if claim.wrong or claim.length is None or claimed > there:
        mended |= {field.place: field.holding(there) for field in claim.sizes}
    return Samples(claim.start, there, claimed, mended)


def _rf64(form: bytes, there: int) -> bytes:
    """The header of a WAV of more than 4 GiB; form: its chunk `fmt `."""
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, there + len(form) + 48, there, 0, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + form + b"data\xff\xff\xff\xff"


def _open_end(claimed: int, bits: int) -> bool:
    """Whether a size of that many bits is what is written where the size is not known: as large as goes.

    Some take the largest signed number, or round it to whole blocks.
    """
    most, signed = (1 << bits) - 1, 1 << bits - 1
    return claimed > most - 0x1000 or signed - 0x1000 <= claimed <= signed


def _wav(file: BinaryIO, head: bytes, size: int) -> _Claim | None:
    order = ">" if head.startswith(b"RIFX") else "<"
    name = {0: b"RF64"} if head.startswith(b"BW64") else {}  # the same under another name
    whole = struct.unpack(f"{order}I", head[4:8])[0]
    bits, wrapped, fields_at, form = 32, False, None, b""
    for at, chunk, length in _chunks(file, 12, size, "4s", f"{order}I", 2):
        start = at + 8
        if chunk == b"ds64" and not head.startswith(b"RIF"):
            fields_at = start
        if chunk == b"fmt " and order == "<" and length < MOST_FORM:
            file.seek(at)
            form = file.read(8 + length + length % 2)
        if chunk != b"data":
            continue
        sizes: tuple[_Size, ...] = (_Size(4, f"{order}I", start - 8), _Size(start - 4, f"{order}I"))
        if fields_at is not None and length in (0, _FOUR_GIB - 1):
            file.seek(fields_at)
            whole, length = struct.unpack("<QQ", file.read(16))
            bits, form = 64, b""
            sizes = (_Size(fields_at, "<Q", start - 8), _Size(fields_at + 8, "<Q"), _Size(start - 4, "<I", _FOUR_GIB))
        elif size - 8 > whole and (size - 8 - whole) % _FOUR_GIB == 0:  # its writer's 32 bits ran over
            length += size - 8 - whole
            whole, wrapped = size - 8, True
        unknown = length > size - start and _open_end(length, bits)
        unwritten = length == 0 and whole + 8 != size
        return _Claim(start, None if unknown or unwritten else length, sizes, wrapped, name, form)
    return None


def _w64(file: BinaryIO, head: bytes, size: int) -> _Claim | None:
    for at, chunk, length in _chunks(file, 40, size, "16s", "<Q", 8, itself=24):
        if chunk.startswith(b"data"):
            unknown = length <= 0 or _open_end(length, 64)
            return _Claim(at + 24, None if unknown else length, (_Size(16, "<Q", at + 24), _Size(at + 16, "<Q", 24)))
    return None


def _aiff(file: BinaryIO, head: bytes, size: int) -> _Claim | None:
    for at, chunk, length in _chunks(file, 12, size, "4s", ">I", 2):
        if chunk == b"SSND":
            # Behind an offset and a block size. libsndfile reads to the end whatever is written here.
            unknown = length <= 8 or (length > size - at and _open_end(length, 32))
            return _Claim(at + 16, None if unknown else length - 8)
    return None


def _caf(file: BinaryIO, head: bytes, size: int) -> _Claim | None:
    for at, chunk, length in _chunks(file, 8, size, "4s", ">q", 1):
        if chunk == b"data":  # behind a count of edits
            return _Claim(at + 16, None if length <= 4 else length - 4, (_Size(at + 4, ">q", 4),))
    return None


def _au(file: BinaryIO, head: bytes, size: int) -> _Claim | None:
    order = ">" if head.startswith(b".snd") else "<"
    start, length = struct.unpack(f"{order}II", head[4:12])
    unknown = length == 0 or (length > size - start and _open_end(length, 32))
    return _Claim(start, None if unknown else length, (_Size(8, f"{order}I"),))


_CONTAINERS: dict[Kind, Callable[[BinaryIO, bytes, int], _Claim | None]] = {
    Kind.WAV: _wav,
    Kind.W64: _w64,
    Kind.AIFF: _aiff,
    Kind.CAF: _caf,
    Kind.AU: _au,
}


def _chunks(
    file: BinaryIO, at: int, size: int, name: str, length: str, align: int, itself: int = 0
) -> Iterator[tuple[int, bytes, int]]:
    """Chunks from byte `at`: where each begins, its name, and the bytes in it.

    name, length: their struct formats; align: what a chunk is filled up to; itself: what a length counts of its header.
    """
    layout = struct.Struct(f"{length[0]}{name}{length[1:]}")
    for _ in range(MOST_CHUNKS):
        if at >= size:
            return
        file.seek(at)
        chunk, inside = layout.unpack(file.read(layout.size))
        inside -= itself
        yield at, chunk, inside
        if inside < 0:
            return
        at += layout.size + -(-inside // align) * align
