"""The daemon as a process, over its real doors: it answers whatever happens to it, and forgets nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from dap_bridge.errors import (
    BadClip,
    Cancelled,
    DaemonUnreachable,
    DapError,
    JobConflict,
    StoreUnavailable,
    UnknownJob,
)
from dap_bridge.transport import control, events, osc, protocol
from dap_bridge.transport.client import Client
from dap_bridge.verbs.separate.request import Separate
from tests.conftest import Start
from tests.processes import CHECKOUT, STUB, Process, locked, until

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


def test_a_killed_worker_costs_a_second_attempt_then_the_job_and_never_the_daemon(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 60"))
    for attempt in (1, 2):
        pid = until(lambda attempt=attempt: daemon.runs("a")[attempt - 1 :])[0]
        # before the stage is made in it, an empty folder is all that a killed worker leaves
        until(lambda: any((daemon.home / "out-a").glob(".dap-*")))
        psutil.Process(pid).kill()
    said = daemon.client.last_event(daemon.separate("a", "sleep 60"))
    assert isinstance(said, events.Failed) and said.code == "worker_died"
    assert daemon.left() == []
    assert isinstance(daemon.client.last_event(daemon.separate("b")), events.Done)


def test_a_killed_daemon_loses_nothing(start: Start) -> None:
    daemon = start()
    for job, label in {"a": "ok", "b": "wait", "c": "ok"}.items():
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
    assert list(daemon.client.request(daemon.separate("b", "wait"))) == [events.Interrupted(job="b")]
    daemon.go("b")
    assert isinstance(daemon.client.last_event(control.Resume(job="b")), events.Done)
    assert daemon.left() == ["out-a", "out-b", "out-c", "out-d"]


@contextmanager
def locked_while_running(daemon: Process, job: str) -> Iterator[None]:
    daemon.client.send(daemon.separate(job, "sleep 1"))
    daemon.running(job)
    with locked(daemon.data / "jobs.sqlite"):
        yield


def test_while_the_table_is_locked_every_door_answers_and_nothing_is_lost(start: Start) -> None:
    daemon = start()
    fields = daemon.separate("b").model_dump(mode="json", exclude_none=True)
    with locked_while_running(daemon, "a"):
        until((daemon.home / "out-a" / "manifest.json").exists)
        daemon.drop("b", {"verb": "separate", **fields})
        daemon.drop("ask", {"verb": "hello"})
        until(lambda: daemon.status_file("ask").get("event") == "welcome")
        assert [(event.job, event.state) for event in daemon.client.status()] == [("a", "running")]
        with pytest.raises(StoreUnavailable, match="locked") as raised:
            daemon.client.last_event(daemon.separate("c"))
        assert "send it again" in raised.value.hint
        daemon.client.send(control.Cancel(job="a"))
        assert (daemon.spool / "inbox" / "b.json").exists()
    until(lambda: daemon.status_file("b").get("event") == "done")
    assert daemon.status_file("a")["event"] == "done", "it had been published when it was cancelled"
    assert list((daemon.spool / "inbox").iterdir()) == []
    assert isinstance(daemon.client.last_event(daemon.separate("c")), events.Done)
    assert "Traceback" not in daemon.log.read_text()


def test_a_result_whose_end_could_not_be_written_is_done_after_a_restart(start: Start) -> None:
    daemon = start()
    with locked_while_running(daemon, "a"):
        until(lambda: "tried again and again" in daemon.log.read_text())
        daemon.process.kill()
        daemon.process.wait()
    daemon.start()
    until(lambda: daemon.status_file("a").get("event") == "done")
    assert isinstance(daemon.client.last_event(control.Resume(job="a")), events.Done)
    until(lambda: daemon.left() == ["out-a"])


def test_what_a_killed_daemon_did_not_come_to_say_the_next_one_says(start: Start) -> None:
    daemon = start()
    assert isinstance(daemon.client.last_event(daemon.separate("a")), events.Done)
    daemon.process.kill()
    daemon.process.wait()
    status = daemon.spool / "outbox" / "a.status"
    status.write_text("event\tprogress\njob\ta\n")
    os.utime(status, (time.time() - 60,) * 2)
    daemon.start()
    assert daemon.status_file("a")["event"] == "done"


def test_a_daemon_killed_again_and_again_keeps_every_job_whole(start: Start) -> None:
    daemon = start()
    dice = random.Random(0)
    names: list[str] = []
    for turn in range(3):
        mine = [f"j{turn}-{number}" for number in range(8)]
        for job in mine:
            daemon.client.send(daemon.separate(job))
        until(lambda mine=mine: any(map(daemon.runs, mine)))
        time.sleep(dice.uniform(0, 0.1))
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        names += mine
    for job in names:
        out = daemon.home / f"out-{job}"
        end = daemon.client.last_event(daemon.separate(job))
        assert isinstance(end, events.Done) == (out / "manifest.json").exists()
        if isinstance(end, events.Interrupted):
            assert not out.exists()
            end = daemon.client.last_event(control.Resume(job=job))
        assert isinstance(end, events.Done)
        assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "stem-1.wav"]
    until(lambda: daemon.left() == sorted(f"out-{job}" for job in names))


def test_a_spool_that_is_taken_away_is_made_again_and_says_how_jobs_stand(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.running("a")
    daemon.spool.rename(daemon.home / "taken")
    until(lambda: daemon.status_file("a").get("event") == "progress")
    until((daemon.spool / "daemon.status").exists)
    for folder in (daemon.spool, *(daemon.spool / name for name in ("inbox", "outbox", "rejected", "clips"))):
        assert folder.is_dir()
        assert os.name != "posix" or folder.stat().st_mode & 0o777 == 0o700
    daemon.drop("ask", {"verb": "hello"})
    until(lambda: daemon.status_file("ask").get("event") == "welcome")


def test_the_last_event_is_written_once_there_is_room(start: Start) -> None:
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.running("a")
    outbox = daemon.spool / "outbox"

    def blocked() -> bool:
        """A file in the folder's place, between two looks of the daemon."""
        with suppress(OSError):
            outbox.rename(daemon.home / f"taken-{time.monotonic_ns()}")
        with suppress(OSError):
            outbox.touch(exist_ok=False)
        return outbox.is_file()

    until(blocked)
    assert daemon.client.last_event(control.Cancel(job="a")) == events.CancelledEvent(job="a")
    outbox.unlink()
    until(lambda: daemon.status_file("a").get("event") == "cancelled")


