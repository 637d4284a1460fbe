"""What a daemon keeps is locked, damaged or removed: what is lost by it, and what is wrong afterwards."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from dap_bridge.domain import ClipRef
from dap_bridge.errors import DapError
from dap_bridge.jobs.sessions import Session, Sessions
from tests.processes import Process
from tests.trust import harness
from tests.trust.faults.steps import LOST, WRONG, ask_stub, check_done, check_log
from tests.trust.harness import PATIENCE_S, Lab, Tally, happens

FOLDERS = ("inbox", "outbox", "rejected", "clips")
# A daemon that is not answered by for longer than this keeps a host waiting.
BLOCKED_S = 2.0
LOCKED_S = 8.0


def store_locked(lab: Lab, tally: Tally) -> None:
    """Another program holds the table of jobs while one ends; requests come meanwhile."""
    tally.watch(LOST, WRONG)
    tally.tried = 1
    daemon = lab.stub()
    ask_stub(daemon, "a", "sleep 1.5")
    harness.running(daemon, "a")
    other = sqlite3.connect(daemon.data / "jobs.sqlite", isolation_level=None, timeout=PATIENCE_S)
    other.execute("BEGIN IMMEDIATE")
    ask_stub(daemon, "b")
    slowest, began = 0.0, time.monotonic()
    while time.monotonic() < began + LOCKED_S:
        asked = time.monotonic()
        with contextlib.suppress(DapError):
            daemon.client.hello(LOCKED_S)
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.05)
    other.execute("ROLLBACK")
    other.close()
    check_done(tally, daemon, "a")
    check_done(tally, daemon, "b")
    told = happens(lambda: daemon.status_file("a").get("event") == "done", 20)
    tally.check(told, WRONG, f"the outbox says {daemon.status_file('a')}")
    tally.check(slowest < BLOCKED_S, WRONG, f"hello took {slowest:.1f} s")
    check_log(tally, daemon)


# Where each lies below a daemon's home, and whether a warning must say what was lost with it.
SMALL_FILES = {
    "data/worker.json": True,
    "data/jobs/b/output.json": True,
    "data/sessions/sessions/s.json": True,
    "data/editor.json": False,
    "data/.lock.json": False,
    "spool/daemon.status": False,
}
TABLE = "data/jobs.sqlite"
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda good: good[: len(good) // 2] or b"{",
    "garbage": lambda good: bytes(range(128, 256)) * (1 + len(good) // 128),
    "something else": lambda _: b"[7]",
}


def damaged(lab: Lab, tally: Tally) -> None:
    """Small files that a power cut left empty, half written or of something else: the daemon starts, and says so."""
    tally.watch(LOST, WRONG)
    home = lab.home("home")
    daemon = lab.stub()
    ask_stub(daemon, "a")
    check_done(tally, daemon, "a")
    daemon.client.send(daemon.separate("b", "stubborn 60"))
    daemon.running("b")
    session = Session("s", ClipRef.of("/nowhere/clip.wav").as_request(), "", "", "/nowhere/manifest.json")
    Sessions(home / "data/sessions", most_bytes=1, most_days=1).add(session)
    harness.kill(daemon)
    happens(lambda: not harness.workers_of(home))
    good = lab.folder / "good"
    shutil.copytree(home, good)
    for kind, damage in DAMAGES.items():
        for places in (list(SMALL_FILES), [TABLE]):
            _restore(good, home)
            for path in (home / place for place in places):
                path.write_bytes(damage(path.read_bytes()))
            told = [place for place in places if SMALL_FILES.get(place)]
            tally.tried += len(places)
            _start_damaged(tally, daemon, kind, [Path(place).name for place in told])
    for kind, column, value in (("no JSON", "request", "{"), ("no state", "state", "sideways"), ("null", "error", "7")):
        _restore(good, home)
        table = sqlite3.connect(home / TABLE, isolation_level=None)
        table.execute(f"UPDATE jobs SET {column} = ? WHERE id = 'b'", (value,))
        table.close()
        tally.tried += 1
        _start_damaged(tally, daemon, f"a row, {kind}", [] if column == "error" else ["b"])

    for kind in ("half", "garbage"):  # empty it says nothing, and something else is a setting to be corrected
        tally.tried += 1
        _start_configured(lab, tally, kind, DAMAGES[kind](b"history = 500"))


def _start_configured(lab: Lab, tally: Tally, kind: str, content: bytes) -> None:
    """A daemon as a user starts it, with that for a configuration."""
    path = lab.home(f"configured-{kind}") / "config.toml"
    path.write_bytes(content)
    try:
        daemon = lab.daemon(path.parent.name, DAP_BRIDGE_CONFIG=str(path))
        warned = path.name in daemon.log.read_text(encoding="utf-8")
        tally.check(warned, WRONG, f"configuration, {kind}: no warning")
    except DapError as error:
        tally.note(WRONG, f"configuration, {kind}: {error.message}")


def _restore(good: Path, home: Path) -> None:
    shutil.rmtree(home)
    shutil.copytree(good, home, symlinks=True)
    (home / "log").write_bytes(b"")


def _start_damaged(tally: Tally, daemon: Process, what: str, warnings: list[str]) -> None:
    """It starts, warns of each, does a job, and knows the one that was done, or says that the table is lost."""
    daemon.start(wait=False)
    try:
        if not harness.starts(daemon):
            last = daemon.log.read_text(encoding="utf-8").strip().splitlines()[-1:]
            tally.note(WRONG, f"{what}: it does not start: {last}")
            return
        ask_stub(daemon, "next")
        row = harness.ended(daemon, "next")
        tally.check(row.state == "done", WRONG, f"{what}: the next job is {row}")
        log = daemon.log.read_text(encoding="utf-8")
        warned = [line for line in log.splitlines() if " WARNING " in line]
        known = harness.job(daemon, "a").state == "done"
        told = any(Path(TABLE).name in line for line in warned)
        tally.check(known or told, LOST, f"{what}: what was done is forgotten")
        for name in warnings:
            tally.check(any(name in line for line in warned), WRONG, f"{what}: no warning of {name}")
        tally.check("Traceback" not in log, WRONG, f"{what}: a traceback in the log")
    finally:
        harness.end(daemon.process.pid)
        daemon.process.wait()
        daemon.client.close()


def spool_removed(lab: Lab, tally: Tally) -> None:
    """The spool, or a folder of it, vanishes while the daemon runs and a job is under way."""
    tally.watch(LOST, WRONG)
    daemon = lab.stub()
    for number, gone in enumerate([daemon.spool, *(daemon.spool / name for name in FOLDERS)]):
        tally.tried += 1
        job = f"j{number}"
        daemon.client.hello(PATIENCE_S)
        daemon.client.send(daemon.separate(job, "sleep 1"))
        harness.running(daemon, job)
        shutil.rmtree(gone, ignore_errors=True)
        again = [daemon.spool / name for name in FOLDERS]
        missing = lambda again=again: [path.name for path in again if not path.is_dir()]  # noqa: E731
        happens(lambda missing=missing: not missing(), 20)
        tally.check(not missing(), WRONG, f"{gone.name} removed: {missing()} not made again")
        check_done(tally, daemon, job)
        told = happens(lambda job=job: daemon.status_file(job).get("event") == "done", 20)
        tally.check(told, LOST, f"{gone.name} removed: the end of {job} is not in the outbox")
        if (daemon.spool / "inbox").is_dir():
            daemon.drop(f"q{number}", {"verb": "hello"})
            answered = happens(lambda n=number: daemon.status_file(f"q{n}").get("event") == "welcome", 20)
            tally.check(answered, LOST, f"{gone.name} removed: a request is not answered")
        tally.check(happens((daemon.spool / "daemon.status").exists, 20), WRONG, "no sign of life")
    check_log(tally, daemon)
