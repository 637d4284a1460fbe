"""Chunks that know nothing of one another: computed here, one after the other, or by others, several at once."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

import torch

from .events import Alive, Note

Told = TypeVar("Told")
Result = TypeVar("Result")
# What is called with for a chunk, and a generator function that is; both can be pickled.
Call = tuple[Any, ...]
Run = Callable[..., Generator[Told, None, Result]]

# Between two signs of life, while others compute.
POLL_S = 0.1
FAILED = "Whoever computed chunks of the clip failed ({}): the job's own process computed those that were left."
# Calls beyond those that are computed, so that nobody waits for the next one.
AHEAD = 2


class Executor(Protocol):
    """Who computes in this process's place, as a concurrent.futures.Executor does. at_once: so many calls; none once
    there is nobody left who would.
    """

    @property
    def at_once(self) -> int: ...

    def submit(self, function: Callable[[bytes], bytes], packed: bytes, /) -> Future[bytes]:
        """Bytes cross, and no tensors, which torch would put into shared memory, a file descriptor each."""


@dataclass
class Spread:
    """Where chunks are computed. executor: None for this process, which also does what an executor has failed with."""

    executor: Executor | None

    @contextmanager
    def alike(self) -> Iterator[None]:
        """While others compute this process has one thread, as they have: how many threads make a sum decides how it is
        rounded. So the result does not depend on how many they are, nor on who has failed.
        """
        with nullcontext() if self.executor is None else one_thread():
            yield

    def map(self, run: Run[Told, Result], calls: Iterable[Call]) -> Generator[Told | Alive | Note, None, list[Result]]:
        """Call `run` for every chunk; passes on what it yields, and returns what it returns, in the order of `calls`.

        A call is asked for when it is its turn, or, by an executor, so much earlier that `AHEAD` wait for it: what is
        held never grows with the clip.
        """
        left = iter(calls)
        under_way: deque[tuple[Call, Future[bytes]]] = deque()
        found: list[Result] = []
        try:
            while self.executor is not None and (under_way or self.executor.at_once):
                for call in islice(left, max(0, self.executor.at_once + AHEAD - len(under_way))):
                    under_way.append((call, _submitted(self.executor, run, call)))
                if not under_way:
                    break
                first = under_way[0][1]
                if not wait([first], POLL_S).done:
                    yield Alive()
                    continue
                error = CancelledError() if first.cancelled() else first.exception()
                if error is not None:  # a process that was killed, memory that was short, a chunk that is bad
                    self.executor = None
                    yield Note(FAILED.format(_words(error)))
                else:
                    under_way.popleft()
                    told, result = pickle.loads(first.result())
                    yield from told
                    found.append(result)
        finally:
            for _, future in under_way:
                future.cancel()
        for call in chain((call for call, _ in under_way), left):
            found.append((yield from run(*call)))
        return found


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread is all that torch uses."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _submitted(executor: Executor, run: Run[Told, Result], call: Call) -> Future[bytes]:
    """Where it is not taken, the future says why."""
    try:
        return executor.submit(_done, pickle.dumps((run, call), pickle.HIGHEST_PROTOCOL))
    except (OSError, RuntimeError) as error:
        refused: Future[bytes] = Future()
        refused.set_exception(error)
        return refused


def _done(packed: bytes) -> bytes:
    """Runs in the executor: all that a call tells, and what it returns."""
    run, call = pickle.loads(packed)
    results: list[Any] = []

    def through() -> Generator[Any]:
        results.append((yield from run(*call)))

    with one_thread():
        told = list(through())
    return pickle.dumps((told, results[0]), pickle.HIGHEST_PROTOCOL)


def _words(error: BaseException) -> str:
    return ": ".join(filter(None, (type(error).__name__, str(error).partition("\n")[0])))
