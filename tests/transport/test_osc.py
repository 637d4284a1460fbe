"""The OSC door over real sockets: garbage is ignored, messages are answered, answers go where they were wanted."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from pythonosc.parsing import osc_types

from dap_bridge.config import LOOPBACK
from dap_bridge.errors import BadRequest, PortTaken, UnknownJob
from dap_bridge.transport import control, events, osc, protocol
from dap_bridge.transport.door import Sink
from dap_bridge.transport.events import Event
from dap_bridge.transport.osc import Malformed, OscDoor
from dap_bridge.verbs.refine.request import Refine
from dap_bridge.verbs.request import Verb
from dap_bridge.verbs.separate.request import Separate

HELLO = osc.encode(control.Hello())
WELCOME = events.Welcome(version="1", pid=1, device="cpu", device_reason="", spool="/", jobs=0)


def bundle(*elements: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


class Rig:
    """A door whose handler welcomes everybody, and refuses to cancel. `key`: what has to be told first."""

    def __init__(self, key: str | None = None) -> None:
        self.seen: list[Verb] = []
        self.door = OscDoor(self._handle, key)

    def _handle(self, verb: Verb, sink: Sink | None) -> None:
        self.seen.append(verb)
        if isinstance(verb, control.Cancel):
            raise UnknownJob("No such job.")
        assert sink is not None
        sink.send(WELCOME)


class Caller:
    """A host's socket."""

    def __init__(self, door: OscDoor) -> None:
        self._door = door
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def send(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, (LOOPBACK, self._door.port))

    async def receive(self) -> Event:
        datagram = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65536), 20)
        (message,) = osc.decode(datagram)
        return protocol.parse_event(message.address, message.params)

    async def hears_nothing(self) -> None:
        """Whatever would have been an answer stands before the one to this hello."""
        self.send(HELLO)
        assert await self.receive() == WELCOME
        with pytest.raises(BlockingIOError):
            self._socket.recv(65536)


def play(scene: Callable[[Rig], Any], key: str | None = None) -> None:
    async def main() -> None:
        rig = Rig(key)
        await rig.door.open(0)
        try:
            await asyncio.wait_for(scene(rig), 30)
        finally:
            rig.door.close()

    asyncio.run(main())


def test_the_sender_is_answered() -> None:
    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        caller.send(HELLO)
        assert await caller.receive() == WELCOME

    play(scene)


def test_bundles_are_taken_apart_in_order() -> None:
    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        status = osc.encode(control.Status(job="a"))
        caller.send(bundle(HELLO, bundle(status, HELLO), status))
        for _ in range(4):
            await caller.receive()
        assert [verb.name for verb in rig.seen] == ["hello", "status", "hello", "status"]

    play(scene)


def test_answers_go_to_the_port_a_message_names_else_to_the_one_its_hello_named() -> None:
    async def scene(rig: Rig) -> None:
        host, ear, other = (Caller(rig.door) for _ in range(3))
        host.send(osc.encode(control.Hello(reply_port=ear.port)))
        assert await ear.receive() == WELCOME
        host.send(osc.encode(control.Status(job="a")))
        assert await ear.receive() == WELCOME
        host.send(osc.encode(control.Cancel(job="a")))
        assert isinstance(await ear.receive(), events.Failed)
        host.send(osc.encode(control.Status(job="a", reply_port=other.port)))
        assert await other.receive() == WELCOME

    play(scene)


def test_a_refused_message_is_answered_with_the_reason_and_its_job() -> None:
    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        caller.send(osc.encode(control.Cancel(job="a")))
        assert await caller.receive() == events.Failed(job="a", **UnknownJob("No such job.").as_dict())
        message = osc.OscMessageBuilder("/dap/separate")
        for value in ("job", "b", "clip", "/a.wav", "sources", 99):
            message.add_arg(value)
        caller.send(message.build().dgram)
        refused = await caller.receive()
        assert isinstance(refused, events.Failed)
        assert (refused.job, refused.code) == ("b", "bad_request")
        assert "sources" in refused.message

    play(scene)


