"""The worker's process: how it begins and ends, and what is called in it.

It is spawned, never forked: the daemon has threads, and CUDA does not survive a fork. What it computes with is named by
"module:function" and looked up over there, so that the daemon never imports what that needs.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import pkgutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ....domain import Job, Lane
from ... import device as devices
from ...folder import JobFolder
from ...sessions import Sessions
from .mailbox import Mailbox
from .processes import Helpers, nobody
from .spawned import end_with_parent

# Below the DAW and the daemon; what a person waits for gets most of the cores, beside a long job.
NICENESS = {Lane.BATCH: 10, Lane.INTERACTIVE: 2}


@dataclass(frozen=True)
class Share:
    """Of the machine: what a worker takes that is `number`, from 1, of `of` alike."""

    number: int = 1
    of: int = 1

    @property
    def threads(self) -> int:
        threads = max(1, (os.cpu_count() or 1) // self.of)
        with contextlib.suppress(KeyError, ValueError):  # whoever set a limit wants no more
            threads = min(threads, int(os.environ["OMP_NUM_THREADS"]))
        return threads

    def take(self, lane: Lane) -> None:
        """In a new process, before anything computes: threads are shared out, GPUs where there are several, and the
        memory of each.
        """
        gpus = 1
        if self.of > 1:
            os.environ["OMP_NUM_THREADS"] = str(self.threads)
            import torch

            if (gpus := max(1, torch.cuda.device_count())) > 1:
                torch.cuda.set_device((self.number - 1) % gpus)
        devices.take_share(lane, math.ceil(self.of / gpus))


def pool(lane: Lane = Lane.BATCH, share: Share = Share()) -> Executor:
    """One process, which starts with the first call."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin, (lane, share))


def call(name: str, *arguments: Any) -> Any:
    """The answer of "module:function"."""
    return pkgutil.resolve_name(name)(*arguments)


def run(name: str, job: Job, folder: Path, data: Path, helpers: Helpers = nobody) -> Path:
    """The manifest of a job that "module:function" does, which takes the job, its Control and a place for results.

    folder: the job's; data: the daemon's, where sessions are kept; helpers: see `LocalWorker`.
    """
    place = JobFolder(folder)
    with _temporary_files_in(place.scratch), helpers() as executor:
        manifest: Path = call(name, job, Mailbox(place, Sessions.below(data), executor), place.results())
    return manifest


def all_ended(within_s: float) -> bool:
    """Whether every process that was started here is gone, at the latest after so many seconds."""
    deadline = time.monotonic() + within_s
    for process in multiprocessing.active_children():
        process.join(max(0.0, deadline - time.monotonic()))
    return not multiprocessing.active_children()


def _begin(lane: Lane, share: Share) -> None:
    """First thing in a new process."""
    end_with_parent()
    _give_way(lane)
    share.take(lane)


def _give_way(lane: Lane) -> None:
    process = psutil.Process()
    if not psutil.WINDOWS:
        process.nice(max(process.nice(), NICENESS[lane]))  # nobody may raise what the daemon was started with
    elif lane is Lane.BATCH:
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """What a killed worker leaves there is found, and removed."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
