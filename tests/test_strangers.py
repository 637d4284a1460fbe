"""Another user of the machine, who can speak to every port of it: what he gets is what anybody may have."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dap_bridge.errors import Forbidden
from dap_bridge.transport import events, osc, protocol, verbs
from dap_bridge.transport.client import Client
from tests.conftest import Start
from tests.processes import Process

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


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="dap-strangers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def daemon(start: Start, open_place: Path) -> Process:
    return start(str(open_place / "home"))


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
    asked = [verbs.Hello(), daemon.separate("stolen"), verbs.Status(), verbs.ListSessions(), verbs.Cancel(job="a")]
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
    old = osc.encode(verbs.Status(), daemon.told["key"])
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
            client.send(verbs.Hello())
            _, address = ear.recvfrom(65536)
            ear.sendto(osc.encode(welcome), address)
            client.hello()
            client.send(verbs.Status())
            heard = [ear.recv(65536) for _ in range(2)]
    assert heard[-1].startswith(b"/dap/status\0")
    assert not any(daemon.told["key"].encode() in datagram for datagram in heard)


def test_a_daemon_may_be_open_to_all_who_cannot_tell_a_key(start: Start) -> None:
    daemon = start(DAP_BRIDGE_OPEN_OSC="true")
    assert say(daemon.port, osc.encode(verbs.Status(), ""))[0]["event"] == "status"
    assert "open_osc" in daemon.log.read_text()
    assert daemon.client.status() == []
