"""A real Audacity: a display and a home of its own, the plug-in installed, and its scripting pipe."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from click.testing import CliRunner

from dap_bridge.audacity import selections
from dap_bridge.audacity.answers import ALIVE
from dap_bridge.audacity.pipe import Pipe, pipe_names
from dap_bridge.audacity.revise import menu_entry
from dap_bridge.cli import main
from dap_bridge.errors import HostUnreachable
from tests.hosts.conftest import needed
from tests.hosts.display import Display
from tests.processes import CHECKOUT, until

MODULE = Path("/usr/lib/audacity/modules/mod-script-pipe.so")
PLUGIN, NEXT = "DAP Separate selection", "DAP Next stem"
COMMAND = "DapSeparateSelection"
# What the tests put on its tracks, and select of it.
RATE, SECONDS = 48000, 2.0
START, END = 0.40003, 1.7
FIRST, LAST = round(START * RATE), round(END * RATE)
NAMES = ('stereo "quoted" \\ 🎹', "mono")
# How long a key may take to have its effect before it is pressed once more.
KEY_S = 12.0
# Generous: the machine may be busy.
SCAN_S, START_S, ANSWER_S, SAID_S, STARTS = 120.0, 40.0, 60.0, 240.0, 4

CONFIG = """NewPrefsInitialized=1
PrefsVersion=1.1.1r1
[Version]
Major=3
Minor=2
Micro=4
[GUI]
ShowSplashScreen=0
[Update]
UpdateNoticeShown=1
DefaultUpdatesChecking=0
[Module]
mod-script-pipe={pipe}
[ModulePath]
mod-script-pipe={module}
[ModuleDateTime]
mod-script-pipe={module_time}
[Directories]
TempDir={temporary}
[FileFormats/ExportFormat_SF1_Type]
WAV_10000=6
"""  # 6: 32-bit float, in libsndfile's numbers
KEY = r"""[NewKeys/Effect_Nyquist_dap-bridge_{plugin}_{folder}]
{file}={key}
"""
# What runs plug-ins where no pipe does.
KEYS = {PLUGIN: "Ctrl+Alt+1", NEXT: "Ctrl+Alt+2"}
# Where nothing is on the screen but the space below a track.
BELOW = (680, 700)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DAP_BRIDGE_"))}
    return kept | {"HOME": str(home), "LANG": "C.UTF-8"}


class Audacity:
    """The program itself, with the plug-in as `dap-bridge install audacity` leaves it.

    It looks at its new plug-ins when it starts for the first time, which breaks its pipe; so it has none then, and
    `clip` on a track.
    """

    def __init__(self, folder: Path, spool: Path, display: Display, clip: Path) -> None:
        self.folder, self.spool, self.display = folder, spool, display
        self.home = folder / "home"
        self._config = self.home / ".config" / "audacity"
        self._config.mkdir(parents=True)
        (self.home / ".local" / "share" / "audacity").mkdir(parents=True)
        self._temporary = folder / "temporary"
        self._temporary.mkdir()
        assert self.dap_bridge("install", "audacity").returncode == 0
        self._start(0, str(clip))
        until(self._scanned, SCAN_S)

    def offer_pipe(self) -> None:
        """Start it anew, with its pipe."""
        self._stop()
        for _ in range(STARTS):  # a look at plug-ins by a second process breaks the pipe for good
            self._start()
            with contextlib.suppress(AssertionError):
                self.pipe = until(self._connect, START_S)
                return
            self._stop()
        raise AssertionError("Audacity never offered its pipe")

    def dap_bridge(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dap_bridge", *arguments],
            env=environment(self.home) | {"DAP_BRIDGE_SPOOL": str(self.spool)},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )

    def bring_back(self) -> dict[str, Any]:
        """Run `dap-bridge audacity` until nothing is waited for; what it says became of each selection, by track."""
        with self.pipe_free():
            result = CliRunner().invoke(
                main, ["audacity", "--once", "--json"], env={"DAP_BRIDGE_SPOOL": str(self.spool)}
            )
        assert result.stdout, result.stderr
        return {outcome["track"]: outcome for outcome in json.loads(result.stdout)["selections"]}

    @contextlib.contextmanager
    def pipe_free(self) -> Iterator[None]:
        """Somebody else may use the pipe, which serves one at a time."""
        self.pipe.close()
        yield
        self.pipe = until(self._connect, START_S)

    @contextlib.contextmanager
    def followed(self, browser: str) -> Iterator[Callable[[], str]]:
        """`dap-bridge audacity` runs, with this to open addresses with; what it says next, up to the end of a line."""
        process = subprocess.Popen(
            [sys.executable, "-m", "dap_bridge", "audacity"],
            env=environment(self.home) | {"DAP_BRIDGE_SPOOL": str(self.spool), "BROWSER": browser},
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [said.put(line) for line in process.stdout], daemon=True).start()
        try:
            until((self.spool / ALIVE).exists, START_S)
            yield lambda: said.get(timeout=SAID_S)
        finally:
            process.terminate()
            process.wait(timeout=ANSWER_S)

    def run(self, plugin: str, **parameters: Any) -> None:
        """A plug-in by its name, as if from the menu."""
        words = "".join(word.capitalize() for word in plugin.split())
        self.pipe.command(words, **parameters)

    def run_from_menu(self, plugin: str) -> None:
        """As a click in the menu does: nothing need be selected."""
        self.pipe.command(f"{menu_entry(self.pipe, plugin)}:")

    def job_done(self) -> str:
        """The job of the one selection that waits, once its stems are there."""
        (selection,) = selections.waiting(self.spool)
        status = self.spool / "outbox" / f"{selection.job}.status"
        until(lambda: status.exists() and "event\tdone" in status.read_text(encoding="utf-8"), ANSWER_S)
        return selection.job

    def bring_in(self, name: str, audio: np.ndarray, rate: int) -> None:
        """Import audio (frames, channels) to a new track of this name."""
        path = self.folder / "clip.wav"
        soundfile.write(path, audio, rate, subtype="FLOAT")
        self.pipe.command("Import2", Filename=str(path))
        self.pipe.command("SetTrackStatus", Name=name)

    def select(self, first: int, count: int, start: float, end: float) -> None:
        self.pipe.command("Select", Track=first, TrackCount=count, Mode="Set", Start=start, End=end)

    def denoise(self, preset: str) -> None:
        self.pipe.command("DapDenoiseSelection", strength=0.5, swap="speech", preset=preset, seed=0)

    def coseparate(self, preset: str = "quick-coseparate") -> None:
        self.pipe.command("DapCo-separateSelectedTracks", preset=preset, seed=0)

    def extend(self, seconds: float, preset: str) -> None:
        self.pipe.command("DapExtendTexture", seconds=seconds, variation=0.5, preset=preset, seed=0)

    def separate(self, preset: str = "quick") -> None:
        self.pipe.command(COMMAND, sources=2, preset=preset, seed=0)

    def separate_and_close_box(self, picture: str, preset: str = "quick") -> None:
        self.close_box(lambda: self.separate(preset), PLUGIN, picture)

    def close_box(self, ask: Callable[[], None], plugin: str, picture: str) -> None:
        """The plug-in has something to say: a box comes up, and Audacity goes on once it is closed."""

        def asking() -> None:
            with contextlib.suppress(Exception):
                ask()

        asked = threading.Thread(target=asking)
        asked.start()
        # One window of this name is there while the plug-in works: its progress. The other is what it says.
        until(lambda: len(self.display.windows(plugin)) == 2, ANSWER_S)
        self.display.picture(picture)

        def closed() -> bool:
            # A key too many would be heeded by the tracks, or close the next box.
            self.display.press("Return")
            asked.join(KEY_S)
            return not asked.is_alive()

        until(closed, ANSWER_S)
        until(lambda: not self.display.windows(plugin), ANSWER_S)
        assert self.tracks()

    def tracks(self) -> list[dict[str, Any]]:
        text = self.pipe.command("GetInfo", Type="Tracks", Format="JSON")
        found: list[dict[str, Any]] = json.loads(re.sub(r'\\(?!")', r"\\\\", text))  # it escapes quotes alone
        return found

    def export(self, first: int, count: int, seconds: float, channels: int) -> np.ndarray:
        """The mix of these tracks, from the project's beginning, (frames, channels)."""
        path = self.folder / "export.wav"
        path.unlink(missing_ok=True)
        self.select(first, count, 0.0, seconds)
        self.pipe.command("Export2", Filename=str(path), NumChannels=channels)
        audio, _ = soundfile.read(path, dtype="float64", always_2d=True)
        return np.asarray(audio)

    def end(self) -> np.ndarray:
        """Have it end; the samples that the project holds, which was never saved, in the order they came."""
        self._stop()
        (project,) = self._temporary.rglob("*.aup3unsaved")
        with contextlib.closing(sqlite3.connect(project)) as database:
            rows = database.execute("SELECT samples FROM sampleblocks ORDER BY blockid").fetchall()
        return np.concatenate([np.frombuffer(samples, np.float32) for (samples,) in rows])

    def close(self) -> None:
        if hasattr(self, "pipe"):
            self.pipe.close()
        self._stop()

    def _configure(self, pipe: int) -> None:
        """What it is to do, said anew: ended while it writes its settings, it begins with none of them."""
        module_time = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(MODULE.stat().st_mtime))
        names = {"module": MODULE, "module_time": module_time, "temporary": self._temporary, "pipe": pipe}
        folder = self.home / ".local" / "share" / "audacity" / "Plug-Ins"
        keys = [
            # spaces and backslashes are escaped, and of a plug-in's file underscores are before that
            KEY.format(
                plugin=plugin.replace(" ", r"\ "),
                folder=folder,
                file=f"DAP\\\\_{plugin.removeprefix('DAP ')}.ny".replace(" ", r"\ "),
                key=key,
            )
            for plugin, key in KEYS.items()
        ]
        (self._config / "audacity.cfg").write_text(CONFIG.format(**names) + "".join(keys))

    def _start(self, pipe: int = 1, *files: str) -> None:
        self._configure(pipe)
        for path in (*self._temporary.rglob("*"), *map(Path, pipe_names())):  # else it offers to recover, or hangs
            if not path.is_dir():
                path.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [needed("audacity"), *files],
                env=environment(self.home) | {"DISPLAY": self.display.name},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _scanned(self) -> bool:
        """The registry names our plug-in, and has not grown for a moment."""
        registry = self._config / "pluginregistry.cfg"
        try:
            scanned, changed = registry.read_text(encoding="utf-8", errors="replace"), registry.stat().st_mtime
        except FileNotFoundError:  # not there yet, or just being replaced
            return False
        return PLUGIN in scanned and time.time() - changed > 1.5

    def _connect(self) -> Pipe | None:
        assert self._process.poll() is None, "Audacity ended while it started"
        try:
            return Pipe()
        except HostUnreachable:
            time.sleep(0.1)
            return None
