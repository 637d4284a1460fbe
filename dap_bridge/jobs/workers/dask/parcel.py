"""What a job reads, as bytes: of every file that its request names what the job hears of it, and all that is not sound.

Over there stands a file of the same length, name and time of writing, so that it is read as here, to the bit; of a long
WAV file the sound that nobody asked for is a hole. The request goes with other paths, and else as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from ....domain import ClipRef

# Fields that name files: the path is all of the text, or follows upon numbers with a colon each.
FIELDS = frozenset(
    {"clip", "channel", "item", "after", "after_channel"}
    | {name + more for name in ("like", "noise_like", "stem") for more in ("", "_channel")}
)
_PLACED = re.compile("((?:[0-9]*:)*)(.+)", re.DOTALL)
# Of a file as it travels: a stem of twelve seconds, stereo, is one.
PIECE_BYTES = 1 << 23
# A stretch goes without the rest where that is so many times as long.
MUCH_LONGER = 2.0
# What of a file tells it from another of the same length and time: so many stretches, the first and the last of them
# at its ends.
SAMPLES, SAMPLE_BYTES = 8, 1 << 14
PCM, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE

Where = Callable[[str], str]


@dataclass(frozen=True)
class Piece:
    """Some bytes of a file, from `at`."""

    at: int
    size: int


@dataclass(frozen=True)
class Packed:
    """A file that is there, and what goes of it. place: what it is called in the parcel; digest: of what went.

    linked: nothing goes, for the other machine sees the file; the pieces are what it was compared by.
    """

    path: str
    place: str
    size: int
    written_ns: int
    pieces: tuple[Piece, ...]
    digest: str = ""
    linked: bool = False


def read(path: str | Path, pieces: Iterable[Piece]) -> Iterator[tuple[int, bytes]]:
    """What goes of a file, no more at once than can be held: where it stands, and its bytes. Raises OSError."""
    with Path(path).open("rb") as file:
        for piece in pieces:
            file.seek(piece.at)
            for at in range(piece.at, piece.at + piece.size, PIECE_BYTES):
                yield at, file.read(min(PIECE_BYTES, piece.at + piece.size - at))


def digest(path: str | Path, pieces: Iterable[Piece]) -> str:
    """SHA-256 of what goes of a file. Raises OSError."""
    found = hashlib.sha256()
    for _, content in read(path, pieces):
        found.update(content)
    return found.hexdigest()


def samples(size: int) -> list[Piece]:
    """A few stretches of a file of so many bytes."""
    last = max(0, size - SAMPLE_BYTES)
    starts = sorted({last * number // (SAMPLES - 1) for number in range(SAMPLES)})
    return [Piece(at, min(SAMPLE_BYTES, size - at)) for at in starts]


def to_be_linked(one: Packed) -> Packed:
    """The same, to be compared with what the other machine sees. Raises OSError."""
    pieces = tuple(samples(one.size))
    return replace(one, pieces=pieces, digest=digest(one.path, pieces), linked=True)


def pack(request: Mapping[str, Any]) -> list[Packed]:
    """What the request names and is a file; what is none is missed over there as it would be here."""
    paths: dict[str, None] = {}
    elsewhere(request, lambda path: paths.setdefault(path) or path)
    stretches = _stretches(request)
    found = []
    for number, path in enumerate(paths):
        with contextlib.suppress(OSError):
            status = Path(path).stat()
            if stat.S_ISREG(status.st_mode):
                place = f"{number}/{Path(path).name}"
                pieces = _pieces(path, status.st_size, stretches.get(path, []))
                found.append(Packed(path, place, status.st_size, status.st_mtime_ns, tuple(pieces)))
    return found


def elsewhere(request: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """The request with each of its files at where(file)."""

    def moved(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [moved(one) for one in value]
        match = _PLACED.fullmatch(value) if isinstance(value, str) else None
        return match[1] + where(match[2]) if match else value

    return {name: moved(value) if name in FIELDS else value for name, value in request.items()}


def replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """Plain JSON values with other texts in the place of these, wherever they stand."""
    match value:
        case str():
            for old, new in texts.items():
                value = value.replace(old, new)
            return value
        case Mapping():
            return {name: replaced(one, texts) for name, one in value.items()}
        case list() | tuple():
            return type(value)(replaced(one, texts) for one in value)
    return value


def _stretches(request: Mapping[str, Any]) -> dict[str, list[ClipRef]]:
    """The clips that lie in each file."""
    found: dict[str, list[ClipRef]] = {}
    for clip in _clips(request):
        for path in clip.files:
            found.setdefault(path, []).append(clip)
    return found


def _clips(request: Mapping[str, Any]) -> Iterator[ClipRef]:
    if "item" in request:
        yield from ClipRef.several(request["item"], request["channel"])
    elif request.get("clip") or request.get("channel"):
        yield ClipRef.from_request(request)
    for name, numbers in (("like", 1), ("noise_like", 0), ("stem", 0)):
        texts = [text.split(":", numbers)[numbers] for text in request.get(name, ())]
        yield from ClipRef.several(texts, request.get(f"{name}_channel", ()))
    after = {name: request.get(f"after_{name}") for name in ("channel", "start", "frames")}
    if request.get("after") or after["channel"]:
        yield ClipRef.from_request({"clip": request.get("after"), "rate": None, **after})


def _pieces(path: str, size: int, clips: list[ClipRef]) -> list[Piece]:
    """All of the file, or, of a WAV file much longer than the clips in it, these and what lies around the samples."""
    whole = [Piece(0, size)]
    with Path(path).open("rb") as file:
        sound = _sound(file, size)
    if sound is None or not clips:
        return whole
    first, length, width = sound
    end = first + length
    wanted = sorted(
        (first + clip.start * width, end if clip.frames is None else first + (clip.start + clip.frames) * width)
        for clip in clips
    )
    if sum(last - begin for begin, last in wanted) * MUCH_LONGER > size:
        return whole
    found, at = [Piece(0, first)], first
    for begin, last in wanted:
        begin, last = max(at, begin), min(last, end)
        if begin < last:
            found.append(Piece(begin, last - begin))
            at = last
    return [*found, Piece(end, size - end)]


def _sound(file: BinaryIO, size: int) -> tuple[int, int, int] | None:
    """Where the samples of a WAV file lie, how many bytes they are, and those of a frame; None where that is unsure."""
    from ....audio import riff  # with numpy, which whoever sends nothing does without

    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
        return None
    width = 0
    for name, at, length in riff.walk(file, size):
        if name == b"fmt " and length >= 16:
            file.seek(at)
            tag, _, _, _, width, _ = struct.unpack("<HHIIHH", file.read(16))
            if tag not in (PCM, FLOATS, EXTENSIBLE):
                return None
        elif name == b"data":
            return (at, length, width) if width else None
    return None
