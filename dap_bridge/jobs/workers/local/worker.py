"""A lane: one device, and the one warm process that computes on it.

The process is spawned, never forked: the daemon has threads, and CUDA does not survive a fork. The functions it runs
are named by "module:function" and looked up over there, so that the daemon never imports what they need.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import multiprocessing
import multiprocessing.connection
import os
import pkgutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter

from .... import atomic
from ....domain import Job
from ....errors import DapError, OutOfMemory, WorkerDied, WorkerStuck
from ...device import tells_of_memory

log = logging.getLogger(__name__)

RUN = "dap_bridge.jobs.worker:run_job"
PROBE = "dap_bridge.jobs.worker:probe"
# A probe that takes its process down with it would do so for ever.
PROBE_ATTEMPTS = 3
# Below the DAW and the daemon.
NICENESS = 10
PREDECESSOR_TIMEOUT_S = 5.0
# What reaches every process of a terminal is the daemon's to handle.
_FROM_TERMINAL = {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}
# pid and time of creation of each process
_NOTE = TypeAdapter(list[tuple[int, float]])
# How often work is looked at. Limits are counted in looks: no time passes while the daemon is stopped or the machine
# sleeps, so that neither is held against the worker.
POLL_S = 0.1
REAPED_POLLS, REAPED_S = 50, 0.01


class WorkerGone(Exception):
    """The process ended before it answered. exit_code: negative for a signal, None where it is not known."""

    def __init__(self, exit_code: int | None = None) -> None:
        super().__init__()
        self.exit_code = exit_code


def process_pool() -> Executor:
    """One process on this machine. Whatever else has an Executor's shape (Ray, Dask) may stand in its place."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin)


class Lane:
    """Runs one job at a time on `wanted`, the device to probe for; `note`: a file to remember its process in.

    stall_s: how long a probe may take.
    """

    def __init__(
        self,
        wanted: str,
        note: Path,
        run: str = RUN,
        probe: str = PROBE,
        executor: Callable[[], Executor] = process_pool,
        *,
        stall_s: float,
    ) -> None:
        self.wanted = wanted
        self._stall_s = stall_s
        self.device = ""
        self.device_reason = "The device is being probed."
        self._note = note
        self._run, self._probe = run, probe
        self._new_executor = executor
        self._executor: Executor | None = None
        self._processes: list[BaseProcess] = []
        self._warm = False

    def end_predecessor(self) -> None:
        """End the process that a killed daemon left, if it has not noticed yet. Call before the first `warm`."""
        lost = "a worker that a killed daemon left may be running still"
        for pid, created in atomic.read_json(self._note, _NOTE.validate_python, lost) or ():
            with contextlib.suppress(psutil.Error, ValueError):
                process = psutil.Process(pid)
                if process.create_time() == created:
                    process.kill()
                    process.wait(PREDECESSOR_TIMEOUT_S)

    async def warm(self) -> None:
        """Come back when the process is up and has loaded what it needs. Raises WorkerStuck where it never is."""
        if self._warm:
            return
        for _ in range(PROBE_ATTEMPTS):
            try:
                answer = await self._probed()
                self.device, self.device_reason = answer["device"], answer["device_reason"]
                break
            except WorkerGone:
                self.device_reason = "The worker process ended while it probed the device."
            except WorkerStuck as error:
                self.device, self.device_reason = "", error.message
                raise
            except DapError as error:
                self.device_reason = error.message
                break
            except Exception as error:
                # A job will fail in the same way, and then its sender is told.
                self.device_reason = f"The probe failed: {error}"
                log.exception("the probe of device %s failed", self.wanted)
                break
        log.info("device %s: %s", self.device or "unknown", self.device_reason)
        self._warm = True

    async def _probed(self) -> dict[str, str]:
        work = asyncio.ensure_future(self._submit(self._probe, self.wanted))
        try:
            for _ in range(math.ceil(self._stall_s / POLL_S)):
                if (await asyncio.wait({work}, timeout=POLL_S))[0]:
                    return work.result()
        finally:
            work.cancel()
        self.kill()
        raise WorkerStuck(
            f"The worker process did not answer for {self._stall_s:g} s while it probed the device.",
            "If the GPU does not answer, start the daemon with DAP_BRIDGE_DEVICE=cpu; `stall_s` sets the limit.",
        )

    async def run(self, job: Job, folder: Path) -> dict[str, Any]:
        """Run the job. Raises what it raises, or WorkerGone."""
        answer: dict[str, Any] = await self._submit(self._run, job, str(folder))
        return answer

    def kill(self) -> None:
        """End the process at once: what it was running raises WorkerGone; the next `warm` starts another.

        A process that the system cannot end (it waits for a drive or a driver) is left to itself.
        """
        for process in self._processes:
            process.kill()
        self._drop()

    def close(self) -> None:
        """End the process for good."""
        self.kill()
        self._note.unlink(missing_ok=True)

    async def _submit(self, name: str, *arguments: Any) -> Any:
        try:
            before = set(multiprocessing.active_children())
            with _interrupt_blocked():
                future = self._start(name, *arguments)
            self._remember(set(multiprocessing.active_children()) - before)
            return await asyncio.wrap_future(future)
        except BrokenExecutor as error:
            gone = WorkerGone(await self._exit_code())
            self._drop()
            raise gone from error

    async def _exit_code(self) -> int | None:
        """How the process ended, which is known a moment later than that it did."""
        for _ in range(REAPED_POLLS):
            if all(process.exitcode is not None for process in self._processes):
                break
            await asyncio.sleep(REAPED_S)
        return next((process.exitcode for process in self._processes), None)

    def _start(self, name: str, *arguments: Any) -> Future[Any]:
        """Raises OutOfMemory or WorkerDied where the system lets no process be started."""
        try:
            if self._executor is None:
                self._executor = self._new_executor()
            return self._executor.submit(_call, name, *arguments)
        except OSError as error:
            self._drop()
            if tells_of_memory(error):
                raise OutOfMemory("There is no memory to start a worker process.") from error
            raise WorkerDied(f"No worker process can be started: {error.strerror}.") from error

    def _remember(self, started: set[BaseProcess]) -> None:
        if not started:
            return
        self._processes = list(started)
        with contextlib.suppress(psutil.NoSuchProcess, OSError):  # a worker ends by itself with its daemon, mostly
            noted = [(process.pid, psutil.Process(process.pid).create_time()) for process in started]
            atomic.write_json(self._note, noted)

    def _drop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False)
        self._executor = None
        self._processes = []
        self._warm = False


def _call(name: str, *arguments: Any) -> Any:
    return pkgutil.resolve_name(name)(*arguments)


def _begin() -> None:
    """First thing in a new worker process."""
    for number in _FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else NICENESS)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Nobody waits for the results of a daemon that is gone, and its successor wants the device."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


@contextlib.contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """A process started in here inherits the mask: no ctrl-C can reach it before `_begin` sees to that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
