"""<spool>/daemon.status: what a running daemon says of itself, to whoever may read its drop folder.

That is the user it runs as and nobody else, so what opens the other doors stands there: the page's address, OSC's key.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from ..errors import DaemonUnreachable
from . import protocol

HEARTBEAT = "daemon.status"
# A daemon that has not written for so long has been killed.
STALE_HEARTBEAT_S = 15.0
MAX_BYTES = 1 << 16


def heartbeat(spool: Path) -> dict[str, str]:
    """What the daemon of this drop folder says of itself. Raises DaemonUnreachable."""
    try:
        if time.time() - (spool / HEARTBEAT).stat().st_mtime < STALE_HEARTBEAT_S:
            return _read(spool)
    except (OSError, ValueError):
        pass
    raise DaemonUnreachable(f"No daemon watches {spool}.")


def key(spool: Path, port: int) -> str | None:
    """What the daemon of this drop folder wants to be told over OSC; None where it cannot be known.

    It is for `port` alone: whoever listens on another one is not to learn it. A key lives no longer than its daemon,
    which holds its port meanwhile, so an old file gives nothing away.
    """
    try:
        about = _read(spool)
    except (OSError, ValueError):
        return None
    return about.get("key") if about.get("osc_port") == str(port) else None


def _read(spool: Path) -> dict[str, str]:
    """Raises OSError, ValueError. A stranger may have named the folder: nothing but a small, regular file is read."""
    handle = os.open(spool / HEARTBEAT, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("not a regular file")
        return protocol.parse_lines(file.read(MAX_BYTES))
