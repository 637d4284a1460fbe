"""The daemon as a process, over its real doors: it answers whatever is asked of it."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dap_bridge.errors import (
    BadClip,
    Cancelled,
    DapError,
    JobConflict,
    UnknownJob,
)
from dap_bridge.transport import control, events, osc, protocol
from dap_bridge.transport.client import Client
from dap_bridge.verbs.separate.request import Separate
from tests.conftest import Start
from tests.processes import until

# A cancel takes less than a second; a machine whose disk stalls under other work must not fail the suite.
CANCEL_S = 30.0


def test_a_job_by_osc_from_accepted_to_done(start: Start) -> None:
    daemon = start()
    told = []
    for event in daemon.client.request(daemon.separate("a", "wait")):
        told.append(event)
        if isinstance(event, events.Progressed):
            daemon.go("a")
    assert told[0] == events.Accepted(job="a", verb="separate")
    # accepted is said again where the first answer took long
    assert {type(event) for event in told[1:-1]} - {events.Accepted} == {events.Progressed}
    manifest = daemon.home / "out-a" / "manifest.json"
    assert told[-1] == events.Done(job="a", manifest=str(manifest), stem=("1:source::stem-1.wav:sound",))
    assert sorted(path.name for path in manifest.parent.iterdir()) == ["manifest.json", "stem-1.wav"]
    assert daemon.client.hello().device == "auto", "what the stub's probe says"


def test_both_doors_say_the_same(start: Start) -> None:
    daemon = start()
    for job, label in {"good": "ok", "bad": "bad-clip"}.items():
        said = daemon.client.last_event(daemon.separate(f"{job}-osc", label))
        fields = daemon.separate(f"{job}-file", label).model_dump(mode="json", exclude_none=True)
        daemon.drop(f"{job}-file", {"verb": "separate", **fields})
        until(lambda job=job: daemon.status_file(f"{job}-file").get("event") in ("done", "failed"))
        by_osc = protocol.parse_lines(protocol.as_lines(said).replace("-osc", "-file"))
        assert daemon.status_file(f"{job}-file") == by_osc
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


def test_hello_is_answered_while_a_job_runs(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "burn 60"))
    daemon.running("a")
    times = []
    for _ in range(200):
        began = time.perf_counter()
        daemon.client.hello()
        times.append(time.perf_counter() - began)
    print(f"hello: median {1000 * statistics.median(times):.2f} ms, worst {1000 * max(times):.1f} ms")
    assert [(event.job, event.state) for event in daemon.client.status()] == [("a", "running")]


def test_cancel_acts_at_any_moment_and_leaves_nothing(start: Start) -> None:
    daemon = start()
    dice = random.Random(0)
    taken = []
    for number, label in enumerate(["sleep 60", "stubborn 60", "burn 60"] * 3 + ["ok"]):
        job = f"j{number}"
        daemon.client.send(daemon.separate(job, label))
        time.sleep(dice.uniform(0, 0.5))
        began = time.monotonic()
        said = daemon.client.last_event(control.Cancel(job=job))
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
        assert list(other.request(control.Cancel(job="a"))) == [events.CancelledEvent(job="a")]
        *_, end = mine
        assert end == events.CancelledEvent(job="a")
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


def test_a_choice_of_a_result_that_is_gone_is_refused_with_a_sentence(start: Start) -> None:
    daemon = start()
    assert isinstance(daemon.client.last_event(daemon.separate("a")), events.Done)
    shutil.rmtree(daemon.home / "out-a")
    daemon.drop("pick", {"verb": "import", "job": "a", "session": "a"})
    until(lambda: daemon.status_file("pick").get("event") == "failed")
    said = daemon.status_file("pick")
    assert said["code"] == "unknown_session" and "no longer" in said["message"]


def test_the_heartbeat_says_where_the_daemon_is(start: Start) -> None:
    began = int(time.time())
    daemon = start()
    path = daemon.spool / "daemon.status"
    until(lambda: path.exists() and "device\tauto" in path.read_text())
    pairs = dict(line.split("\t") for line in path.read_text().splitlines())
    assert (pairs["pid"], pairs["osc_port"]) == (str(daemon.process.pid), str(daemon.port))
    assert pairs["device_reason"] == "There is no device in a stub."
    assert began <= int(pairs["time"]) <= time.time()
    before = pairs["time"]
    until(lambda: f"time\t{before}" not in path.read_text())


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
    for verb in (control.Cancel, control.Resume):
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
    # one after the other: it is moved, the reason is written, the answer is
    until(lambda: all(daemon.status_file(f"g{number}").get("event") == "failed" for number in range(files)))
    rejected = {path.name for path in (daemon.spool / "rejected").iterdir()}
    for number in range(files):
        assert {f"g{number}.json", f"g{number}.json.reason"} <= rejected
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
        assert daemon.client.last_event(control.Cancel(job=job)) == events.CancelledEvent(job=job)
        assert time.monotonic() - began < CANCEL_S
    assert daemon.left() == ["out-a"]
    assert daemon.end() == 0
