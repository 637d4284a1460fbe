"""What looks like a daemon from a host's side, and answers only what a test tells it to."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dap_bridge.transport import osc, protocol
from dap_bridge.transport.events import Event, Welcome

BEAT_S = 0.3


class Impostor:
    """Heartbeat and ears of a daemon, in a drop folder that no real one uses meanwhile. A context manager."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._ears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ears.bind(("127.0.0.1", 0))
        self._ears.settimeout(BEAT_S)
        self._over = threading.Event()
        self._answers: Callable[[str], list[Event]] = lambda _: []
        self._known: set[Path] = set()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Impostor:
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._ears.close()
        (self.spool / "daemon.status").unlink()

    def said(self, verb: str) -> list[dict[str, Any]]:
        """What was asked so far, by verb."""
        return [fields for name, fields in self.heard if name == verb]

    def tell(self, job: str, event: Event) -> None:
        self.write(job, protocol.as_lines(event))

    def write(self, job: str, text: str) -> None:
        path = self.spool / "outbox" / f"{job}.status"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)

    def answer_files(self, answers: Callable[[str], list[Event]]) -> None:
        """Say this of every request that is dropped into the folder from now on."""
        self._known = set((self.spool / "inbox").iterdir())
        self._answers = answers

    def _look_at_files(self) -> None:
        for path in set((self.spool / "inbox").glob("*.json")) - self._known:
            self._known.add(path)
            for event in self._answers(path.stem):
                self.tell(path.stem, event)

    def _live(self) -> None:
        while not self._over.is_set():
            self._beat()
            self._look_at_files()
            try:
                datagram = self._ears.recv(1 << 16)
            except TimeoutError:
                continue
            for message in osc.decode(datagram):
                self.heard.append(protocol.osc_fields(message.address, message.params))

    def _beat(self) -> None:
        welcome = Welcome(version="0", pid=os.getpid(), device="cpu", device_reason="", spool=str(self.spool), jobs=0)
        about = welcome.model_dump() | {"osc_port": self._ears.getsockname()[1], "time": time.time()}
        path = self.spool / "daemon.status"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(protocol.lines(about), encoding="utf-8")
        temporary.replace(path)
