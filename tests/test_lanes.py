"""A correction beside a long job, with real daemons: neither waits for the other, changes it, or takes it along."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

from dap_bridge.cli import main
from dap_bridge.domain import Lane
from dap_bridge.jobs.workers.kinds import NOTES
from dap_bridge.transport import control, events
from dap_bridge.verbs.refine.request import Refine
from dap_bridge.verbs.separate.request import Separate
from tests.conftest import Start
from tests.processes import Process, until

RATE = 22_050
BOX = ("stem=1,op=deactivate,start=0.5,end=1.0,low=200,high=4000",)


def noted(daemon: Process, lane: Lane) -> psutil.Process:
    """The process of a worker."""
    ((pid, _),) = json.loads((daemon.data / NOTES[lane]).read_text(encoding="utf-8"))
    return psutil.Process(pid)


def correction(daemon: Process, job: str, label: str) -> Refine:
    """One for the stub."""
    return Refine(job=job, label=label, session="of-before", out=str(daemon.home / f"out-{job}"))


def stems(said: events.JobEvent) -> dict[str, bytes]:
    assert isinstance(said, events.Done), said
    return {path.name: path.read_bytes() for path in Path(said.manifest).parent.glob("stem-*.wav")}


def test_a_preview_is_answered_beside_a_long_job_whose_result_stays_the_same(
    start: Start, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    clip = write_clip(noise(1, 30 * RATE), RATE)  # three chunks
    daemon = start("real", "-m", "dap_bridge", "serve", DAP_BRIDGE_DEVICE="cpu")
    alone = daemon.client.last_event(Separate(job="alone", clip=str(clip), preset="quick"))
    daemon.client.send(Separate(job="long", clip=str(clip), preset="quick"))
    daemon.running("long")
    noted(daemon, Lane.BATCH).suspend()  # however slow the machine is: the long one does not end before the preview has
    try:
        with urllib.request.urlopen(daemon.editor.replace("/edit/", "/sessions/alone")):  # as the page does
            until((daemon.data / NOTES[Lane.INTERACTIVE]).exists)
        beside = daemon.client.last_event(Refine(job="beside", session="alone", box=BOX, fit=False))
        assert [(one.job, one.state) for one in daemon.client.status()] == [("long", "running")]
    finally:
        noted(daemon, Lane.BATCH).resume()
    long = daemon.client.last_event(control.Resume(job="long"))
    assert stems(long) == stems(alone)
    after = daemon.client.last_event(Refine(job="after", session="alone", box=BOX, fit=False))
    assert stems(beside) == stems(after) != stems(alone)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
def test_a_daemon_killed_with_both_workers_busy_loses_nothing_and_its_successor_ends_them(start: Start) -> None:
    daemon = start()
    asked = {"long": daemon.separate("long", "wait"), "preview": correction(daemon, "preview", "wait")}
    for name, message in asked.items():
        daemon.client.send(message)
        daemon.running(name)
    left = [noted(daemon, lane) for lane in Lane]
    for worker in left:
        worker.suspend()  # neither notices that its daemon is gone
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()
    until(lambda: not any(worker.is_running() for worker in left))
    until(lambda: daemon.left() == [])
    for name, message in asked.items():
        assert list(daemon.client.request(message)) == [events.Interrupted(job=name)]
        daemon.go(name)
        assert isinstance(daemon.client.last_event(control.Resume(job=name)), events.Done)


def test_what_waits_says_behind_what_at_every_door(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = start(DAP_BRIDGE_INTERACTIVE="false")
    daemon.client.send(daemon.separate("long", "sleep 60"))
    daemon.running("long")
    told = daemon.client.request(correction(daemon, "preview", "ok"))
    queued = next(event for event in told if isinstance(event, events.Queued))
    assert (queued.place, queued.behind, queued.behind_verb) == (1, "long", "separate")
    assert 0 < queued.seconds <= 60
    daemon.client.send(daemon.separate("next"))
    until(lambda: daemon.status_file("next").get("event") == "queued")
    assert daemon.status_file("next")["behind"] == "long"
    long, preview, after = daemon.client.status()
    assert (long.state, long.place, long.behind) == ("running", 0, "")
    assert (preview.state, preview.place, preview.behind) == ("queued", 1, "long")
    assert (after.state, after.place, after.behind) == ("queued", 1, "long"), "each is the first of its line"
    monkeypatch.setenv("DAP_BRIDGE_SPOOL", str(daemon.spool))
    lines = CliRunner().invoke(main, ["send", "status", "--osc-port", str(daemon.port)]).output.splitlines()
    assert lines[1].startswith("preview  refine  waiting behind separate long, about ")
    daemon.client.send(control.Cancel(job="long"))
    *_, end = told
    assert isinstance(end, events.Done)
    assert not (daemon.data / NOTES[Lane.INTERACTIVE]).exists(), "there is no second worker"
