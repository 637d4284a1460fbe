"""Bad messages at the three doors of a real daemon, whose worker refuses every job: OSC, the drop folder, HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import random
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.parsing import osc_types

from dap_bridge.config import LOOPBACK
from dap_bridge.errors import DapError
from dap_bridge.messages import Message
from dap_bridge.transport import control, osc, protocol
from dap_bridge.verbs.request import Verb
from dap_bridge.verbs.separate.request import Separate
from dap_bridge.verbs.texture.request import Texture
from tests.processes import Process, until
from tests.trust import harness, mutations
from tests.trust.harness import PATIENCE_S, Lab, Tally, every_verb, happens
from tests.trust.mutations import VALUES

# The argument that carries the key.
KEY = "key"
OSC, JSON, HTTP = 8000, 1500, 1500
BATCH = 50
CRASHED, HUNG, INTERNAL = "crashed", "hung", "internal"
# Connections at once, and how long an answer is waited for: a request that is cut short gets none.
CONNECTIONS, ANSWER_S = 25, 0.4
REFUSE = ("-m", "tests.trust.served", "--run", "tests.trust.stub:refuse", "--probe", "tests.trust.stub:probe")


def check_osc(lab: Lab, tally: Tally) -> None:
    """Datagrams, the key of the daemon's user among the arguments of most."""
    door = _Door(lab, tally)
    make = _datagrams(lab.dice, door.daemon.told.get("key", ""))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((LOOPBACK, 0))
        sender.setblocking(False)
        for number in range(lab.times(OSC)):
            sender.sendto(next(make), (LOOPBACK, door.daemon.port))
            tally.tried += 1
            if number % BATCH == BATCH - 1:
                door.alive(f"datagrams up to {number}")
                for code in _codes(sender):
                    tally.check(code != DapError.code, INTERNAL, f"a datagram before {number}")
    door.close()


def _datagrams(dice: random.Random, key: str) -> Iterator[bytes]:
    good = [packed(message, key) for message in _good_messages()]
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
                datagram = _other_arguments(dice, dice.choice(_good_messages()), key)
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


def check_json(lab: Lab, tally: Tally) -> None:
    """Files in the inbox, by hundreds; what becomes of them stands in the outbox."""
    door = _Door(lab, tally)
    inbox, outbox, rejected = (door.daemon.spool / name for name in ("inbox", "outbox", "rejected"))
    good = [
        {"verb": message.name, **message.model_dump(mode="json", exclude_none=True)} for message in _good_messages()
    ]
    left = lab.times(JSON)
    while left:
        count = min(left, 2 * BATCH)
        for number in range(count):
            _put(lab.dice, inbox, f"{left - number}", _json(lab.dice, good))
        tally.tried += count
        left -= count
        if not happens(lambda: not list(inbox.iterdir())):
            waiting = list(inbox.iterdir())
            tally.note(HUNG, waiting[:3], len(waiting))
        door.alive(f"files before {left}")
        for answer in outbox.glob("*.status"):
            pairs = protocol.parse_lines(answer.read_text(encoding="utf-8").split("\n\n")[-1])
            tally.check(pairs.get("code") != DapError.code, INTERNAL, f"{answer.name}: {pairs}")
        for path in (*inbox.iterdir(), *outbox.iterdir(), *rejected.iterdir()):
            harness.remove(path)
    door.close()


def _json(dice: random.Random, good: list[dict[str, Any]]) -> bytes:
    """A request that is wrong somewhere."""
    request = dict(dice.choice(good))
    match dice.randrange(8):
        case 0:
            return mutations.broken(dice, json.dumps(request).encode(), json.dumps(dice.choice(good)).encode())
        case 1:
            depth = dice.choice([10, 1000, 100_000])
            return dice.choice(
                [b"[" * depth + b"]" * depth, b'{"verb":' * depth, b'{"verb": "hello", "x": ' + b"[" * depth]
            )
        case 2:
            number = dice.choice(
                [b"9" * 5000, b"1e999999", b"-0", b"NaN", b"1" + b"0" * 300 + b".5", b"0x10", b"1e-999"]
            )
            return b'{"verb": "separate", "clip": "/c.wav", "start": ' + number + b"}"
        case 3:
            text = json.dumps(request, ensure_ascii=False)
            return dice.choice(
                [text.encode("utf-16"), text.encode("utf-8-sig"), b"\xff" + text.encode(), text.encode() + b"\0"]
            )
        case 4:
            return json.dumps(dice.choice([*VALUES, [request], {"verb": dice.choice(VALUES)}]), allow_nan=True).encode()
        case _:
            for _ in range(dice.randint(1, 3)):
                request[dice.choice([*request, "other", ""])] = dice.choice([*VALUES, "\ud800"])
            return json.dumps(request).encode()


