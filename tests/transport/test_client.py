"""The client against a daemon that loses packets: it asks again, and gives up with a word."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from dap_bridge.config import LOOPBACK
from dap_bridge.errors import DaemonUnreachable, Forbidden, UnknownJob
from dap_bridge.transport import control, events, osc, protocol
from dap_bridge.transport.client import Client
from dap_bridge.transport.events import Event
from dap_bridge.verbs.request import Verb
from dap_bridge.verbs.separate.request import Separate

WELCOME = events.Welcome(version="1", pid=1, device="cpu", device_reason="", spool="/", jobs=0)
ACCEPTED = events.Accepted(job="a", verb="separate")
DONE = events.Done(job="a", manifest="/m.json")
CANCELLED = events.CancelledEvent(job="a")
FORBIDDEN = events.Failed(job="a", **Forbidden("No key.").as_dict())
UNKNOWN = events.Failed(job="a", **UnknownJob("There is no job a.").as_dict())
REQUEST = Separate(job="a", clip="/a.wav")


class FakeDaemon:
    """Greets; answers the nth message of each other kind with the nth of its lines, then says no more."""

    def __init__(self, spool: Path = Path("/"), **lines: Iterable[list[Event]]) -> None:
        self.heard: list[Verb] = []
        self.keys: list[str | None] = []
        self._welcome = WELCOME.model_copy(update={"spool": str(spool)})
        self._lines = {verb: iter(answers) for verb, answers in lines.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            datagram, sender = self._socket.recvfrom(65536)
            (message,) = osc.decode(datagram)
            name, fields = protocol.osc_fields(message.address, message.params)
            self.keys.append(fields.pop("key", None))
            verb = protocol.parse(name, fields)
            self.heard.append(verb)
            for event in [self._welcome] if verb.name == "hello" else next(self._lines.get(verb.name, iter(())), []):
                self._socket.sendto(osc.encode(event), sender)


@pytest.fixture
def client() -> Iterator[Callable[[FakeDaemon], Client]]:
    made: list[Client] = []

    def connect(daemon: FakeDaemon) -> Client:
        made.append(Client(daemon.port, silence_s=0.3))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def test_a_lost_request_is_sent_again(client: Callable[[FakeDaemon], Client]) -> None:
    daemon = FakeDaemon(separate=[[], [ACCEPTED, DONE]], status=[[UNKNOWN]])
    assert list(client(daemon).request(REQUEST)) == [ACCEPTED, DONE]
    asked = [name for name, _ in groupby(verb.name for verb in daemon.heard)]  # again, where an answer takes long
    assert asked[:4] == ["hello", "separate", "status", "separate"]


def test_a_lost_result_is_asked_for(client: Callable[[FakeDaemon], Client]) -> None:
    listing = events.StatusEvent(job="a", verb="separate", state="done")
    end = events.StatusEvent(job="", jobs=1)
    daemon = FakeDaemon(separate=[[ACCEPTED]], status=[[], [listing, DONE, end]])
    assert list(client(daemon).request(REQUEST)) == [ACCEPTED, DONE]


def test_a_daemon_that_takes_the_place_of_another_wants_its_own_key(
    client: Callable[[FakeDaemon], Client], tmp_path: Path
) -> None:
    def says(key: str) -> None:
        (tmp_path / "daemon.status").write_text(f"osc_port\t{daemon.port}\nkey\t{key}\n")

    def answers() -> Iterator[list[Event]]:
        says("new")
        yield [FORBIDDEN]
        yield [ACCEPTED, DONE]

    daemon = FakeDaemon(tmp_path, separate=answers(), status=[[UNKNOWN]])
    says("old")
    assert list(client(daemon).request(REQUEST)) == [ACCEPTED, DONE]
    assert daemon.keys == [None, "old", "new", "new"]


def test_a_daemon_that_knows_another_key_is_no_use(client: Callable[[FakeDaemon], Client]) -> None:
    with pytest.raises(Forbidden):
        list(client(FakeDaemon(separate=[[FORBIDDEN]])).request(REQUEST))
    for answer in (FORBIDDEN, FORBIDDEN.model_copy(update={"job": ""})):
        with pytest.raises(Forbidden if not answer.job else DaemonUnreachable):
            client(FakeDaemon(status=[[answer]])).status()


def test_what_is_no_daemon_status_holds_no_key(client: Callable[[FakeDaemon], Client], tmp_path: Path) -> None:
    """Whoever welcomes names the folder: a pipe in it, which nobody writes to, must not keep a program waiting."""
    os.mkfifo(tmp_path / "daemon.status")
    daemon = FakeDaemon(tmp_path, separate=[[ACCEPTED, DONE]])
    assert list(client(daemon).request(REQUEST)) == [ACCEPTED, DONE]
    assert daemon.keys == [None, None]


def test_what_concerns_others_is_passed_over(client: Callable[[FakeDaemon], Client]) -> None:
    other = events.Done(job="b", manifest="/other.json")
    daemon = FakeDaemon(separate=[[other, WELCOME, ACCEPTED, DONE]])
    assert list(client(daemon).request(REQUEST)) == [ACCEPTED, DONE]


def test_a_job_that_is_not_known_cannot_be_cancelled(client: Callable[[FakeDaemon], Client]) -> None:
    daemon = FakeDaemon(cancel=[[UNKNOWN]])
    with pytest.raises(UnknownJob, match="There is no job a"):
        client(daemon).last_event(control.Cancel(job="a"))


def test_a_request_without_a_name_gets_one(client: Callable[[FakeDaemon], Client]) -> None:
    daemon = FakeDaemon()
    with pytest.raises(DaemonUnreachable):
        list(client(daemon).request(Separate(clip="/a.wav")))
    sent, *asked = (verb for verb in daemon.heard if not isinstance(verb, control.Hello))
    assert isinstance(sent, Separate) and sent.job
    assert asked and all(isinstance(verb, control.Status) and verb.job == sent.job for verb in asked)


def test_silence_is_given_up_with_a_hint(client: Callable[[FakeDaemon], Client]) -> None:
    daemon = FakeDaemon(separate=[[ACCEPTED]])
    with pytest.raises(DaemonUnreachable) as raised:
        list(client(daemon).request(REQUEST))
    assert str(daemon.port) in raised.value.message
    assert "dap-bridge serve" in raised.value.hint


def test_nobody_at_the_port_is_noticed_in_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    with Client(port) as client, pytest.raises(DaemonUnreachable):
        client.hello(0.5)
    assert time.monotonic() - began < 30
