"""Another user of the machine, who can speak to every port of it: what he gets is what anybody may have."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from dap_bridge.errors import Forbidden
from dap_bridge.transport import connection, control, events, osc, protocol
from dap_bridge.transport.client import Client
from dap_bridge.transport.streams import MAX_STREAMS
from dap_bridge.verbs.separate.request import Separate
from tests.conftest import Start
from tests.processes import CHECKOUT, STUB, Process, until

NOBODY = 65534

as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else")


def stranger(act: Callable[[], Any]) -> Any:
    """What `act` returns to a process of another user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, json.dumps(act()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    return json.loads(answer)


@contextlib.contextmanager
def everybody_enters() -> Iterator[Path]:
    """A folder; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="dap-strangers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Process]:
    """Where another user might reach it."""
    with everybody_enters() as folder:
        process = Process(folder, "-m", STUB)
        yield process
        process.client.close()
        process.end()


def say(port: int, *messages: bytes) -> list[dict[str, Any]]:
    """What a daemon answers to these, one after the other."""
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.connect(("127.0.0.1", port))
        mouth.settimeout(10)
        for message in messages:
            mouth.send(message)
            (answer,) = osc.decode(mouth.recv(65536))
            event = protocol.parse_event(answer.address, answer.params)
            answers.append({"event": event.name, **event.model_dump()})
    return answers


@as_root
def test_another_user_is_greeted_and_no_more(daemon: Process) -> None:
    asked = [
        control.Hello(),
        daemon.separate("stolen"),
        control.Status(),
        control.ListSessions(),
        control.Cancel(job="a"),
    ]
    messages = [osc.encode(verb, "") for verb in asked]
    welcome, *refused = stranger(lambda: say(daemon.port, *messages))
    assert (welcome["event"], welcome["pid"]) == ("welcome", daemon.process.pid)
    assert [answer["code"] for answer in refused] == ["forbidden"] * 4
    key = daemon.told["key"]
    assert key not in str(welcome) and key not in daemon.log.read_text()
    assert daemon.client.status() == []
    assert daemon.left() == []


@as_root
def test_another_user_s_client_is_told_why(daemon: Process) -> None:
    def ask() -> str:
        try:
            with Client(daemon.port) as client:
                client.status()
        except Forbidden as error:
            return error.hint
        return "served"

    assert "daemon.status" in stranger(ask)


def test_a_key_dies_with_its_daemon(start: Start) -> None:
    """Whoever took the port of a daemon that was killed may have been told it."""
    daemon = start()
    old = osc.encode(control.Status(), daemon.told["key"])
    assert say(daemon.port, old)[0]["event"] == "status"
    daemon.end(9)
    daemon.start()
    assert say(daemon.port, old)[0]["code"] == "forbidden"
    assert daemon.client.status() == []


def test_a_key_is_told_to_its_daemon_s_port_alone(start: Start, tmp_path: Path) -> None:
    daemon = start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        with Client(ear.getsockname()[1]) as client:
            welcome = events.Welcome(version="1", pid=1, device="", device_reason="", spool=str(daemon.spool), jobs=0)
            client.send(control.Hello())
            _, address = ear.recvfrom(65536)
            ear.sendto(osc.encode(welcome), address)
            client.hello()
            client.send(control.Status())
            heard = [ear.recv(65536) for _ in range(2)]
    assert heard[-1].startswith(b"/dap/status\0")
    assert not any(daemon.told["key"].encode() in datagram for datagram in heard)


def test_a_daemon_may_be_open_to_all_who_cannot_tell_a_key(start: Start) -> None:
    daemon = start(DAP_BRIDGE_OPEN_OSC="true")
    assert say(daemon.port, osc.encode(control.Status(), ""))[0]["event"] == "status"
    assert "open_osc" in daemon.log.read_text()
    assert daemon.client.status() == []


# A daemon that the system lets have 256 descriptors, as macOS does unless told otherwise.
FEW = (
    "-c",
    f"import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)); "
    f"runpy.run_module('{STUB}', run_name='__main__')",
)


def connect(daemon: Process) -> socket.socket:
    host, port = urlsplit(daemon.editor).netloc.split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def ask(browser: http.client.HTTPConnection, daemon: Process, path: str) -> http.client.HTTPResponse:
    browser.request("GET", urlsplit(daemon.editor).path.removesuffix("edit/") + path)
    return browser.getresponse()


def page(daemon: Process) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(daemon.editor).netloc, timeout=30)


def descriptors(daemon: Process) -> int:
    return psutil.Process(daemon.process.pid).num_fds()


def test_connections_that_say_nothing_starve_nobody(start: Start) -> None:
    daemon = start("home", *FEW)
    next(daemon.client.request(daemon.separate("a", "sleep 1")))
    told = ask(page(daemon), daemon, "events?job=a")
    before = descriptors(daemon)
    silent, most = [], 0
    try:
        for _ in range(300):
            silent.append(connect(daemon))
            most = max(most, descriptors(daemon))
        assert most - before < 2 * connection.MOST
        assert ask(page(daemon), daemon, "edit/a").status == 200
        assert isinstance(daemon.client.last_event(daemon.separate("b")), events.Done)
        assert any(line == b"event: done\n" for line in told), "who told the token is not sent away"
        beat = daemon.told["time"]
        until(lambda: daemon.told["time"] != beat)
    finally:
        for one in silent:
            one.close()
    assert daemon.log.stat().st_size < 10_000


def is_closed(daemon: Process, beginning: bytes) -> bool:
    """Whether the daemon ends a connection that says this and then no more than a letter now and then."""
    with connect(daemon) as slow:
        slow.sendall(beginning)
        slow.settimeout(0.2)
        began = time.monotonic()
        while time.monotonic() - began < 60:
            try:
                with contextlib.suppress(TimeoutError):
                    if not slow.recv(4096):
                        return True
                slow.sendall(b"x" if beginning else b"")
            except ConnectionError:
                return True
    return False


def test_a_request_that_never_comes_is_not_waited_for(daemon: Process) -> None:
    """Nothing, a head of which a letter comes now and then, and the same after a first answer, all at a time."""
    beginnings = (b"", b"GET / HTTP/1.1\r\nx: ", b"POST /messages HTTP/1.1\r\nHost: x\r\n\r\n")
    with ThreadPoolExecutor(len(beginnings)) as pool:
        assert list(pool.map(partial(is_closed, daemon), beginnings)) == [True] * len(beginnings)


def test_of_many_event_streams_the_oldest_end(daemon: Process) -> None:
    streams = [ask(page(daemon), daemon, "events") for _ in range(MAX_STREAMS + 2)]
    for stream in streams[:2]:
        assert b"welcome" in stream.read()
    assert b"welcome" in b"".join(streams[2].readline() for _ in range(4))
    for stream in streams:
        stream.close()


def test_a_flood_leaves_a_short_log(start: Start) -> None:
    daemon = start()
    long = osc.encode(Separate(clip="/" + "x" * 4000), "")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.connect(("127.0.0.1", daemon.port))
        for number in range(1000):
            mouth.send(long if number % 2 else b"junk")
            if number % 50 == 0:
                daemon.client.hello()
    get = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"y" * 4000)
    for number in range(150):
        with connect(daemon) as web:
            web.sendall(get if number % 2 else b"\x1b[2J\r\n\r\n")
            web.recv(4096)
    assert isinstance(daemon.client.last_event(daemon.separate("after")), events.Done)
    log = daemon.log.read_text()
    assert "came without this daemon's key" in log and "left out" in log and "\x1b" not in log
    assert len(log) < 50_000


def modes(*folders: Path) -> dict[str, str]:
    """What others may do with anything there."""
    found = [path for folder in folders for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    return {str(path): oct(path.stat().st_mode & 0o7777) for path in found if path.stat().st_mode & 0o077}


def test_what_the_daemon_keeps_is_its_user_s_alone(start: Start) -> None:
    daemon = start()
    umask = os.umask(0)
    os.umask(umask)
    assert umask & 0o077 != 0o077, "else this proves nothing"
    assert isinstance(daemon.client.last_event(daemon.separate("a")), events.Done)
    daemon.drop("ask", {"verb": "status"})
    until(lambda: daemon.status_file("ask"))
    assert modes(daemon.data, daemon.spool) == {}
    assert modes(daemon.home / "runs.log") == {}, "which the worker wrote"


def test_what_was_open_to_others_is_closed(start: Start) -> None:
    daemon = start()
    daemon.client.last_event(daemon.separate("a"))
    daemon.end()
    song = daemon.data / "the user's own"
    song.touch()
    for folder in (daemon.data, daemon.spool):
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
    daemon.start()
    folders = [daemon.data, daemon.spool, *(path for path in daemon.spool.iterdir() if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert song.stat().st_mode & 0o777 == 0o666, "it cannot be reached, and is nobody's to change"
    assert f"{daemon.spool} was open to other users" in daemon.log.read_text()


def refused(**settings: Path) -> str:
    """What a daemon says that does not start."""
    environment = os.environ | {f"DAP_BRIDGE_{name}": str(path) for name, path in settings.items()}
    command = [sys.executable, "-m", "dap_bridge", "serve", "--osc-port", "0"]
    ended = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2, ended.stderr
    return ended.stderr


@as_root
@pytest.mark.parametrize("what", ["SPOOL", "DATA", "inbox", "link"])
def test_a_folder_of_another_user_s_is_not_used(tmp_path: Path, what: str) -> None:
    folders = {"SPOOL": tmp_path / "spool", "DATA": tmp_path / "data"}
    foreign = folders.get(what, tmp_path / "spool" / "inbox" if what == "inbox" else tmp_path / "link")
    if what == "link":
        folders["SPOOL"] = foreign
        (tmp_path / "mine").mkdir()
        foreign.symlink_to(tmp_path / "mine")
    else:
        foreign.mkdir(parents=True)
    os.chown(foreign, NOBODY, NOBODY, follow_symlinks=False)
    said = refused(**folders)
    assert "bad_settings" in said and f"{foreign} belongs to another user" in said.replace("\n", " ")


@as_root
def test_a_request_of_another_user_s_is_not_served(daemon: Process) -> None:
    """Who had a folder open that was not closed to him, once, can put files there still."""
    path = daemon.spool / "inbox" / "stolen.tmp"
    path.write_text(json.dumps({"verb": "separate", **daemon.separate("stolen").model_dump(mode="json")}))
    os.chown(path, NOBODY, NOBODY)
    path.rename(path.with_suffix(".json"))
    until(lambda: daemon.status_file("stolen"))
    assert daemon.status_file("stolen")["code"] == "forbidden"
    assert daemon.left() == []


@as_root
def test_another_user_reaches_nothing_that_the_daemon_keeps(daemon: Process) -> None:
    places = [
        daemon.spool,
        daemon.data,
        daemon.spool / "inbox",
        daemon.spool / "daemon.status",
        daemon.data / "editor.json",
    ]

    def reached() -> list[str]:
        found = [str(place) for place in places if os.access(place, os.R_OK) or os.access(place, os.W_OK)]
        with contextlib.suppress(PermissionError):
            (daemon.spool / "inbox" / "x.json").write_text("{}")
            found.append("written")
        return found

    assert stranger(reached) == []
