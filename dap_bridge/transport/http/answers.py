"""What answers are made of: refusals, files of the pages, a message's JSON."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ...errors import (
    BadRequest,
    ClipUnreadable,
    DapError,
    Forbidden,
    JobConflict,
    OutputUnwritable,
    StoreUnavailable,
    UnknownJob,
    UnknownSession,
    UnknownUpload,
    UploadRefused,
)
from ...names import file_name
from ...web import FRONT, PAGE

MAX_BODY = 1 << 20

MEDIA = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
STATUS = {
    Forbidden: 403,
    UnknownJob: 404,
    UnknownSession: 404,
    UnknownUpload: 404,
    UploadRefused: 422,
    OutputUnwritable: 507,
    ClipUnreadable: 404,
    JobConflict: 409,
    BadRequest: 400,
    StoreUnavailable: 503,
}
UNCHANGING = {"cache-control": "private, max-age=86400, immutable"}
CHANGING = {"cache-control": "no-store"}


async def json_body(request: Request) -> Any:
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


def whole_number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise BadRequest("start and frames are whole numbers.", "Reload the page.")
    return int(text)


def attached(name: str) -> dict[str, str]:
    """Has the browser save an answer as a file of that name."""
    clean = file_name(name, "dap-bridge")
    return {"content-disposition": f"attachment; filename*=utf-8''{quote(clean, safe='')}"}


@cache
def _page_files() -> dict[str, tuple[bytes, str]]:
    """What the pages are made of, by the names that their addresses end with."""
    places = {"": PAGE, "front/": FRONT}
    found = [(below + path.name, path) for below, place in places.items() for path in place.iterdir()]
    return {name: (path.read_bytes(), MEDIA[path.suffix]) for name, path in found if path.suffix in MEDIA}


def page_file(name: str) -> Response:
    """A file of the pages. Raises HTTPException where there is none of that name."""
    if name not in _page_files():
        raise HTTPException(404)
    content, media_type = _page_files()[name]
    return Response(content, headers={"cache-control": "no-cache"}, media_type=media_type)


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, DapError)
    return error_response(error)


async def no_such_thing(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(BadRequest("There is nothing at this address."), error.status_code)


def error_response(error: DapError, status: int | None = None) -> JSONResponse:
    known = next((number for kind, number in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": error.as_dict()}, status or known, headers=CHANGING)
