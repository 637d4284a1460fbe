"""The daemon as a process, over its real doors: it answers whatever happens to it, and forgets nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from dap_bridge.errors import BadClip, Cancelled, DaemonUnreachable, DapError, JobConflict, UnknownJob
from dap_bridge.transport import events, osc, verbs
from dap_bridge.transport.client import Client
from dap_bridge.transport.verbs import Separate
from tests.conftest import Start
from tests.processes import CHECKOUT, STUB, until

# A cancel takes less than a second; a machine whose disk stalls under other work must not fail the suite.
CANCEL_S = 5.0


def test_a_job_by_osc_from_accepted_to_done(start: Start) -> None:
    daemon = start()
    told = list(daemon.client.request(daemon.separate("a", "sleep 0.8")))
    assert told[0] == events.Accepted(job="a", verb="separate")
    between = {type(event) for event in told[1:-1]}
    assert events.Progressed in between
    assert between <= {events.Progressed, events.Accepted}, (
        "which a client that heard nothing for a second is told again"
    )
    manifest = daemon.home / "out-a" / "manifest.json"
    assert told[-1] == events.Done(job="a", manifest=str(manifest))
    assert sorted(path.name for path in manifest.parent.iterdir()) == ["manifest.json", "stem-1.wav"]
    assert daemon.client.hello().device == "auto", "what the stub's probe says"


def test_both_doors_say_the_same(start: Start) -> None:
    daemon = start()
    for job, label in {"good": "ok", "bad": "bad-clip"}.items():
        said = daemon.client.last_event(daemon.separate(f"{job}-osc", label))
        fields = daemon.separate(f"{job}-file", label).model_dump(mode="json", exclude_none=True)
        daemon.drop(f"{job}-file", {"verb": "separate", **fields})
        until(lambda job=job: daemon.status_file(f"{job}-file").get("event") in ("done", "failed"))
        by_osc = {key: str(value).replace("-osc", "-file") for key, value in said.model_dump().items()}
        assert daemon.status_file(f"{job}-file") == {"event": said.name, **by_osc}
        assert daemon.status_file(f"{job}-osc")["event"] == said.name, "for hosts that send by OSC and cannot receive"


def test_a_repeated_request_is_answered_and_not_run_again(start: Start) -> None:
    daemon = start()
    first = daemon.client.last_event(daemon.separate("a"))
    fields = daemon.separate("a").model_dump(mode="json", exclude_none=True)
    (daemon.spool / "outbox" / "a.status").unlink()
    assert list(daemon.client.request(daemon.separate("a"))) == [first]
    (daemon.spool / "outbox" / "a.status").unlink()
    daemon.drop("a", {"verb": "separate", **fields})
    until(lambda: daemon.status_file("a").get("event") == "done")
    with pytest.raises(JobConflict):
        daemon.client.last_event(daemon.separate("a", sources=3))
    assert daemon.status_file("a")["event"] == "done"
    assert len(daemon.runs("a")) == 1


def test_hello_is_answered_quickly_while_a_job_runs(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "burn 60"))
    daemon.running("a")
    times = []
    for _ in range(200):
        began = time.perf_counter()
        daemon.client.hello()
        times.append(time.perf_counter() - began)
    print(f"hello: median {1000 * statistics.median(times):.2f} ms, worst {1000 * max(times):.1f} ms")
    assert statistics.median(times) < 0.02


def test_cancel_acts_at_any_moment_and_leaves_nothing(start: Start) -> None:
    daemon = start()
    dice = random.Random(0)
    taken = []
    for number, label in enumerate(["sleep 60", "stubborn 60", "burn 60"] * 3 + ["ok"]):
        job = f"j{number}"
        daemon.client.send(daemon.separate(job, label))
        time.sleep(dice.uniform(0, 0.5))
        began = time.monotonic()
        said = daemon.client.last_event(verbs.Cancel(job=job))
        taken.append(time.monotonic() - began)
        assert isinstance(said, events.CancelledEvent) or label == "ok"
    print(f"cancel: worst {max(taken):.2f} s of {[round(value, 2) for value in taken]}")
    assert max(taken) < CANCEL_S
    assert daemon.left() in ([], ["out-j9"]), "the last may have ended before it was cancelled"


def test_everybody_who_asks_is_told_of_the_end_once(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("busy", "sleep 60"))
    with Client(daemon.port) as other:
        mine = daemon.client.request(daemon.separate("a"))
        assert next(mine) == events.Accepted(job="a", verb="separate")
        assert list(other.request(verbs.Cancel(job="a"))) == [events.CancelledEvent(job="a")]
        assert list(mine) == [events.CancelledEvent(job="a")]
        for client in (daemon.client, other):
            deadline = time.monotonic() + 0.3
            while (left := deadline - time.monotonic()) > 0:
                event = client._receive(left)
                assert event is None or event.job == "busy", "whoever asked for that job hears of it all along"


def test_ctrl_c_at_the_client_cancels_the_job(start: Start) -> None:
    daemon = start()

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        daemon.client.run(daemon.separate("a", "sleep 60"), interrupt)
    assert daemon.left() == []


def test_the_client_gives_the_manifest_or_the_error(start: Start) -> None:
    daemon = start()
    shown: list[Any] = []
    assert daemon.client.run(daemon.separate("a"), shown.append) == daemon.home / "out-a" / "manifest.json"
    with pytest.raises(BadClip, match="The stub does not like it") as raised:
        daemon.client.run(daemon.separate("b", "bad-clip"), shown.append)
    assert raised.value.hint == "Try another one."
    with pytest.raises(DapError, match="nobody expected this"):
        daemon.client.run(daemon.separate("c", "crash"), shown.append)


def test_a_killed_worker_costs_a_second_attempt_then_the_job_and_never_the_daemon(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 60"))
    for attempt in (1, 2):
        pid = until(lambda attempt=attempt: daemon.runs("a")[attempt - 1 :])[0]
        psutil.Process(pid).kill()
    said = daemon.client.last_event(daemon.separate("a", "sleep 60"))
    assert isinstance(said, events.Failed) and said.code == "worker_died"
    assert daemon.left() == []
    assert isinstance(daemon.client.last_event(daemon.separate("b")), events.Done)


def test_a_killed_daemon_loses_nothing(start: Start) -> None:
    daemon = start()
    for job, label in {"a": "ok", "b": "stubborn 1.5", "c": "ok"}.items():
        daemon.client.send(daemon.separate(job, label))
    daemon.running("b")
    worker = psutil.Process(daemon.runs("b")[0])
    daemon.process.kill()
    daemon.process.wait()
    until(lambda: not worker.is_running())
    assert (daemon.home / "out-b").exists(), "nobody was left to remove it"
    fields = daemon.separate("d").model_dump(mode="json", exclude_none=True)
    daemon.drop("d", {"verb": "separate", **fields})

    daemon.start()
    until(lambda: daemon.status_file("c").get("event") == "done")
    assert daemon.status_file("a")["event"] == "done"
    assert daemon.status_file("b") == {"event": "interrupted", "job": "b"}
    until(lambda: daemon.status_file("d").get("event") == "done")
    assert daemon.left() == ["out-a", "out-c", "out-d"]
    assert list(daemon.client.request(daemon.separate("b", "stubborn 1.5"))) == [events.Interrupted(job="b")]
    assert isinstance(daemon.client.last_event(verbs.Resume(job="b")), events.Done)
    assert daemon.left() == ["out-a", "out-b", "out-c", "out-d"]


def test_the_client_outlives_a_restart_of_the_daemon(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("first", "stubborn 60"))
    daemon.running("first")
    told = daemon.client.request(daemon.separate("second"))
    assert next(told) == events.Accepted(job="second", verb="separate")
    daemon.process.kill()
    daemon.process.wait()
    client = daemon.client
    daemon.start()
    *_, end = told
    assert isinstance(end, events.Done), "found out by asking again"
    client.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_leaves_nothing_behind(start: Start, number: int) -> None:
    daemon = start()
    until((daemon.spool / "daemon.status").exists)
    daemon.client.send(daemon.separate("a", "stubborn 60"))
    daemon.running("a")
    children = psutil.Process(daemon.process.pid).children(recursive=True)
    assert daemon.end(number) == 0
    until(lambda: not any(child.is_running() for child in children))
    assert daemon.left() == []
    assert not (daemon.spool / "daemon.status").exists()
    assert daemon.status_file("a")["event"] == "interrupted"
    assert "Traceback" not in daemon.log.read_text()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", daemon.port))
    with pytest.raises(DaemonUnreachable):
        daemon.client.hello(0.3)


def test_ctrl_c_in_the_terminal_reaches_the_whole_group_and_is_still_clean(start: Start) -> None:
    daemon = start("home", "-c", f"import os, runpy; os.setsid(); runpy.run_module('{STUB}', run_name='__main__')")
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.running("a")
    os.killpg(daemon.process.pid, signal.SIGINT)
    assert daemon.process.wait(timeout=20) == 0
    assert "Traceback" not in daemon.log.read_text()
    assert daemon.status_file("a")["event"] == "interrupted"


def test_the_heartbeat_says_where_the_daemon_is(start: Start) -> None:
    daemon = start()
    path = daemon.spool / "daemon.status"
    until(lambda: path.exists() and "device\tauto" in path.read_text())
    pairs = dict(line.split("\t") for line in path.read_text().splitlines())
    assert (pairs["pid"], pairs["osc_port"]) == (str(daemon.process.pid), str(daemon.port))
    assert pairs["device_reason"] == "There is no device in a stub."
    assert abs(int(pairs["time"]) - time.time()) < 5
    before = pairs["time"]
    until(lambda: f"time\t{before}" not in path.read_text())


def serve(*, spool: Path, data: Path, osc_port: int) -> subprocess.CompletedProcess[str]:
    """A daemon that is expected to give up at once."""
    settings = {"SPOOL": spool, "DATA": data, "OSC_PORT": osc_port}
    return subprocess.run(
        [sys.executable, "-m", "dap_bridge", "serve"],
        env=os.environ | {f"DAP_BRIDGE_{name}": str(value) for name, value in settings.items()},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_one_daemon_a_folder_until_that_one_is_killed(start: Start) -> None:
    daemon = start()
    other = daemon.home / "other"
    for spool, data in ((other, daemon.data), (daemon.spool, other)):
        second = serve(spool=spool, data=data, osc_port=0)
        assert second.returncode == 1
        for word in ("already_running", f"pid {daemon.process.pid}", f"osc_port {daemon.port}"):
            assert word in second.stderr
    daemon.client.hello()
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()


def test_a_taken_port_is_said_so(start: Start) -> None:
    daemon = start()
    second = serve(spool=daemon.home / "other", data=daemon.home / "another", osc_port=daemon.port)
    assert second.returncode == 1
    assert "port_taken" in second.stderr and str(daemon.port) in second.stderr
    assert "Traceback" not in second.stderr


def test_a_folder_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    second = serve(spool=tmp_path / "file" / "spool", data=tmp_path / "data", osc_port=0)
    assert second.returncode != 0
    assert "bad_settings" in second.stderr and str(tmp_path / "file") in second.stderr
    assert "Traceback" not in second.stderr


def test_the_daemon_loads_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "librosa", "soundfile", "pedalboard", "scipy"}
    program = f"import sys, dap_bridge.cli, dap_bridge.daemon; sys.exit(str(sorted({heavy} & set(sys.modules))))"
    result = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "[]"


def test_status_lists_what_has_not_ended(start: Start) -> None:
    daemon = start()
    assert daemon.client.status() == []
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.client.send(daemon.separate("b"))
    daemon.running("a")
    assert [(event.job, event.state) for event in daemon.client.status()] == [("a", "running"), ("b", "queued")]
    daemon.drop("ask", {"verb": "status"})
    until(lambda: (daemon.spool / "outbox" / "ask.status").exists())
    blocks = (daemon.spool / "outbox" / "ask.status").read_text().split("\n\n")
    listed = [dict(line.split("\t") for line in block.splitlines()) for block in blocks]
    assert [(event["job"], event["state"]) for event in listed] == [("a", "running"), ("b", "queued"), ("", "")]
    assert listed[-1]["jobs"] == "2"
    for verb in (verbs.Cancel, verbs.Resume):
        with pytest.raises(UnknownJob):
            daemon.client.last_event(verb(job="nobody"))


def damaged_datagram(dice: random.Random, good: bytes) -> bytes:
    broken = bytearray(good[: dice.randrange(1, len(good))])
    broken[dice.randrange(len(broken))] = dice.randrange(256)
    random_bytes = dice.randbytes(dice.randrange(300))
    return dice.choice([random_bytes, b"/dap/" + random_bytes, b"#bundle\0" + random_bytes, bytes(broken)])


def test_garbage_at_both_doors_does_no_harm(start: Start) -> None:
    datagrams, files = int(os.environ.get("GARBAGE_DATAGRAMS", 2000)), int(os.environ.get("GARBAGE_FILES", 200))
    daemon = start()
    dice = random.Random(0)
    for number in range(files):
        useless = (b"", b"{", b"[]", dice.randbytes(50), b'{"verb": "separate"}', b'{"verb": "hello", "x": 1}')
        (daemon.spool / "inbox" / f"g{number}.json").write_bytes(useless[number % len(useless)])
    times = []
    good = osc.encode(daemon.separate("x"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as garbage:
        for number in range(datagrams):
            garbage.sendto(damaged_datagram(dice, good), ("127.0.0.1", daemon.port))
            if number % 20 == 0:
                began = time.perf_counter()
                daemon.client.hello()
                times.append(time.perf_counter() - began)
    until(lambda: not list((daemon.spool / "inbox").iterdir()), 60)
    print(f"hello amid garbage: median {1000 * statistics.median(times):.1f} ms, worst {1000 * max(times):.0f} ms")
    rejected = {path.name for path in (daemon.spool / "rejected").iterdir()}
    for number in range(files):
        assert {f"g{number}.json", f"g{number}.json.reason"} <= rejected
        assert daemon.status_file(f"g{number}")["event"] == "failed"
    assert isinstance(daemon.client.last_event(daemon.separate("after")), events.Done)
    assert "Traceback" not in daemon.log.read_text()


def test_the_real_worker_behind_the_daemon(
    start: Start, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    clip = write_clip(noise(2, 44100), 44100)
    began = time.monotonic()
    daemon = start("real", "-m", "dap_bridge", "serve")
    print(f"first hello after {time.monotonic() - began:.2f} s")
    message = Separate(job="a", clip=str(clip), out=str(daemon.home / "out-a"), preset="quick")
    manifest = daemon.client.run(message, lambda _: None)
    value = json.loads(manifest.read_text())
    assert (value["rate"], value["channels"], value["frames"]) == (44100, 2, 44100)
    assert value["null_db"] <= -100
    missing = message.model_copy(update={"job": "b", "clip": "/nowhere.wav"})
    said = daemon.client.last_event(missing)
    assert isinstance(said, events.Failed) and said.code == "clip_unreadable"
    assert daemon.left() == ["out-a"]
    long = write_clip(noise(2, 20 * 44100), 44100, "long.wav")
    for number, moment in enumerate((0.1, 0.6, 1.2)):
        job = f"c{number}"
        daemon.client.send(Separate(job=job, clip=str(long), out=str(daemon.home / f"out-{job}")))
        time.sleep(moment)
        began = time.monotonic()
        assert daemon.client.last_event(verbs.Cancel(job=job)) == events.CancelledEvent(job=job)
        assert time.monotonic() - began < CANCEL_S
    assert daemon.left() == ["out-a"]
    assert daemon.end() == 0