def test_a_choice_of_a_result_that_is_gone_is_refused_with_a_sentence(start: Start) -> None:
    daemon = start()
    assert isinstance(daemon.client.last_event(daemon.separate("a")), events.Done)
    shutil.rmtree(daemon.home / "out-a")
    daemon.drop("pick", {"verb": "choose", "job": "a", "session": "a"})
    until(lambda: daemon.status_file("pick").get("event") == "failed")
    said = daemon.status_file("pick")
    assert said["code"] == "unknown_session" and "no longer" in said["message"]


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
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


def test_a_worker_that_nothing_can_end_does_not_keep_the_daemon_from_ending(start: Start) -> None:
    """One that waits in the kernel: here the daemon's means to end it do nothing."""
    unkillable = "from multiprocessing.process import BaseProcess as P; P.kill = P.terminate = lambda _: None"
    daemon = start("home", "-c", f"{unkillable}; import runpy; runpy.run_module('{STUB}', run_name='__main__')")
    daemon.client.send(daemon.separate("a", "silent 60"))
    until(lambda: daemon.runs("a"))
    assert daemon.end() == 0
    assert daemon.status_file("a")["event"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)])
def test_what_a_terminal_sends_reaches_the_whole_group_and_is_still_clean(start: Start, number: int) -> None:
    daemon = start("home", "-c", f"import os, runpy; os.setsid(); runpy.run_module('{STUB}', run_name='__main__')")
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.running("a")
    os.killpg(daemon.process.pid, number)
    assert daemon.process.wait(timeout=60) == 0
    assert "Traceback" not in daemon.log.read_text()
    assert daemon.status_file("a")["event"] == "interrupted"


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
