"""Ogg page by page, without decoding: the logical streams that are chained in a file, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

_HEAD_BYTES = 27
_BEGINS, _ENDS = 0x02, 0x04
BLOCK_BYTES = 1 << 16


@dataclass
class Link:
    """One logical stream, or several that begin together: bytes first to end; whole: its last page is there."""

    first: int
    end: int
    whole: bool = False


def links(file: BinaryIO, size: int) -> list[Link]:
    """The links of the file's chain, in order; what stands between pages is passed over."""
    found: list[Link] = []
    after, beginning = 0, False
    while (at := _find(file, after)) is not None:
        head = file.read(_HEAD_BYTES)
        segments = file.read(head[26]) if len(head) == _HEAD_BYTES else b""
        after = at + _HEAD_BYTES + len(segments) + sum(segments)
        if len(head) < _HEAD_BYTES or len(segments) < head[26] or after > size:
            break  # the file ends in the middle of a page
        begins = bool(head[5] & _BEGINS)
        if begins and not beginning:
            found.append(Link(at, after))
        beginning = begins
        if found:
            found[-1].end = after
            found[-1].whole = bool(head[5] & _ENDS)
    return found


def _find(file: BinaryIO, at: int) -> int | None:
    """Where the next page begins, with the file standing there; None where there is none."""
    file.seek(at)
    block = file.read(4)  # as a rule pages stand close together
    while (place := block.find(b"OggS")) < 0:
        at += max(0, len(block) - 3)
        file.seek(at)
        block = file.read(BLOCK_BYTES)
        if len(block) < 4:
            return None
    file.seek(at + place)
    return at + place
