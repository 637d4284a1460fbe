"""OSC over UDP: datagrams to messages of the protocol and back.

Only loopback is listened on, where any user of the machine may speak: whoever asks for more than `hello` tells the key
that the daemon wrote where its own user alone can read it. What is no OSC is counted and never answered; a well-formed
message under /dap/ always is.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message import ParseError as MessageParseError
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.parsing import osc_types

from .. import config
from ..errors import BadRequest, DapError, Forbidden, PortTaken
from ..messages import Message
from ..verbs.request import Verb
from . import events, heartbeat, protocol
from .control import Hello
from .door import Handle
from .events import Done, Event, Failed
from .protocol import MAX_DATAGRAM

log = logging.getLogger(__name__)

BUNDLE = b"#bundle\0"
BUNDLE_HEADER = len(BUNDLE) + 8  # and the time tag, which is not waited for
BUNDLE_DEPTH = 8
# The argument that carries the key; OSC's own, and no field of any verb.
KEY = "key"
KEY_BYTES = 24
TYPES = frozenset("ihfdsbrmtTFN[]")
# Here and beyond, whole numbers that are neighbours are one and the same float of 32 bits.
FLOAT_EXACT = 2**24
# Text of an error that must fit into a datagram.
SHORT_TEXT = 500
# Senders whose hello named another port for the answers.
REMEMBERED = 256

Address = tuple[str, int]


class Malformed(Exception):
    """The datagram is not OSC."""


def decode(datagram: bytes) -> list[OscMessage]:
    """The messages of a datagram, those of (nested) bundles in their order. Raises Malformed."""
    return list(_messages(datagram, BUNDLE_DEPTH))


def _messages(datagram: bytes, depth: int) -> Iterator[OscMessage]:
    # python-osc's own reader of bundles goes round in circles at an element of negative size.
    if not datagram.startswith(BUNDLE):
        yield _message(datagram)
        return
    if not depth or len(datagram) < BUNDLE_HEADER:
        raise Malformed
    rest = datagram[BUNDLE_HEADER:]
    while rest:
        if len(rest) < 4:
            raise Malformed
        (size,) = struct.unpack(">i", rest[:4])
        if not 0 < size <= len(rest) - 4:
            raise Malformed
        yield from _messages(rest[4 : 4 + size], depth - 1)
        rest = rest[4 + size :]


def _message(datagram: bytes) -> OscMessage:
    if not datagram.startswith(b"/"):
        raise Malformed
    try:
        # python-osc skips types it does not know, with a line in the log for each.
        if not TYPES.issuperset(_types(datagram)):
            raise Malformed
        return OscMessage(datagram)
    except (osc_types.ParseError, MessageParseError, ValueError, IndexError, struct.error) as error:
        raise Malformed from error


def _types(datagram: bytes) -> str:
    """Of a message's arguments, a letter each. Raises osc_types.ParseError."""
    _, index = osc_types.get_string(datagram, 0)
    return osc_types.get_string(datagram, index)[0][1:] if index < len(datagram) else ""


def _require_exact(name: str, message: OscMessage) -> None:
    """Raises BadRequest where a float may stand for a whole number that it is not."""
    # An array is one argument of several types; no field takes one, so what is beyond it does not matter.
    for at, (kind, value) in enumerate(zip(_types(message.dgram), message.params, strict=False)):
        if kind == "f" and isinstance(value, float) and FLOAT_EXACT <= abs(value) < math.inf:
            key = protocol.shorten(str(message.params[at - 1]))
            raise BadRequest(
                f"{name}: {key}: a float of 32 bits (f) does not tell {value:.0f} from the whole numbers beside it.",
                "Send it as a whole number (i or h), as a double (d), or as text.",
            )


def _require_short(name: str, message: bytes) -> None:
    """Raises BadRequest where a message is too long for this door."""
    if len(message) > MAX_DATAGRAM:
        raise BadRequest(
            f"{name}: the message has {len(message)} bytes; over OSC it may have {MAX_DATAGRAM}.",
            "Leave it in the inbox of the drop folder, which takes longer ones.",
        )


