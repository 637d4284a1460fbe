"""What a file is, by its first bytes: nothing else is handed to a decoder that trusts what it is given."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from ...errors import ClipUnreadable
from . import mpeg


class Kind(StrEnum):
    """Containers and streams: what libsndfile reads, and two that macOS or Windows may read by themselves."""

    WAV = "wav"
    W64 = "w64"
    AIFF = "aiff"
    CAF = "caf"
    AU = "au"
    FLAC = "flac"
    OGG = "ogg"
    MPEG = "mpeg"
    RARE = "rare"
    MPEG4 = "mpeg4"
    ASF = "asf"


HEAD_BYTES = 32
# What else libsndfile knows by a name at its beginning: NIST, VOC, PVF, AVR, XI, PAF, MAT5.
RARE = (
    *(b"NIST_1A", b"Creative Voice File\x1a", b"PVF1\n", b"2BIT", b"Extended Instrument: "),
    *(b" paf", b"fap ", b"MATLAB 5.0"),
)


def open_regular(path: Path) -> BinaryIO:
    """A file with something in it, never one that waits for somebody: a pipe, a device, a socket.

    Raises ClipUnreadable with the reason.
    """
    try:
        # Looked at first: to open a device may do something. Not waited for: it may have become another since.
        _require_regular(path, path.stat())
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    except FileNotFoundError:
        raise ClipUnreadable(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise ClipUnreadable(f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}.") from error
    try:
        _require_regular(path, os.fstat(file.fileno()))
        if not file.read(1):  # some claim a size
            raise ClipUnreadable(f"{path} is empty.")
        file.seek(0)
    except OSError as error:
        file.close()
        raise ClipUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    except BaseException:
        file.close()
        raise
    return file


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ClipUnreadable(f"{path} is no file but a {_WORDS.get(stat.S_IFMT(status.st_mode), 'special file')}.")


_WORDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


_BY_NAME = {
    **dict.fromkeys((b"RIFF", b"RIFX", b"RF64", b"BW64"), Kind.WAV),
    b"riff": Kind.W64,
    b"caff": Kind.CAF,
    **dict.fromkeys((b".snd", b"dns."), Kind.AU),
    b"fLaC": Kind.FLAC,
    b"OggS": Kind.OGG,
    b"\x30\x26\xb2\x75": Kind.ASF,
}
# What stands in bytes 8 to 12 of those that are wrapped in a general format.
_FORMS = {
    b"WAVE": Kind.WAV,
    **dict.fromkeys((b"AIFF", b"AIFC"), Kind.AIFF),
    **dict.fromkeys((b"8SVX", b"16SV"), Kind.RARE),
}


def kind(file: BinaryIO) -> tuple[Kind | None, int]:
    """What the file is, None where that is not known, and where it begins: behind what tags stand before it."""
    first = mpeg.after_tags(file)
    file.seek(first)
    head = file.read(HEAD_BYTES)
    name, form = head[:4], head[8:12]
    if name == b"FORM" or _BY_NAME.get(name) is Kind.WAV:
        return _FORMS.get(form), first
    if name in _BY_NAME:
        return _BY_NAME[name], first
    if head[4:8] == b"ftyp":
        return Kind.MPEG4, first
    if head.startswith(RARE):
        return Kind.RARE, first
    at = mpeg.find_first(file, first)
    return (None, first) if at is None else (Kind.MPEG, at)
