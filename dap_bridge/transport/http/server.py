"""The port: opened, served, closed; where it was last time."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import uvicorn
from pydantic import BaseModel, Field

from ... import atomic
from ...config import LOOPBACK
from ...errors import PortTaken
from ...jobs.shelf import Shelf
from ...jobs.uploads import Uploads
from ..connection import BACKLOG, Connection
from ..door import Handle
from ..events import Event
from .guard import Guard
from .routes import Routes

TOKEN_BYTES = 24
GRACE_S = 1


class _Note(BaseModel):
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    port: Annotated[int, Field(ge=0, le=65535)]


class HttpDoor:
    """The daemon's HTTP port.

    `greet` gives what a page is told first. `note`: a file, for this user alone, in which token and port outlive the
    daemon, so that a page that is open finds the next one.
    """

    def __init__(self, handle: Handle, shelf: Shelf, uploads: Uploads, greet: Callable[[], Event], note: Path) -> None:
        self.port = 0
        self._note = note
        self._routes = Routes(handle, shelf, uploads, greet)
        self._token = ""
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def editor(self) -> str:
        """Where the page is, and a session's: this, and the session's name."""
        return f"http://{LOOPBACK}:{self.port}/{self._token}/edit/" if self.port else ""

    def tell(self, event: Event) -> None:
        """Every page that wants to know of all jobs."""
        self._routes.tell(event)

    async def open(self, port: int) -> None:
        """Listen on `port` of loopback; 0 takes the port of last time, or a free one. Raises PortTaken, OSError."""
        self._token, last = self._remembered()
        listener = _listen(port, last)
        self.port = listener.getsockname()[1]
        atomic.write_json(self._note, {"token": self._token, "port": self.port})
        guarded = Guard(self._routes.application(), self._token, self.port)
        config = uvicorn.Config(
            guarded,
            http=Connection,
            backlog=BACKLOG,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def close(self) -> None:
        self._routes.end_streams()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.gather(self._serving, return_exceptions=True)
        self._routes.close()

    def _remembered(self) -> tuple[str, int]:
        lost = "pages that are open do not find this daemon"
        noted = atomic.read_json(self._note, _Note.model_validate, lost)
        return (noted.token, noted.port) if noted else (secrets.token_urlsafe(TOKEN_BYTES), 0)


class _Server(uvicorn.Server):
    """Leaves the signals to the daemon."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(port: int, last: int) -> socket.socket:
    """A listening socket on loopback."""
    for number in [port] if port else [last, 0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # A connection of the daemon before may linger for a minute. (On Windows this option would share the port.)
            if hasattr(socket, "AF_UNIX"):
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, number))
            listener.listen()
            return listener
        except OSError as error:
            listener.close()
            trouble = error
    hint = "Choose another port with --http-port, or 0 for a free one."
    raise PortTaken(f"TCP port {port} cannot be opened: {trouble.strerror}.", hint) from trouble
