"""The worked examples of docs/contributing.md, done as they stand there, in a copy of the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.judging import si_sdr
from tests.files import tree
from tests.processes import CHECKOUT, Process, until

PAGE = (CHECKOUT / "docs" / "contributing.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}
# What the examples change, and where what they add is.
TABLES = {"dap_bridge/verbs/table.py", "dap_bridge/engine/methods/__init__.py"}
ROOMS = ("dap_bridge/verbs/gain", "dap_bridge/engine/methods/bands")
PRESETS = {"presets/gain.toml", "presets/bands.toml"}
RATE = 22_050
GAIN = 10 ** (-6 / 20)


def blocks(section: str) -> Iterator[tuple[str, str]]:
    """The file that the text before each block names, and what the page puts there."""
    for before, content in re.findall(r"(.*?)```\w+\n(.*?)```", SECTIONS[section], re.S):
        yield re.findall(r"`((?:dap_bridge|presets)/[\w/.]+)`", before)[-1], content


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with the verb `gain` and the method `bands` in it, and nothing else changed."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("dap_bridge", "presets", "daw_scripts", "tests"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "recordings"))
    before = tree(copy)
    for section, room in (("Add a verb", "verbs/gain"), ("Add a method", "engine/methods/bands")):
        (copy / "dap_bridge" / room).mkdir()
        (copy / "dap_bridge" / room / "__init__.py").touch()
        for name, content in blocks(section):
            path = copy / name
            text = patched(path.read_text(encoding="utf-8"), content) if path.exists() else content
            path.write_text(text, encoding="utf-8")
    after = tree(copy)
    assert {name for name in before if after[name] != before[name]} == TABLES
    assert {name for name in after.keys() - before.keys() if not name.startswith(ROOMS)} == PRESETS
    return copy


def patched(text: str, diff: str) -> str:
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in f" {sign}") for sign in "-+")
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def python(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """python(*arguments) -> what it prints, with the copy as the package, and folders of its own.

    code: what it ends with; the answer of what fails is what it says is wrong.
    """
    monkeypatch.delenv("DAP_BRIDGE_PRESETS_DIR")
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    folders = {"DAP_BRIDGE_DATA": str(tmp_path / "data"), "DAP_BRIDGE_SPOOL": str(tmp_path / "spool")}

    def run(*arguments: object, code: int = 0) -> str:
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, cwd=checkout, env=os.environ | folders, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "clip.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE, subtype="FLOAT")
    return tmp_path / "clip.wav"


@pytest.fixture
def daemon(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    started = Process(tmp_path, "-P", "-m", "dap_bridge", "serve", DAP_BRIDGE_DEVICE="cpu")
    yield started
    started.client.close()
    started.end()


def test_the_verb_is_in_the_command_line_and_does_what_it_says(python: Any, clip: Path, tmp_path: Path) -> None:
    assert "Make CLIP louder or softer." in python("-m", "dap_bridge", "gain", "--help")
    said = json.loads(python("-m", "dap_bridge", "gain", clip, "--out", tmp_path / "out", "--json"))
    assert (said["verb"], said["preset"], said["null_db"]) == ("gain", "gain", None)
    made = soundfile.read(tmp_path / "out" / "stem-1.wav")[0]
    np.testing.assert_allclose(made, GAIN * soundfile.read(clip)[0], rtol=1e-6)
    shelf = json.loads(python("-m", "dap_bridge", "presets", "--json"))
    assert shelf["gain"]["method"] == "gain"


def test_it_comes_through_every_door_of_a_daemon(python: Any, daemon: Process, clip: Path, tmp_path: Path) -> None:
    sent = ("-m", "dap_bridge", "send", "gain", clip, "--db", "6", "--job", "osc", "--wait", "--json")
    said = json.loads(python(*sent, "--osc-port", daemon.port, "--out", tmp_path / "osc"))
    made = soundfile.read(tmp_path / "osc" / said["stems"][0]["path"])[0]
    np.testing.assert_allclose(made, soundfile.read(clip)[0] / GAIN, rtol=1e-6)
    daemon.drop("drop", {"verb": "gain", "clip": str(clip), "db": 99})
    until(lambda: list((daemon.spool / "rejected").glob("drop.json.reason")))
    daemon.drop("again", {"verb": "gain", "clip": str(clip), "out": str(tmp_path / "drop")})
    until(lambda: daemon.status_file("again").get("event") == "done")


def test_the_docs_know_it(python: Any, tmp_path: Path) -> None:
    python("-m", "dap_bridge.transport.document", tmp_path / "protocol.md")
    page = (tmp_path / "protocol.md").read_text(encoding="utf-8")
    assert "### gain\n\nMake a clip louder or softer.\n" in page
    assert "| `db` | number, -60 to 60 |  | Left out: the preset's. |" in page


def test_the_method_separates_a_clip(python: Any, tmp_path: Path) -> None:
    seconds = np.arange(2 * RATE) / RATE
    tones = [0.2 * np.sin(2 * np.pi * hertz * seconds) for hertz in (300, 1400, 5000)]
    soundfile.write(tmp_path / "tones.wav", sum(tones), RATE, subtype="FLOAT")
    asked = ("-m", "dap_bridge", "separate", tmp_path / "tones.wav", "--preset", "bands", "--sources", 3)
    said = json.loads(python(*asked, "--out", tmp_path / "out", "--json"))
    stems = [soundfile.read(tmp_path / "out" / stem["path"])[0] for stem in said["stems"]]
    np.testing.assert_allclose(sum(stems), sum(tones), atol=1e-6)
    assert min(si_sdr(tone, stem) for tone, stem in zip(tones, stems, strict=True)) > 30
    shelf = json.loads(python("-m", "dap_bridge", "presets", "--json"))
    assert shelf["bands"] == {"title": "Bands", "description": "Each sound an octave.", "method": "bands"}

    box = ("--box", "stem=1,op=deactivate,start=0,end=1,low=100,high=900")
    refused = python("-m", "dap_bridge", "refine", tmp_path / "out", *box, "--out", tmp_path / "refined", code=2)
    assert "What the preset 'bands' makes cannot be corrected." in refused


def test_the_host_separates_a_clip(start: Any, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SECTIONS["Add a host"], re.S)
    (tmp_path / "host.py").write_text(code, encoding="utf-8")
    stub = start()
    arguments = [str(tmp_path / "host.py"), str(stub.spool), "/clip.wav", str(stub.home / "out-host")]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=True)
    assert Path(done.stdout.strip()) == stub.home / "out-host" / "manifest.json"
