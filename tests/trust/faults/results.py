"""Results whose names are taken, or that are forgotten: what is lost by it, and what is wrong afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from dap_bridge.errors import DapError
from dap_bridge.verbs.separate.request import Separate
from tests.processes import CHECKOUT
from tests.trust import harness
from tests.trust.faults.steps import LOST, WRONG, ask_stub, check_done, check_log
from tests.trust.harness import PATIENCE_S, Lab, Tally


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
            ask_stub(daemon, job)
            row = harness.ended(daemon, job)
            right = row.state == ("done" if goes else "failed") and (goes or row.error["code"] == "output_unwritable")
            tally.check(right, WRONG, f"{name} is a {kind}: {row}")
            after = harness.fingerprint(out)
            lost = [path for path, value in before.items() if after.get(path) != value]
            tally.check(not lost, LOST, f"{name} is a {kind}: {lost} touched")
            more = after.keys() - before.keys()
            tally.check(len(more) == (2 if goes else 0), WRONG, f"{name} is a {kind}: {sorted(more)} are there")
    tally.check(not os.path.lexists(elsewhere), LOST, "a dangling link was written through")
    check_log(tally, daemon)


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


KEPT = 3


def forgotten(lab: Lab, tally: Tally) -> None:
    """Results without a folder of their own go when their jobs are forgotten; such a job is unknown, and run anew."""
    tally.watch(LOST, WRONG)
    daemon = lab.daemon(DAP_BRIDGE_HISTORY=str(KEPT))
    clip = lab.clip()
    for number in range(2 * KEPT):
        tally.tried += 1
        daemon.client.last_event(Separate(job=f"j{number}", clip=str(clip), preset="quick"))
    harness.happens(lambda: len(harness.jobs(daemon)) == KEPT)  # it forgets when the end of a job has been told
    kept = sorted(path.parent.name for path in daemon.data.glob("jobs/*/result"))
    tally.check(kept == sorted(harness.jobs(daemon)), WRONG, f"results of {kept} are kept")
    for job in kept:
        check_done(tally, daemon, job)
    again = daemon.client.last_event(Separate(job="j0", clip=str(clip), preset="quick"))
    tally.check(again.name == "done", WRONG, f"asked again: {again}")
    check_done(tally, daemon, "j0")
