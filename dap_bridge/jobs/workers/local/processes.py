"""Processes on this machine that compute chunks for a job's own process: an `Executor` of the engine.

A thread waits at the pipe of each. Where a process is killed its pipe breaks, even within an answer: the end of a queue
that several share would not be seen there.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import psutil

from .spawned import end_with_parent, interrupt_blocked

if TYPE_CHECKING:
    from ....engine.spread import Executor

# What one may need: 0.4 GiB by measurement, for two sounds in 12 s of stereo; more sounds and longer chunks take more.
PROCESS_BYTES = 1 << 30

_SPAWN = multiprocessing.get_context("spawn")


# Makes, in a job's process and for as long as the job runs, who computes chunks in its place; can be pickled.
Helpers = Callable[[], "AbstractContextManager[Executor | None]"]
# Nobody does.
nobody: Helpers = contextlib.nullcontext


@contextlib.contextmanager
def offered(count: int) -> Iterator[Processes | None]:
    """So many processes for as long as a job runs; None instead of one, which would do what the job's own does."""
    if count == 1:
        yield None
        return
    processes = Processes(count)
    try:
        yield processes
    finally:
        processes.close()


@dataclass(frozen=True)
class _Started:
    process: BaseProcess
    connection: Connection


class Processes:
    """At most so many; each is started once there is work for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = ThreadPoolExecutor(most, "chunks")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._started: list[BaseProcess] = []
        self._closed = False

    @cached_property
    def at_once(self) -> int:
        """As many as there was memory for when this was asked first, perhaps none."""
        free: int = psutil.virtual_memory().available
        return min(self._most, free // PROCESS_BYTES)

    def submit(self, function: Callable[[bytes], bytes], packed: bytes, /) -> Future[bytes]:
        """Where its process fails, whatever the reason, the future has a ChildProcessError."""
        return self._threads.submit(self._call, function, packed)

    def close(self) -> None:
        """End all of them, in the middle of what they do."""
        with self._lock:
            self._closed = True
        for process in self._started:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._started:
            process.join()

    def _call(self, function: Callable[[bytes], bytes], packed: bytes) -> bytes:
        """In a thread of ours, which has a process of its own."""
        there: _Started | None = getattr(self._own, "there", None)
        if there is None:
            there = self._own.there = self._start()
        try:
            there.connection.send((function, packed))
            answer: bytes = there.connection.recv()
        except (EOFError, OSError) as error:
            self._own.there = None
            there.process.kill()
            there.process.join()
            raise ChildProcessError(f"status {there.process.exitcode}") from error
        return answer

    def _start(self) -> _Started:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        with self._lock, interrupt_blocked():
            if self._closed:
                raise ChildProcessError("the job has ended")
            process.start()
            self._started.append(process)
        theirs.close()
        return _Started(process, ours)


def _serve(connection: Connection) -> None:
    """All that a process does; what fails in it ends it, and with it what it holds of the memory."""
    end_with_parent()
    with contextlib.suppress(EOFError):
        while True:
            function, packed = connection.recv()
            connection.send(function(packed))
