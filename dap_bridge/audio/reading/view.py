"""A stretch of a file as libsndfile is to see it: some bytes put right, or its length said to be another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# The end of an mp3, where mpg123 looks for a tag and gives up where it may not: zeros at an end that is only said.
TAG_BYTES = 128


class View:
    """Enough of a binary file, open for reading, for `soundfile.SoundFile`.

    What cannot be read ends it: libsndfile's callbacks have no way to raise.
    """

    def __init__(
        self,
        path: Path,
        first: int = 0,
        end: int | None = None,
        *,
        head: bytes = b"",
        mended: Mapping[int, bytes] | None = None,
        said: int | None = None,
    ) -> None:
        """first, end: bytes of the file that are seen; head: what is seen before them.

        mended: other bytes for some, by their place in the file; said: the length that is told, where it is not the
        true one. Raises OSError.
        """
        self._file = path.open("rb")
        self._first = first - len(head)
        self._end = os.fstat(self._file.fileno()).st_size if end is None else end
        self._changed = [*(mended or {}).items(), *([(self._first, head)] if head else ())]
        self._length = self._end - self._first
        self._said = self._length if said is None else said
        self._at = 0

    def read(self, count: int) -> bytes:
        """Up to `count` bytes."""
        if self._at >= self._length and self._at >= self._said - TAG_BYTES:
            return bytes(min(count, max(0, self._said - self._at)))
        start = self._first + self._at
        try:
            content = self._content(start, max(0, min(count, self._end - start)))
        except (OSError, ValueError):
            return b""
        for place, right in self._changed:
            first, last = max(place, start), min(place + len(right), start + len(content))
            if first < last:
                content[first - start : last - start] = right[first - place : last - place]
        self._at += len(content)
        return bytes(content)

    def _content(self, start: int, count: int) -> bytearray:
        """Bytes of the file; zeros where a head reaches out before it."""
        before = min(count, max(0, -start))
        self._file.seek(max(0, start))
        return bytearray(before) + self._file.read(count - before)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._said}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """As of any file."""
        return self._at

    def close(self) -> None:
        self._file.close()
