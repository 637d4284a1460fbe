"""What README.md and docs/command-line.md tell people to type works as it is written, in order, in one folder."""

from __future__ import annotations

import re
import shlex
import shutil
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.processes import CHECKOUT, Process
from tests.terminal import dap

RATE = 8_000
CLIPS = ("clip", "fan", "talk", "tape", "rain", "a", "b", "c", "takes/one", "more/below/two", "night/three")

# What is not typed here, by how it begins, and why.
ELSEWHERE = {
    "make": "builds and tests the checkout that this test is of",
    "dap-bridge serve": "runs until ctrl-C; a daemon runs here already",
    "dap-bridge service": "tests/test_service.py, with a systemd of its own",
    "dap-bridge install": "tests/hosts, where there are hosts",
    "dap-bridge audacity": "tests/hosts/audacity, where there is Audacity",
    "dap-bridge completion": "tests/test_words.py",
    "dap-bridge separate SONG.dawproject": "tests/test_dawproject.py",
    "dap-bridge COMMAND": "stands for each of them",
}


def commands(page: str) -> list[str]:
    """The lines of a page's boxes, and what it sets as code that is a whole command, in its order; without comments."""
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    found = []
    code = r"`(dap-bridge(?: [^`\n]+)?|make [^`\n]+)`"
    for box, inline in re.findall(rf"^```sh\n(.*?)^```|{code}", text, re.MULTILINE | re.DOTALL):
        found += [line.partition(" #")[0].strip() for line in (box or inline).splitlines()]
    return [line for line in found if line]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_presets: Path) -> Path:
    """One with such clips; every preset does as little as it can."""
    shelf = tmp_path / "presets"
    shutil.copytree(quick_presets, shelf)
    for name in ("default", "draft"):
        shutil.copy(shelf / "quick.toml", shelf / f"{name}.toml")
    for name in ("texture", "coseparate", "denoise"):
        shutil.copy(shelf / f"quick-{name}.toml", shelf / f"{name}.toml")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(shelf))
    place = tmp_path / "work"
    for number, name in enumerate(CLIPS):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        seconds = 4 if name == "clip" else 3
        noise = 0.1 * np.random.default_rng(number).standard_normal(seconds * RATE)
        soundfile.write(place / f"{name}.wav", noise, RATE)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def daemon(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """One that the command line finds by its settings."""
    started = Process(tmp_path, "-m", "dap_bridge", "serve")
    for name, value in {"OSC_PORT": started.port, "SPOOL": started.spool, "DATA": started.data}.items():
        monkeypatch.setenv(f"DAP_BRIDGE_{name}", str(value))
    yield started
    started.client.close()
    started.end()


def test_the_pages_commands_work_in_order_as_they_are_written(
    folder: Path, daemon: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    typed = [line for page in ("README.md", "docs/command-line.md") for line in commands(page)]
    for line in typed:
        if not any(line.startswith(start) for start in ELSEWHERE):
            done = dap(*shlex.split(line)[1:])
            assert done.returncode == 0, f"{line}\n{done.stderr}{done.stdout}"
    assert len(typed) > 30
    assert len(opened) == 2
    assert all(address.startswith(daemon.editor) for address in opened)
    for start in ELSEWHERE:
        assert any(line.startswith(start) for line in typed), f"nobody is told of {start}"
