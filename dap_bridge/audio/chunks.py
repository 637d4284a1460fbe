"""Chunks that speak of time or of channels, as they stand in a WAV file, made to speak of a stretch of it.

Each function raises ValueError, or struct.error, at content that is damaged.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from xml.etree import ElementTree

from .riff import chunk, walk

# bext, EBU Tech 3285: where what stands, and how a loudness is written that nobody has measured.
BEXT_BYTES, BEXT_TIME, BEXT_VERSION, BEXT_LOUDNESS = 602, 338, 346, 412
NOT_MEASURED = struct.pack("<H", 0x7FFF) * 5
CUE = struct.Struct("<II4sIII")
# What adtl says of a cue point: its name, a comment, a length.
SAID = (b"labl", b"note", b"ltxt")
LOOP = struct.Struct("<6I")
# smpl: what stands in front of the loops, and where their number does.
SAMPLER_BYTES, SAMPLER_LOOPS = 36, 28
# iXML: samples since midnight, in two words.
IXML_TIMES = (
    ("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO"),
    ("BWF_TIME_REFERENCE_HIGH", "BWF_TIME_REFERENCE_LOW"),
)


@dataclass(frozen=True)
class Stretch:
    """What of a file is kept: `frames` from `first` on, of `channels` (from 0, in the order of what is made)."""

    first: int
    frames: int
    channels: tuple[int, ...]

    def cut(self, begin: int, length: int) -> tuple[int, int] | None:
        """Beginning and length of a stretch as far as it is kept, of a point where length is 0; None: not at all."""
        first, last = max(begin - self.first, 0), min(begin + length - self.first, self.frames)
        if length == 0:
            return (begin - self.first, 0) if 0 <= begin - self.first < self.frames else None
        return (first, last - first) if first < last else None


def bext(content: bytes, stretch: Stretch, coding: str) -> bytes:
    """TimeReference is that of the first frame kept; `coding` ends the history. Loudness was the whole file's."""
    if len(content) < BEXT_BYTES:
        raise ValueError("cut short")
    fixed = bytearray(content[:BEXT_BYTES])
    (time,) = struct.unpack_from("<Q", fixed, BEXT_TIME)
    struct.pack_into("<Q", fixed, BEXT_TIME, time + stretch.first)
    (version,) = struct.unpack_from("<H", fixed, BEXT_VERSION)
    if version >= 2:
        fixed[BEXT_LOUDNESS : BEXT_LOUDNESS + len(NOT_MEASURED)] = NOT_MEASURED
    history = content[BEXT_BYTES:].rstrip(b"\0\r\n")
    return bytes(fixed) + history + (b"\r\n" if history else b"") + coding.encode() + b"\r\n"


def bext_time(content: bytes) -> int:
    """Frames since midnight."""
    return int(struct.unpack_from("<Q", content, BEXT_TIME)[0])


def bext_of_time(time: int) -> bytes:
    """One that says no more than when its file begins."""
    return struct.pack(f"<{BEXT_TIME}xQH", time, 1).ljust(BEXT_BYTES, b"\0")


class _Plain(ElementTree.TreeBuilder):
    """Of a document without a DOCTYPE, and so without entities that could grow."""

    def doctype(self, *_: object) -> None:
        raise ValueError("a document type")


def ixml(content: bytes, stretch: Stretch) -> bytes:
    """Times are those of the first frame kept; tracks and sync points are those that are kept."""
    try:
        parser = ElementTree.XMLParser(target=_Plain(insert_comments=True))
        root = ElementTree.fromstring(content.rstrip(b"\0"), parser)
        for parent in root.iter():
            for names in IXML_TIMES:
                time = _two_words(parent, names)
                if time is not None:
                    _set_words(parent, names, time + stretch.first)
        _trim_tracks(root.find("TRACK_LIST"), stretch)
        _trim_sync_points(root.find("SYNC_POINT_LIST"), stretch)
        shifted: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
        return shifted
    except (ElementTree.ParseError, RecursionError, LookupError) as error:
        raise ValueError("no XML") from error


def _two_words(parent: ElementTree.Element, names: tuple[str, str]) -> int | None:
    """The number whose upper and lower 32 bits stand in the children of these names."""
    high, low = (parent.findtext(name) for name in names)
    return None if low is None else int(high or 0) << 32 | int(low or 0)


def _set_words(parent: ElementTree.Element, names: tuple[str, str], value: int) -> None:
    for name, word in zip(names, (value >> 32, value & 0xFFFFFFFF), strict=True):
        child = parent.find(name)
        if child is None:
            child = ElementTree.SubElement(parent, name)
        child.text = str(word)


