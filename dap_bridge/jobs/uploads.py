"""Files that a page has uploaded: each in a folder of its own, known by an id, kept as long as a result needs it.

What lies in <data>/uploads/ID is an upload when there is a note, ID.json, beside it: it comes last and goes first, so
that a daemon that is killed leaves none that is half there.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from .. import atomic
from ..errors import OutputUnwritable, UnknownUpload, UploadRefused
from ..names import LONGEST, file_name

ID_BYTES = 8
ID = f"[0-9a-f]{{{2 * ID_BYTES}}}"
# On the disk, that an upload does not take: jobs write there, too.
RESERVE = 1 << 30
AT_ONCE = 4


@dataclass(frozen=True)
class Upload:
    """name: of the file; size: bytes; rate: Hz; created: seconds since the epoch."""

    id: str
    name: str
    size: int
    rate: int
    channels: int
    frames: int
    created: float

    def about(self) -> dict[str, Any]:
        """What a page is told: plain JSON values, no path."""
        return {"upload": self.id, "seconds": self.frames / self.rate, **asdict(self)}


_UPLOAD = TypeAdapter(Upload)


class Arriving:
    """A file that is being uploaded. In the end it is kept, or discarded, after which nothing of it is there."""

    def __init__(self, folder: Path, name: str, ended: Callable[[], None]) -> None:
        """Raises OSError."""
        self._folder, self._ended, self.name = folder, ended, name
        folder.mkdir(mode=0o700, parents=True)
        self.path = folder / name
        self._file = self.path.open("xb")

    def write(self, part: bytes) -> None:
        """Raises OSError."""
        self._file.write(part)

    def close(self) -> None:
        """All is there. Raises OSError."""
        atomic.flush(self._file)
        self._file.close()

    def keep(self, *, rate: int, channels: int, frames: int) -> Upload:
        """Raises OSError."""
        size = self.path.stat().st_size
        upload = Upload(self._folder.name, self.name, size, rate, channels, frames, time.time())
        atomic.write_json(_note(self._folder), asdict(upload))
        self._ended()
        return upload

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._ended()


class Uploads:
    """Those in a folder, of at most `most_bytes` each."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self.most_bytes = folder, most_bytes
        self._arriving = 0

    def prepare(self) -> None:
        """Remove what did not arrive as a whole before the last daemon ended."""
        for folder in self._folder.glob("*/"):
            if re.fullmatch(ID, folder.name) and not _note(folder).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def begin(self, name: str, size: int) -> Arriving:
        """Make room for a file that a person calls `name`. Raises UploadRefused, OutputUnwritable."""
        last = re.split(r"[/\\]", name)[-1]
        if len(last.encode("utf-8", "replace")) > LONGEST:
            raise UploadRefused(f"The file's name is longer than {LONGEST} bytes.", "Give it a shorter name.")
        clean = file_name(last, "clip")
        if size == 0:
            raise UploadRefused(f"{clean} is empty, or a folder.")
        if self._arriving >= AT_ONCE:
            raise UploadRefused(f"{AT_ONCE} files are being uploaded already.", "Wait until one of them is here.")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free - RESERVE
            if size > free:
                raise OutputUnwritable(f"There is no room for {clean}.", "Make room on the disk of the data folder.")
            arriving = Arriving(self._folder / secrets.token_hex(ID_BYTES), clean, self._ended)
        except OSError as error:
            raise OutputUnwritable.because("the folder of uploads", error) from error
        self._arriving += 1
        return arriving

    def _ended(self) -> None:
        self._arriving -= 1

    def all(self) -> list[Upload]:
        """The latest first."""
        found = []
        for note in self._folder.glob("*.json"):
            with contextlib.suppress(UnknownUpload):
                found.append(self.get(note.stem))
        return sorted(found, key=lambda upload: upload.created, reverse=True)

    def get(self, name: str) -> Upload:
        """Raises UnknownUpload."""
        if re.fullmatch(ID, name):
            upload = atomic.read_json(_note(self._folder / name), _UPLOAD.validate_python, "the file has to come again")
            if upload is not None:
                return upload
        raise UnknownUpload(f"There is no upload {name[:64]!r}.")

    def path(self, name: str) -> Path:
        """Where its file lies. Raises UnknownUpload."""
        return self._folder / name / self.get(name).name

    def named_in(self, text: str) -> list[str]:
        """The uploads that a text, of a request or of paths, names."""
        return [name for name in dict.fromkeys(re.findall(ID, text)) if _note(self._folder / name).exists()]

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            _note(self._folder / name).unlink(missing_ok=True)
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _note(folder: Path) -> Path:
    return folder.with_suffix(".json")
