"""Event streams of open pages (server-sent events): each is told what happens until the page or the daemon ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from .events import Event

PING_S = 15.0
# Of a page that does not read: the oldest are left out.
MAX_WAITING = 200
# Pages that are told what happens; beyond, the oldest has to ask anew.
MAX_STREAMS = 16


class Stream:
    """The events that one open page is told, until one of both ends it. of_all: whether of every job."""

    def __init__(self, of_all: bool = False) -> None:
        self.of_all = of_all
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()

    def send(self, event: Event) -> None:
        if self._waiting.qsize() >= MAX_WAITING:
            self._waiting.get_nowait()
        self._waiting.put_nowait(event)

    def end(self) -> None:
        self._waiting.put_nowait(None)

    async def texts(self) -> AsyncIterator[str]:
        yield "retry: 500\n\n"
        while True:
            try:
                event = await asyncio.wait_for(self._waiting.get(), PING_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if event is None:
                return
            yield f"event: {event.name}\ndata: {json.dumps(as_json(event), ensure_ascii=False)}\n\n"


class Streams:
    """Those that are open."""

    def __init__(self) -> None:
        self._open: dict[Stream, None] = {}  # the oldest first

    def add(self, stream: Stream) -> None:
        if len(self._open) >= MAX_STREAMS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.end()
        self._open[stream] = None

    def tell(self, event: Event) -> None:
        """To those that are told of every job."""
        for stream in self._open:
            if stream.of_all:
                stream.send(event)

    async def texts(self, stream: Stream) -> AsyncIterator[str]:
        """What goes out on the stream; it is open no longer than somebody reads."""
        try:
            async for text in stream.texts():
                yield text
        finally:
            self._open.pop(stream, None)

    def end(self) -> None:
        for stream in tuple(self._open):
            stream.end()


def as_json(event: Event) -> dict[str, Any]:
    """An event as pages get it: its fields, and its name as `event`."""
    return {"event": event.name, **event.model_dump(mode="json")}
