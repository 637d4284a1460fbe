"""Folders that are for their user alone: nobody else reads what lies in them, or puts anything there."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from pathlib import Path

from .errors import BadSettings

log = logging.getLogger(__name__)

# What group and others may do.
OTHERS = 0o077
# Windows has no such bits: a user's own folders are closed to others as they are made.
HAS_OWNERS = hasattr(os, "geteuid")


def folder(path: Path) -> None:
    """Make `path` if need be, and close it to others: whatever lies in it is out of their reach then.

    Raises BadSettings where it is another user's, and OSError.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not HAS_OWNERS:
        return
    for place in (path, path.resolve()):  # a link to it that is somebody else's can be made to lead elsewhere
        if not is_own(os.lstat(place)):
            raise BadSettings(
                f"{place} belongs to another user.", "Choose another folder (--data, --spool), or have it given to you."
            )
    if not path.stat().st_mode & OTHERS:
        return
    with contextlib.suppress(OSError):  # this file system has no permissions
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
    if path.stat().st_mode & OTHERS:
        log.warning("%s stays open to other users: its file system keeps no permissions", path)
    else:
        log.info("%s was open to other users, and is closed to them now", path)


def is_own(status: os.stat_result) -> bool:
    """Whether a file is this user's own, as far as the system knows owners."""
    return not HAS_OWNERS or status.st_uid == os.geteuid()
