"""Bad requests at the HTTP door."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import time

from dap_bridge.config import LOOPBACK
from tests.trust import mutations
from tests.trust.doors.door import HUNG, INTERNAL, Door, good_messages
from tests.trust.doors.dropfolder import wrong_request
from tests.trust.harness import PATIENCE_S, Lab, Tally

REQUESTS = 1500
# Connections at once, and how long an answer is waited for: a request that is cut short gets none.
CONNECTIONS, ANSWER_S = 25, 0.4


def check(lab: Lab, tally: Tally) -> None:
    """Requests over TCP, some at once, with and without the token; then a good one, which must be answered."""
    door = Door(lab, tally)
    editor = door.daemon.editor
    host, _, path = editor.removeprefix("http://").partition("/")
    token, port = path.partition("/")[0], int(host.rpartition(":")[2])
    left = lab.times(REQUESTS)
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
    "sessions/a",
    "sessions/%2e%2e",
    "sessions/a/tiles/0/0",
    "sessions/a/tiles/99999999999999999999/1",
    "messages",
    "sessions/a/tiles/-1/0",
    "sessions/a/stems/1?start=0&frames=1e9",
    "sessions/a/stems/1?start=9&frames=9",
    "%ff%fe",
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
        good = [message for message in good_messages() if not message.name.startswith("hello")]
        body = wrong_request(dice, [{"verb": message.name, **message.model_dump(mode="json")} for message in good])
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
