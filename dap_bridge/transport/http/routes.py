"""Every address below the token, and what is answered there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ...errors import BadRequest, DapError
from .. import events, protocol
from ..door import Handle
from ..events import Event
from ..streams import Stream, Streams, as_json
from . import views
from .answers import CHANGING, UNCHANGING, json_body, no_such_thing, page_file, refused, whole_number

# Pictures are made by threads (numpy and libsndfile let others run meanwhile); the event loop only hands them on.
PAINTERS = 2

# Addresses of what is seen and heard of a session: the answer that its stems are, and its alternatives.
ANSWERS = ("/sessions/{session}", "/sessions/{session}/alternatives/{alternative:int}")


class Routes:
    """What lies below the token. `find`, `greet`: see HttpDoor."""

    def __init__(self, handle: Handle, find: Callable[[str], Path], greet: Callable[[], Event]) -> None:
        self._handle, self._find, self._greet = handle, find, greet
        self._streams = Streams()
        self._painters = ThreadPoolExecutor(PAINTERS, "painter")

    def end_streams(self) -> None:
        self._streams.end()

    def close(self) -> None:
        """What is asked for from now on is not answered."""
        self._painters.shutdown(wait=False, cancel_futures=True)

    def application(self) -> Starlette:
        routes = [
            Route("/edit", self._to_page),
            Route("/edit/{session:path}", self._page),
            Route("/assets/{name}", self._asset),
            Route("/sessions/{session}", self._session),
            *(Route(f"{answer}/tiles/{{level:int}}/{{index:int}}", self._tile) for answer in ANSWERS),
            *(Route(f"{answer}/stems/{{stem:int}}", self._samples) for answer in ANSWERS),
            Route("/messages", self._message, methods=["POST"]),
            Route("/sessions/{session}/messages", self._message, methods=["POST"]),
            Route("/events", self._events),
        ]
        return Starlette(routes=routes, exception_handlers={DapError: refused, HTTPException: no_such_thing})

    async def _to_page(self, request: Request) -> Response:
        return RedirectResponse("edit/", 308)

    async def _page(self, request: Request) -> Response:
        self._painters.submit(views.warm_up)  # while the browser reads the page
        return page_file("index.html")

    async def _asset(self, request: Request) -> Response:
        return page_file(request.path_params["name"])

    async def _session(self, request: Request) -> Response:
        return JSONResponse(await self._paint(views.view, *self._named(request)), headers=CHANGING)

    async def _tile(self, request: Request) -> Response:
        place = request.path_params
        content = await self._paint(views.tile, *self._answer(request), place["level"], place["index"])
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _samples(self, request: Request) -> Response:
        stem = request.path_params["stem"]
        start, frames = (whole_number(request.query_params.get(name)) for name in ("start", "frames"))
        content = await self._paint(views.samples, *self._answer(request), stem, start, frames)
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _message(self, request: Request) -> Response:
        """A message of the protocol, as the drop folder takes it; answered with the events that it brings at once.

        Below a session's address it is about the clip of that session, whose path a page is not told.
        """
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise BadRequest("A message is JSON.", "Send it as application/json.")
        message = await json_body(request)
        if "session" in request.path_params and isinstance(message, dict):
            message |= await self._paint(views.clip, *self._named(request))
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

    def _answer(self, request: Request) -> tuple[str, Path, int]:
        """The session that an address names, its manifest, and which of its answers."""
        return *self._named(request), request.path_params.get("alternative", 1)

    async def _paint(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._painters, work, *arguments)


class _Answer:
    """The events that answer one message at once; what follows is told by the event stream."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        self.events.append(event)
