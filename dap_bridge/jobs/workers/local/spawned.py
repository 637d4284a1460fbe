"""How a process that was spawned here belongs to the one that did it."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator

# What reaches every process of a terminal is the first one's to handle.
_FROM_TERMINAL = {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}


@contextlib.contextmanager
def interrupt_blocked() -> Iterator[None]:
    """A process started in here inherits the mask: no ctrl-C can reach it before `end_with_parent` sees to that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """First thing in a new process: its parent says when it ends, and nobody else."""
    for number in _FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Nobody waits for the results of a parent that is gone, and its successor wants the device."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
