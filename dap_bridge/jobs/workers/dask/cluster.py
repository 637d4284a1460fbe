"""A daemon's way to a cluster: found again and again; its processes are handed out, and missed where they go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ....config import Settings
from ....domain import Progress
from ....errors import DapError, WorkerRefused, WorkersUnreachable
from ...device import Device
from ...watch import Limits
from ..worker import Tell
from .address import Address

if TYPE_CHECKING:
    from distributed import Client, Future

    from .station import Doing, Introduction

log = logging.getLogger(__name__)

# Between two polls for who is there.
POLL_S = 1.0
# For the scheduler to answer; for a process to, that should.
CONNECT_S, ANSWER_S = 10.0, 10.0
# A process that has said nothing for so long is asked whether it lives.
QUIET_S = 5.0
# Without any process of the cluster for so long, this machine does the jobs itself.
AWAY_S = 10.0
# The same where there is one that has still to say who it is: it loads torch first.
INTRODUCED_S = 60.0
# A process that was refused is asked again after so long: a disk may have room again.
REFUSED_S = 60.0
# Between two polls whether a process has been given anything to do, and for so long.
BUSY_POLL_S, BUSY_S = 0.2, 10.0
TOPIC = "dap-bridge"


NOBODY = Device("", "")


class Lost(Exception):
    """A process, or the way to it, is gone."""


class Unfit(Exception):
    """A process cannot do what others could, for the reason `why`."""

    def __init__(self, why: DapError) -> None:
        super().__init__(why.message)
        self.why = why


Where = Callable[[AsyncExitStack], Awaitable[Address]]


@dataclass(eq=False)
class Remote:
    """A process of the cluster in the hands of one worker of the daemon. gone: set once it is lost."""

    address: str
    name: str = ""
    device: Device = NOBODY
    gpus: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Cluster:
    """To be used from the event loop's thread; all its waiting ends with the loop.

    where: finds the scheduler, or begins one that ends with the stack; called: what people are told it is; run, probe:
    see `LocalWorker`. address: of the scheduler, once it is found.
    """

    def __init__(self, where: Where, called: str, settings: Settings, run: str, probe: str) -> None:
        self.called, self.settings = called, settings
        self.trouble: DapError = WorkersUnreachable(f"{called} is being searched for.")
        self._where, self._run, self._probe = where, run, probe
        self.address: Address | None = None
        self._client: Client | None = None
        self._free: asyncio.Queue[Remote] = asyncio.Queue()
        self._seen: set[str] = set()
        self._remotes: dict[str, Remote] = {}
        self._hearers: dict[str, Tell] = {}
        self._away_s = 0.0
        self._background: set[asyncio.Task[None]] = set()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def limits(self) -> Limits:
        """As the daemon's, kept over there."""
        settings = self.settings
        return Limits(settings.progress_s, settings.cancel_grace_s, settings.stall_s)

    @property
    def doing(self) -> Doing:
        from .station import Doing

        return Doing(self._run, self._probe)

    async def claim(self) -> Remote:
        """A process that nobody else of this daemon has, ready for a job: waits for one."""
        self._keep()
        while not self.holds(remote := await self._free.get()):
            continue
        return remote

    async def claim_idle(self) -> Remote:
        """The same, one that nobody has given anything to do; after BUSY_S also one that has something to do first."""
        clock = asyncio.get_running_loop().time
        patience = clock() + BUSY_S
        while True:
            remote = await self.claim()
            try:
                if not await self._is_busy(remote) or clock() >= patience:
                    return remote
            except asyncio.CancelledError:
                self.give_back(remote)
                raise
            self.give_back(remote)
            await asyncio.sleep(BUSY_POLL_S)

    async def _is_busy(self, remote: Remote) -> bool:
        if self._client is None:
            return False
        with contextlib.suppress(OSError):
            return bool((await self._client.processing([remote.address])).get(remote.address))
        return False

    def give_back(self, remote: Remote) -> None:
        """Let whoever claims one next have it, where it is there still."""
        if self.holds(remote):
            self._free.put_nowait(remote)

    @property
    def size(self) -> int:
        """How many processes may be given jobs now; also from other threads."""
        return sum(bool(remote.name) for remote in tuple(self._remotes.values()))

    def holds(self, remote: Remote) -> bool:
        """Whether it is there still."""
        return self._remotes.get(remote.address) is remote and not remote.gone.is_set()

    def refuse(self, remote: Remote, why: DapError) -> None:
        """Give the process no more jobs for a while."""
        if self._remotes.pop(remote.address, None) is not remote:
            return
        self.trouble = WorkerRefused(f"{remote.name or remote.address} is given no jobs: {why.message}", why.hint)
        log.warning("%s is given no jobs (%s): %s", remote.name or remote.address, why.code, why.message)
        self._meet(remote.address, REFUSED_S)

    def release(self, remote: Remote) -> None:
        """Let go of a process that has not answered: it is asked again who it is."""
        if self._remotes.pop(remote.address, None) is remote:
            self._meet(remote.address)

    async def away(self) -> None:
        """Come back when the cluster has had no process for this daemon for a while."""
        self._keep()
        while self._away_s < (INTRODUCED_S if self._remotes else AWAY_S):
            await asyncio.sleep(POLL_S)

    async def call(self, remote: Remote, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function answers over there, at once, whatever else is done there.

        Raises DapError where it did, and Lost.
        """
        client = self._client
        if client is None:
            raise Lost("the scheduler is gone")
        try:
            answers = await asyncio.wait_for(client.run(function, *arguments, workers=[remote.address]), ANSWER_S)
            return answers[remote.address]
        except DapError:
            raise
        except Exception as error:  # of networks, of Dask, of what lies between
            raise Lost(_words(error)) from error

    async def submit(self, remote: Remote, token: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function answers over there, when it is its turn; given up where nobody waits.

        Raises DapError where it did, and Lost.
        """
        client = self._client
        if client is None:
            raise Lost("the scheduler is gone")
        client.subscribe_topic(self.topic, self._hear)
        future: Future[Any] = client.submit(
            function,
            *arguments,
            key=f"{TOPIC}-{token}",
            workers=[remote.address],
            allow_other_workers=False,
            retries=0,
            resources={"GPU": 1} if remote.gpus else None,
            pure=False,
        )
        try:
            return await future
        except DapError:
            raise
        except Exception as error:
            raise Lost(_words(error)) from error
        finally:
            future.release()

    async def answer(self, remote: Remote, function: Callable[..., Any], *arguments: Any) -> Any:
        """As `submit`, and Lost also where the process goes, or is stopped, meanwhile."""
        from . import station

        asking = asyncio.ensure_future(self.submit(remote, secrets.token_hex(8), function, *arguments))
        gone = asyncio.ensure_future(remote.gone.wait())
        try:
            while not asking.done():
                await asyncio.wait({asking, gone}, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    raise Lost("its process is gone")
                if not asking.done():
                    await self.call(remote, station.ping)
            return asking.result()
        finally:
            asking.cancel()
            gone.cancel()

    @property
    def topic(self) -> str:
        """Where this daemon is told how its jobs go."""
        return f"{TOPIC}-{self._client.id if self._client else ''}"

    def forget(self, remote: Remote, token: str) -> None:
        """Have all that belongs to a job removed over there; where nobody hears it, it goes by itself."""
        self._do(self._forgotten(remote, token))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """In the background."""
        begun = asyncio.create_task(work)
        self._background.add(begun)
        begun.add_done_callback(self._background.discard)

    async def _forgotten(self, remote: Remote, token: str) -> None:
        from . import station

        with contextlib.suppress(Lost, DapError):
            await self.call(remote, station.forget, token)

    @contextlib.contextmanager
    def hearing(self, token: str, tell: Tell) -> Iterator[None]:
        """Meanwhile `tell` is told how the job of that token goes."""
        self._hearers[token] = tell
        try:
            yield
        finally:
            del self._hearers[token]

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        _, said = event
        if tell := self._hearers.get(said["token"]):
            tell(Progress(**said["progress"]))

    def _meet(self, address: str, after_s: float = 0.0) -> None:
        self._do(self._met(address, after_s))

    async def _met(self, address: str, after_s: float) -> None:
        """Ask the process who it is; one that may be given jobs is there for whoever claims it."""
        await asyncio.sleep(after_s)
        if address not in self._seen or address in self._remotes:
            return
        remote = self._remotes[address] = Remote(address)
        try:
            found = await self._introduction(remote)
            remote.name, remote.gpus, remote.device = found.name, found.gpus, found.device
            if found.refusal is not None:
                raise found.refusal
            log.info("%s of %s: %s", remote.name, self.called, remote.device.reason)
            self._free.put_nowait(remote)
        except DapError as refusal:
            self.refuse(remote, refusal)
        except Lost as error:
            log.warning("%s of %s was lost: %s", address, self.called, error)
            if self._remotes.pop(address, None) is remote:
                self._meet(address, POLL_S)

    async def _introduction(self, remote: Remote) -> Introduction:
        from . import station
        from .identity import Identity

        here = await asyncio.to_thread(Identity.here)
        # one that is busy would answer when it is done
        known: Introduction | None = await self.call(remote, station.introduced, here, self.doing)
        found: Introduction = known or await self.answer(remote, station.introduce, here, self.doing)
        return found

    def _keep(self) -> None:
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._kept())

    async def _kept(self) -> None:
        """Find the scheduler, and who is there, again and again."""
        while True:
            try:
                async with self._connected() as client:
                    self._client = client
                    while client.status == "running":
                        self._see(set(await asyncio.wait_for(client.nthreads(), CONNECT_S)))
                        await self._pause()
                    raise OSError("The connection was lost.")
            except DapError as error:
                self._trouble(error)
            except Exception as error:  # noqa: BLE001 - of networks, of Dask: the next try may do
                self._trouble(WorkersUnreachable(f"{self.called} cannot be reached: {error}"))
            finally:
                self._client = None
                self._see(set())
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(POLL_S)
        self._away_s = 0.0 if any(remote.name for remote in self._remotes.values()) else self._away_s + POLL_S

    def _trouble(self, error: DapError) -> None:
        if error.message != self.trouble.message:
            log.warning("%s (%s)", error.message, error.code)
        self.trouble = error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        await asyncio.to_thread(import_module, f"{__package__}.quiet")
        async with AsyncExitStack() as stack:
            where = self.address = await self._where(stack)
            await where.knock()
            yield await stack.enter_async_context(where.client(CONNECT_S))

    def _see(self, found: set[str]) -> None:
        new, gone = found - self._seen, self._seen - found
        for address in gone:
            if remote := self._remotes.pop(address, None):
                remote.gone.set()
        if found and not self._seen:
            self.trouble = WorkersUnreachable(f"{self.called} has no process that is free.")
        elif not found and self._client is not None:
            self._trouble(WorkersUnreachable(f"{self.called} has no processes."))
        self._seen = found
        for address in new:
            self._meet(address)


def _words(error: Exception) -> str:
    """Of an error of Dask's, for a person."""
    from distributed.client import FutureCancelledError

    if isinstance(error, FutureCancelledError):
        return "the scheduler is gone"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return "the connection was closed" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
