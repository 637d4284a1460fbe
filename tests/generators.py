"""What a generator returns, which nobody but `yield from` would say."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

Result = TypeVar("Result")


def drain(steps: Generator[Any, None, Result], told: list[Any] | None = None) -> Result:
    """What `steps` returns in the end; what it yields on the way is added to `told`."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        if told is not None:
            told.append(step)
