"""HTTP on loopback: the mask editor page, what it shows and plays, and the protocol's messages and events for it.

A browser shows pages of the whole world, and any of them may try what this door answers. So everything lies below a
secret path that only the daemon's user can read; what names another host or comes from another origin is refused; and
a session is known by its name alone, never by a path.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import atomic
from ..config import LOOPBACK
from ..errors import (
    BadRequest,
    ClipUnreadable,
    DapError,
    Forbidden,
    JobConflict,
    PortTaken,
    StoreUnavailable,
    UnknownJob,
    UnknownSession,
)
from ..web import PAGE
from . import events, protocol
from .connection import BACKLOG, Connection
from .door import Handle
from .events import Event
from .streams import Stream, Streams, as_json

log = logging.getLogger(__name__)

MAX_BODY = 1 << 20
TOKEN_BYTES = 24
# Pictures are made by threads (numpy and libsndfile let others run meanwhile); the event loop only hands them on.
PAINTERS = 2
GRACE_S = 1

# Addresses of what is seen and heard of a session: the answer that its stems are, its alternatives,
# and of several clips each.
ANSWERS = (
    "/sessions/{session}",
    "/sessions/{session}/alternatives/{alternative:int}",
    "/sessions/{session}/clips/{clip:int}",
)
MEDIA = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
STATUS = {
    Forbidden: 403,
    UnknownJob: 404,
    UnknownSession: 404,
    ClipUnreadable: 404,
    JobConflict: 409,
    BadRequest: 400,
    StoreUnavailable: 503,
}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
UNCHANGING = {"cache-control": "private, max-age=86400, immutable"}
CHANGING = {"cache-control": "no-store"}


class _Note(BaseModel):
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    port: Annotated[int, Field(ge=0, le=65535)]


class HttpDoor:
    """The daemon's HTTP port.

    `find` gives the manifest of a session's name or raises DapError; `greet` what a page is told first. `note`: a file,
    for this user alone, in which token and port outlive the daemon, so that a page that is open finds the next one.
    """

    def __init__(self, handle: Handle, find: Callable[[str], Path], greet: Callable[[], Event], note: Path) -> None:
        self.port = 0
        self._handle, self._find, self._greet, self._note = handle, find, greet, note
        self._token = ""
        self._streams = Streams()
        self._painters = ThreadPoolExecutor(PAINTERS, "painter")
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def editor(self) -> str:
        """Where a session's page is found: this, and the session's name."""
        return f"http://{LOOPBACK}:{self.port}/{self._token}/edit/" if self.port else ""

    async def open(self, port: int) -> None:
        """Listen on `port` of loopback; 0 takes the port of last time, or a free one. Raises PortTaken, OSError."""
        self._token, last = self._remembered()
        listener = _listen(port, last)
        self.port = listener.getsockname()[1]
        atomic.write_json(self._note, {"token": self._token, "port": self.port})
        guarded = _Guard(self._application(), self._token, self.port)
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
        self._streams.end()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.gather(self._serving, return_exceptions=True)
        self._painters.shutdown(wait=False, cancel_futures=True)

    def _remembered(self) -> tuple[str, int]:
        lost = "pages that are open do not find this daemon"
        noted = atomic.read_json(self._note, _Note.model_validate, lost)
        return (noted.token, noted.port) if noted else (secrets.token_urlsafe(TOKEN_BYTES), 0)

    def _application(self) -> Starlette:
        routes = [
            Route("/edit", self._to_page),
            Route("/edit/{session:path}", self._page),
            Route("/assets/{name}", self._asset),
            Route("/sessions/{session}", self._session),
            Route("/sessions/{session}/clips/{clip:int}", self._session),
            *(Route(f"{answer}/tiles/{{windows:int}}/{{level:int}}/{{index:int}}", self._tile) for answer in ANSWERS),
            *(Route(f"{answer}/waveform", self._waveform) for answer in ANSWERS),
            *(Route(f"{answer}/stems/{{stem:int}}", self._samples) for answer in ANSWERS),
            Route("/messages", self._message, methods=["POST"]),
            Route("/sessions/{session}/messages", self._message, methods=["POST"]),
            Route("/events", self._events),
        ]
        return Starlette(routes=routes, exception_handlers={DapError: _refused, HTTPException: _no_such_thing})

    async def _to_page(self, request: Request) -> Response:
        return RedirectResponse(self.editor, 308)

    async def _page(self, request: Request) -> Response:
        self._painters.submit(_warm_up)  # while the browser reads the page
        return _file("index.html")

    async def _asset(self, request: Request) -> Response:
        return _file(request.path_params["name"])

    async def _session(self, request: Request) -> Response:
        return JSONResponse(await self._paint("view", *self._answer(request)), headers=CHANGING)

    async def _tile(self, request: Request) -> Response:
        place = [request.path_params[name] for name in ("windows", "level", "index")]
        content = await self._paint("tile", *self._answer(request), *place)
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _waveform(self, request: Request) -> Response:
        content = await self._paint("waveform", *self._answer(request))
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _samples(self, request: Request) -> Response:
        stem = request.path_params["stem"]
        start, frames = (_whole_number(request.query_params.get(name)) for name in ("start", "frames"))
        content = await self._paint("samples", *self._answer(request), stem, start, frames)
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _message(self, request: Request) -> Response:
        """A message of the protocol, as the drop folder takes it; answered with the events that it brings at once.

        Below a session's address it is about the clip of that session, whose path a page is not told.
        """
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise BadRequest("A message is JSON.", "Send it as application/json.")
        message = await _body(request)
        if "session" in request.path_params and isinstance(message, dict):
            message |= await self._paint("clip", *self._named(request))
        answer = _Answer()
        self._handle(protocol.parse_object(message), answer)
        return JSONResponse([as_json(event) for event in answer.events], headers=CHANGING)

    async def _events(self, request: Request) -> Response:
        """Server-sent events: `welcome`, and, with ?job=NAME, how the job stands and all that happens to it."""
        job = request.query_params.get("job")
        stream = Stream()
        stream.send(self._greet())
        if job is not None:
            try:
                self._handle(protocol.parse("status", {"job": job}), stream)
            except DapError as error:
                stream.send(events.Failed(job=protocol.job_named({"job": job}), **error.as_dict()))
        self._streams.add(stream)
        return StreamingResponse(self._streams.texts(stream), headers=CHANGING, media_type="text/event-stream")

    def _named(self, request: Request) -> tuple[str, Path]:
        """The session that an address names, and its manifest. Raises what `find` raises."""
        name = request.path_params["session"]
        return name, self._find(name)

    def _answer(self, request: Request) -> tuple[str, Path, tuple[int, int | None]]:
        """The session that an address names, its manifest, and which of its answers or clips."""
        place = request.path_params
        return *self._named(request), (place.get("alternative", 1), place.get("clip"))

    async def _paint(self, what: str, *arguments: Any) -> Any:
        """What a function of web/shown.py answers, by its name."""
        return await asyncio.get_running_loop().run_in_executor(self._painters, _shown, what, *arguments)


class _Server(uvicorn.Server):
    """Leaves the signals to the daemon."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Guard:
    """Lets nothing pass that did not come from the page, and tells the browser to do the same."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._prefix = f"/{token}"
        self._hosts = frozenset(f"{name}:{port}" for name in (LOOPBACK, "localhost"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        reason = self._objection(Headers(scope=scope), scope)
        if reason:
            log.info("refused %s over HTTP: %s", scope["method"], reason)
            await _error(Forbidden(reason))(scope, receive, send_guarded)
        else:
            scope["state"]["connection"].known = True
            inner = {**scope, "path": scope["path"].removeprefix(self._prefix) or "/"}
            await self._app(inner, receive, send_guarded)

    def _objection(self, headers: Headers, scope: Scope) -> str:
        """Why the request is refused; empty where it is not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:  # a name of somebody else's that resolves to this machine (DNS rebinding)
            return f"It was addressed to {protocol.shorten(host)!r}."
        if origin is not None and origin != f"http://{host}":
            return f"It came from {protocol.shorten(origin)!r}."
        # `none`: the user's own doing, an address typed or opened by a program.
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "It came from another site."
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return f"{scope['method']} is not in use."
        first = scope["path"][: len(self._prefix) + 1].encode()
        if not secrets.compare_digest(first.removesuffix(b"/"), self._prefix.encode()):
            return "The address holds no valid token."
        return ""


