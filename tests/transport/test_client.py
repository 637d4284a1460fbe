"""The client against a daemon that loses packets: it asks again, and gives up with a word."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby

import pytest

from dap_bridge.config import LOOPBACK
from dap_bridge.errors import DaemonUnreachable, UnknownJob
from dap_bridge.transport import events, osc, protocol, verbs
from dap_bridge.transport.client import Client
from dap_bridge.transport.events import Event
from dap_bridge.transport.verbs import Verb

WELCOME = events.Welcome(version="1", pid=1, device="cpu", device_reason="", spool="/", jobs=0)
ACCEPTED = events.Accepted(job="a", verb="separate")
DONE = events.Done(job="a", manifest="/m.json")
CANCELLED = events.CancelledEvent(job="a")
UNKNOWN = events.Failed(job="a", **UnknownJob("There is no job a.").as_dict())
REQUEST = verbs.Separate(job="a", clip="/a.wav")


class FakeDaemon:
    """Greets; answers the nth message of each other kind with the nth of its lines, then says no more."""

    def __init__(self, **lines: list[list[Event]]) -> None:
        self.heard: list[Verb] = []
        self._lines = {verb: iter(answers) for verb, answers in lines.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            datagram, sender = self._socket.recvfrom(65536)
            (message,) = osc.decode(datagram)
            verb = protocol.parse(*protocol.osc_fields(message.address, message.params))
            self.heard.append(verb)
            for event in [WELCOME] if verb.name == "hello" else next(self._lines.get(verb.name, iter(())), []):
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


def test_what_concerns_others_is_passed_over(client: Callable[[FakeDaemon], Client]) -> None:
    other = events.Done(job="b", manifest="/other.json")
    daemon = FakeDaemon(separate=[[other, WELCOME, ACCEPTED, DONE]])
    assert list(client(daemon).request(REQUEST)) == [ACCEPTED, DONE]


def test_a_job_that_is_not_known_cannot_be_cancelled(client: Callable[[FakeDaemon], Client]) -> None:
    daemon = FakeDaemon(cancel=[[UNKNOWN]])
    with pytest.raises(UnknownJob, match="There is no job a"):
        client(daemon).last_event(verbs.Cancel(job="a"))


def test_a_request_without_a_name_gets_one(client: Callable[[FakeDaemon], Client]) -> None:
    daemon = FakeDaemon()
    with pytest.raises(DaemonUnreachable):
        list(client(daemon).request(verbs.Separate(clip="/a.wav")))
    sent, *asked = (verb for verb in daemon.heard if not isinstance(verb, verbs.Hello))
    assert isinstance(sent, verbs.Separate) and sent.job
    assert asked and all(isinstance(verb, verbs.Status) and verb.job == sent.job for verb in asked)


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
