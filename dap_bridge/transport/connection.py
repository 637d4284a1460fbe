"""A connection to the HTTP door, held no longer than it is of use.

Any user of the machine can open as many as he likes, and say nothing; each takes a descriptor that a job may need.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# From the moment that nothing is being answered, the whole head of a request has so long to come.
HEAD_S = 5.0
# A browser opens half a dozen, for all of its pages together.
MOST = 64
# Of the descriptors that the system lets the daemon have.
SHARE = 4
# Between two polls of those who want to come in; so many may be let in before the oldest have left.
BACKLOG = 16


def most() -> int:
    """Connections that are held at once: beyond, the oldest leaves, first of all one that never told the token."""
    try:
        import resource
    except ImportError:  # Windows
        return MOST
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if limit == resource.RLIM_INFINITY else min(MOST, limit // SHARE)


class Connection(H11Protocol):
    """What uvicorn makes of each. The guard finds it in a request's state, as `connection`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.app_state = {**self.app_state, "connection": self}
        self.known = False  # a request with the token came over it
        self.opened = time.monotonic()
        self._most = most()
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()
        if len(self.connections) > self._most:
            self._send_one_away()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        self._wait_for_head()
        super().on_response_complete()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _send_one_away(self) -> None:
        held = [one for one in self.connections if isinstance(one, Connection)]
        oldest = min(held, key=lambda one: (one.known, one.opened))
        self.connections.discard(oldest)  # as it will itself, but later
        oldest.transport.abort()
