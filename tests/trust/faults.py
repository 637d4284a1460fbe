"""One fault of the world each: what is lost by it, and what is wrong afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dap_bridge import console
from dap_bridge.config import LOOPBACK
from dap_bridge.errors import DapError
from dap_bridge.jobs.sessions import Session, Sessions
from dap_bridge.verbs.coseparate.request import Coseparate
from dap_bridge.verbs.denoise.request import Denoise
from dap_bridge.verbs.separate.request import Separate
from dap_bridge.verbs.texture.request import Texture
from tests.processes import CHECKOUT, Process
from tests.trust import harness
from tests.trust.harness import ENDED, PATIENCE_S, Lab, NotTried, Tally, happens

LOST, WRONG = "lost", "wrong"
FOLDERS = ("inbox", "outbox", "rejected", "clips")
# A daemon that is not answered by for longer than this keeps a host waiting.
BLOCKED_S = 2.0


def _ask(daemon: Process, job: str, clip: Path, out: Path | None = None, preset: str = "quick") -> None:
    """A separation through the drop folder, which takes it whatever state the other doors are in."""
    fields = {"verb": "separate", "job": job, "clip": str(clip), "preset": preset}
    daemon.drop(job, fields | ({} if out is None else {"out": str(out)}))


def _stub(daemon: Process, job: str, label: str = "ok") -> None:
    daemon.drop(job, {"verb": "separate", **daemon.separate(job, label).model_dump(mode="json", exclude_none=True)})


def _check_done(tally: Tally, daemon: Process, job: str, seconds: float = PATIENCE_S) -> None:
    """The job is done, and its files are where its manifest is."""
    row = harness.ended(daemon, job, seconds)
    there = row.manifest and Path(row.manifest).exists()
    tally.check(row.state == "done" and there, LOST, f"{job} is {row}")


def _check_failed(tally: Tally, daemon: Process, job: str, *codes: str, out: Path | None = None) -> None:
    """The job failed with one of these codes, and left nothing."""
    row = harness.ended(daemon, job)
    tally.check(row.state == "failed" and row.error.get("code") in codes, WRONG, f"{job} is {row}")
    left = [] if out is None else [path for path in (out, *out.rglob("*")) if os.path.lexists(path)]
    tally.check(not left, WRONG, f"{job} left {left[:4]}")


def _check_log(tally: Tally, daemon: Process) -> None:
    """Nothing was met that had not been foreseen."""
    text = daemon.log.read_text(encoding="utf-8", errors="replace")
    traces = text.split("Traceback (most recent call last)")[1:]
    for trace in traces:
        tally.note(WRONG, trace.strip().partition("\n20")[0].splitlines()[-1])


LOCKED_S = 8.0


def store_locked(lab: Lab, tally: Tally) -> None:
    """Another program holds the table of jobs while one ends; requests come meanwhile."""
    tally.watch(LOST, WRONG)
    tally.tried = 1
    daemon = lab.stub()
    _stub(daemon, "a", "sleep 1.5")
    harness.running(daemon, "a")
    other = sqlite3.connect(daemon.data / "jobs.sqlite", isolation_level=None, timeout=PATIENCE_S)
    other.execute("BEGIN IMMEDIATE")
    _stub(daemon, "b")
    slowest, began = 0.0, time.monotonic()
    while time.monotonic() < began + LOCKED_S:
        asked = time.monotonic()
        with contextlib.suppress(DapError):
            daemon.client.hello(LOCKED_S)
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.05)
    other.execute("ROLLBACK")
    other.close()
    _check_done(tally, daemon, "a")
    _check_done(tally, daemon, "b")
    told = happens(lambda: daemon.status_file("a").get("event") == "done", 20)
    tally.check(told, WRONG, f"the outbox says {daemon.status_file('a')}")
    tally.check(slowest < BLOCKED_S, WRONG, f"hello took {slowest:.1f} s")
    _check_log(tally, daemon)


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
    _stub(daemon, "a")
    _check_done(tally, daemon, "a")
    daemon.client.send(daemon.separate("b", "stubborn 60"))
    daemon.running("b")
    session = Session("s", {"clip": "/nowhere/clip.wav"}, source="", label="", manifest="/nowhere/manifest.json")
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
        _stub(daemon, "next")
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
        _check_done(tally, daemon, job)
        told = happens(lambda job=job: daemon.status_file(job).get("event") == "done", 20)
        tally.check(told, LOST, f"{gone.name} removed: the end of {job} is not in the outbox")
        if (daemon.spool / "inbox").is_dir():
            daemon.drop(f"q{number}", {"verb": "hello"})
            answered = happens(lambda n=number: daemon.status_file(f"q{n}").get("event") == "welcome", 20)
            tally.check(answered, LOST, f"{gone.name} removed: a request is not answered")
        tally.check(happens((daemon.spool / "daemon.status").exists, 20), WRONG, "no sign of life")
    _check_log(tally, daemon)


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own, of so many bytes. Raises NotTried where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "dap-trust", str(folder)]
    if (
        not harness.is_root()
        or not shutil.which("mount")
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        raise NotTried("needs root, to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def outbox_full(lab: Lab, tally: Tally) -> None:
    """There is no room in the spool when a job ends: its end is told once there is."""
    tally.watch(LOST, WRONG)
    tally.tried = 1
    with _small_disk(lab.home("home") / "spool", "256k") as spool:
        daemon = lab.stub()
        _stub(daemon, "a", "sleep 2")
        harness.running(daemon, "a")
        stuffing = spool / "stuffing"
        with contextlib.suppress(OSError), stuffing.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        _check_done(tally, daemon, "a")
        time.sleep(1.5)  # a beat of daemon.status, which finds no room either
        daemon.client.hello(PATIENCE_S)
        stuffing.unlink()
        told = happens(lambda: daemon.status_file("a").get("event") == "done", 30)
        tally.check(told, LOST, f"the outbox says {daemon.status_file('a')}")
        _check_log(tally, daemon)
        harness.end(daemon.process.pid)


def disk_full(lab: Lab, tally: Tally) -> None:
    """There is no room for results: a limit on a file's size, and a small disk; by daemon and command line."""
    tally.watch(LOST, WRONG)
    long, short = lab.clip("long.wav", 6.0), lab.clip()
    daemon = lab.daemon("limited", "-m", "tests.trust.served", "--bytes", "300000")
    messages = [
        Separate(job="separate", clip=str(long), preset="quick"),
        Denoise(job="denoise", clip=str(long)),
        Texture(job="texture", clip=str(long), length=200_000, preset="quick-texture"),
        Coseparate(job="coseparate", item=(f"0:::{long}", f"2000:::{long}"), preset="quick-coseparate"),
    ]
    for message in messages:
        out = daemon.home / f"out-{message.job}"
        daemon.client.hello(PATIENCE_S)
        daemon.client.send(message.model_copy(update={"out": str(out)}))
    for message in messages:
        tally.tried += 1
        _check_failed(tally, daemon, str(message.job), "output_unwritable", out=daemon.home / f"out-{message.job}")
    _ask(daemon, "short", short, daemon.home / "out-short")
    _check_done(tally, daemon, "short")
    _check_log(tally, daemon)
    left = [path.name for path in (daemon.home / "tmp").iterdir()]
    tally.check(not left, WRONG, f"left among temporary files: {left}")
    if harness.is_root():
        with _small_disk(lab.folder / "disk", "400k") as disk:
            tally.tried += 2
            _ask(daemon, "disk", short, disk / "out")  # 176 kB of stems fit
            _check_done(tally, daemon, "disk")
            shutil.rmtree(disk / "out", ignore_errors=True)
            mid = lab.clip("mid.wav", 3.0)  # 265 kB a stem fit under the limit, two of them not on the disk
            _ask(daemon, "disk-full", mid, disk / "out")
            _check_failed(tally, daemon, "disk-full", "output_unwritable", out=disk / "out")
            done = _command(lab, "separate", str(mid), "--preset", "quick", "--out", str(disk / "cli"))
            tally.tried += 1
            text = done.communicate(timeout=2 * PATIENCE_S)[0]
            tally.check(done.returncode == 1 and "output_unwritable" in text, WRONG, f"the command line: {text[-200:]}")
            tally.check("Traceback" not in text, WRONG, "a traceback from the command line")
            tally.check(not os.path.lexists(disk / "cli"), WRONG, "the command line left something")