def test_what_no_datagram_holds_is_told_of_the_drop_folder() -> None:
    mask = "linear:64x64:" + ".".join("1" * 4096)
    box = f"stem=1,op=deactivate,start=1,end=2,low=200,high=4000,mask={mask}"
    short, long = (Refine(job="a", session="b", box=(box,) * count) for count in (0, 2))

    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        message = osc.OscMessageBuilder("/dap/refine")
        for value in protocol.osc_arguments(long)[1]:
            message.add_arg(value)
        caller.send(message.build().dgram)
        refused = await caller.receive()
        assert isinstance(refused, events.Failed)
        assert (refused.job, refused.code) == ("a", "bad_request")
        assert "8192" in refused.message
        assert "drop folder" in refused.hint
        assert rig.seen == []

    play(scene)
    assert len(osc.encode(short)) <= protocol.MAX_DATAGRAM
    with pytest.raises(BadRequest, match="8192") as caught:
        osc.encode(long)
    assert "drop folder" in caught.value.hint


def asking(start: Any, kind: str) -> bytes:
    """A request that tells `start` in an argument of this type."""
    message = osc.OscMessageBuilder("/dap/separate")
    for value in ("job", "a", "clip", "/a.wav", "start"):
        message.add_arg(value)
    message.add_arg(start, kind)
    return message.build().dgram


@pytest.mark.parametrize("start", [2**24 + 1, 44_100 * 3600, 2**40 + 1])
def test_a_whole_number_arrives_as_it_was_meant_or_not_at_all(start: int) -> None:
    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        caller.send(asking(float(start), "f"))
        refused = await caller.receive()
        assert isinstance(refused, events.Failed)
        assert (refused.job, refused.code) == ("a", "bad_request")
        assert "start" in refused.message and all(f"({kind}" in refused.hint for kind in ("i or h", "d"))
        exact = [(start, "h"), (float(start), "d"), (str(start), "s")] + [(start, "i")] * (start < 2**31)
        for value, kind in exact:
            caller.send(asking(value, kind))
            assert await caller.receive() == WELCOME, kind
        caller.send(asking(float(2**24 - 1), "f"))
        assert await caller.receive() == WELCOME
        assert [verb.model_dump()["start"] for verb in rig.seen] == [start] * len(exact) + [2**24 - 1]

    play(scene)


def test_an_array_is_refused_wherever_it_stands() -> None:
    def message(types: str, *values: bytes) -> bytes:
        return b"/dap/status\0" + osc_types.write_string(types) + b"".join(values)

    key, large, small = osc_types.write_string("job"), struct.pack(">f", 2e9), struct.pack(">i", 1)

    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        for datagram in (
            message(",s[f]", key, large),
            message(",[i]fsf", small, large, key, large),
            message(",s[[f]f]", key, large, large),
            message(",[]f", large),
        ):
            caller.send(datagram)
            refused = await caller.receive()
            assert isinstance(refused, events.Failed) and refused.code == "bad_request"

    play(scene)


def test_a_number_that_is_none_is_refused_by_any_type() -> None:
    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        for value in (float("inf"), float("-inf"), float("nan"), -(2.0**30), 2.0**127):
            for kind in "fd":
                caller.send(asking(value, kind))
                refused = await caller.receive()
                assert isinstance(refused, events.Failed) and refused.code == "bad_request"

    play(scene)


def keyed(*key: Any) -> bytes:
    """A request to cancel that tells this of a key."""
    message = osc.OscMessageBuilder("/dap/cancel")
    for value in ("job", "a", *key):
        message.add_arg(value)
    return message.build().dgram


def test_whoever_does_not_know_the_key_gets_no_further_than_hello(caplog: pytest.LogCaptureFixture) -> None:
    key = "right-é"
    right = osc.encode(control.Status(job="a"), key)
    wrong = [(), ("key", ""), ("key", "right"), ("key", f"{key}x"), ("key", 1), ("key", None), ("key", [key])]

    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        for told in wrong:
            caller.send(keyed(*told))
            refused = await caller.receive()
            assert isinstance(refused, events.Failed)
            assert (refused.job, refused.code) == ("a", "forbidden"), told
            assert "daemon.status" in refused.hint and key not in str(refused)
        caller.send(keyed("key", key, "key", key))
        assert (await caller.receive()).model_dump()["code"] == "bad_request"
        caller.send(HELLO)
        caller.send(right)
        caller.send(bundle(right, keyed(), right))
        names = [(await caller.receive()).name for _ in range(5)]
        assert names == ["welcome", "welcome", "welcome", "failed", "welcome"]
        assert [verb.name for verb in rig.seen] == ["hello", "status", "status", "status"]

    with caplog.at_level("DEBUG"):
        play(scene, key)
    assert key not in caplog.text