class _Answer:
    """The events that answer one message at once; what follows is told by the event stream."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        self.events.append(event)


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


async def _body(request: Request) -> Any:
    """The JSON value of a request's body, read no further than the limit."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                raise BadRequest(f"A message has at most {MAX_BODY} bytes.")
        return json.loads(body)
    except ClientDisconnect as error:
        raise BadRequest("The message was cut short.") from error
    except (ValueError, RecursionError) as error:
        raise BadRequest("The message is not JSON.") from error


def _whole_number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise BadRequest("start and frames are whole numbers.", "Reload the page.")
    return int(text)


@cache
def _page_files() -> dict[str, tuple[bytes, str]]:
    return {path.name: (path.read_bytes(), MEDIA[path.suffix]) for path in PAGE.iterdir() if path.suffix in MEDIA}


def _file(name: str) -> Response:
    """A file of the page. Raises HTTPException where there is none of that name."""
    if name not in _page_files():
        raise HTTPException(404)
    content, media_type = _page_files()[name]
    return Response(content, headers={"cache-control": "no-cache"}, media_type=media_type)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, DapError)
    return _error(error)


async def _no_such_thing(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(BadRequest("There is nothing at this address."), error.status_code)


def _error(error: DapError, status: int | None = None) -> JSONResponse:
    known = next((number for kind, number in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": error.as_dict()}, status or known, headers=CHANGING)


def _warm_up() -> None:
    """Load what pictures need: half a second that the daemon's own start is spared."""
    from ..web import shown  # noqa: F401


def _shown(what: str, *arguments: Any) -> Any:
    from ..web import shown

    return getattr(shown, what)(*arguments)
