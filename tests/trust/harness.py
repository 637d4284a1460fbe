"""What the rows share: a folder and daemons of their own, clips, one message of every verb, and a tally."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import soundfile

from dap_bridge.domain import State
from dap_bridge.errors import DaemonUnreachable
from dap_bridge.jobs.workers.kinds import NOTES
from dap_bridge.verbs.coseparate.request import Coseparate
from dap_bridge.verbs.denoise.request import Denoise
from dap_bridge.verbs.refine.request import Refine
from dap_bridge.verbs.request import JobVerb
from dap_bridge.verbs.separate.request import Separate
from dap_bridge.verbs.texture.request import Texture
from dap_bridge.verbs.undo.request import Undo
from tests import quick
from tests.processes import STUB, Process, until

RATE = 22_050
REAL = ("-m", "dap_bridge", "serve")
ENDED = frozenset(state.value for state in State if state.ended)
# Waiting for what should take a second or two; a machine that stands still meanwhile must not fail a row.
PATIENCE_S = 120.0
# For processes that have been killed to be gone; where nobody reaps them they never are.
END_S = 10.0


# Rows under way: they run in threads, which an interrupt does not reach.
_open: set[Lab] = set()


class NotTried(Exception):
    """The row needs what this machine does not have; says what."""


@dataclass
class Tally:
    """What a row counts. wrong: what must stay zero, by name; notes: what was seen where it did not."""

    tried: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    figures: str = ""
    notes: list[str] = field(default_factory=list)

    def watch(self, *names: str) -> None:
        """These must not happen."""
        self.wrong |= {name: self.wrong.get(name, 0) for name in names}

    def note(self, name: str, what: object, count: int = 1) -> None:
        """It happened."""
        self.wrong[name] = self.wrong.get(name, 0) + count
        self.notes.append(f"{name}: {what}")

    def check(self, right: object, name: str, what: object) -> None:
        """It happened unless `right`."""
        if not right:
            self.note(name, what)


class Row(NamedTuple):
    """How a job stands in the table of jobs."""

    state: str
    manifest: str
    error: dict[str, str]

    def __str__(self) -> str:
        return f"{self.state} {self.error or ''}".strip()


NOTHING = Row("", "", {})


class Lab:
    """A row's own folder, dice and daemons; all of it is gone after `close`.

    seed: of the dice; scale: of every count, 1 for the whole table.
    """

    def __init__(self, seed: int = 0, scale: float = 1.0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dap-trust-"))
        self.seed = seed
        self.dice = random.Random(seed)
        self._scale = scale
        self._daemons: list[Process] = []
        self._presets = self.folder / "presets"
        self._presets.mkdir()
        quick.write(self._presets)
        _open.add(self)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the daemons, their workers too, and remove the folder."""
        for daemon in self._daemons:
            daemon.client.close()
            end(daemon.process.pid)
            daemon.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        _open.discard(self)

    def times(self, count: int) -> int:
        """So many, on the table's scale; at least one."""
        return max(1, round(count * self._scale))

    def home(self, name: str) -> Path:
        home = self.folder / name
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        return home

    def environment(self, home: Path) -> dict[str, str]:
        """Nothing of the user's own is read, and what is left in the system's folder for temporary files is seen."""
        return {
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "OMP_NUM_THREADS": "1",
            "DAP_BRIDGE_DEVICE": "cpu",
            "DAP_BRIDGE_PRESETS_DIR": str(self._presets),
        }

    def daemon(self, name: str = "home", *arguments: str, **environment: str) -> Process:
        """A daemon as a user starts it; `arguments`: another module in its place; `environment`: over `self`'s."""
        home = self.home(name)
        daemon = Process(home, *(arguments or REAL), **(self.environment(home) | environment))
        self._daemons.append(daemon)
        return daemon

    def stub(self, name: str = "home", **environment: str) -> Process:
        """A daemon whose worker does what a job's label says, see tests/jobs/stub_worker.py."""
        return self.daemon(name, "-m", STUB, **environment)

    def clip(self, name: str = "clip.wav", seconds: float = 1.0, channels: int = 1) -> Path:
        """A tone and bursts of noise: (channels, seconds) at RATE; the same samples every time."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * RATE)) / RATE
        bursts = np.random.default_rng(0).standard_normal((channels, len(time))) * (np.sin(2 * np.pi * 3 * time) > 0)
        audio = 0.05 * bursts + 0.1 * np.sin(2 * np.pi * 440 * time)
        soundfile.write(path, audio.astype(np.float32).T, RATE, subtype="FLOAT")
        return path


def every_verb(clip: Path, session: str, corrected: str) -> list[JobVerb]:
    """A short job of each verb. session: a result to refine; corrected: one to undo a box of."""
    box = ("stem=1,op=deactivate,start=0.1,end=0.4,low=200,high=4000",)
    return [
        Separate(clip=str(clip), preset="quick"),
        Refine(session=session, box=box),
        Undo(session=corrected),
        Coseparate(item=(f"0:::{clip}", f"2000:::{clip}"), preset="quick-coseparate"),
        Denoise(clip=str(clip)),
        Texture(clip=str(clip), length=40_000, preset="quick-texture"),
    ]


def jobs(daemon: Process) -> dict[str, Row]:
    """The table of jobs as it stands on disk, whether the daemon runs or not."""
    path = daemon.data / "jobs.sqlite"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_S)
    try:
        rows = connection.execute("SELECT id, state, manifest, error FROM jobs").fetchall()
    finally:
        connection.close()
    return {name: Row(state, manifest or "", json.loads(error or "{}")) for name, state, manifest, error in rows}


def job(daemon: Process, name: str) -> Row:
    """How that job stands; NOTHING where the table does not know it."""
    return jobs(daemon).get(name, NOTHING)


def ended(daemon: Process, name: str, seconds: float = PATIENCE_S) -> Row:
    """How that job stands once it has ended, or after so many seconds without."""
    happens(lambda: job(daemon, name).state in ENDED, seconds)
    return job(daemon, name)


def running(daemon: Process, name: str, seconds: float = PATIENCE_S) -> bool:
    """Whether the job came to run, or further."""
    return happens(lambda: job(daemon, name).state not in ("", "queued"), seconds)


def happens(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> bool:
    """Whether it comes to pass within so many seconds."""
    try:
        until(condition, seconds)
    except AssertionError:
        return False
    return True


def starts(daemon: Process) -> bool:
    """Whether a daemon that is starting comes to answer; not if it ends instead."""

    def answers() -> bool:
        with contextlib.suppress(DaemonUnreachable):
            return bool(daemon.client.hello(1.0))
        return False

    return happens(lambda: daemon.process.poll() is not None or answers()) and daemon.process.poll() is None


def warm(daemon: Process) -> bool:
    """Whether the worker gets ready."""
    return happens(lambda: daemon.client.hello(PATIENCE_S).device)


def workers(daemon: Process) -> list[psutil.Process]:
    """The processes that compute for the daemon: Python's own helper of theirs (resource_tracker) is none."""
    found = []
    for process in psutil.Process(daemon.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # one that has just been killed
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
    return found


def end(pid: int) -> None:
    """End a process and all that it started, stopped ones too."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        _end([process, *process.children(recursive=True)])


def _end(family: list[psutil.Process]) -> None:
    """Parents first, so that none waits for a child that nobody asks after."""
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=END_S)


def kill(daemon: Process) -> None:
    """SIGKILL, and nothing else: what its worker does then is the worker's business."""
    daemon.end(signal.SIGKILL)
    daemon.client.close()


def fingerprint(*places: Path) -> dict[str, tuple[Any, ...]]:
    """What lies there, links not followed: kind, identity, time and content of each, by its path."""
    found = [path for place in places for path in (place, *sorted(place.rglob("*")))]
    return {str(path): _print(path) for path in found if os.path.lexists(path)}


def _print(path: Path) -> tuple[Any, ...]:
    status = path.lstat()
    content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    changed = 0 if path.is_dir() else status.st_mtime_ns
    return status.st_mode, status.st_dev, status.st_ino, changed, content


def abandon() -> None:
    """Everything that this process has started ends, and the folders of its rows are gone."""
    _end(psutil.Process().children(recursive=True))
    for lab in tuple(_open):
        for mount in lab.folder.rglob("*"):
            if mount.is_mount():
                subprocess.run(["umount", "-l", str(mount)], check=False)
        lab.close()
    _end(psutil.Process().children(recursive=True))


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def remove(path: Path) -> None:
    """A file or folder, so that it is counted once."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def workers_of(home: Path) -> list[psutil.Process]:
    """Workers whose daemon, which had this home, has been killed and that have not noticed yet."""
    noted = []
    for name in NOTES.values():
        with contextlib.suppress(OSError, ValueError):
            noted += json.loads((home / "data" / name).read_text(encoding="utf-8"))
    return [psutil.Process(pid) for pid, _ in noted if psutil.pid_exists(pid)]
