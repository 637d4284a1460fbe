"""Runs a program, and ends it with all that it started once standard input ends, as it does when whoever holds its
other end is killed. The exit code is the program's.

    python leash.py PROGRAM [ARGUMENT…]
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import psutil

# As a shell says that there is no such program.
NOT_FOUND = 127


def main(command: list[str]) -> int:
    """Returns when the program has ended, by itself or because it had to."""
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(error.strerror, file=sys.stderr)
        return NOT_FOUND
    threading.Thread(target=_end_with_input, args=(program,), daemon=True).start()
    code = program.wait()
    _end(program)
    return code if code >= 0 else 128 - code


def _end_with_input(program: subprocess.Popen[bytes]) -> None:
    # not by sys.stdin, whose lock a thread may not hold when the interpreter ends
    while os.read(0, 1):
        pass
    _end(program)


def _end(program: subprocess.Popen[bytes]) -> None:
    """By its group, which outlives it, and by what descends from it, wherever that has gone."""
    descendants: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        descendants = psutil.Process(program.pid).children(recursive=True)
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(program.pid, signal.SIGKILL)
    for process in descendants:
        with contextlib.suppress(psutil.Error):
            process.kill()
    with contextlib.suppress(OSError):
        program.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
