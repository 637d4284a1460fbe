"""Files that a reader sees whole or not at all, and what to do with those that are damaged all the same."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

log = logging.getLogger(__name__)

# Windows does not replace a file while somebody reads it.
RETRIES = 5
RETRY_S = 0.01

Value = TypeVar("Value")


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace `path` by UTF-8 `text`: written beside it under a hidden name, flushed, renamed. Raises OSError."""
    write_bytes(path, text.encode("utf-8"), durable=durable)


def write_json(path: Path, value: Any, *, indent: int | None = None, durable: bool = True) -> None:
    """The same for a JSON value. Bytes of a file's name that are no UTF-8 come back from it as Python reads them."""
    text = json.dumps(value, indent=indent, ensure_ascii=False) + "\n"
    # What UTF-8 cannot hold, a lone surrogate, is written as \udcXX: JSON's own escape.
    write_bytes(path, text.encode("utf-8", "backslashreplace"), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """The same for bytes. Not `durable`: a power cut may leave the file empty; for what is soon written again."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                flush(file)
        _replace(Path(name), path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    if durable:
        flush_folder(path.parent)


def flush(file: IO[bytes]) -> None:
    """Have what was written to `file` outlive a power cut, where its file system can say so. Raises OSError."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise


def flush_folder(folder: Path) -> None:
    """Have the names in `folder` outlive a power cut, where the system can say so (Windows cannot)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_json(path: Path, parse: Callable[[Any], Value], lost: str) -> Value | None:
    """What `parse` makes of the JSON in a file of ours; None where there is none.

    A damaged one, at which `parse` raises, is set aside, and a warning says what was `lost` with it: nobody is kept
    from going on.
    """
    try:
        return parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        # libraries tell a story of many lines
        set_aside(path, f"is damaged ({' '.join(str(error).split())[:200]})", lost)
    except OSError as error:
        if path.is_dir():
            set_aside(path, "is a folder", lost)
        else:
            log.warning("%s cannot be read (%s): %s", path, error.strerror, lost)
    return None


def set_aside(path: Path, why: str, lost: str) -> None:
    """Rename what cannot be used to NAME.damaged-N, and warn of it."""
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    try:
        path.rename(aside)
        log.warning("%s %s and was set aside as %s: %s", path, why, aside.name, lost)
    except OSError as error:
        log.warning("%s %s and cannot be set aside (%s): %s", path, why, error.strerror, lost)


def _replace(source: Path, target: Path) -> None:
    for _ in range(RETRIES):
        with contextlib.suppress(PermissionError):
            source.replace(target)
            return
        time.sleep(RETRY_S)
    source.replace(target)
