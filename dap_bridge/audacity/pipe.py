"""Audacity's scripting pipe (mod-script-pipe): one command, one answer, over two named pipes.

Audacity must be told to offer it: Preferences > Modules > mod-script-pipe > Enabled, then a restart.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from typing import Any

from ..errors import HostRefused, HostUnreachable

# An answer ends with such a line and an empty one.
ENDS = {"BatchCommand finished: OK": True, "BatchCommand finished: Failed!": False}
END = b"\n\n"
FIRST_ANSWER_S = 5.0
ANSWER_S = 60.0
READ_BYTES = 1 << 16
RETRY_S = 0.02


def pipe_names() -> tuple[str, str]:
    """The pipe that commands go into, and the one that answers come out of; the same for every Audacity of a user."""
    if sys.platform == "win32":
        return r"\\.\pipe\ToSrvPipe", r"\\.\pipe\FromSrvPipe"
    user = os.getuid()
    return f"/tmp/audacity_script_pipe.to.{user}", f"/tmp/audacity_script_pipe.from.{user}"


def quoted(text: str) -> str:
    """A value of a command's parameter: no quote ends it, no line break ends the command."""
    escaped = " ".join(text.splitlines()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Pipe:
    """A connection to a running Audacity. A context manager.

    Raises HostUnreachable where none offers the pipe, or where it does not answer: it shows a dialog, or has ended.
    """

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._to, self._from = pipe_names()
        self._open()
        self.command("Help: Command=Import2", FIRST_ANSWER_S)

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for end in (self._reading, self._writing):
            with contextlib.suppress(OSError):
                os.close(end)

    def command(self, name: str, timeout: float | None = None, **parameters: Any) -> str:
        """Have a command carried out; what it says before its end. Raises HostRefused where it fails."""
        words = [f"{key}={quoted(value) if isinstance(value, str) else value}" for key, value in parameters.items()]
        line = " ".join([name if ":" in name else f"{name}:", *words])
        try:
            os.write(self._writing, f"{line}\n".encode())
            answer = self._answer(timeout or self._answer_s)
        except OSError as error:
            raise HostUnreachable(f"Audacity's pipe broke: {error.strerror}.") from error
        *said, end = answer.decode("utf-8", "replace").strip().splitlines() or [""]
        if not ENDS.get(end.strip(), False):
            raise HostRefused(f"Audacity did not carry out: {line}")
        return "\n".join(said)

    def _open(self) -> None:
        """Both ends without waiting, the answers' end first: Audacity opens its own ends one after the other."""
        wait = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        deadline = time.monotonic() + FIRST_ANSWER_S
        try:
            self._reading = os.open(self._from, os.O_RDONLY | wait)
        except OSError as error:
            raise HostUnreachable("No Audacity offers its scripting pipe.") from error
        while True:
            try:
                self._writing = os.open(self._to, os.O_WRONLY | wait)
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    os.close(self._reading)
                    raise HostUnreachable("No Audacity listens at its scripting pipe.") from error
            time.sleep(RETRY_S)

    def _answer(self, timeout: float) -> bytes:
        answer = b""
        deadline = time.monotonic() + timeout
        while not answer.endswith(END):
            left = deadline - time.monotonic()
            if left <= 0:
                raise HostUnreachable("Audacity does not answer; it may be showing a dialog.")
            if sys.platform == "win32" or select.select([self._reading], [], [], left)[0]:
                read = os.read(self._reading, READ_BYTES)
                answer += read
                if not read:  # nobody holds the other end, perhaps not yet
                    time.sleep(RETRY_S)
        return answer
