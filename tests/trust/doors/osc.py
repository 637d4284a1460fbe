"""Bad datagrams at the OSC door."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.parsing import osc_types

from dap_bridge.config import LOOPBACK
from dap_bridge.errors import DapError
from dap_bridge.messages import Message
from dap_bridge.transport import osc, protocol
from tests.trust import mutations
from tests.trust.doors.door import BATCH, INTERNAL, Door, good_messages
from tests.trust.harness import Lab, Tally
from tests.trust.mutations import VALUES

# The argument that carries the key.
KEY = "key"
DATAGRAMS = 8000


def check(lab: Lab, tally: Tally) -> None:
    """Datagrams, the key of the daemon's user among the arguments of most."""
    door = Door(lab, tally)
    make = _datagrams(lab.dice, door.daemon.told.get("key", ""))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((LOOPBACK, 0))
        sender.setblocking(False)
        for number in range(lab.times(DATAGRAMS)):
            sender.sendto(next(make), (LOOPBACK, door.daemon.port))
            tally.tried += 1
            if number % BATCH == BATCH - 1:
                door.alive(f"datagrams up to {number}")
                for code in _codes(sender):
                    tally.check(code != DapError.code, INTERNAL, f"a datagram before {number}")
    door.close()


def _datagrams(dice: random.Random, key: str) -> Iterator[bytes]:
    good = [packed(message, key) for message in good_messages()]
    while True:
        datagram = dice.choice(good)
        match dice.randrange(10):
            case 0:
                datagram = dice.randbytes(dice.randrange(1, 300))
            case 1:
                datagram = mutations.broken(dice, datagram, dice.choice(good), [b"\0,"]) or b"/"
            case 2:
                datagram = _other_types(dice, datagram)
            case 3:
                datagram = _bundled(dice, [dice.choice(good) for _ in range(dice.randrange(4))])
            case _:
                datagram = _other_arguments(dice, dice.choice(good_messages()), key)
        yield datagram[: protocol.MAX_DATAGRAM]


def packed(message: Message, key: str, change: Callable[[list[Any]], list[Any]] = lambda pairs: pairs) -> bytes:
    """A message as a datagram, with the key where there is one; `change` alters its keys and values."""
    address, arguments = protocol.osc_arguments(message)
    builder = OscMessageBuilder(address)
    for value in change(arguments + ([KEY, key] if key else [])):
        builder.add_arg(*_osc_value(value))
    return builder.build().dgram


def _osc_value(value: Any) -> tuple[Any, Any]:
    """Value and type, the nearest that OSC has."""
    match value:
        case bool() | None:
            return value, None
        case int():
            wide = OscMessageBuilder.ARG_TYPE_INT64 if abs(value) >= 2**31 else OscMessageBuilder.ARG_TYPE_INT
            return min(max(value, -(2**63)), 2**63 - 1), wide
        case float():
            return value, OscMessageBuilder.ARG_TYPE_DOUBLE
        case str():
            return value.replace("\0", "?"), OscMessageBuilder.ARG_TYPE_STRING
        case bytes():
            return value, OscMessageBuilder.ARG_TYPE_BLOB
        case _:
            return [str(value)[:100]], None


def _other_arguments(dice: random.Random, message: Message, key: str) -> bytes:
    """Pairs with other values, other keys, one twice or without its other half."""

    def change(items: list[Any]) -> list[Any]:
        for _ in range(dice.randint(1, 3)):
            if not items:
                break
            place = dice.randrange(len(items))
            match dice.randrange(6):
                case 0 | 1 | 2:
                    items[place | 1 if place | 1 < len(items) else place] = dice.choice([*VALUES, b"blob", b"\0"])
                case 3:
                    items[place] = dice.choice([*VALUES, dice.choice(items)])
                case 4:
                    items += items[place & ~1 : (place & ~1) + 2]
                case 5:
                    del items[place]
        return items

    return packed(message, key, change)


def _other_types(dice: random.Random, datagram: bytes) -> bytes:
    """Arguments that are read as what they are not."""
    _, place = osc_types.get_string(datagram, 0)
    tags, _ = osc_types.get_string(datagram, place)
    changed = bytearray(datagram)
    for _ in range(dice.randint(1, 4)):
        changed[place + dice.randrange(len(tags))] = dice.choice(b",ihfdsbrmtTFN[]c{\xff")
    return bytes(changed)


def _bundled(dice: random.Random, parts: list[bytes]) -> bytes:
    """A bundle, within others; one size of an element may be a lie."""
    datagram = osc.BUNDLE + dice.randbytes(8)
    for part in parts:
        size = len(part) if dice.random() < 0.8 else dice.choice(mutations.ABSURD) & 0xFFFF_FFFF
        datagram += size.to_bytes(4, "big") + part
    for _ in range(dice.choice([0, 0, 1, 7, 8, 200])):
        datagram = osc.BUNDLE + bytes(8) + len(datagram).to_bytes(4, "big") + datagram
    return datagram


def _codes(sender: socket.socket) -> Iterator[str]:
    """The codes of what was refused, as far as answers have come."""
    while True:
        try:
            datagram = sender.recv(1 << 16)
        except BlockingIOError:
            return
        for message in osc.decode(datagram):
            if message.address.endswith("/failed"):
                yield str(dict(zip(message.params[::2], message.params[1::2], strict=True))["code"])
