"""A worker that is one warm process on this machine: `Worker` says what the queue may rely on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter

from .... import atomic
from ....domain import Job, Lane
from ....errors import DapError, OutOfMemory, WorkerDied, WorkerStuck
from ...device import Device, tells_of_memory
from ...folder import JobFolder
from ..worker import Tell, WorkerGone
from . import process as over_there
from .mailbox import Mailbox
from .processes import Helpers, nobody
from .spawned import interrupt_blocked

log = logging.getLogger(__name__)

# What the process is asked: to do a job, and which device it has.
RUN = "dap_bridge.jobs.worker:run"
PROBE = "dap_bridge.jobs.worker:probe"
# A probe that takes its process down with it would do so for ever.
PROBE_ATTEMPTS = 3
PREDECESSOR_TIMEOUT_S = 5.0
# How often the process is listened to. A probe's limit is counted in such polls: no time passes while the daemon is
# stopped or the machine sleeps, so that neither is held against the process.
POLL_S = 0.1
REAPED_POLLS, REAPED_S = 50, 0.01
# What the Linux kernel ends a process with that it has no memory for.
KILLED = -getattr(signal, "SIGKILL", signal.SIGTERM)
# pid and time of creation of each process
_NOTE = TypeAdapter(list[tuple[int, float]])


def end_noted(note: Path) -> None:
    """End the processes that a daemon which was killed has noted there, where they are still these."""
    lost = "a worker that a killed daemon left may be running still"
    for pid, created in atomic.read_json(note, _NOTE.validate_python, lost) or ():
        with contextlib.suppress(psutil.Error, ValueError):
            process = psutil.Process(pid)
            if process.create_time() == created:
                process.kill()
                process.wait(PREDECESSOR_TIMEOUT_S)


class LocalWorker:
    """Computes on `wanted`, the device to probe for.

    data: the daemon's folder, where the process keeps sessions; note: a file to remember the process in; run, probe:
    see RUN; executor: makes what the process is in, left out: a process below the DAW in priority, that of the batch
    lane below the other; stall_s: how long a probe may take; helpers: who computes the chunks of long clips, of jobs
    that have still to begin.
    """

    def __init__(
        self,
        wanted: str,
        data: Path,
        note: Path,
        run: str = RUN,
        probe: str = PROBE,
        executor: Callable[[], Executor] | None = None,
        *,
        lane: Lane = Lane.BATCH,
        stall_s: float,
        helpers: Helpers = nobody,
    ) -> None:
        self.name, self.lane = f"local:{wanted}:{note.stem}", lane
        self.corrects = True
        self.device = Device("", "The device is being probed.")
        self._wanted, self._data, self._note = wanted, data, note
        self._run, self._probe = run, probe
        self._new_executor = executor or partial(over_there.pool, lane)
        self._stall_s = stall_s
        self.helpers = helpers
        self._executor: Executor | None = None
        self._processes: list[BaseProcess] = []
        self._mailbox: Mailbox | None = None
        self._warm = self._closed = False

    def end_predecessor(self) -> None:
        """It ends by itself with its daemon, where it has noticed."""
        end_noted(self._note)

    async def warm(self) -> None:
        """Come back when the process is up and has loaded what it needs. Raises WorkerStuck where it never is."""
        if self._warm:
            return
        self.device = await self._probed()
        log.info("device %s: %s", self.device.name or "unknown", self.device.reason)
        self._warm = True

    async def _probed(self) -> Device:
        """What the probe says. Where it fails a job will fail in the same way, and then its sender is told."""
        for _ in range(PROBE_ATTEMPTS):
            try:
                return await self._answer_of_probe()
            except WorkerGone:
                continue
            except WorkerStuck as error:
                self.device = Device("", error.message)
                raise
            except DapError as error:
                return Device("", error.message)
            except Exception as error:
                log.exception("the probe of device %s failed", self._wanted)
                return Device("", f"The probe failed: {error}")
        return Device("", "The worker process ended while it probed the device.")

    async def _answer_of_probe(self) -> Device:
        answer = asyncio.ensure_future(self.call(self._probe, self._wanted))
        try:
            for _ in range(math.ceil(self._stall_s / POLL_S)):
                if (await asyncio.wait({answer}, timeout=POLL_S))[0]:
                    found: Device = answer.result()
                    return found
        finally:
            answer.cancel()
        self.kill()
        raise WorkerStuck(
            f"The worker process did not answer for {self._stall_s:g} s while it probed the device.",
            "If the GPU does not answer, start the daemon with DAP_BRIDGE_DEVICE=cpu; `stall_s` sets the limit.",
        )

    async def run(self, job: Job, folder: JobFolder, tell: Tell) -> Path:
        """See `Worker.run`. The device `auto` of a request is the one that the worker is for."""
        if job.request.get("device") == "auto":
            job = replace(job, request={**job.request, "device": self._wanted})
        mailbox = self._mailbox = Mailbox(folder)
        listening = asyncio.ensure_future(_listen(mailbox, tell))
        try:
            manifest: Path = await self._submit(over_there.run, self._run, job, folder.path, self._data, self.helpers)
            return manifest
        finally:
            listening.cancel()
            if self._mailbox is mailbox:
                self._mailbox = None

    async def call(self, name: str, *arguments: Any) -> Any:
        """What "module:function" answers in the process, beside the jobs. Raises WorkerGone where that ends."""
        return await self._submit(over_there.call, name, *arguments)

    def cancel(self) -> None:
        """Leave word in the mailbox."""
        if self._mailbox is not None:
            self._mailbox.cancel()

    def kill(self) -> None:
        """End the process at once; one that the system cannot end (it waits for a drive or a driver) stays alone."""
        for process in self._processes:
            process.kill()
        self._drop()

    def close(self) -> None:
        """End the process for good: what was about to start one finds that it may not."""
        self._closed = True
        self.kill()
        self._note.unlink(missing_ok=True)

    async def _submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._closed:
            raise WorkerGone
        try:
            before = set(multiprocessing.active_children())
            with interrupt_blocked():
                future = self._start(function, *arguments)
            self._remember(set(multiprocessing.active_children()) - before)
            return await asyncio.wrap_future(future)
        except BrokenExecutor as error:
            gone = WorkerGone(by_system=await self._exit_code() == KILLED)
            self._drop()
            raise gone from error

    async def _exit_code(self) -> int | None:
        """How the process ended, which is known a moment later than that it did."""
        for _ in range(REAPED_POLLS):
            if all(process.exitcode is not None for process in self._processes):
                break
            await asyncio.sleep(REAPED_S)
        return next((process.exitcode for process in self._processes), None)

    def _start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Raises OutOfMemory or WorkerDied where the system lets no process be started."""
        try:
            if self._executor is None:
                self._executor = self._new_executor()
            return self._executor.submit(function, *arguments)
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


async def _listen(mailbox: Mailbox, tell: Tell) -> None:
    """Pass on what the process says of itself, for as long as somebody waits for it."""
    heard = None
    while True:
        await asyncio.sleep(POLL_S)
        if (now := mailbox.heard()) != heard:
            heard = now
            tell(mailbox.progress())
