"""What a clip carries beside its samples, on its way into what is made of it.

Chunks are carried as they are but for what speaks of time and channels. What is damaged, or larger than anyone writes,
is left out with a warning: the sound is what the job is about.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import soundfile

from ..domain import Format
from . import chunks, flac, riff
from .chunks import Stretch
from .files import ClipReader

# Of one chunk, and of one tag of a file that has none: recorders write some kilobytes.
MOST_BYTES = 1 << 20
LONGEST_TAG = 1 << 16
# What is carried, in the order in which it is written, and what a person calls it.
CARRIED = {
    b"bext": "broadcast extension (bext)",
    b"iXML": "production notes (iXML)",
    b"INFO": "tags (INFO)",
    b"id3 ": "tags (ID3)",
    b"cue ": "cue points",
    b"adtl": "labels of cue points",
    b"smpl": "loop points",
    b"inst": "instrument's range",
    b"acid": "loop's beats",
    b"MARK": "markers",
}
# What libsndfile calls a tag, and what RIFF and Vorbis comments do.
TAGS = {
    "title": (b"INAM", "TITLE"),
    "artist": (b"IART", "ARTIST"),
    "album": (b"IPRD", "ALBUM"),
    "tracknumber": (b"ITRK", "TRACKNUMBER"),
    "genre": (b"IGNR", "GENRE"),
    "date": (b"ICRD", "DATE"),
    "comment": (b"ICMT", "COMMENT"),
    "copyright": (b"ICOP", "COPYRIGHT"),
    "license": (b"ILIC", "LICENSE"),
    "software": (b"ISFT", "ENCODER"),
}
# What is read: the same, and what says or becomes something of it.
WANTED = {*CARRIED, b"fmt "}
AIFF = {b"MARK": b"MARK", b"ID3 ": b"id3 "}
# How a bext's history calls so many channels.
MODES = {1: ",M=mono", 2: ",M=stereo"}
# Vorbis comments: where the file begins, as ffmpeg makes it of a bext; which loudspeaker each channel is for.
TIME, MASK = "TIME_REFERENCE", "WAVEFORMATEXTENSIBLE_CHANNEL_MASK"


@dataclass(frozen=True)
class Carried:
    """What goes into every file that is made of a clip.

    chunks: of RIFF, names and contents; comments: Vorbis', NAME=value; mask: which loudspeaker each channel is for;
    warnings: sentences on what was left out.
    """

    chunks: tuple[tuple[bytes, bytes], ...] = ()
    comments: tuple[str, ...] = ()
    mask: int | None = None
    warnings: tuple[str, ...] = ()


NOTHING = Carried()


@dataclass
class _File:
    """What a file carries, at its own times. frames, channels: 0 where libsndfile cannot say."""

    chunks: dict[bytes, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    mask: int = 0
    frames: int = 0
    channels: int = 0
    warnings: list[str] = field(default_factory=list)

    def keep(self, file: BinaryIO, name: bytes, at: int, size: int) -> None:
        """A chunk that is wanted, the first of its name; a LIST by the name of its kind."""
        file.seek(at)
        if name == b"LIST" and size >= 4:
            name, size = file.read(4), size - 4
        if name not in WANTED or name in self.chunks:
            return
        if size <= MOST_BYTES:
            self.chunks[name] = file.read(size)
        elif name in CARRIED:
            self.warnings.append(f"The clip's {CARRIED[name]} are larger than a MiB and did not go into the results.")

    def replace(self, name: bytes, by: Callable[[bytes], Mapping[bytes, bytes]]) -> None:
        """Put what `by` makes of a chunk's content in its place; damaged content is left out."""
        content = self.chunks.pop(name, None)
        if content is None:
            return
        try:
            self.chunks.update(by(content))
        except (ValueError, struct.error):
            self.warnings.append(f"The clip's {CARRIED[name]} are damaged and did not go into the results.")