def _put(dice: random.Random, inbox: Path, name: str, content: bytes) -> None:
    """A file in the inbox as a host writes it; now and then one of a name, or a kind, that no host makes."""
    odd = ["\udcff\udcfe", "a b", ".hidden..", "-", "ü" * 60, "x" * 240, "a\nb", "a\tb", "CON", "\u202e"]
    target = inbox / f"{name}{dice.choice(odd) if dice.random() < 0.2 else ''}.json"
    match dice.randrange(40):
        case 0:
            target.mkdir()
        case 1:
            target.symlink_to(dice.choice(["/dev/zero", target.name, "/nowhere", "/"]))
        case 2:
            os.mkfifo(target)
        case _:
            unfinished = inbox / f"{name}.tmp"
            unfinished.write_bytes(content)
            unfinished.rename(target)


def check_http(lab: Lab, tally: Tally) -> None:
    """Requests over TCP, some at once, with and without the token; then a good one, which must be answered."""
    door = _Door(lab, tally)
    editor = door.daemon.editor
    host, _, path = editor.removeprefix("http://").partition("/")
    token, port = path.partition("/")[0], int(host.rpartition(":")[2])
    left = lab.times(HTTP)
    while left:
        requests = [_request(lab.dice, host, token) for _ in range(min(left, CONNECTIONS))]
        left -= len(requests)
        tally.tried += len(requests)
        for request, answer in zip(requests, _exchange(port, requests), strict=True):
            status = answer.split(b" ", 2)[1:2]
            tally.check(not status or not status[0].startswith(b"5"), INTERNAL, f"{request[:200]!r}: {answer[:200]!r}")
        good = f"GET /{token}/assets/main.js HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        (answer,) = _exchange(port, [good], PATIENCE_S)
        tally.check(b" 200 " in answer[:20], HUNG, f"requests before {left}: {answer[:100]!r}")
        door.alive(f"requests before {left}")
    door.close()


METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PATCH",
    "get",
    "G\0T",
    "X" * 3000,
    "",
]
HEADERS = [
    "Host: evil.example",
    "Origin: http://evil.example",
    "Sec-Fetch-Site: cross-site",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Expect: 100-continue",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "Range: bytes=0-,0-,0-",
    "Cookie: " + "x" * 9000,
    "X: " + "y" * 70_000,
    "X\0Y: z",
    "no colon",
    ": empty",
    " folded",
    "Content-Type: text/plain",
    "Content-Type: application/json; charset=nonsense",
    "Accept-Encoding: \xff\xfe",
    "If-None-Match: *",
]
PATHS = [
    "",
    "edit",
    "edit/",
    "edit/a",
    "edit/../../etc/passwd",
    "assets/main.js",
    "assets/..%2f..%2fx",
    "assets/%00",
    "x",
]
PATHS += [
    "sessions/a",
    "sessions/%2e%2e",
    "sessions/a/tiles/0/0",
    "sessions/a/tiles/99999999999999999999/1",
    "messages",
]
PATHS += [
    "sessions/a/tiles/-1/0",
    "sessions/a/stems/1?start=0&frames=1e9",
    "sessions/a/stems/1?start=9&frames=9",
    "%ff%fe",
]
PATHS += [
    "sessions/a/stems/0?start=" + "9" * 5000,
    "events?job=%00",
    "events?job=" + "a" * 5000,
    "//",
    "?",
    "#",
    "é",
    "%",
]