# Longer than a new worker takes to come up on a busy machine.
STALL_S = 15.0


def worker_stopped(lab: Lab, tally: Tally) -> None:
    """The worker is stopped in mid-job: it is noticed and ended after a limit, and what waits goes on."""
    tally.watch(LOST, WRONG)
    tally.tried = 1
    daemon = lab.stub(DAP_BRIDGE_STALL_S=str(STALL_S))
    _stub(daemon, "a", "sleep 4")
    _stub(daemon, "b")
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
    _check_done(tally, daemon, "b")
    _check_log(tally, daemon)


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
        _ask(daemon, f"s{number}", clip)
    _ask(daemon, "next", lab.clip())
    try:
        for number, clip in enumerate(clips):
            tally.tried += 1
            row = harness.ended(daemon, f"s{number}")
            right = row.state == "failed" and row.error.get("code") in ("clip_unreadable", "bad_clip")
            tally.check(right, WRONG, f"{clip} is {row}")
            if row.state not in ENDED:
                break
        _check_done(tally, daemon, "next")
        _check_log(tally, daemon)
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
        _ask(daemon, "a", lab.clip(), daemon.home / "out-a")
        _check_done(tally, daemon, "a")
        _check_done(tally, daemon, "a")
        age = time.time() - (daemon.spool / "daemon.status").stat().st_mtime
        tally.check(age < 10, WRONG, f"the sign of life is {age:.0f} s old")
        size = daemon.log.stat().st_size
        tally.check(size < MOST_LOG, WRONG, f"a log of {size} bytes")
        _check_log(tally, daemon)
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


