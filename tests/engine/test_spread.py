"""Chunks that others compute: in order, few of them held at a time, and by this process where the others fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import torch

from dap_bridge.engine.events import Alive, Note, Step
from dap_bridge.engine.spread import AHEAD, Spread

COUNT = 20
GATE = threading.Event()


class Threads:
    """An executor; `fails` says which of its calls do."""

    at_once = 2

    def __init__(self, fails: Callable[[int], bool] = lambda _: False) -> None:
        self._pool = ThreadPoolExecutor(self.at_once)
        self._fails = fails
        self.futures: list[Future[bytes]] = []

    def submit(self, function: Callable[[bytes], bytes], packed: bytes, /) -> Future[bytes]:
        number = len(self.futures)
        self.futures.append(self._pool.submit(fail if self._fails(number) else function, packed))
        return self.futures[-1]


def fail(_: bytes) -> bytes:
    raise MemoryError("there is none")


def square(index: int, wait_s: float) -> Generator[Step, None, int]:
    """The later the sooner: what is ready first is not what comes first."""
    time.sleep(wait_s)
    yield Step("squaring", index, COUNT, index / COUNT)
    return index**2


def gated(index: int) -> Generator[Step, None, int]:
    GATE.wait()
    yield Step("waiting", index, COUNT, index / COUNT)
    return index


def through(spread: Spread, calls: Iterator[tuple[int, float]]) -> tuple[list[int], list[object]]:
    told: list[object] = []

    def run() -> Generator[object, None, list[int]]:
        found = yield from spread.map(square, calls)
        told.append(found)
        return found

    told = [*run(), *told]
    assert isinstance(told[-1], list)
    return told[-1], [event for event in told[:-1] if not isinstance(event, Alive)]


@pytest.mark.parametrize("fails", [lambda _: False, lambda n: n == 5, lambda _: True], ids=["none", "one", "all"])
def test_all_is_told_in_order_as_without_an_executor_whoever_fails(fails: Callable[[int], bool]) -> None:
    waits = [0.02 * (index % 3 == 0) for index in range(COUNT)]
    expected = through(Spread(None), iter(enumerate(waits)))
    found, told = through(Spread(Threads(fails)), iter(enumerate(waits)))
    notes = [event for event in told if isinstance(event, Note)]
    assert (found, [event for event in told if isinstance(event, Step)]) == expected
    assert len(notes) == any(map(fails, range(COUNT)))
    assert all("MemoryError: there is none" in note.message for note in notes)


def test_no_more_chunks_are_read_than_are_soon_computed() -> None:
    read, done, most = 0, 0, 0

    def calls() -> Iterator[tuple[int, float]]:
        nonlocal read, most
        for index in range(COUNT):
            read += 1
            most = max(most, read - done)
            yield index, 0.01

    for event in Spread(Threads()).map(square, calls()):
        done += isinstance(event, Step)
    assert done == COUNT
    assert most == Threads.at_once + AHEAD


def test_who_waits_may_go_away() -> None:
    executor = Threads()
    run = Spread(executor).map(gated, ((index,) for index in range(COUNT)))
    assert isinstance(next(run), Alive)
    run.close()
    GATE.set()
    assert len(executor.futures) == Threads.at_once + AHEAD
    assert all(future.cancelled() for future in executor.futures[Threads.at_once :])


def test_what_goes_wrong_with_reading_is_not_the_executors_fault() -> None:
    def calls() -> Iterator[tuple[int, float]]:
        yield 0, 0.0
        raise KeyError("the drive is gone")

    with pytest.raises(KeyError):
        through(Spread(Threads()), calls())


def test_this_process_has_one_thread_as_the_others_do_and_then_its_own_again() -> None:
    before = torch.get_num_threads()
    try:
        for executor, threads in ((None, 2), (Threads(), 1)):
            torch.set_num_threads(2)
            with Spread(executor).alike():
                assert torch.get_num_threads() == threads
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
