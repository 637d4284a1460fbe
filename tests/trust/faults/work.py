"""Work that stands still, or is ended half-way: what is lost by it, and what is wrong afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

from dap_bridge.config import LOOPBACK
from dap_bridge.errors import DapError
from tests.trust import harness
from tests.trust.faults.steps import LOST, WRONG, ask, ask_stub, check_done, check_log, command
from tests.trust.harness import ENDED, PATIENCE_S, Lab, Tally, happens

# Longer than a new worker takes to come up on a busy machine.
STALL_S = 15.0


def worker_stopped(lab: Lab, tally: Tally) -> None:
    """The worker is stopped in mid-job: it is noticed and ended after a limit, and what waits goes on."""
    tally.watch(LOST, WRONG)
    tally.tried = 1
    daemon = lab.stub(DAP_BRIDGE_STALL_S=str(STALL_S))
    ask_stub(daemon, "a", "sleep 4")
    ask_stub(daemon, "b")
    harness.running(daemon, "a")
    daemon.running("a")
    (worker,) = harness.workers(daemon)
    worker.suspend()
    tally.check(
        happens(lambda: not worker.is_running(), STALL_S + PATIENCE_S), WRONG, "the stopped worker is still there"
    )
    row = harness.ended(daemon, "a")
    tally.check(row.state in ENDED, LOST, f"the stopped job is {row}")
    tally.check(row.error.get("code") != DapError.code, WRONG, f"the stopped job is {row}")
    check_done(tally, daemon, "b")
    check_log(tally, daemon)


def special_files(lab: Lab, tally: Tally) -> None:
    """Clips that are no files, or say that they are and have no end: refused, and the next job is done."""
    tally.watch(LOST, WRONG)
    daemon = lab.daemon(DAP_BRIDGE_STALL_S="60")
    folder = lab.home("special")
    os.mkfifo(folder / "fifo.wav")
    (folder / "folder.wav").mkdir()
    (folder / "empty.wav").touch()
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    (folder / "zero.wav").symlink_to("/dev/zero")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket.wav"))
    system = ["/dev/zero", "/dev/full", "/dev/null", "/dev/tty", "/proc/self/maps", "/proc/self/pagemap"]
    system += ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/uevent_seqnum"]
    clips = [*sorted(folder.glob("*.wav")), *(Path(name) for name in system if os.path.lexists(name))]
    for number, clip in enumerate(clips):
        ask(daemon, f"s{number}", clip)
    ask(daemon, "next", lab.clip())
    try:
        for number, clip in enumerate(clips):
            tally.tried += 1
            row = harness.ended(daemon, f"s{number}")
            right = row.state == "failed" and row.error.get("code") in ("clip_unreadable", "bad_clip")
            tally.check(right, WRONG, f"{clip} is {row}")
            if row.state not in ENDED:
                break
        check_done(tally, daemon, "next")
        check_log(tally, daemon)
    finally:
        listener.close()


CONNECTIONS, DESCRIPTORS = 300, 256
MOST_LOG = 1 << 20


def connections(lab: Lab, tally: Tally) -> None:
    """Connections without a token, half of them in mid-request, more than there are descriptors: jobs go on."""
    tally.watch(LOST, WRONG)
    daemon = lab.daemon("home", "-m", "tests.trust.served", "--files", str(DESCRIPTORS))
    port = int(daemon.editor.split(":")[2].partition("/")[0])
    harness.warm(daemon)
    held = []
    try:
        for number in range(CONNECTIONS):
            with contextlib.suppress(OSError):
                connection = socket.create_connection((LOOPBACK, port), 1.0)
                held.append(connection)
                if number % 2:
                    connection.sendall(b"GET /edit HTTP/1.1\r\nHost: slow\r\nX: ")
        tally.tried = CONNECTIONS
        time.sleep(3.0)
        ask(daemon, "a", lab.clip(), daemon.home / "out-a")
        check_done(tally, daemon, "a")
        check_done(tally, daemon, "a")
        age = time.time() - (daemon.spool / "daemon.status").stat().st_mtime
        tally.check(age < 10, WRONG, f"the sign of life is {age:.0f} s old")
        size = daemon.log.stat().st_size
        tally.check(size < MOST_LOG, WRONG, f"a log of {size} bytes")
        check_log(tally, daemon)
    finally:
        for connection in held:
            connection.close()
    page = happens(lambda: _page(port, daemon.editor), 30)
    tally.check(page, WRONG, "the page is not served afterwards")


def _page(port: int, editor: str) -> bool:
    path = editor.partition(str(port))[2]
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 2.0) as connection:
        connection.sendall(f"GET {path}x HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n".encode())
        return b" 200 " in connection.recv(20)
    return False


def command_line(lab: Lab, tally: Tally) -> None:
    """The command line is ended while it writes results: nothing is left, by whatever signal."""
    tally.watch(LOST, WRONG)
    clip = lab.clip("long.wav", 60.0)
    home = lab.home("home")
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        tally.tried += 1
        out = home / name
        process = command(lab, "separate", str(clip), "--preset", "quick", "--out", str(out))
        begun = happens(lambda out=out: list(out.glob(".dap-*")) or (out / "manifest.json").exists())
        tally.check(begun, WRONG, f"{name}: it never began to write")
        process.send_signal(signal.Signals[name])
        text = process.communicate(timeout=PATIENCE_S)[0]
        tally.check(process.returncode not in (0, 1), WRONG, f"{name}: status {process.returncode}: {text[-200:]}")
        tally.check("Traceback" not in text, WRONG, f"{name}: a traceback")
        left = [path for path in (out, *out.rglob("*"), *(home / "tmp").iterdir()) if os.path.lexists(path)]
        tally.check(not left, WRONG, f"{name} left {[str(path.relative_to(home)) for path in left[:4]]}")
