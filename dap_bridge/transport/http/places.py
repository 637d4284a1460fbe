"""What a page names where a message has a path: it is told none, and the door puts them in.

`upload:ID` is a file that was uploaded; `stem:SESSION:INDEX` one of a session's stems, `stem:SESSION:INDEX:ALTERNATIVE`
one of another of its answers. Before them may stand what the field has before a path, as in `1:0:::upload:ID`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from ...domain import JOB_NAME
from ...jobs.shelf import Shelf
from ...jobs.uploads import Uploads
from . import views

# Fields that name files.
FIELDS = ("clip", "item", "like", "noise_like", "after", "stem")
UPLOAD = re.compile("((?:[0-9]*:)*)upload:(.*)")
STEM = re.compile(f"((?:[0-9]*:)*)stem:({JOB_NAME}):([0-9]{{1,4}})(?::([0-9]{{1,4}}))?")


class Places:
    def __init__(self, shelf: Shelf, uploads: Uploads) -> None:
        self._shelf, self._uploads = shelf, uploads

    async def put_into(self, message: Any) -> Any:
        """The message with paths in the place of names. Raises UnknownUpload, UnknownSession, ClipUnreadable."""
        if not isinstance(message, dict):
            return message
        return {key: await self._put(value) if key in FIELDS else value for key, value in message.items()}

    async def _put(self, value: Any) -> Any:
        if isinstance(value, list):
            return [await self._put(one) for one in value]
        if not isinstance(value, str):
            return value
        if match := UPLOAD.fullmatch(value):
            before, name = match.groups()
            return f"{before}{self._uploads.path(name)}"
        if match := STEM.fullmatch(value):
            before, session, index, alternative = match.groups()
            manifest = self._shelf.manifest(session)
            path = await asyncio.to_thread(views.stem, session, manifest, (int(alternative or 1), None), int(index))
            return f"{before}{path}"
        return value
