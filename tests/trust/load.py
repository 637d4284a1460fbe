"""Many small jobs from many clients at once: all are done, in the order they were accepted, and hello is answered."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time

from dap_bridge.transport import control
from dap_bridge.transport.client import Client
from dap_bridge.verbs.separate.request import Separate
from tests.processes import CHECKOUT, Process
from tests.trust import harness
from tests.trust.harness import Lab, Tally
from tests.trust.stub import RAN

JOBS, CLIENTS = 1000, 20
SWIFT = ("-m", "tests.trust.served", "--run", "tests.trust.stub:note", "--probe", "tests.trust.stub:probe")
ALL_S = 240.0
# No DAW is to wait longer for a sign of life, however busy the daemon.
LATEST_HELLO_S = 1.0
NOT_DONE, ORDER, SLOW = "not done", "out of order", f"hello p99 above {LATEST_HELLO_S:g} s"


def check(lab: Lab, tally: Tally) -> None:
    tally.watch(NOT_DONE, ORDER, SLOW)
    daemon = lab.daemon("home", *SWIFT, DAP_BRIDGE_HISTORY="100000")
    each = lab.times(JOBS // CLIENTS)
    tally.tried = CLIENTS * each
    began = time.monotonic()
    took = _hellos_while(daemon, _clients(daemon, each, lab))
    seconds = time.monotonic() - began
    table = harness.jobs(daemon)
    done = [name for name, row in table.items() if row.state == "done"]
    tally.check(len(done) == tally.tried, NOT_DONE, f"{tally.tried - len(done)} of {tally.tried}")
    ran = (daemon.data / RAN).read_text(encoding="utf-8").split()
    late = sum(job != accepted for job, accepted in zip(ran, table, strict=False))
    tally.check(not late and len(ran) == len(table), ORDER, f"{late} of {len(ran)} runs")
    p99 = statistics.quantiles(took, n=100)[98]
    tally.check(p99 < LATEST_HELLO_S, SLOW, f"{p99:.2f} s")
    tally.figures = f"{CLIENTS} clients, {tally.tried / seconds:.0f} jobs/s; "
    tally.figures += f"hello median {1000 * statistics.median(took):.1f} ms, p99 {1000 * p99:.0f} ms of {len(took)}"


def _clients(daemon: Process, each: int, lab: Lab) -> subprocess.Popen[bytes]:
    """The clients, in a process of their own, so that they do not keep what measures from its turn."""
    where = {"DAP_BRIDGE_SPOOL": str(daemon.spool), "DAP_BRIDGE_OSC_PORT": str(daemon.port)}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.trust.load", str(daemon.port), str(each)],
        env=os.environ | lab.environment(daemon.home) | where,
        cwd=CHECKOUT,
    )


def _hellos_while(daemon: Process, clients: subprocess.Popen[bytes]) -> list[float]:
    """How long hello took, again and again until the clients have ended: seconds."""
    took = []
    deadline = time.monotonic() + ALL_S
    try:
        while clients.poll() is None and time.monotonic() < deadline:
            began = time.perf_counter()
            daemon.client.hello(harness.PATIENCE_S)
            took.append(time.perf_counter() - began)
            time.sleep(0.01)
    finally:
        clients.kill()
        clients.wait()
    return took


def client(port: int, number: int, each: int) -> None:
    """Ask for all, then wait for all."""
    names = [f"c{number}-{job}" for job in range(each)]
    with Client(port) as asker:
        for name in names:
            next(iter(asker.request(Separate(job=name, clip="/nowhere/clip.wav"))))
        for name in names:
            asker.last_event(control.Resume(job=name))


def main(port: int, each: int) -> None:
    threads = [threading.Thread(target=client, args=(port, number, each)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
