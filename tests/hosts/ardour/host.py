"""A real Ardour: a display and a home of its own, the dummy backend, and a way to run Lua in it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pythonosc.udp_client import SimpleUDPClient

from dap_bridge.install import ui_scripts
from tests.hosts.conftest import needed
from tests.hosts.display import Display
from tests.processes import CHECKOUT, free_port, until

HERE = Path(__file__).resolve().parent
TITLE = "dap-bridge"
SEPARATE = "DAP: Separate selected regions"
DENOISE = "DAP: Denoise selected regions"
COSEPARATE = "DAP: Co-separate selected regions"
EXTEND = "DAP: Extend texture to range"
DEACTIVATE = "DAP: Deactivate mask in range"
ACTIVATE = "DAP: Activate mask in range"
LIKE = "DAP: Separate like selected examples"
ALONE = "DAP: Separate: this sound alone in range"
LEARN = "DAP: Learn noise from range"
FURTHER = "DAP: Separate this stem further"
REDRAW = "DAP: Redraw chosen alternative"
UNDO_EDIT = "DAP: Undo last mask edit"
EDITOR = "DAP: Open mask editor"
PLACED = "stems placed"
# Generous: the machine may be busy.
START_S, ANSWER_S, SEPARATION_S = 90.0, 60.0, 150.0
REMOTE_SLOT = 1

CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour><Config>
  <Option name="osc-port" value="{port}"/><Option name="try-autostart-engine" value="1"/>
  <Option name="hide-dummy-backend" value="0"/><Option name="discover-plugins-on-start" value="0"/>
  <Option name="periodic-safety-backups" value="0"/></Config>
 <ControlProtocols><Protocol name="Open Sound Control (OSC)" active="1" debugmode="0" address-only="0"
  remote-port="8000" banksize="0" striptypes="31" feedback="0" gainmode="0" send-page-size="0" plugin-page-size="0"/>
 </ControlProtocols>
 <Extra><AudioMIDISetup><EngineStates><State backend="None (Dummy)" driver="Normal Speed" device="Silence"
  input-device="" output-device="" sample-rate="{rate}" buffer-size="1024" n-periods="0" input-latency="0"
  output-latency="0" lm-input="" lm-output="" active="1" use-buffered-io="0" midi-option="1 in, 1 out, Silence"
  lru="1700000000"><MIDIDevices/></State></EngineStates></AudioMIDISetup></Extra></Ardour>
"""


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DAP_BRIDGE_"))}
    return kept | {"HOME": str(home), "LANG": "C.UTF-8"}


def quoted(text: object) -> str:
    """A Lua string."""
    return json.dumps(str(text), ensure_ascii=False)


class Headless:
    """ardour7-lua: makes sessions, and reads them again."""

    def __init__(self, home: Path) -> None:
        self._environment = environment(home)

    def run(self, script: str, *arguments: object) -> None:
        subprocess.run(
            [needed("ardour7-lua"), str(HERE / script), *map(str, arguments)],
            env=self._environment,
            check=True,
            capture_output=True,
            timeout=ANSWER_S,
        )

    def new_session(self, folder: Path, rate: int) -> None:
        try:
            self.run("new_session.lua", folder, rate)
        except subprocess.CalledProcessError as error:
            # Ardour 7.3 itself falls over once in a while as it makes one
            if error.returncode != -signal.SIGSEGV:
                raise
            shutil.rmtree(folder, ignore_errors=True)
            self.run("new_session.lua", folder, rate)

    def read_session(self, folder: Path) -> dict[str, Any]:
        """Tracks (in order) with their regions, groups and markers, as the session file has them."""
        out = folder.parent / "session.json"
        self.run("read_session.lua", HERE / "sessions.lua", folder, out)
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return found


