"""A worker that does what the request's label says, in place of separating anything.

ok                 stage, publish, done
sleep SECONDS      iterate, heeding cancel; then as ok
burn SECONDS       keep a core busy, heeding cancel; then as ok
stubborn SECONDS   the same without heeding cancel, its output half written
wait               iterate until a file JOB.go lies beside the job's folder; then as ok
spread COUNT [S]   have so many processes for chunks, and call one; after so long as ok
silent SECONDS     give no sign of life for so long, then as ok
stop               be stopped, as by a debugger
die                kill the own process, every time
die-at-last        the same, after publishing
die-once           kill the own process the first time, then as ok
bad-clip           raise BadClip
full               raise OutOfMemory
crash              raise what no one foresaw
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dap_bridge.domain import Job, Progress
from dap_bridge.errors import BadClip, Cancelled, DapError, OutOfMemory
from dap_bridge.jobs.device import Device
from tests.manifests import manifest, write

if TYPE_CHECKING:  # it loads torch
    from dap_bridge.jobs.run import Control

REASON = "There is no device in a stub."


def probe(wanted: str) -> Device:
    return Device(wanted, REASON)


def slow_probe(wanted: str) -> Device:
    """Longer than any test waits for it."""
    time.sleep(60)
    return probe(wanted)


def stopped_probe(wanted: str) -> Device:
    """As a driver that never answers."""
    stop()
    return probe(wanted)


def dying_probe(wanted: str) -> Device:
    die()
    return probe(wanted)


def run(job: Job, control: Control, results: Path) -> Path:
    """results: <data>/jobs/<job>/result; the log of runs lies beside the first folder that is not the job's own."""
    out = Path(job.request["out"] or results)
    action, *arguments = (job.request["label"] or "ok").split()
    with (Path(job.request["out"] or results.parents[1]).parent / "runs.log").open("a") as log:
        log.write(f"{job.id} {os.getpid()}\n")
    stage = control.output.stage(out, job.id, ["stem-1.wav", "manifest.json"])
    try:
        (stage / "stem-1.wav").write_text(f"sound of {os.getpid()}")
        ACTIONS[action](job, control, *arguments)
        write(stage, manifest(job.id, 22_050, 1, {"stem-1.wav": "sound"}, warnings=job.notes))
        published = control.output.publish(last="manifest.json")
        if action == "die-at-last":
            die()
        return published
    except (DapError, Cancelled, RuntimeError):
        control.output.discard()
        raise


def ok(job: Job, control: Control) -> None:
    control.report(Progress(1.0, "done", 1, 1, 0.0, job.request["device"], REASON))


def sleep(job: Job, control: Control, seconds: str) -> None:
    iterate(control, float(seconds), pause=0.01, heed=True)


def burn(job: Job, control: Control, seconds: str) -> None:
    iterate(control, float(seconds), pause=0.0, heed=True)


def stubborn(job: Job, control: Control, seconds: str) -> None:
    iterate(control, float(seconds), pause=0.01, heed=False)


def silent(job: Job, control: Control, seconds: str) -> None:
    time.sleep(float(seconds))


def stop(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def spread(job: Job, control: Control, count: str, seconds: str = "0") -> None:
    executor = control.executor
    if executor is None or (executor.at_once, executor.submit(bytes, b"chunk").result()) != (int(count), b"chunk"):
        raise RuntimeError("others are to compute")
    time.sleep(float(seconds))


def wait(job: Job, control: Control) -> None:
    go = Path(job.request["out"]).parent / f"{job.id}.go"
    iterate(control, 60.0, pause=0.01, heed=True, over=go.exists)


def iterate(
    control: Control, seconds: float, pause: float, heed: bool, over: Callable[[], bool] = lambda: False
) -> None:
    began = reported = time.monotonic()
    iteration = 0
    while (passed := time.monotonic() - began) < seconds and not over():
        iteration += 1
        if heed and control.cancelled():
            raise Cancelled
        if time.monotonic() > reported + 0.02:
            reported = time.monotonic()
            control.report(Progress(passed / seconds, "working", iteration, 0, seconds - passed, "cpu", REASON))
        time.sleep(pause)


def die(*_: Any) -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def die_once(job: Job, control: Control) -> None:
    marker = Path(job.request["out"]).parent / f"{job.id}.died"
    if not marker.exists():
        marker.touch()
        die()


def bad_clip(*_: Any) -> None:
    raise BadClip("The stub does not like it.", "Try another one.")


def full(*_: Any) -> None:
    raise OutOfMemory("The stub has none.")


def crash(*_: Any) -> None:
    raise RuntimeError("nobody expected this")


ACTIONS = {
    "ok": ok,
    "sleep": sleep,
    "burn": burn,
    "stubborn": stubborn,
    "wait": wait,
    "spread": spread,
    "silent": silent,
    "stop": stop,
    "die": die,
    "die-at-last": ok,
    "die-once": die_once,
    "bad-clip": bad_clip,
    "full": full,
    "crash": crash,
}
