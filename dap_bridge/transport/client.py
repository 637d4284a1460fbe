"""Talks to a daemon over OSC and waits for what becomes of a job; lost packets cost a question, never a result."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ..config import LOOPBACK
from ..domain import Progress
from ..errors import (
    BadRequest,
    Cancelled,
    DaemonUnreachable,
    DapError,
    Forbidden,
    JobConflict,
    StoreUnavailable,
    UnknownJob,
    restored,
)
from ..verbs.request import JobVerb, Verb
from . import control, events, heartbeat, osc, protocol
from .events import Event, JobEvent

# After so long a silence the daemon is asked how the job stands; after so many unanswered questions it is gone.
SILENCE_S = 2.0
QUESTIONS = 5
HELLO_AGAIN_S = 0.25
RECEIVE_BYTES = 1 << 16
# Errors of a message rather than of a job.
REFUSALS = frozenset(kind.code for kind in (BadRequest, Forbidden, JobConflict, StoreUnavailable, UnknownJob))
ENDS = (events.Done, events.Failed, events.CancelledEvent, events.Interrupted)

Listed = TypeVar("Listed", events.StatusEvent, events.SessionEvent)


class Client:
    """One UDP socket, connected to the daemon's port. A context manager.

    The daemon's `welcome` says where its drop folder is, and there its key is read, by whoever may.
    """

    def __init__(self, port: int, silence_s: float = SILENCE_S) -> None:
        self._port = port
        self._silence_s = silence_s
        self._spool: Path | None = None
        self._key = ""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((LOOPBACK, port))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def hello(self, timeout: float = SILENCE_S) -> events.Welcome:
        """Raises DaemonUnreachable when nothing answers for `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self.send(control.Hello())
            event = self._receive(min(left, HELLO_AGAIN_S))
            while event is not None:
                if isinstance(event, events.Welcome):
                    self._spool = Path(event.spool)
                    return event
                event = self._receive(min(left, HELLO_AGAIN_S))
        raise self._unreachable()

    def send(self, message: Verb) -> None:
        """Send and forget. Whatever is no `hello` comes after one, for it needs the key."""
        self._key = self._read_key()
        with contextlib.suppress(ConnectionError):  # what an earlier packet met; the silence will tell
            self._socket.send(osc.encode(message, self._key))

    def status(self) -> list[events.StatusEvent]:
        """The jobs that have not ended. Raises DaemonUnreachable, Forbidden."""
        return self._list(control.Status(), events.StatusEvent, lambda event: event.job)

    def sessions(self) -> list[events.SessionEvent]:
        """The results that can be corrected. Raises DaemonUnreachable, Forbidden."""
        return self._list(control.ListSessions(), events.SessionEvent, lambda event: event.session)

    def _list(self, question: Verb, kind: type[Listed], name: Callable[[Listed], str]) -> list[Listed]:
        """What is answered with an event for each of several things, and one without a name after the last."""
        self.hello()
        found: dict[str, Listed] = {}
        for _ in range(QUESTIONS):
            self.send(question)
            while (event := self._receive(self._silence_s)) is not None:
                if isinstance(event, kind):
                    if not name(event):
                        return list(found.values())
                    found[name(event)] = event
                elif isinstance(event, events.Failed) and event.code == Forbidden.code and not event.job:
                    raise as_error(event)
        raise self._unreachable()

    def request(self, message: JobVerb | control.Cancel | control.Resume) -> Iterator[JobEvent]:
        """Send, and yield what the daemon says of the job until it has ended.

        The last event is `done`, `failed`, `cancelled` or `interrupted`. A job without a name is given one here, so
        that the message can be repeated without running the job twice. Raises DaemonUnreachable, or BadRequest,
        Forbidden, UnknownJob, JobConflict or StoreUnavailable where the message itself is refused.
        """
        if message.job is None:
            message = message.model_copy(update={"job": _new_name()})
        self.hello()
        self.send(message)
        unanswered = 0
        while unanswered < QUESTIONS:
            event = self._receive(self._silence_s)
            if event is None:
                unanswered += 1
                self.send(control.Status(job=message.job))
            elif isinstance(event, JobEvent) and event.job == message.job:
                unanswered = 0
                if isinstance(event, events.Failed) and event.code in REFUSALS:
                    if event.code != UnknownJob.code or not isinstance(message, JobVerb):
                        raise as_error(event)
                    self.send(message)  # it never arrived
                elif not isinstance(event, events.StatusEvent):
                    yield event
                    if isinstance(event, ENDS):
                        return
        raise self._unreachable()

    def run(self, message: JobVerb | control.Resume, show: Callable[[Progress], None]) -> Path:
        """Request a job, show its progress, and return its manifest's path; ctrl-C cancels it.

        Raises the DapError that the job failed with, Cancelled, or DaemonUnreachable.
        """
        job = message.job or _new_name()
        try:
            last = self.last_event(message.model_copy(update={"job": job}), show)
        except KeyboardInterrupt:
            last = self.last_event(control.Cancel(job=job), show)
        match last:
            case events.Done():
                return Path(last.manifest)
            case events.Failed():
                raise as_error(last)
            case events.Interrupted():
                raise DaemonUnreachable(
                    "The daemon ended while the job ran.",
                    f"Start it again, then: dap-bridge send resume {last.job} --wait",
                )
            case _:
                raise Cancelled

    def last_event(
        self, message: JobVerb | control.Cancel | control.Resume, show: Callable[[Progress], None] = lambda _: None
    ) -> JobEvent:
        """How the job ended. Raises as `request` does."""
        for event in self.request(message):
            if isinstance(event, events.Progressed):
                show(_progress(event))
            elif isinstance(event, events.Queued):
                show(Progress(stage=events.waiting(event).sentence))
        return event

    def _receive(self, timeout: float) -> Event | None:
        """The next event, None when there is none for `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                for message in osc.decode(self._socket.recv(RECEIVE_BYTES)):
                    event = protocol.parse_event(message.address, message.params)
                    if not self._outdated(event):
                        return event
            except TimeoutError:
                return None
            except ConnectionError:
                time.sleep(max(0.0, deadline - time.monotonic()))  # nobody listens, perhaps not yet
            except (osc.Malformed, BadRequest):
                continue
        return None

    def _read_key(self) -> str:
        return heartbeat.key(self._spool, self._port) or "" if self._spool else ""

    def _outdated(self, event: Event) -> bool:
        """The message met a daemon that had just taken the place of another: as good as lost."""
        return isinstance(event, events.Failed) and event.code == Forbidden.code and self._key != self._read_key()

    def _unreachable(self) -> DaemonUnreachable:
        return DaemonUnreachable(f"No daemon answers on OSC port {self._port}.")


def _new_name() -> str:
    return secrets.token_hex(6)


def _progress(event: events.Progressed) -> Progress:
    return Progress(
        fraction=event.fraction,
        stage=event.stage,
        iteration=event.iteration,
        iterations=event.iterations,
        seconds_left=None if event.seconds_left < 0 else event.seconds_left,
        device=event.device,
        device_reason=event.device_reason,
    )


def as_error(event: events.Failed) -> DapError:
    """The error as it was raised over there."""
    return restored({"code": event.code, "message": event.message, "hint": event.hint})