def encode(message: Message, key: str | None = None) -> bytes:
    """A message as one datagram; where it does not fit, an error's text is shortened, and stems are not named.

    `key`: of the daemon that is asked, empty for none; left out: that of the user's own, which the settings tell of.
    Raises BadRequest where a request does not fit.
    """
    if isinstance(message, Verb) and not isinstance(message, Hello):
        if key is None:
            settings = config.load()
            key = heartbeat.key(settings.spool, settings.osc_port)
        request = _encode(message, [KEY, key] if key else [])
        _require_short(message.name, request)
        return request
    datagram = _encode(message)
    if len(datagram) > MAX_DATAGRAM and isinstance(message, Failed):
        short = {name: protocol.shorten(getattr(message, name), SHORT_TEXT) for name in ("message", "hint")}
        datagram = _encode(message.model_copy(update=short))
    if len(datagram) > MAX_DATAGRAM and isinstance(message, Done):
        datagram = _encode(message.model_copy(update={"stem": ()}))
    return datagram


def _encode(message: Message, more: Iterable[str] = ()) -> bytes:
    address, arguments = protocol.osc_arguments(message)
    builder = OscMessageBuilder(address)
    # Every host reads single precision; what is asked of the daemon is told it exactly.
    precision = OscMessageBuilder.ARG_TYPE_DOUBLE if isinstance(message, Verb) else OscMessageBuilder.ARG_TYPE_FLOAT
    for value in (*arguments, *more):
        builder.add_arg(value, precision if isinstance(value, float) else None)
    return builder.build().dgram


@dataclass(frozen=True)
class _AddressSink:
    address: Address
    door: OscDoor = field(compare=False, repr=False)

    def send(self, event: Event) -> None:
        self.door.send(event, self.address)


class OscDoor(asyncio.DatagramProtocol):
    """The daemon's UDP port. `key`: what senders have to tell; None: nothing."""

    def __init__(self, handle: Handle, key: str | None) -> None:
        self.malformed = 0
        self.port = 0
        self._handle, self._key = handle, key
        self._transport: asyncio.DatagramTransport | None = None
        self._reply_ports: OrderedDict[Address, int] = OrderedDict()

    async def open(self, port: int) -> None:
        """Listen on `port` of loopback; 0 takes a free one. Raises PortTaken."""
        try:
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda: self, local_addr=(config.LOOPBACK, port))
        except OSError as error:
            raise PortTaken(f"UDP port {port} cannot be opened: {error.strerror}.") from error

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def send(self, event: Event, address: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(encode(event), address)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        try:
            messages = decode(data)
        except Malformed:
            self._count_malformed()
            return
        for message in messages:
            self._receive(message, addr)

    def error_received(self, exc: Exception) -> None:
        # Nobody listens there any more; a lost packet, as any other.
        log.debug("a datagram could not be delivered: %s", exc)

    def _receive(self, message: OscMessage, sender: Address) -> None:
        address = message.address
        name = address.removeprefix(protocol.OSC_PREFIX)
        if not address.startswith(protocol.OSC_PREFIX) or (name in events.EVENTS and name not in protocol.VERBS):
            return  # for somebody else, or a daemon's answer: answering that could go on for ever
        fields: dict[str, Any] = {}
        try:
            name, fields = protocol.osc_fields(address, message.params)
            self._admit(name, fields.pop(KEY, ""))
            _require_short(name, message.dgram)
            _require_exact(name, message)
            verb = protocol.parse(name, fields)
            self._handle(verb, self._sink(verb, sender))
        except DapError as error:
            log.info("refused a message: %s", error.message)
            failed = Failed(job=protocol.job_named(fields), **error.as_dict())
            self.send(failed, self._reply_address(protocol.port_named(fields), sender))

    def _admit(self, name: str, key: Any) -> None:
        """Raises Forbidden."""
        if self._key is None or name == Hello.name:
            return
        if not (isinstance(key, str) and secrets.compare_digest(key.encode(), self._key.encode())):
            raise Forbidden(
                f"{protocol.shorten(name)} came without this daemon's key.",
                "It stands in daemon.status of the drop folder that `welcome` names, for the daemon's user alone. "
                "A host's scripts know it once `dap-bridge install reaper` (or ardour) has run again.",
            )

    def _sink(self, verb: Verb, sender: Address) -> _AddressSink:
        if isinstance(verb, Hello):
            self._reply_ports.pop(sender, None)  # of whoever had that port before
            if verb.reply_port is not None:
                self._reply_ports[sender] = verb.reply_port
            if len(self._reply_ports) > REMEMBERED:
                self._reply_ports.popitem(last=False)
        return _AddressSink(self._reply_address(verb.reply_port, sender), self)

    def _reply_address(self, port: int | None, sender: Address) -> Address:
        return sender[0], port or self._reply_ports.get(sender) or sender[1]

    def _count_malformed(self) -> None:
        self.malformed += 1
        if str(self.malformed).rstrip("0") == "1":  # the 1st, 10th, 100th …
            log.info("datagrams that are not OSC so far: %d", self.malformed)
