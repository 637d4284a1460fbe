"""A daemon as a process, for tests that meet it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dap_bridge.errors import DaemonUnreachable
from dap_bridge.transport import control, events
from dap_bridge.transport.client import Client
from dap_bridge.verbs.separate.request import Separate

CHECKOUT = Path(__file__).resolve().parent.parent
STUB = "tests.stub_daemon"
START_S = 60.0
# Below what Linux (32768), macOS and Windows (49152) give to sockets that ask for any.
PORTS = (20_000, 32_000)


class Process:
    """A daemon in a process of its own, with folders of its own."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.home = home
        self.spool, self.data = home / "spool", home / "data"
        self.log = home / "log"
        self._arguments = arguments
        self._environment = environment
        self.port = 0
        self.start()

    def start(self, wait: bool = True) -> None:
        self.port = self.port or free_port()
        settings = {"OSC_PORT": self.port, "SPOOL": self.spool, "DATA": self.data, "SETTLE_S": 0.3, "RESCAN_S": 1}
        environment = os.environ | {f"DAP_BRIDGE_{name}": str(value) for name, value in settings.items()}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._arguments],
                env=environment | self._environment,
                cwd=CHECKOUT,
                stdout=log,
                stderr=log,
            )
        self.client = Client(self.port, silence_s=1.0)
        if wait:
            self._answers()

    def _answers(self) -> None:
        try:
            self.client.hello(START_S)
        except DaemonUnreachable as error:
            log = self.log.read_text(encoding="utf-8", errors="replace")
            raise AssertionError(f"{error} Its log ends with: {log[-2000:]}") from error

    def separate(self, job: str, label: str = "ok", **fields: Any) -> Separate:
        return Separate(job=job, label=label, clip="/clip.wav", out=str(self.home / f"out-{job}"), **fields)

    def running(self, job: str) -> None:
        """Until the job has reported progress."""
        for event in self.client.request(control.Resume(job=job)):
            if isinstance(event, events.Progressed) and event.stage != "waiting":
                return

    def go(self, job: str) -> None:
        """Let a job of the label `wait` come to its end."""
        (self.home / f"{job}.go").touch()

    def runs(self, job: str) -> list[int]:
        """The processes that the job was run in, one after the other."""
        log = self.home / "runs.log"
        lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        return [int(pid) for name, pid in lines if name == job]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def drop(self, name: str, content: dict[str, Any]) -> None:
        path = self.spool / "inbox" / f"{name}.tmp"
        path.write_text(json.dumps(content))
        path.rename(path.with_suffix(".json"))

    def status_file(self, name: str) -> dict[str, str]:
        try:
            text = (self.spool / "outbox" / f"{name}.status").read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        return dict(line.split("\t") for line in text.splitlines() if line)

    @property
    def told(self) -> dict[str, str]:
        """What the daemon says of itself to its own user."""
        heartbeat = self.spool / "daemon.status"
        text = until(lambda: heartbeat.exists() and heartbeat.read_text(encoding="utf-8"))
        return dict(line.split("\t", 1) for line in text.splitlines())

    @property
    def editor(self) -> str:
        """The mask editor's address, to which a session's name is added."""
        return self.told["editor"]

    def left(self) -> list[str]:
        """What jobs have left behind."""
        return sorted(str(p.relative_to(self.home)) for p in [*self.home.glob("out-*"), *self.data.glob("jobs/*")])


def free_port() -> int:
    """Of those that no system hands out by itself: nobody's socket takes it while a daemon is started again."""
    while True:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port := random.SystemRandom().randrange(*PORTS)))
            return port


@contextlib.contextmanager
def locked(table: Path) -> Iterator[None]:
    """Another program writes to the table of jobs meanwhile, and is in no hurry."""
    other = sqlite3.connect(table, isolation_level=None, timeout=20)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


def until(condition: Callable[[], Any], timeout: float = 60.0) -> Any:
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)
    return value
