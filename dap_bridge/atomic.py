"""Files that a reader sees whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

# Windows does not replace a file while somebody reads it.
RETRIES = 5
RETRY_S = 0.01


def write_text(path: Path, text: str) -> None:
    """Replace `path` by UTF-8 `text`: written beside it under a hidden name, flushed, renamed. Raises OSError."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _replace(Path(name), path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _replace(source: Path, target: Path) -> None:
    for _ in range(RETRIES):
        with contextlib.suppress(PermissionError):
            source.replace(target)
            return
        time.sleep(RETRY_S)
    source.replace(target)
