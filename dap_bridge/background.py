"""A daemon that is there when it is wanted: the one that runs, or one that is started and outlives its terminal."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from . import private
from .config import Settings
from .errors import AlreadyRunning, DaemonUnreachable
from .jobs.lock import FolderLock
from .transport.client import Client
from .transport.heartbeat import heartbeat

# What a daemon without a terminal says, in the data folder.
LOG = "daemon.log"
# Of that, when a daemon starts: what is longer begins anew.
MOST_LOG = 1 << 20
# For a daemon to be there; a cold disk takes its time.
START_S = 60.0
HELLO_S = 1.0
POLL_S = 0.05
# Of the log, when it does not start.
LAST_LINES = 3


def editor(settings: Settings) -> str:
    """The address of the pages, of a daemon that answers. Raises DaemonUnreachable, with the end of its log."""
    return _running(settings) or _started(settings)


def _running(settings: Settings) -> str | None:
    """The address that a daemon of this drop folder gives, if it answers: the word of one that was killed is stale."""
    try:
        told = heartbeat(settings.spool)
        with Client(int(told["osc_port"])) as client:
            if client.hello(HELLO_S).pid == int(told["pid"]):
                return told["editor"]
    except (DaemonUnreachable, LookupError, ValueError):
        pass
    return None


def _started(settings: Settings) -> str:
    """Start one, and wait for it. Where two are started at once, one of them gets the folders, and serves both."""
    private.folder(settings.data)
    log = settings.data / LOG
    with suppress(OSError):
        if log.stat().st_size > MOST_LOG:
            log.unlink()
    with log.open("ab") as said:
        before = said.tell()
        process = _detached(said, settings)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if address := _running(settings):
            return address
        if process.poll() is not None and not _is_held(settings.spool):
            break
        time.sleep(POLL_S)
    said_last = " ".join(log.read_bytes()[before:].decode("utf-8", "replace").split("\n")[-LAST_LINES:]).strip()
    raise DaemonUnreachable("The daemon does not start.", f"{said_last} Its log: {log}".lstrip())


def _is_held(folder: Path) -> bool:
    """Whether a daemon has the folder, and will soon say so."""
    try:
        FolderLock(folder).release()
    except AlreadyRunning:
        return True
    return False


def _detached(said: IO[bytes], settings: Settings) -> subprocess.Popen[bytes]:
    """`dap-bridge serve` in these folders, in a session of its own, without a terminal."""
    folder = settings.data
    command = [sys.executable, "-m", "dap_bridge", "serve", "--spool", str(settings.spool), "--data", str(folder)]
    silent: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said}
    if sys.platform == "win32":
        apart = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(command, cwd=folder, creationflags=apart, **silent)
    return subprocess.Popen(command, cwd=folder, start_new_session=True, **silent)
