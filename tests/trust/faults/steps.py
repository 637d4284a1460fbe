"""What the rows of this room do alike: ask a daemon for a job, and look at what became of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from dap_bridge import console
from tests.processes import CHECKOUT, Process
from tests.trust import harness
from tests.trust.harness import PATIENCE_S, Lab, Tally

LOST, WRONG = "lost", "wrong"


def ask(daemon: Process, job: str, clip: Path, out: Path | None = None, preset: str = "quick") -> None:
    """A separation through the drop folder, which takes it whatever state the other doors are in."""
    fields = {"verb": "separate", "job": job, "clip": str(clip), "preset": preset}
    daemon.drop(job, fields | ({} if out is None else {"out": str(out)}))


def ask_stub(daemon: Process, job: str, label: str = "ok") -> None:
    daemon.drop(job, {"verb": "separate", **daemon.separate(job, label).model_dump(mode="json", exclude_none=True)})


def check_done(tally: Tally, daemon: Process, job: str, seconds: float = PATIENCE_S) -> None:
    """The job is done, and its files are where its manifest is."""
    row = harness.ended(daemon, job, seconds)
    there = row.manifest and Path(row.manifest).exists()
    tally.check(row.state == "done" and there, LOST, f"{job} is {row}")


def check_failed(tally: Tally, daemon: Process, job: str, *codes: str, out: Path | None = None) -> None:
    """The job failed with one of these codes, and left nothing."""
    row = harness.ended(daemon, job)
    tally.check(row.state == "failed" and row.error.get("code") in codes, WRONG, f"{job} is {row}")
    left = [] if out is None else [path for path in (out, *out.rglob("*")) if os.path.lexists(path)]
    tally.check(not left, WRONG, f"{job} left {left[:4]}")


def check_log(tally: Tally, daemon: Process) -> None:
    """Nothing was met that had not been foreseen."""
    text = daemon.log.read_text(encoding="utf-8", errors="replace")
    traces = text.split("Traceback (most recent call last)")[1:]
    for trace in traces:
        tally.note(WRONG, trace.strip().partition("\n20")[0].splitlines()[-1])


def command(lab: Lab, *arguments: str) -> subprocess.Popen[str]:
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
