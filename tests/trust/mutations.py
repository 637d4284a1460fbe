"""Bytes and values that somebody's broken program, or a stranger, might send in place of good ones."""

from __future__ import annotations

import random
from collections.abc import Sequence

# Where headers are, in every format.
HEADER_BYTES = 512
# Numbers that were never meant, at the limits of every width.
ABSURD = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF]
ABSURD += [1 << 40, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
# Values of every JSON type, and of none that a field expects.
VALUES = [None, True, False, -1, 0, 1, 2**31, 2**53, 2**63, 10**400, -0.0, 1e-320, 1e308, float("nan"), float("inf")]
VALUES += ["", " ", "\0", "\t\n", "../..", "/", "/dev/zero", "nan", "-1", "\ufeff", "\u202e", "e\u0301", "🎛" * 200]
VALUES += ["x" * 5000, [], {}, [[]], [None], ["/x"] * 300, {"verb": "hello"}, {"": ""}]


def flipped(dice: random.Random, good: bytes, reach: int = HEADER_BYTES) -> bytes:
    """Some bits of the first `reach` bytes the other way round."""
    broken = bytearray(good)
    for _ in range(dice.randint(1, 8)):
        broken[dice.randrange(min(reach, len(broken)))] ^= 1 << dice.randrange(8)
    return bytes(broken)


def truncated(dice: random.Random, good: bytes) -> bytes:
    """Cut short, oftener within the header than after it."""
    return good[: dice.randrange(min(len(good), dice.choice([64, HEADER_BYTES, len(good)])))]


def numbered(dice: random.Random, good: bytes, marks: Sequence[bytes] = ()) -> bytes:
    """An absurd number in the place of another: in the fields that follow a mark, or anywhere in the header."""
    found = [place + len(mark) for mark in marks if (place := good.find(mark)) >= 0]
    place = dice.choice(found) + dice.randrange(40) if found and dice.random() < 0.8 else dice.randrange(HEADER_BYTES)
    width = dice.choice([1, 2, 4, 4, 8])
    number = dice.choice(ABSURD) & ((1 << 8 * width) - 1)
    return good[:place] + number.to_bytes(width, dice.choice(["little", "big"])) + good[place + width :]


def spliced(dice: random.Random, good: bytes, other: bytes) -> bytes:
    """The head of one and the tail of the other, at places of their own."""
    return good[: dice.randrange(len(good))] + other[dice.randrange(len(other)) :]


def stuffed(dice: random.Random, good: bytes) -> bytes:
    """Bytes in between that do not belong there, a stretch of its own among them."""
    place = dice.randrange(min(len(good), HEADER_BYTES))
    more = dice.choice(
        [dice.randbytes(dice.randrange(1, 64)), bytes(dice.randrange(1, 64)), good[: dice.randrange(64)]]
    )
    return good[:place] + more + good[place:]


def broken(dice: random.Random, good: bytes, other: bytes, marks: Sequence[bytes] = ()) -> bytes:
    """One to three of the above."""
    content = good
    for _ in range(dice.choice([1, 1, 2, 3])):
        if not content:
            return content
        match dice.randrange(6):
            case 0:
                content = flipped(dice, content)
            case 1 | 2:
                content = numbered(dice, content, marks)
            case 3:
                content = truncated(dice, content)
            case 4:
                content = spliced(dice, content, other)
            case 5:
                content = stuffed(dice, content)
    return content