def _trim_tracks(tracks: ElementTree.Element | None, stretch: Stretch) -> None:
    if tracks is None:
        return
    kept = 0
    for track in tracks.findall("TRACK"):
        place = track.find("INTERLEAVE_INDEX")
        if place is None or place.text is None or int(place.text) - 1 not in stretch.channels:
            tracks.remove(track)
            continue
        place.text = str(stretch.channels.index(int(place.text) - 1) + 1)
        kept += 1
    _set_text(tracks, "TRACK_COUNT", kept)


def _trim_sync_points(points: ElementTree.Element | None, stretch: Stretch) -> None:
    if points is None:
        return
    names = ("SYNC_POINT_HIGH", "SYNC_POINT_LOW")
    for point in points.findall("SYNC_POINT"):
        time = _two_words(point, names)
        if time is None or (point.findtext("SYNC_POINT_TYPE") or "").strip().upper() != "RELATIVE":
            continue  # from midnight on
        place = stretch.cut(time, 0)
        if place is None:
            points.remove(point)
        else:
            _set_words(point, names, place[0])
    _set_text(points, "SYNC_POINT_COUNT", len(points.findall("SYNC_POINT")))


def _set_text(parent: ElementTree.Element, name: str, value: int) -> None:
    child = parent.find(name)
    if child is not None:
        child.text = str(value)


def cues(cue: bytes, adtl: bytes, stretch: Stretch) -> dict[bytes, bytes]:
    """Cue points and what is said of them (labels, notes, lengths), as far as they are kept; none: no chunk at all."""
    (count,) = struct.unpack_from("<I", cue)
    if 4 + count * CUE.size > len(cue):
        raise ValueError("fewer than it says")
    said = [(name, struct.unpack_from("<I", content)[0], content) for name, content in parts(adtl) if name in SAID]
    lengths = [(point, struct.unpack_from("<I", content, 4)[0]) for name, point, content in said if name == b"ltxt"]
    places, points = {}, []
    for point, _, _, _, _, offset in CUE.iter_unpack(cue[4 : 4 + count * CUE.size]):
        place = stretch.cut(offset, max((length for of, length in lengths if of == point), default=0))
        if place is not None:
            places[point] = offset
            points.append(CUE.pack(point, place[0], b"data", 0, 0, place[0]))
    if not points:
        return {}
    labels = []
    for name, point, content in said:
        if point in places and name == b"ltxt":
            (length,) = struct.unpack_from("<I", content, 4)
            _, length = stretch.cut(places[point], length) or (0, 0)
            content = content[:4] + struct.pack("<I", length) + content[8:]
        if point in places:
            labels.append(chunk(name, content))
    kept = {b"cue ": struct.pack("<I", len(points)) + b"".join(points)}
    return kept | ({b"adtl": b"".join(labels)} if labels else {})


def parts(content: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of the chunks in a LIST; one that is cut short is left out."""
    return [(name, content[at : at + size]) for name, at, size in walk(io.BytesIO(content), len(content))]


def loops(content: bytes, stretch: Stretch) -> bytes:
    """A sampler's chunk (smpl) with the loops that lie wholly inside; pitch and the like stay."""
    if len(content) < SAMPLER_BYTES:
        raise ValueError("cut short")
    (count,) = struct.unpack_from("<I", content, SAMPLER_LOOPS)
    end = SAMPLER_BYTES + count * LOOP.size
    if end > len(content):
        raise ValueError("fewer than it says")
    kept = []
    for name, kind, begin, last, fraction, times in LOOP.iter_unpack(content[SAMPLER_BYTES:end]):
        length = last - begin + 1
        if length > 0 and stretch.cut(begin, length) == (begin - stretch.first, length):
            kept.append(LOOP.pack(name, kind, begin - stretch.first, last - stretch.first, fraction, times))
    head = content[:SAMPLER_LOOPS] + struct.pack("<I", len(kept)) + content[SAMPLER_LOOPS + 4 : SAMPLER_BYTES]
    return head + b"".join(kept) + content[end:]


def from_markers(content: bytes) -> dict[bytes, bytes]:
    """AIFF's markers (MARK) as contents of a cue chunk and its labels."""
    (count,) = struct.unpack_from(">H", content)
    at, points, labels = 2, [], []
    for _ in range(count):
        name, place, length = struct.unpack_from(">HIB", content, at)
        text = content[at + 7 : at + 7 + length]
        at += 7 + length + (length + 1) % 2
        points.append(CUE.pack(name, place, b"data", 0, 0, place))
        labels.append(chunk(b"labl", struct.pack("<I", name) + text + b"\0"))
    return {b"cue ": struct.pack("<I", count) + b"".join(points), b"adtl": b"".join(labels)}