def output_taken(lab: Lab, tally: Tally) -> None:
    """What lies in the folder that a job is to write to stays as it is, and is never written through."""
    tally.watch(LOST, WRONG)
    daemon = lab.stub()
    elsewhere = lab.home("elsewhere") / "target.wav"

    def file(path: Path) -> None:
        path.write_bytes(b"the user's")

    def folder(path: Path) -> None:
        path.mkdir()
        file(path / "take.wav")

    names = ["stem-1.wav", "manifest.json"]
    kinds: dict[str, tuple[Callable[[Path], object], list[str], bool]] = {
        "file": (file, names, False),
        "dangling": (lambda path: path.symlink_to(elsewhere), names, False),
        "loop": (lambda path: path.symlink_to(path), names, False),
        "folder": (folder, names, False),
        "beside": (file, ["other.wav", ".dap-beside"], True),
        "stage": (folder, [".dap-stage-0", ".dap-stage-1", ".dap-"], True),
    }
    for kind, (make, taken, goes) in kinds.items():
        for number, name in enumerate(taken):
            tally.tried += 1
            job = f"{kind}-{number}"
            out = daemon.home / f"out-{job}"
            out.mkdir()
            make(out / name)
            before = harness.fingerprint(out)
            _stub(daemon, job)
            row = harness.ended(daemon, job)
            right = row.state == ("done" if goes else "failed") and (goes or row.error["code"] == "output_unwritable")
            tally.check(right, WRONG, f"{name} is a {kind}: {row}")
            after = harness.fingerprint(out)
            lost = [path for path, value in before.items() if after.get(path) != value]
            tally.check(not lost, LOST, f"{name} is a {kind}: {lost} touched")
            more = after.keys() - before.keys()
            tally.check(len(more) == (2 if goes else 0), WRONG, f"{name} is a {kind}: {sorted(more)} are there")
    tally.check(not os.path.lexists(elsewhere), LOST, "a dangling link was written through")
    _check_log(tally, daemon)


# The drop folder's own name is one that a stage could have had.
def home_as_output(lab: Lab, tally: Tally) -> None:
    """Results go into the home folder itself, by a job that is called as the program is: nothing else there changes."""
    tally.watch(LOST, WRONG)
    home = lab.home("home")
    spool = home / ".dap-bridge" / "spool"
    (spool / "clips").mkdir(parents=True)
    (spool / "clips" / "take.wav").write_bytes(b"the user's")
    daemon = lab.stub(DAP_BRIDGE_SPOOL=str(spool))
    daemon.spool = spool
    for label, outcome in (("ok", "done"), ("bad-clip", "failed"), ("die", "failed")):
        tally.tried += 1
        for job in ("bridge", f"bridge-{label}"):
            message = daemon.separate(job, label).model_copy(update={"out": str(home)})
            daemon.client.hello(PATIENCE_S)
            with contextlib.suppress(DapError):
                daemon.client.last_event(message)
            for result in ("manifest.json", "stem-1.wav"):
                harness.remove(home / result)
        tally.check(harness.job(daemon, f"bridge-{label}").state == outcome, WRONG, f"{label}: {harness.jobs(daemon)}")
        tally.check((spool / "clips" / "take.wav").exists(), LOST, f"{label}: the drop folder's clips are gone")


