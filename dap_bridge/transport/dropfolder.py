"""The drop folder: requests as JSON files in inbox/, answers as key<TAB>value files in outbox/.

For hosts that can write and read files and nothing more. What cannot be used is moved to rejected/ with a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import re
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from .. import atomic, private
from ..errors import BadRequest, DapError, Forbidden, StoreUnavailable
from ..verbs.request import JobVerb
from . import protocol
from .door import Handle
from .events import Chosen, Event, Failed

log = logging.getLogger(__name__)

MAX_BYTES = 1 << 20
# Between two polls of files that are still being written, or where the system reports nothing at all.
QUICK_S = 0.3
# An answer to a request that made no job is of no use to anybody after this long.
STALE_ANSWER_S = 24 * 3600.0
# What was set aside, or handed over and not taken away, stays long enough to be asked about.
STALE_REJECTED_S = 30 * STALE_ANSWER_S
# Names in the outbox: a job's latest event, and the result of the mask editor that the user has sent to the host.
STATUS, CHOICE = ".status", ".chosen"
# Latest answers that are remembered: those that could not be written, or whose folder was removed, are written later.
REMEMBERED = 1000
CHANGES = frozenset({"created", "modified", "moved", "closed"})

_Signature = tuple[int, int]


class _Unfinished(Exception):
    """The file is no JSON, so far."""


class DropFolder:
    """The door. `knows` tells whether there is a job of that name: its answers are not to be written over."""

    def __init__(
        self, spool: Path, handle: Handle, knows: Callable[[str], bool], *, settle_s: float, rescan_s: float
    ) -> None:
        self._spool = spool
        self.inbox, self.outbox, self.rejected = (spool / name for name in ("inbox", "outbox", "rejected"))
        self.clips = spool / "clips"
        self._folders = (self.inbox, self.outbox, self.rejected, self.clips)
        self._handle, self._knows = handle, knows
        self._settle_s, self._rescan_s = settle_s, rescan_s
        self._unfinished: dict[str, tuple[_Signature, float]] = {}
        self._stuck: dict[str, _Signature] = {}
        self._held: StoreUnavailable | None = None
        # what each file of the outbox says, and those of which it is not there yet
        self._said: OrderedDict[str, str] = OrderedDict()
        self._owed: set[str] = set()
        self._trouble = ""
        self._watched: os.stat_result | None = None
        self._poke = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._observer: Any = None

    def prepare(self) -> None:
        """Make the folders, and remove what earlier daemons left there for long enough. Raises BadSettings, OSError."""
        for folder in (self._spool, *self._folders):
            private.folder(folder)
        for folder in (self._spool, self.outbox, self.rejected):
            for unfinished in folder.glob(".*.tmp"):
                unfinished.unlink(missing_ok=True)
        for answer in (path for kind in (STATUS, CHOICE) for path in self.outbox.glob(f"*{kind}")):
            if _is_older(answer, STALE_ANSWER_S) and not self._knows(answer.stem):
                answer.unlink(missing_ok=True)
        for path in (*self.rejected.iterdir(), *self.clips.iterdir()):
            if path.is_file() and _is_older(path, STALE_REJECTED_S):
                path.unlink(missing_ok=True)

    def start(self) -> None:
        """Begin to watch the inbox."""
        self._observer = Observer()
        try:
            self._observer.start()
            self._watch_inbox()
        except OSError as error:
            self._look_often(error)
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            await asyncio.to_thread(self._observer.join)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def mend(self) -> None:
        """Make again what has vanished of the folders, watch the inbox that is there now, and write what is owed."""
        try:
            self._make_folders()
            self._watch_inbox()
        except OSError as error:
            self._complain(f"{error.filename or self._spool} cannot be used: {error.strerror}")
            return
        while self._owed and self._put(next(iter(self._owed))):
            pass

    def answers(self) -> Iterator[tuple[str, float]]:
        """The names in the outbox, and when each was written, in seconds since the epoch."""
        for path in self.outbox.glob(f"*{STATUS}"):
            with contextlib.suppress(OSError):
                yield path.stem, path.stat().st_mtime

    def write(self, name: str, *events: Event) -> None:
        """Put `events` in outbox/NAME.status, in the place of what it said before."""
        self._write(f"{name}{STATUS}", *events)

    def write_choice(self, event: Chosen) -> None:
        """Put the choice in outbox/JOB.chosen, in the place of an earlier one."""
        self._write(f"{event.job}{CHOICE}", event)

    def _write(self, name: str, *events: Event) -> None:
        self._said[name] = "\n".join(protocol.as_lines(event) for event in events)
        self._said.move_to_end(name)
        if len(self._said) > REMEMBERED:
            self._owed.discard(self._said.popitem(last=False)[0])
        self._put(name)

    def _put(self, name: str) -> bool:
        """Write an answer, now or, where that fails, once there is room for it."""
        try:
            atomic.write_text(self.outbox / name, self._said[name], durable=False)
        except OSError as error:
            self._owed.add(name)
            self._complain(f"{self.outbox / name} cannot be written: {error.strerror}")
            return False
        except ValueError as error:
            log.warning("%s cannot be written: %s", name, error)
        self._owed.discard(name)
        self._trouble = ""
        return True

    def _complain(self, trouble: str) -> None:
        """Once, and not with every try."""
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble

    def forget(self, name: str) -> None:
        """The job fell out of the history."""
        for kind in (STATUS, CHOICE):
            self._said.pop(f"{name}{kind}", None)
            self._owed.discard(f"{name}{kind}")
            with contextlib.suppress(OSError):
                (self.outbox / f"{name}{kind}").unlink(missing_ok=True)

    def _make_folders(self) -> None:
        """Raises OSError."""
        if not self.outbox.exists():
            # a choice is not said again: the host may have heeded it, and taken it away
            self._owed.update(name for name in self._said if name.endswith(STATUS))
        for folder in (self._spool, *self._folders):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _watch_inbox(self) -> None:
        """Have changes reported; what is watched is a folder, and not whichever has its name. Raises OSError."""
        present = self.inbox.stat()
        if self._observer is None or (self._watched and os.path.samestat(present, self._watched)):
            return
        loop = asyncio.get_running_loop()
        self._observer.unschedule_all()
        try:
            self._observer.schedule(_Watcher(lambda: loop.call_soon_threadsafe(self._poke.set)), str(self.inbox))
        except OSError as error:
            self._look_often(error)
        self._watched = present
        self._poke.set()  # for what came before

    def _look_often(self, error: OSError) -> None:
        log.warning("changes in %s are not reported (%s); looking every %g s", self.inbox, error, QUICK_S)
        self._rescan_s = QUICK_S

    async def _watch(self) -> None:
        while True:
            try:
                await self._scan()
            except OSError as error:
                log.warning("the inbox cannot be read: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._poke.wait(), self._pause_s())
            self._poke.clear()

    def _pause_s(self) -> float:
        return QUICK_S if self._unfinished or self._held else self._rescan_s

    async def _scan(self) -> None:
        """Look at every request once, the oldest first; other work gets its turn after each."""
        self.mend()
        self._held = None
        found: dict[str, _Signature] = {}
        with os.scandir(self.inbox) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        found[entry.name] = (status.st_mtime_ns, status.st_size)
        for gone in self._unfinished.keys() - found.keys():
            del self._unfinished[gone]
        self._stuck = {name: signature for name, signature in self._stuck.items() if found.get(name) == signature}
        for name in sorted(found, key=lambda name: (found[name][0], name)):
            if name not in self._stuck:
                self._look_at(name, found[name])
                await asyncio.sleep(0)

    def _look_at(self, name: str, signature: _Signature) -> None:
        path = self.inbox / name
        before, since = self._unfinished.get(name, (None, 0.0))
        settled = before == signature and time.monotonic() - since >= self._settle_s
        if before == signature and not settled:
            return
        request: Any = None
        try:
            request = _read(path)
            self._submit(_name(path.stem), request)
        except FileNotFoundError:
            pass  # taken back by its sender
        except _Unfinished as error:
            if not settled:
                self._unfinished[name] = (signature, time.monotonic())
                return
            self._reject(path, signature, request, BadRequest(f"The file {error}."))
        except StoreUnavailable as error:
            if self._held is None:
                log.info("%s waits: %s", path.name, error.message)
            self._held = error
            return
        except DapError as error:
            self._reject(path, signature, request, error)
        else:
            self._remove(path, signature)
        self._unfinished.pop(name, None)

    def _submit(self, name: str, request: Any) -> None:
        verb = protocol.parse_object(request)
        if isinstance(verb, JobVerb):
            if self._held is not None:  # jobs that came later do not go first
                raise self._held
            # A host that names no job finds the answer by the name of its own file.
            self._handle(verb if verb.job else verb.model_copy(update={"job": name}), None)
            return
        answer = _Answer(self, name)
        self._handle(verb, answer)
        answer.complete()

    def _reject(self, path: Path, signature: _Signature, request: Any, error: DapError) -> None:
        """Set the file aside with the reason, and answer it, unless a job of that name has an answer already."""
        log.info("%s was rejected: %s", path.name, error.message)
        fields = request if isinstance(request, dict) else {}
        makes_job = issubclass(protocol.VERBS.get(str(fields.get("verb")), JobVerb), JobVerb)
        named = protocol.job_named(fields)
        failed = Failed(job=named, **error.as_dict())
        try:
            target = _free(self.rejected / path.name)
            path.rename(target)
            atomic.write_text(target.with_name(f"{target.name}.reason"), protocol.as_lines(failed))
        except OSError as trouble:
            log.warning("%s cannot be set aside: %s", path, trouble)
            self._stuck[path.name] = signature
        name = (named if makes_job else "") or _name(path.stem)
        if not self._knows(name):
            self.write(name, failed)

    def _remove(self, path: Path, signature: _Signature) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed: %s", path, error)
            self._stuck[path.name] = signature


class _Answer:
    """The file that answers a request which makes no job: what is said at once, then in its place what follows."""

    def __init__(self, door: DropFolder, name: str) -> None:
        self._door, self._name = door, name
        self._at_once: list[Event] | None = []

    def send(self, event: Event) -> None:
        if self._at_once is None:
            self._door.write(self._name, event)
        else:
            self._at_once.append(event)

    def complete(self) -> None:
        events, self._at_once = self._at_once, None
        if events:
            self._door.write(self._name, *events)


class _Watcher(FileSystemEventHandler):
    """Tells of changes, not of the daemon's own reading. Runs in a thread of the observer's."""

    def __init__(self, poke: Callable[[], object]) -> None:
        self._poke = poke

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in CHANGES:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                self._poke()


def _read(path: Path) -> Any:
    """The JSON value in a file. Raises _Unfinished, BadRequest, Forbidden, FileNotFoundError."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise BadRequest("It is not a regular file.", "Write the request itself into the inbox, as a file.")
    if not private.is_own(status):
        raise Forbidden("The file is another user's.", "The drop folder serves the user that the daemon runs as.")
    if status.st_size > MAX_BYTES:
        raise BadRequest(f"The file is larger than {MAX_BYTES} bytes.", "Send paths to audio, not audio.")
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise _Unfinished("is not UTF-8") from error
    except OSError as error:  # Windows: it is being written
        raise _Unfinished(f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _Unfinished(f"is not JSON: {error}") from error


def _is_older(path: Path, seconds: float) -> bool:
    return path.lstat().st_mtime < time.time() - seconds


def _name(stem: str) -> str:
    """A file's name, made fit to name a job."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).lstrip("-_")[:64] or "request"


def _free(path: Path) -> Path:
    candidates = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(1))
    return next(name for name in itertools.chain([path], candidates) if not os.path.lexists(name))
