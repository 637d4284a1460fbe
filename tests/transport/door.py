"""The HTTP door of a running daemon, as tests ask it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.processes import Process

JSON = {"content-type": "application/json"}


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Door:
    """The address of a running daemon, asked with whatever headers a test invents."""

    def __init__(self, daemon: Process) -> None:
        self.daemon = daemon
        self.address = urlsplit(daemon.editor)
        self.root = self.address.path.removesuffix("edit/")
        self.host = self.address.netloc

    def raw(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        connection = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in ({"Host": self.host} | headers).items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.raw("GET", self.root + path, headers)

    def post(self, message: Any, headers: dict[str, str] | None = None, about: str = "") -> Reply:
        """about: below which address."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.raw("POST", f"{self.root}{about}messages", JSON | (headers or {}), body)
