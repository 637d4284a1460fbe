"""MPEG audio (mp3, mp2, mp1) frame by frame, without decoding: how much there is, whatever a header says."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

# Bit rates in kbit/s by their index: of MPEG-1 by layer, of MPEG-2 and 2.5 for layer I and for the others.
_RATES = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ = (44100, 48000, 32000)
# Where a stream begins in mid-frame, its first whole frame is not far; so many in a row are no accident.
SEARCHED_BYTES = 1 << 14
IN_A_ROW = 3
BLOCK_BYTES = 1 << 20
# So many frames at most, by the same header, are padding at the end, which a decoder then leaves out.
PADDED = 8


@dataclass(frozen=True)
class Frame:
    """One frame's header. size: bytes with the header; samples: of each channel; info_at: where a Xing frame says so.

    rate: Hz.
    """

    size: int
    samples: int
    version: int
    layer: int
    rate: int
    channels: int
    info_at: int

    def like(self, other: Frame) -> bool:
        """Whether both may be of one stream."""
        return (self.version, self.layer, self.rate, self.channels) == (
            *(other.version, other.layer, other.rate, other.channels),
        )


@dataclass(frozen=True)
class Stream:
    """The whole frames from byte `first` to byte `end`, the Xing or Info frame not counted; samples: in each.

    claimed: how many that frame says there are, None where it does not; fields: where it says how many, and where how
    many bytes.
    """

    first: int
    end: int
    frames: int
    samples: int
    claimed: int | None = None
    fields: tuple[int, ...] = ()
    changed: Frame | None = None

    @property
    def miscounted(self) -> bool:
        """Whether the Xing or Info frame is wrong; some count themselves."""
        return self.claimed is not None and abs(self.claimed - self.frames) > 1

    def counted(self) -> dict[int, bytes]:
        """What the Xing or Info frame should say, by its place in the file, so that all is heard."""
        values = (self.frames + PADDED, self.end - self.first)
        return {at: struct.pack(">I", value) for at, value in zip(self.fields, values, strict=False)}


def header(four: bytes) -> Frame | None:
    """A frame's header, None where the bytes are none."""
    if len(four) < 4 or four[0] != 0xFF or four[1] & 0xE0 != 0xE0:
        return None
    version, layer = four[1] >> 3 & 3, 4 - (four[1] >> 1 & 3)
    bits, hz = four[2] >> 4, four[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in (0, 15) or hz == 3:
        return None
    one = version == 3
    rate = _HZ[hz] >> (0 if one else 1 if version == 2 else 2)
    samples = 384 if layer == 1 else 1152 if layer == 2 or one else 576
    padding = four[2] >> 1 & 1
    kbits = _RATES[one, layer][bits - 1]
    slot = 4 if layer == 1 else 1
    size = (samples // 8 // slot * kbits * 1000 // rate + padding) * slot
    mono = four[3] >> 6 == 3
    side = (17 if mono else 32) if one else (9 if mono else 17)
    return Frame(size, samples, version, layer, rate, 1 if mono else 2, 4 + side)


def after_tags(file: BinaryIO) -> int:
    """The first byte that belongs to no ID3v2 tag at the file's beginning."""
    at = 0
    while True:
        file.seek(at)
        ten = file.read(10)
        if len(ten) < 10 or not ten.startswith(b"ID3") or max(ten[6:]) > 0x7F:
            return at
        size = ten[6] << 21 | ten[7] << 14 | ten[8] << 7 | ten[9]
        at += 10 + size + (10 if ten[5] & 0x10 else 0)


def find_first(file: BinaryIO, first: int) -> int | None:
    """Where the first of some frames in a row begins, at byte `first` or soon after it; None where there are none."""
    file.seek(first)
    start = file.read(SEARCHED_BYTES)
    at = start.find(b"\xff")
    while at >= 0:
        if _in_a_row(file, first + at):
            return first + at
        at = start.find(b"\xff", at + 1)
    return None


def _in_a_row(file: BinaryIO, at: int) -> bool:
    """Whether IN_A_ROW frames of one kind begin at byte `at`, or all that the file still holds, at least one."""
    first = None
    for number in range(IN_A_ROW):
        file.seek(at)
        four = file.read(4)
        frame = header(four)
        if frame is None:
            return number > 0 and len(four) < 4
        if first is not None and not frame.like(first):
            return False
        first = frame
        at += frame.size
    return True


def walk(file: BinaryIO, first: int, size: int) -> Stream:
    """The frames of the kind that begins at byte `first` of `size`; what lies between them, tags or damage, is passed
    over."""
    block = _Blocks(file, first)
    opening = header(block.take(first, 4))
    assert opening is not None, "the caller has found it"
    claimed, fields = _claim(block.take(first + opening.info_at, 12), first + opening.info_at)
    at = end = first + (opening.size if claimed is not None else 0)
    frames, lost = 0, False
    while len(four := block.take(at, 4)) == 4:
        frame = header(four)
        if frame is None or ((lost or not frame.like(opening)) and not _in_a_row(file, at)):
            at, lost = block.find(b"\xff", at + 1), True
        elif not frame.like(opening):
            return Stream(first, end, frames, opening.samples, claimed, fields, frame)
        elif (at := at + frame.size) <= size:
            frames += 1
            end, lost = at, False
    return Stream(first, end, frames, opening.samples, claimed, fields)


def _claim(info: bytes, at: int) -> tuple[int | None, tuple[int, ...]]:
    """What a Xing or Info frame says: how many frames there are, and the places of `Stream.fields`."""
    if len(info) < 12 or info[:4] not in (b"Xing", b"Info") or not info[7] & 1:
        return None, ()
    return struct.unpack(">I", info[8:])[0], (at + 8, at + 12) if info[7] & 2 else (at + 8,)


class _Blocks:
    """A file's bytes by their place, read forward in blocks."""

    def __init__(self, file: BinaryIO, first: int) -> None:
        self._file = file
        self._load(first)

    def take(self, at: int, count: int) -> bytes:
        """`count` bytes from `at`, fewer at the file's end."""
        if not self._at <= at <= self._at + len(self._block) - count:
            self._load(at)
        return self._block[at - self._at : at - self._at + count]

    def find(self, wanted: bytes, at: int) -> int:
        """Where the byte `wanted` next stands, from `at`; the file's end where it does not."""
        while self.take(at, 1):
            found = self._block.find(wanted, at - self._at)
            if found >= 0:
                return self._at + found
            at = self._at + len(self._block)
        return at

    def _load(self, at: int) -> None:
        self._file.seek(at)
        self._at, self._block = at, self._file.read(BLOCK_BYTES)