def carried(reader: ClipReader, form: Format, start: int = 0, frames: int | None = None) -> Carried:
    """What `frames` frames from `start` of a clip, None to its end, take along into a file written as `form`.

    Of a clip in several files it is what the first of them carries.
    """
    inputs = reader.inputs
    entry = inputs[0]
    file = _read(Path(entry["path"]))
    length = reader.frames - start if frames is None else frames
    stretch = Stretch(entry["start"] + start, length, tuple(entry["channels"]))
    coding = f"A=PCM,F={reader.rate},W={form.bits}{MODES.get(reader.channels, '')},T=dap-bridge"
    labels = file.chunks.pop(b"adtl", b"")
    file.replace(b"bext", lambda content: {b"bext": chunks.bext(content, stretch, coding)})
    file.replace(b"iXML", lambda content: {b"iXML": chunks.ixml(content, stretch)})
    file.replace(b"cue ", lambda content: chunks.cues(content, labels, stretch))
    file.replace(b"smpl", lambda content: {b"smpl": chunks.loops(content, stretch)})
    if frames is not None or (stretch.first, stretch.frames) != (0, file.frames):
        file.chunks.pop(b"acid", None)  # counts the beats of all of the file
    if b"CHAP" in file.chunks.get(b"id3 ", b""):
        del file.chunks[b"id3 "]  # chapters have times
    if b"INFO" not in file.chunks:
        info = [(TAGS[tag][0], text.encode() + b"\0") for tag, text in file.tags.items()]
        file.chunks[b"INFO"] = b"".join(riff.chunk(*one) for one in info)
    comments = [f"{TAGS[tag][1]}={text}" for tag, text in file.tags.items()]
    if b"bext" in file.chunks:
        comments.append(f"{TIME}={chunks.bext_time(file.chunks[b'bext'])}")
    every = len(inputs) == 1 and stretch.channels == tuple(range(file.channels))
    mask = file.mask if every and 0 < file.mask.bit_count() <= file.channels else None
    if mask is not None:
        comments.append(f"{MASK}={mask:#06x}")
    return Carried(tuple(_as_written(file.chunks)), tuple(comments), mask, tuple(file.warnings))


def _as_written(found: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    for name in CARRIED:
        if found.get(name):
            yield (b"LIST", name + found[name]) if name in (b"INFO", b"adtl") else (name, found[name])


def _read(path: Path) -> _File:
    found = _File()
    with contextlib.suppress(OSError, RuntimeError), soundfile.SoundFile(path) as sound:
        found.frames, found.channels = sound.frames, sound.channels
        tags = sound.copy_metadata()
        found.tags = {tag: tags[tag] for tag in TAGS if tag in tags and len(tags[tag]) <= LONGEST_TAG}
    with contextlib.suppress(OSError), path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
            _read_wav(file, found)
        elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            _read_aiff(file, found)
        elif head[:4] == b"fLaC":
            _read_flac(file, found)
    about = found.chunks.pop(b"fmt ", b"")
    if len(about) >= 24 and struct.unpack_from("<H", about)[0] == riff.EXTENSIBLE:
        (found.mask,) = struct.unpack_from("<I", about, 20)
    return found


def _read_wav(file: BinaryIO, found: _File) -> None:
    for name, at, size in riff.walk(file, os.fstat(file.fileno()).st_size):
        found.keep(file, name, at, size)


def _read_aiff(file: BinaryIO, found: _File) -> None:
    for name, at, size in riff.walk(file, os.fstat(file.fileno()).st_size, order=">"):
        if name in AIFF:
            found.keep(file, AIFF[name], at, size)
    found.replace(b"MARK", chunks.from_markers)


def _read_flac(file: BinaryIO, found: _File) -> None:
    """Chunks lie in blocks of their own; where there are none, a comment may say when the file begins."""
    comments: dict[str, str] = {}
    for kind, at, size in flac.walk(file):
        file.seek(at)
        if kind == flac.APPLICATION and file.read(4) == flac.FOREIGN:
            for name, place, length in riff.walk(file, at + size):
                found.keep(file, name, place, length)
        elif kind == flac.COMMENTS and size <= MOST_BYTES:
            with contextlib.suppress(struct.error):
                comments.update(flac.read_comments(file.read(size)))
    with contextlib.suppress(ValueError, struct.error):
        found.mask = int(comments.get(MASK, "0"), 16)
        if TIME in comments:
            found.chunks.setdefault(b"bext", chunks.bext_of_time(int(comments[TIME])))
