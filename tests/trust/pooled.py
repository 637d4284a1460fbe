"""Trials by number in processes of their own, which may crash, hang or eat memory: each is seen, the next goes on."""

from __future__ import annotations

import os
import queue
import random
import selectors
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.processes import CHECKOUT
from tests.trust import harness
from tests.trust.harness import Tally

PROCESSES = 2
TRIAL_S = 10.0
START_S = 120.0
# What a trial may ask of memory beyond what its process has anyway.
MEMORY = 1 << 30
RIGHT, SEPARATOR = "right", "\t"
CRASHED, HUNG, INTERNAL = "crashed", "hung", "internal"

# trial(dice): tries one input. Raises DapError where the input is refused.
Trial = Callable[[random.Random], None]


def run(tally: Tally, factory: str, folder: Path, seed: int, count: int, environment: Mapping[str, str]) -> None:
    """`count` trials of `factory`, "module:function", which makes a Trial from a folder of its own and its dice."""
    tally.watch(CRASHED, HUNG, INTERNAL)
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(count):
        numbers.put(number)
    lock = threading.Lock()

    def serve(name: str) -> None:
        place = folder / name
        place.mkdir(parents=True)
        process = _Process(factory, place, seed, environment)
        try:
            while True:
                try:
                    number = numbers.get_nowait()
                except queue.Empty:
                    return
                kind, what = process.trial(number)
                with lock:
                    tally.tried += 1
                    tally.check(kind == RIGHT, kind, f"{factory} seed {seed} number {number}: {what}")
        finally:
            process.close()

    with ThreadPoolExecutor(PROCESSES) as threads:
        list(threads.map(serve, [f"pool-{n}" for n in range(PROCESSES)]))


class Seen(Exception):
    """A trial went wrong in a way that has a name of its own."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(kind, what)
        self.kind, self.what = kind, what


class _Process:
    def __init__(self, factory: str, folder: Path, seed: int, environment: Mapping[str, str]) -> None:
        self._arguments = [sys.executable, "-m", "tests.trust.trial", factory, str(folder), str(seed)]
        self._environment = os.environ | dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def trial(self, number: int) -> tuple[str, str]:
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        answer = _line(process, TRIAL_S)
        if answer is None:
            self.close()
            return HUNG, f"no answer for {TRIAL_S:g} s"
        if not answer:
            status = process.wait()
            self._process = None
            return CRASHED, f"status {status}"
        kind, _, what = answer.strip().partition(SEPARATOR)
        return kind, what

    def close(self) -> None:
        if self._process is not None:
            harness.end(self._process.pid)
            self._process.wait()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._arguments,
                env=self._environment,
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            if not _line(self._process, START_S):
                raise RuntimeError(f"{self._arguments} does not start")
        return self._process


def _line(process: subprocess.Popen[str], seconds: float) -> str | None:
    """The next line, empty at the end, None where none came for so long."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(seconds) else None
