"""A message that is sent again because its answer did not arrive is not heard twice (the header Idempotency-Key)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

# Outcomes that are kept; a page sends a message again within seconds.
KEPT = 64


class Once:
    """What was done under each of the last keys."""

    def __init__(self) -> None:
        self._outcomes: dict[str, asyncio.Task[Any]] = {}  # the oldest first

    async def do(self, key: str | None, act: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What `act` gives or raises: of those with one key the first is done, and its outcome is that of all."""
        if key is None:
            return await act()
        if key not in self._outcomes:
            if len(self._outcomes) >= KEPT:
                del self._outcomes[next(iter(self._outcomes))]
            self._outcomes[key] = asyncio.create_task(act())
        return await asyncio.shield(self._outcomes[key])
