"""Files that a page uploads: streamed to the disk, and opened by a process of their own before they are kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ...errors import BadRequest, DapError, OutputUnwritable, UploadRefused
from ...jobs.shelf import Shelf
from ...jobs.uploads import Arriving, Upload, Uploads
from .answers import CHANGING, whole_number

# For a file to be opened; one that is decoded for so long is nobody's clip.
OPENING_S = 300.0
# What a page lists.
LATEST = 50


class Receiving:
    def __init__(self, shelf: Shelf, uploads: Uploads) -> None:
        self._shelf, self._uploads = shelf, uploads

    async def list_all(self, request: Request) -> Response:
        """The latest uploads, and how large one may be."""
        found = await asyncio.to_thread(self._uploads.all)
        about = {"most_bytes": self._uploads.most_bytes, "uploads": [upload.about() for upload in found[:LATEST]]}
        return JSONResponse(about, headers=CHANGING)

    async def take(self, request: Request) -> Response:
        """The body is the file, `name` what it is called. Raises UploadRefused, OutputUnwritable, BadRequest."""
        if request.headers.get("content-type") != "application/octet-stream":
            raise BadRequest("A file is sent as application/octet-stream.")
        if "content-length" not in request.headers:
            raise BadRequest("A file is sent with its length.")
        size = whole_number(request.headers["content-length"])
        if size > self._uploads.most_bytes:
            most = self._uploads.most_bytes / 2**30
            raise UploadRefused(
                f"The file has {size / 2**30:.3g} GiB, and may have {most:.3g}.",
                "Cut it, store it as FLAC, or raise the setting `upload_gib`.",
            )
        try:
            upload = await self._received(request, size)
        except DapError:
            await _read_out(request)  # else the browser, which still sends, does not hear why
            raise
        self._shelf.trim_uploads()
        return JSONResponse(upload.about(), headers=CHANGING)

    async def _received(self, request: Request, size: int) -> Upload:
        arriving = self._uploads.begin(request.query_params.get("name", ""), size)
        try:
            async for part in request.stream():
                await asyncio.to_thread(arriving.write, part)
            await asyncio.to_thread(arriving.close)
            about = await _opened(arriving)
            return arriving.keep(**about)
        except ClientDisconnect as error:
            arriving.discard()
            raise BadRequest("The file was cut short.") from error
        except OSError as error:
            arriving.discard()
            raise OutputUnwritable.because("the folder of uploads", error) from error
        except BaseException:
            arriving.discard()
            raise


async def _opened(arriving: Arriving) -> dict[str, Any]:
    """What the file holds: rate, channels, frames. Raises UploadRefused where it cannot be read.

    Its bytes are a stranger's: whatever they do to a decoder, they do it in a process of its own.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dap_bridge.audio.probe", str(arriving.path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), OPENING_S)
        about: dict[str, Any] = json.loads(said)
    except TimeoutError as error:
        raise UploadRefused(f"{arriving.name} takes too long to read.", "Cut it into shorter files.") from error
    except ValueError as error:  # it died
        raise UploadRefused(f"{arriving.name} cannot be read.", "It may be damaged: export it anew.") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if "message" in about:
        raise UploadRefused(about["message"].replace(str(arriving.path), arriving.name), about["hint"])
    return about


async def _read_out(request: Request) -> None:
    with contextlib.suppress(ClientDisconnect, RuntimeError):  # or it was read before
        async for _ in request.stream():
            pass