def _request(dice: random.Random, host: str, token: str) -> bytes:
    """A request, its parts chosen apart from each other; half of the time a message of the protocol."""
    if dice.random() < 0.5:
        method, path = "POST", "messages"
        good = [message for message in _good_messages() if not message.name.startswith("hello")]
        body = _json(dice, [{"verb": message.name, **message.model_dump(mode="json")} for message in good])
        headers = [f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    else:
        method, path, body = (
            dice.choice(["GET", *METHODS]),
            dice.choice(PATHS),
            b"" if dice.random() < 0.7 else b"5\r\n",
        )
        headers = [f"Host: {host}"]
    for _ in range(dice.choice([0, 0, 1, 2])):
        headers.insert(dice.randrange(len(headers) + 1), dice.choice(HEADERS))
    if dice.random() < 0.02:
        headers += [f"X-{number}: y" for number in range(3000)]
    secret = token if dice.random() < 0.85 else dice.choice(["", token[:-1], token.upper(), "\xff", "x" * 5000])
    version = dice.choice(["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/9.9", "HTTP/2", ""])
    lines = [f"{method} /{secret}/{path} {version}", *headers]
    request = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
    return mutations.broken(dice, request, request) if dice.random() < 0.2 else request


def _exchange(port: int, requests: list[bytes], seconds: float = ANSWER_S) -> list[bytes]:
    """Send all at once, each over a connection of its own; what came back of each within so many seconds."""
    answers = [b""] * len(requests)
    with selectors.DefaultSelector() as selector:
        for number, request in enumerate(requests):
            connection = socket.create_connection((LOOPBACK, port), PATIENCE_S)
            connection.settimeout(1.0)
            with contextlib.suppress(OSError):  # it has heard enough
                connection.sendall(request)
            selector.register(connection, selectors.EVENT_READ, number)
        deadline = time.monotonic() + seconds
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                with contextlib.suppress(OSError):
                    answers[key.data] += key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return answers


def _good_messages() -> list[Verb]:
    clip, out = Path("/nowhere/clip.wav"), "/nowhere/out"
    jobs = [
        message.model_copy(update={"job": f"m-{message.name}"}) for message in every_verb(clip, "m-separate", "m-x")
    ]
    jobs.append(Separate(job="full", channel=(f"0:{clip}", f"1:{clip}"), start=3, frames=9, rate=44_100, out=out))
    jobs.append(Texture(mode="fill", length=5, clip=str(clip), after=str(clip), after_start=1, variations=2, out=out))
    asks = [control.Status(), control.Status(job="full"), control.Cancel(job="full"), control.Resume(job="full")]
    return [*jobs, *asks, control.Hello(), control.ListSessions(), control.Choose(job="full", session="m-refine")]


class _Door:
    """A daemon under fire."""

    def __init__(self, lab: Lab, tally: Tally) -> None:
        tally.watch(CRASHED, HUNG, INTERNAL)
        self._lab, self._tally = lab, tally
        self.daemon: Process = lab.daemon("home", *REFUSE, DAP_BRIDGE_SETTLE_S="0.05", DAP_BRIDGE_RESCAN_S="0.2")
        until((self.daemon.spool / "daemon.status").exists, PATIENCE_S)

    def alive(self, after: str) -> None:
        """It still answers; one that died is counted and started again."""
        if self.daemon.process.poll() is not None:
            self._tally.note(CRASHED, f"{after}: status {self.daemon.process.returncode}")
            self.daemon.client.close()
            self.daemon.start()
        try:
            self.daemon.client.hello(PATIENCE_S)
        except DapError as error:
            self._tally.note(HUNG, f"{after}: {error.message}")

    def close(self) -> None:
        """What it stumbled over stands in its log."""
        self.alive("at the end")
        stumbled = self.daemon.log.read_text(encoding="utf-8", errors="replace").split(
            "Traceback (most recent call last)"
        )
        for trace in stumbled[1:]:
            self._tally.note(INTERNAL, trace.strip().partition("\n20")[0].splitlines()[-1])
