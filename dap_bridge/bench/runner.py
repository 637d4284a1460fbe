"""Runs the trials of a benchmark, some of which may be finished already, and says how long the rest takes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..domain import Progress
from ..errors import DapError, WorkerDied
from .store import Row, Store, environment

INTERRUPTED = 130  # exit status of a process that was stopped by ctrl-C


class Trial(Protocol):
    """One thing to measure, in any process: it is pickled on the way there."""

    @property
    def key(self) -> str:
        """Its name among all trials of the benchmark; a file is called after it."""

    def identity(self) -> dict[str, Any]:
        """What its result depends on, as JSON values: a cached row with another identity is made again."""

    def run(self, folder: Path) -> Row:
        """The result, as JSON values; pictures' data may be left in `folder`. Raises DapError."""


@dataclass
class Outcome:
    """failed: key -> the error of trials that had one; reused: how many trials were finished before."""

    reused: int = 0
    finished: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def run(trials: Sequence[Trial], store: Store, jobs: int, show: Callable[[Progress], None]) -> Outcome:
    """Run the `trials` that the store does not hold, in `jobs` processes; every finished one is on disk at once."""
    rows = store.rows()
    left = [trial for trial in trials if trial.key not in rows or rows[trial.key]["identity"] != trial.identity()]
    outcome = Outcome(reused=len(trials) - len(left))
    began = time.monotonic()
    show(Progress(stage="starting", iterations=len(left)))
    for trial, result in _results(left, store.folder, jobs):
        if isinstance(result, DapError):
            outcome.failed[trial.key] = result.message
        else:
            store.add({"key": trial.key, "identity": trial.identity(), **result, "environment": environment()})
            outcome.finished += 1
        done = outcome.finished + len(outcome.failed)
        each = (time.monotonic() - began) / done
        show(
            Progress(
                fraction=done / len(left),
                stage=trial.key,
                iteration=done,
                iterations=len(left),
                seconds_left=each * (len(left) - done),
                device=result.get("device", "cpu") if isinstance(result, dict) else "failed",
            )
        )
    return outcome


def _results(trials: Sequence[Trial], folder: Path, jobs: int) -> Iterator[tuple[Trial, Row | DapError]]:
    if jobs == 1 or len(trials) < 2:
        for trial in trials:
            yield trial, _attempt(trial, folder)
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_limit_threads, initargs=(threads,)) as pool:
        futures: dict[Future[Row | DapError], Trial] = {
            pool.submit(_attempt_in_pool, trial, folder): trial for trial in trials
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except KeyboardInterrupt:
            # A worker that the signal met while it held the pool's lock would be waited for in vain.
            for child in multiprocessing.active_children():
                child.kill()
            raise
        except BrokenProcessPool as error:
            raise WorkerDied("A process of the benchmark died.", "Finished items are kept; run it again.") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _attempt(trial: Trial, folder: Path) -> Row | DapError:
    try:
        return trial.run(folder)
    except DapError as error:
        return error


def _attempt_in_pool(trial: Trial, folder: Path) -> Row | DapError:
    try:
        return _attempt(trial, folder)
    except KeyboardInterrupt:
        # ctrl-C reaches every process of the terminal; one that came back would begin with the next trial
        os._exit(INTERRUPTED)


def _limit_threads(threads: int) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)
