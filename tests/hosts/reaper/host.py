"""REAPER as far as scripts can see it: the simulator in a real Lua, driven from here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dap_bridge.install import reaper
from tests.processes import CHECKOUT

HERE = Path(__file__).resolve().parent
SCRIPTS = CHECKOUT / "daw_scripts" / "reaper"
COMMON = CHECKOUT / "daw_scripts" / "common"
# One turn of REAPER's timer.
TICK_S = 0.02


def api_counts() -> dict[str, tuple[int, int]]:
    """The least and most arguments of every function of the public API, in Lua."""
    table = json.loads((HERE / "reaper_api.json").read_text(encoding="utf-8"))["functions"]
    return {name: (least, most) for name, (least, most) in table.items()}


def quoted(text: str | Path) -> str:
    """A Lua string."""
    return '"' + "".join(f"\\{byte:03d}" for byte in str(text).encode()) + '"'


def laid_out(folder: Path) -> Path:
    """The scripts in the folder they run in, REAPER's own and those shared with Ardour together."""
    for name, source in reaper.sources().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
    return folder


class Host:
    """One REAPER. Faults (unknown functions, wrong counts, unbalanced undo …) are collected, never forgiven."""

    def __init__(self, lua: str, folder: Path, scripts: Path | None = None, **environment: str) -> None:
        counts = folder / "api.txt"
        counts.write_text("".join(f"{name} {low} {high}\n" for name, (low, high) in api_counts().items()))
        self.program, self.scripts = lua, scripts or laid_out(folder / "scripts")
        self.state: dict[str, Any] = {"running": 0, "faults": [], "messages": [], "shown": None}
        self._process = subprocess.Popen(
            [lua, str(HERE / "simulator" / "main.lua"), str(counts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
        )
        self._before = time.monotonic()

    def lua(self, chunk: str) -> Any:
        """Run a chunk inside the simulator; what it returns."""
        assert self._process.stdin and self._process.stdout
        data = chunk.encode()
        self._process.stdin.write(f"{len(data)}\n".encode() + data)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the simulator ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def run(self, action: str) -> None:
        """Trigger an action by its name in REAPER's list."""
        self.lua(f"sim.run({quoted(self.scripts / f'{action}.lua')})")
        self.tick()

    def tick(self) -> None:
        now = time.monotonic()
        self.state = self.lua(f"return sim.tick({now - self._before})")
        self._before = now
        assert not self.state["faults"], self.state["faults"]

    def until(self, condition: Callable[[], Any] | None = None, timeout: float = 60.0) -> None:
        """Let REAPER's timer run until something holds; by default until no script runs."""
        deadline = time.monotonic() + timeout
        while not (condition() if condition else not self.state["running"]):
            assert time.monotonic() < deadline, f"it never came to pass: {self.state}"
            time.sleep(TICK_S)
            self.tick()

    def click(self, row: int = 1) -> None:
        """The Cancel button of a row of the window."""
        y = (row - 1) * 64 + 20
        self.lua(f"sim.gfx.point(500, {y}, true)")
        self.tick()
        self.lua("sim.gfx.point(0, 0, false)")
        self.tick()

    @property
    def messages(self) -> list[str]:
        return list(self.state["messages"])

    @property
    def shown(self) -> str:
        return "\n".join(self.state.get("shown") or [])

    def tracks(self, project: str = "project") -> list[dict[str, Any]]:
        return list(self.lua(f"return sim.dump({project})"))

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)
