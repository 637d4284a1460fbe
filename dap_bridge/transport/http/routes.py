"""Every address below the token, and what is answered there."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ...errors import BadRequest, DapError, UnknownSession
from ...jobs.shelf import Shelf
from ...jobs.uploads import Uploads
from .. import events, protocol
from ..door import Handle
from ..events import Event
from ..streams import Stream, Streams, as_json
from . import views
from .answers import CHANGING, UNCHANGING, attached, json_body, no_such_thing, page_file, refused, whole_number
from .once import Once
from .places import Places
from .receiving import Receiving
from .zipped import zipped

# Pictures are made by threads (numpy and libsndfile let others run meanwhile); the event loop only hands them on.
# What takes seconds of a long clip (a search, a project) has a thread of its own, and is in no picture's way.
PAINTERS, PATIENT = 2, 1

# Addresses of what is seen and heard of a session: the answer that its stems are, its alternatives,
# and of several clips each.
ANSWERS = (
    "/sessions/{session}",
    "/sessions/{session}/alternatives/{alternative:int}",
    "/sessions/{session}/clips/{clip:int}",
)


class Routes:
    """What lies below the token. `greet`: see HttpDoor."""

    def __init__(self, handle: Handle, shelf: Shelf, uploads: Uploads, greet: Callable[[], Event]) -> None:
        self._handle, self._shelf, self._greet = handle, shelf, greet
        self._places = Places(shelf, uploads)
        self._receiving = Receiving(shelf, uploads)
        self._once = Once()
        self._streams = Streams()
        self._painters = ThreadPoolExecutor(PAINTERS, "painter")
        self._patient = ThreadPoolExecutor(PATIENT, "patient")

    def tell(self, event: Event) -> None:
        self._streams.tell(event)

    def end_streams(self) -> None:
        self._streams.end()

    def close(self) -> None:
        """What is asked for from now on is not answered."""
        for threads in (self._painters, self._patient):
            threads.shutdown(wait=False, cancel_futures=True)

    def application(self) -> Starlette:
        routes = [
            Route("/edit", self._to_page),
            Route("/edit/{session:path}", self._page),
            Route("/assets/{name:path}", self._asset),
            Route("/sessions/{session}", self._session),
            Route("/sessions/{session}/clips/{clip:int}", self._session),
            *(Route(f"{answer}/tiles/{{windows:int}}/{{level:int}}/{{index:int}}", self._tile) for answer in ANSWERS),
            *(Route(f"{answer}/waveform", self._waveform) for answer in ANSWERS),
            *(Route(f"{answer}/stems/{{stem:int}}", self._samples) for answer in ANSWERS),
            *(Route(f"{answer}/similar", self._similar) for answer in ANSWERS),
            Route("/messages", self._message, methods=["POST"]),
            Route("/sessions/{session}/messages", self._message, methods=["POST"]),
            Route("/events", self._events),
            Route("/verbs", self._verbs),
            Route("/uploads", self._receiving.list_all),
            Route("/uploads", self._receiving.take, methods=["POST"]),
            Route("/sessions/{session}/files", self._all_files),
            Route("/sessions/{session}/dawproject", self._project),
            *(Route(f"{answer}/files/{{stem:int}}", self._stem_file) for answer in ANSWERS),
        ]
        return Starlette(routes=routes, exception_handlers={DapError: refused, HTTPException: no_such_thing})

    async def _to_page(self, request: Request) -> Response:
        return RedirectResponse("edit/", 308)

    async def _page(self, request: Request) -> Response:
        if not request.path_params["session"]:
            return page_file("front/index.html")
        self._painters.submit(views.warm_up)  # while the browser reads the page
        return page_file("index.html")

    async def _asset(self, request: Request) -> Response:
        return page_file(request.path_params["name"])

    async def _session(self, request: Request) -> Response:
        return JSONResponse(await self._paint(views.view, *self._answer(request)), headers=CHANGING)

    async def _tile(self, request: Request) -> Response:
        place = [request.path_params[name] for name in ("windows", "level", "index")]
        content = await self._paint(views.tile, *self._answer(request), *place)
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _waveform(self, request: Request) -> Response:
        content = await self._paint(views.waveform, *self._answer(request))
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _samples(self, request: Request) -> Response:
        stem = request.path_params["stem"]
        start, frames = (whole_number(request.query_params.get(name)) for name in ("start", "frames"))
        content = await self._paint(views.samples, *self._answer(request), stem, start, frames)
        return Response(content, headers=UNCHANGING, media_type="application/octet-stream")

    async def _similar(self, request: Request) -> Response:
        found = await self._ponder(views.similar, *self._answer(request), request.query_params)
        return JSONResponse(found, headers=CHANGING)

    async def _message(self, request: Request) -> Response:
        """A message of the protocol, as the drop folder takes it; answered with the events that it brings at once.

        Below a session's address it is about the clip of that session, whose path a page is not told; nor is it told
        those of uploads and stems, and names them as Places says. What comes again under its key is answered as before.
        """
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise BadRequest("A message is JSON.", "Send it as application/json.")
        message = await json_body(request)
        if "session" in request.path_params and isinstance(message, dict):
            message |= await self._paint(views.clip, *self._named(request))
        told = await self._once.do(request.headers.get("idempotency-key"), lambda: self._heard(message))
        return JSONResponse(told, headers=CHANGING)

    async def _heard(self, message: Any) -> list[dict[str, Any]]:
        answer = _Answer()
        self._handle(protocol.parse_object(await self._places.put_into(message)), answer)
        return [as_json(event) for event in answer.events]

    async def _events(self, request: Request) -> Response:
        """Server-sent events: `welcome`, and, with ?job=NAME, how the job stands and all that happens to it.

        With ?jobs=all all that happens to any, from now on.
        """
        job = request.query_params.get("job")
        stream = Stream(of_all=request.query_params.get("jobs") == "all")
        stream.send(self._greet())
        if job is not None:
            try:
                self._handle(protocol.parse("status", {"job": job}), stream)
            except DapError as error:
                stream.send(events.Failed(job=protocol.job_named({"job": job}), **error.as_dict()))
        self._streams.add(stream)
        return StreamingResponse(self._streams.texts(stream), headers=CHANGING, media_type="text/event-stream")

    async def _verbs(self, request: Request) -> Response:
        """What can be asked of a clip: of each verb its presets, the usual one first."""
        return JSONResponse(await self._paint(views.verbs), headers=CHANGING)

    async def _stem_file(self, request: Request) -> Response:
        """A stem as a file of its own, to be saved."""
        title = self._shelf.title(request.path_params["session"])
        found = dict(await self._paint(views.saved, title, *self._answer(request)))
        stem = found.get(request.path_params["stem"])
        if stem is None:
            raise UnknownSession(f"There is no stem {request.path_params['stem']}.")
        return FileResponse(stem.path, headers=CHANGING | attached(stem.name))

    async def _all_files(self, request: Request) -> Response:
        """All stems of a session as one zip file."""
        title = self._shelf.title(request.path_params["session"])
        found = [file for _, file in await self._paint(views.saved, title, *self._named(request))]
        return StreamingResponse(
            zipped(found), headers=CHANGING | attached(f"{title}.zip"), media_type="application/zip"
        )

    async def _project(self, request: Request) -> Response:
        """A result as a DAWproject, which is gone from here once it is sent."""
        name, manifest = self._named(request)
        path = await self._ponder(views.dawproject, manifest)
        gone = BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True)
        headers = CHANGING | attached(f"{self._shelf.title(name)}.dawproject")
        return FileResponse(path, headers=headers, background=gone, media_type="application/octet-stream")

    def _named(self, request: Request) -> tuple[str, Path]:
        """The session that an address names, and its manifest. Raises UnknownSession, BadRequest."""
        name = request.path_params["session"]
        return name, self._shelf.shown(name)

    def _answer(self, request: Request) -> tuple[str, Path, views.Part]:
        """The session that an address names, its manifest, and which of its answers or clips."""
        place = request.path_params
        return *self._named(request), (place.get("alternative", 1), place.get("clip"))

    async def _paint(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._painters, work, *arguments)

    async def _ponder(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._patient, work, *arguments)


class _Answer:
    """The events that answer one message at once; what follows is told by the event stream."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        self.events.append(event)
