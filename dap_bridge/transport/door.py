"""What every door of the daemon has in common: messages go in with a place for the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..verbs.request import Verb
from .events import Event


class Sink(Protocol):
    """Where the answers to one asker go. Equal sinks are one asker, told once."""

    def send(self, event: Event) -> None: ...

    def __hash__(self) -> int: ...


# Does what the message asks; further events go to the sink as they happen. Raises DapError where it is refused.
Handle = Callable[[Verb, Sink | None], None]
