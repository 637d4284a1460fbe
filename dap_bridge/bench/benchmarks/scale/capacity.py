"""What a daemon takes a job, beside the computing: to accept it, and to start and conclude it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ....errors import DaemonUnreachable, WorkerDied
from ....jobs.store import Store
from ....transport.client import Client
from ....transport.heartbeat import HEARTBEAT
from ....verbs.separate.request import Separate
from ...methods import jobs
from ...store import Row
from . import ways

# Jobs that are sent, and jobs that are seen to their end.
SENT, ENDED = 500, 500
WORKERS = 16
START_S = 60.0
POLL_S = 0.05
CLIP = "/nowhere/clip.wav"


@dataclass(frozen=True)
class Capacity:
    """A daemon of WORKERS workers that take no time and send `size` bytes of stems; `backlog` jobs are in its table."""

    backlog: int
    size: int
    seed: int = 0

    @property
    def key(self) -> str:
        return f"capacity.{self.backlog:06}.{self.size:08}"

    def identity(self) -> dict[str, Any]:
        return {"sent": SENT, "ended": ENDED, "workers": WORKERS}

    def run(self, folder: Path) -> Row:
        with jobs.scratch() as place, self._daemon(place) as daemon, Client(_port(place)) as client:
            process = psutil.Process(daemon.pid)
            client.hello(START_S)
            began, before = time.perf_counter(), _computed(process)
            longest = max(_accepted(client, number) for number in range(SENT))
            accepting = (time.perf_counter() - began) / SENT, (_computed(process) - before) / SENT
            table = place / "data" / "jobs.sqlite"
            began, before = time.perf_counter(), _computed(process)
            (place / "gate").touch()
            _until(lambda: _ended(table) >= min(ENDED, SENT + self.backlog))
            count = _ended(table)
            ending = (time.perf_counter() - began) / count, (_computed(process) - before) / count
        return {
            "kind": "capacity",
            "seed": self.seed,
            "device": "cpu",
            "backlog": self.backlog,
            "bytes": self.size,
            "accept_s": round(accepting[0], 6),
            "accept_cpu_s": round(accepting[1], 6),
            "longest_accept_s": round(longest, 3),
            "conclude_s": round(ending[0], 6),
            "conclude_cpu_s": round(ending[1], 6),
            "load": ways.load(),
        }

    @contextlib.contextmanager
    def _daemon(self, place: Path) -> Iterator[subprocess.Popen[bytes]]:
        store = Store(place / "data" / "jobs.sqlite")
        for number in range(self.backlog):
            store.add(f"waits-{number}", "separate", Separate(clip=CLIP).request())
        store.close()
        own = {"DATA": place / "data", "SPOOL": place / "spool", "OSC_PORT": 0, "INTERACTIVE": "false"}
        arguments = [str(WORKERS), str(self.size), str(place / "gate")]
        with (place / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "dap_bridge.bench.scaling.served", *arguments],
                env=os.environ | {f"DAP_BRIDGE_{name}": str(value) for name, value in own.items()},
                stdout=log,
                stderr=log,
            )
        try:
            yield daemon
        finally:
            daemon.terminate()
            daemon.wait()


def _accepted(client: Client, number: int) -> float:
    """Seconds until the daemon has accepted a job, however often it has to be asked."""
    began = time.perf_counter()
    while True:
        with contextlib.suppress(DaemonUnreachable):
            next(iter(client.request(Separate(job=f"sent-{number}", clip=CLIP))))
            return time.perf_counter() - began


def _port(place: Path) -> int:
    status = place / "spool" / HEARTBEAT

    def told() -> str | None:
        lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
        return next((line.partition("\t")[2] for line in lines if line.startswith("osc_port\t")), None)

    return int(_until(told))


def _until(condition: Callable[[], Any]) -> Any:
    """What `condition` gives, once that is something. Raises WorkerDied where it never is."""
    deadline = time.monotonic() + 10 * START_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise WorkerDied("The daemon that was measured stood still.")
        time.sleep(POLL_S)
    return found


def _computed(process: psutil.Process) -> float:
    """Seconds of a core that it has used."""
    used = process.cpu_times()
    return float(used.user + used.system)


def _ended(table: Path) -> int:
    with contextlib.closing(sqlite3.connect(table)) as store:
        return int(store.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone()[0])