def taken_meanwhile(lab: Lab, tally: Tally) -> None:
    """Another program makes a file of a result's name between the look at the name and its taking."""
    tally.watch(LOST)
    rounds = lab.times(300)
    found = _race(lab, rounds)
    tally.tried = rounds
    if found["over"]:
        tally.note(LOST, "files written over", found["over"])
    without = _race(lab, rounds, "--without-guard")
    tally.figures = f"taken in time {found['taken']}, refused {found['refused']}; "
    tally.figures += f"guard away: {without['over']} written over"


def _race(lab: Lab, rounds: int, *more: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.trust.race", "--rounds", str(rounds), "--seed", str(lab.seed), *more],
        env=os.environ | lab.environment(lab.home("race")),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    found: dict[str, int] = json.loads(done.stdout)
    return found


def command_line(lab: Lab, tally: Tally) -> None:
    """The command line is ended while it writes results: nothing is left, by whatever signal."""
    tally.watch(LOST, WRONG)
    clip = lab.clip("long.wav", 60.0)
    home = lab.home("home")
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        tally.tried += 1
        out = home / name
        process = _command(lab, "separate", str(clip), "--preset", "quick", "--out", str(out))
        begun = happens(lambda out=out: list(out.glob(".dap-*")) or (out / "manifest.json").exists())
        tally.check(begun, WRONG, f"{name}: it never began to write")
        process.send_signal(signal.Signals[name])
        text = process.communicate(timeout=PATIENCE_S)[0]
        tally.check(process.returncode not in (0, 1), WRONG, f"{name}: status {process.returncode}: {text[-200:]}")
        tally.check("Traceback" not in text, WRONG, f"{name}: a traceback")
        left = [path for path in (out, *out.rglob("*"), *(home / "tmp").iterdir()) if os.path.lexists(path)]
        tally.check(not left, WRONG, f"{name} left {[str(path.relative_to(home)) for path in left[:4]]}")


def _command(lab: Lab, *arguments: str) -> subprocess.Popen[str]:
    """`dap-bridge` with these arguments; what it prints goes into one pipe."""
    home = lab.home("home")

    def heed() -> None:
        """Whoever started the table in the background, or with nohup, had it ignore what it sends here."""
        for number in console.endings():
            signal.signal(number, signal.SIG_DFL)

    folders = {"DAP_BRIDGE_DATA": str(home / "data"), "DAP_BRIDGE_SPOOL": str(home / "spool")}
    return subprocess.Popen(
        [sys.executable, "-m", "dap_bridge", *arguments],
        env=os.environ | lab.environment(home) | folders,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed,
    )


KEPT = 3


def forgotten(lab: Lab, tally: Tally) -> None:
    """Results without a folder of their own go when their jobs are forgotten; such a job is unknown, and run anew."""
    tally.watch(LOST, WRONG)
    daemon = lab.daemon(DAP_BRIDGE_HISTORY=str(KEPT))
    clip = lab.clip()
    for number in range(2 * KEPT):
        tally.tried += 1
        daemon.client.last_event(Separate(job=f"j{number}", clip=str(clip), preset="quick"))
    kept = sorted(path.parent.name for path in daemon.data.glob("jobs/*/result"))
    tally.check(kept == sorted(harness.jobs(daemon)), WRONG, f"results of {kept} are kept")
    for job in kept:
        _check_done(tally, daemon, job)
    again = daemon.client.last_event(Separate(job="j0", clip=str(clip), preset="quick"))
    tally.check(again.name == "done", WRONG, f"asked again: {again}")
    _check_done(tally, daemon, "j0")