def test_what_is_not_for_us_is_not_answered() -> None:
    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        caller.send(osc.OscMessageBuilder("/track/1/volume").build().dgram)
        failed = events.Failed(job="", code="c", message="m", hint="h")
        for event in (failed, WELCOME, events.Accepted(job="a", verb="v")):
            caller.send(osc.encode(event))
        await caller.hears_nothing()
        assert [verb.name for verb in rig.seen] == ["hello"]

    play(scene)


def test_a_daemon_that_is_told_to_answer_itself_does_not_talk_to_itself_for_ever() -> None:
    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        datagrams = 0
        receive = rig.door.datagram_received

        def count(data: bytes, sender: Any) -> None:
            nonlocal datagrams
            datagrams += 1
            receive(data, sender)

        rig.door.datagram_received = count  # type: ignore[method-assign]
        for verb in (control.Hello, control.Status, control.Cancel):
            caller.send(osc.encode(verb(reply_port=rig.door.port, **({"job": "a"} if verb is control.Cancel else {}))))
        await asyncio.sleep(0.2)
        assert datagrams <= 9

    play(scene)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\0",
        b"hello",
        b"/",
        b"/dap/hello",
        b"/dap/hello\0\0,s\0",
        b"/dap/\xff\xfe\0\0\0,\0\0\0",
        b"/dap/hello\0\0,Q\0\0",
        b"/dap/hello\0\0,[[[[",
        b"/dap/hello\0\0i\0\0\0",
        b"#bundle\0",
        b"#bundle\0" + bytes(7),
        bundle(b"")[:-1],
        bundle(b""),
        bundle(b"junk"),
        b"#bundle\0" + bytes(8) + struct.pack(">i", -4) + HELLO,
        b"#bundle\0" + bytes(8) + struct.pack(">i", 2**31 - 1) + HELLO,
    ],
)
def test_what_is_not_osc_is_recognised(datagram: bytes) -> None:
    with pytest.raises(Malformed):
        osc.decode(datagram)


def test_bundles_nested_without_end_are_refused() -> None:
    datagram = HELLO
    for _ in range(1000):
        datagram = bundle(datagram)
    with pytest.raises(Malformed):
        osc.decode(datagram)


def test_a_flood_of_damaged_datagrams_is_counted_and_not_answered() -> None:
    dice = random.Random(0)
    request = osc.encode(Separate(clip="/a.wav", label="x" * 30, job="a"))

    def damaged() -> bytes:
        kind = dice.randrange(3)
        if kind == 0:
            return dice.randbytes(dice.randrange(200))
        if kind == 1:
            return b"/dap/" + dice.randbytes(dice.randrange(60))
        cut = bytearray(bundle(request, HELLO))
        cut[dice.randrange(16, len(cut))] ^= 1 << dice.randrange(8)
        return bytes(cut[: dice.randrange(17, len(cut))])

    async def scene(rig: Rig) -> None:
        caller = Caller(rig.door)
        for _ in range(2000):
            caller.send(damaged())
            await asyncio.sleep(0)
        while rig.door.malformed <= 1500:
            await asyncio.sleep(0.01)
        fresh = Caller(rig.door)
        await fresh.hears_nothing()

    play(scene)


def test_an_error_too_long_for_a_datagram_is_shortened() -> None:
    event = events.Failed(job="a", code="c", message="é" * 60_000, hint="h" * 60_000)
    datagram = osc.encode(event)
    assert len(datagram) <= protocol.MAX_DATAGRAM
    (message,) = osc.decode(datagram)
    assert protocol.parse_event(message.address, message.params).model_dump()["job"] == "a"


def test_a_taken_port_is_said_so() -> None:
    async def scene(rig: Rig) -> None:
        with pytest.raises(PortTaken, match=str(rig.door.port)):
            await OscDoor(lambda *_: None, None).open(rig.door.port)

    play(scene)


def test_only_this_machine_is_listened_to() -> None:
    async def scene(rig: Rig) -> None:
        assert rig.door._transport is not None
        assert rig.door._transport.get_extra_info("sockname")[0] == "127.0.0.1"

    play(scene)


def test_stems_that_do_not_fit_into_a_datagram_are_left_to_the_manifest() -> None:
    stems = tuple(f"{index}:shared:{index}:stem-{index}.wav:{'n' * 200}" for index in range(1, 130))
    told = events.Done(job="a", manifest="/m.json", stem=stems)
    (message,) = osc.decode(osc.encode(told))
    assert protocol.parse_event(message.address, message.params) == events.Done(job="a", manifest="/m.json")
