"""Files as one zip file, which is made while it is sent: nothing is held whole."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from .views import Saved

BLOCK_BYTES = 1 << 18


class _Passing(io.RawIOBase):
    """What is written is there to be taken, and then gone."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(part))
        return len(part)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def entry_of(saved: Saved) -> ZipInfo:
    return ZipInfo.from_file(saved.path, saved.name, strict_timestamps=False)


def zipped(files: Sequence[Saved]) -> Iterator[bytes]:
    """Raises OSError in the middle where a file cannot be read: what was sent is no zip file then."""
    passing = _Passing()
    with ZipFile(passing, "w", ZIP_STORED) as archive:
        for saved in files:
            with saved.path.open("rb") as source, archive.open(entry_of(saved), "w", force_zip64=True) as entry:
                while block := source.read(BLOCK_BYTES):
                    entry.write(block)
                    yield passing.take()
    yield passing.take()