class Ardour:
    """The program itself, with the scripts as `dap-bridge install ardour` leaves them."""

    def __init__(self, folder: Path, rate: int, session_name: str, spool: Path, osc_port: int) -> None:
        self.folder, self.rate = folder, rate
        self.home = folder / "home"
        self.config = self.home / ".config" / "ardour7"
        self.session = folder / session_name
        self.config.mkdir(parents=True)
        self._port = free_port()
        self._osc = SimpleUDPClient("127.0.0.1", self._port)
        (self.config / ".a7").touch()
        (self.config / "config").write_text(CONFIG.format(port=self._port, rate=rate))
        self._script, self._answer = folder / "remote.lua", folder / "remote.json"
        (self.config / "ui_scripts").write_text(ui_scripts.register(None, [self._remote()]))
        settings = {"DAP_BRIDGE_SPOOL": str(spool), "DAP_BRIDGE_OSC_PORT": str(osc_port)}
        self.dap_bridge("install", "ardour", **settings)
        self.headless = Headless(self.home)
        self.headless.new_session(self.session, rate)
        self.display = Display(folder)
        self.start()

    def start(self) -> None:
        """Open the session, and wait until Ardour carries out what it is told."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [needed("ardour"), "-n", "-a", str(self.session)],
                env=environment(self.home) | {"DISPLAY": self.display.name},
                stdout=log,
                stderr=log,
            )
        until(self._awake, START_S)

    def dap_bridge(self, *arguments: str, **settings: str) -> None:
        command = [sys.executable, "-m", "dap_bridge", *arguments]
        subprocess.run(command, env=environment(self.home) | settings, cwd=CHECKOUT, check=True, capture_output=True)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.display.close()

    def quit(self) -> None:
        """Save and leave, as the menu does."""
        changed = self._saved_at()
        self.do("Common/Save")
        until(lambda: self._saved_at() != changed, ANSWER_S)
        self.do("Common/Quit")
        # Not always with status 0: Ardour 7.3 may cancel a thread that has ended, as the very last thing it does.
        self._process.wait(timeout=ANSWER_S)

    def do(self, action: str) -> None:
        """What a menu or a shortcut would start."""
        self._osc.send_message("/access_action", [action])

    def run(self, script: str) -> None:
        """One of our actions, by its name in the menu."""
        self.do(f"LuaAction/script-{self._slots()[script]}")

    def lua(self, text: str) -> Any:
        """Run Lua inside Ardour, with what remote.lua and sessions.lua offer; what it returns, by way of JSON."""
        self._ask(text)
        until(self._answer.exists, ANSWER_S)
        answer = json.loads(self._answer.read_text(encoding="utf-8"))
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def _ask(self, text: str) -> None:
        self._answer.unlink(missing_ok=True)
        lines = [f"loadfile({quoted(HERE / 'sessions.lua')})()", (HERE / "remote.lua").read_text()]
        lines.append(f"return encode({{ value = (function() {text} end)() or false }})")
        self._script.write_text("\n".join(lines), encoding="utf-8")
        self.do(f"LuaAction/script-{REMOTE_SLOT}")

    def select(self, *names: str) -> None:
        """Select the regions of these names, and nothing else, once all of them are drawn."""
        wanted = ", ".join(map(quoted, names))
        until(lambda: self.lua(f"return select_regions({{{wanted}}})") == len(names), ANSWER_S)

    def bring_in(self, name: str, audio: np.ndarray, position: int) -> np.ndarray:
        """Import audio (frames, channels) onto a new track of this name."""
        path = self.folder / f"{name}.wav"
        soundfile.write(path, audio, self.rate, subtype="FLOAT")
        self.lua(f"import({quoted(path)}, {position})")
        return audio

    def select_range(self, track: str, start: int, stop: int) -> None:
        """Select a range of samples on a track and those of its group; `stop` is the first sample after it."""

        def on_the_track() -> Any:
            self.do("Editor/select-next-route")
            return track in self.lua("return selected_tracks()")

        # Scripts cannot select a track: Ardour 7.3 hangs.
        until(on_the_track, ANSWER_S)
        self.select_time(start, stop)

    def select_time(self, start: int, stop: int) -> None:
        """Select a range on the selected tracks, or where there are none on everything, the master bus included."""
        self.lua(f"Editor:set_loop_range(Temporal.timepos_t({start}), Temporal.timepos_t({stop}), 'loop')")
        self.do("Editor/select-loop-range")

    def separate(self, *names: str) -> None:
        """Select these regions, have them separated, and wait until their stems are in place."""
        self.select(*names)
        self.act(SEPARATE, len(names))

    def act(self, action: str, jobs: int = 1) -> None:
        """Run one of our actions on what is selected, and wait until what its jobs made is in place."""
        before = self.log().count(PLACED)
        self.run(action)
        until(lambda: self.log().count(PLACED) == before + jobs, SEPARATION_S)

    def correct(self, action: str) -> None:
        """Run an action on masks on the range that is selected, and take its dialog as it comes up."""
        self.run(action)
        self.box()
        self.close_box("alt+o")

    def edit(self, action: str) -> None:
        """As `correct`, until what it brings is in place."""
        before = self.log().count(PLACED)
        self.correct(action)
        until(lambda: self.log().count(PLACED) == before + 1, SEPARATION_S)

    def remember(self, **options: object) -> None:
        """Options as if they had been chosen in a dialog, VERB_NAME=VALUE."""
        with (self.config / "dap-bridge" / "options.tsv").open("a") as file:
            file.writelines(f"{name.replace('_', '.', 1)}\t{value}\n" for name, value in options.items())

    def regions(self, track: str) -> list[dict[str, Any]]:
        """What is on a track, as the running program has it."""
        found: list[dict[str, Any]] = next(one["regions"] for one in self.tracks() if one["name"] == track)
        return found

    def tracks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.lua("return tracks()")
        return found

    def waiting(self) -> list[dict[str, str]]:
        """The jobs that the session waits for."""
        try:
            text = (self.session / "dap-bridge.jobs").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [dict(line.split("\t", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]

    def log(self) -> str:
        path = self.config / "dap-bridge" / "ardour.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def box(self, timeout: float = ANSWER_S) -> None:
        """Until a box of ours is there."""
        until(lambda: self.display.windows(TITLE), timeout)

    def close_box(self, key: str = "Return") -> None:
        def gone() -> bool:
            self.display.press(key)
            return not self.display.windows(TITLE)

        until(gone, ANSWER_S)

    def _awake(self) -> bool:
        assert self._process.poll() is None, "Ardour ended while it started"
        self._ask("return true")
        with contextlib.suppress(AssertionError):
            return bool(until(self._answer.exists, 0.5))
        return False

    def _saved_at(self) -> int:
        return (self.session / f"{self.session.name}.ardour").stat().st_mtime_ns

    def _slots(self) -> dict[str, int]:
        packed = re.search(r"<ActionScript[^>]*>(.*)</ActionScript>", (self.config / "ui_scripts").read_text())
        assert packed is not None
        found = re.findall(rb'scripts\[(\d+)\]\["n"\] = "([^"]+)"', base64.b64decode(packed[1]))
        return {name.decode(): int(slot) for slot, name in found}

    def _remote(self) -> ui_scripts.Script:
        text = (HERE / "remote_action.lua").read_text()
        text = text.replace("SCRIPT", quoted(self._script)).replace("ANSWER", quoted(self._answer))
        return ui_scripts.Script("remote", str(self._script), text, hook=False)


def audio_of(region: dict[str, Any]) -> np.ndarray:
    """What stands in a region's files, (frames, channels), before gain and fades."""
    channels = []
    for source in region["channels"]:
        audio, _ = soundfile.read(source["path"], dtype="float64", always_2d=True)
        channels.append(audio[region["start"] : region["start"] + region["frames"], source["channel"]])
    return np.stack(channels, axis=1)
