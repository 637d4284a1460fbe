"""There is no room left on a disk: what is lost by it, and what is wrong afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from dap_bridge.verbs.coseparate.request import Coseparate
from dap_bridge.verbs.denoise.request import Denoise
from dap_bridge.verbs.separate.request import Separate
from dap_bridge.verbs.texture.request import Texture
from tests.trust import harness
from tests.trust.faults.steps import LOST, WRONG, ask, ask_stub, check_done, check_failed, check_log, command
from tests.trust.harness import PATIENCE_S, Lab, NotTried, Tally, happens


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
        ask_stub(daemon, "a", "sleep 2")
        harness.running(daemon, "a")
        stuffing = spool / "stuffing"
        with contextlib.suppress(OSError), stuffing.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        check_done(tally, daemon, "a")
        time.sleep(1.5)  # a beat of daemon.status, which finds no room either
        daemon.client.hello(PATIENCE_S)
        stuffing.unlink()
        told = happens(lambda: daemon.status_file("a").get("event") == "done", 30)
        tally.check(told, LOST, f"the outbox says {daemon.status_file('a')}")
        check_log(tally, daemon)
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
        check_failed(tally, daemon, str(message.job), "output_unwritable", out=daemon.home / f"out-{message.job}")
    ask(daemon, "short", short, daemon.home / "out-short")
    check_done(tally, daemon, "short")
    check_log(tally, daemon)
    left = [path.name for path in (daemon.home / "tmp").iterdir()]
    tally.check(not left, WRONG, f"left among temporary files: {left}")
    if harness.is_root():
        with _small_disk(lab.folder / "disk", "400k") as disk:
            tally.tried += 2
            ask(daemon, "disk", short, disk / "out")  # 176 kB of stems fit
            check_done(tally, daemon, "disk")
            shutil.rmtree(disk / "out", ignore_errors=True)
            mid = lab.clip("mid.wav", 3.0)  # 265 kB a stem fit under the limit, two of them not on the disk
            ask(daemon, "disk-full", mid, disk / "out")
            check_failed(tally, daemon, "disk-full", "output_unwritable", out=disk / "out")
            done = command(lab, "separate", str(mid), "--preset", "quick", "--out", str(disk / "cli"))
            tally.tried += 1
            text = done.communicate(timeout=2 * PATIENCE_S)[0]
            tally.check(done.returncode == 1 and "output_unwritable" in text, WRONG, f"the command line: {text[-200:]}")
            tally.check("Traceback" not in text, WRONG, "a traceback from the command line")
            tally.check(not os.path.lexists(disk / "cli"), WRONG, "the command line left something")
