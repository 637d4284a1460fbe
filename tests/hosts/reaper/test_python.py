"""The Python ReaScript set: standard library alone, over UDP, against the real daemon."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from dap_bridge import __version__, config
from dap_bridge.install import reaper
from dap_bridge.transport import events, osc, protocol
from dap_bridge.transport.client import Client
from dap_bridge.transport.control import Cancel
from dap_bridge.verbs.separate.request import Separate
from tests.conftest import Start
from tests.hosts.reaper import reaper_stub
from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import SCRIPTS, api_counts
from tests.processes import CHECKOUT, Process, free_port, until

PYTHON = SCRIPTS / "python"
Sound = Callable[..., np.ndarray]
Write = Callable[..., Path]


def at(daemon: Process) -> dict[str, str]:
    """Where a REAPER finds it."""
    return {"DAP_BRIDGE_OSC_PORT": str(daemon.port), "DAP_BRIDGE_SPOOL": str(daemon.spool)}


def run(action: str, where: dict[str, str], scene: dict[str, Any], folder: Path = PYTHON) -> dict[str, Any]:
    result = subprocess.run(
        [sys.executable, "-m", reaper_stub.__name__, str(folder / f"{action}.py")],
        input=json.dumps(scene),
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env=os.environ | where | {"PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_items_become_stems_over_udp(daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path) -> None:
    """Three items, odd names, another tab in front when the stems come."""
    samples = sound(2)
    names = ["plain", "emoji 🥁 \" ' % ;", "x" * 200]
    path = write_clip(samples, RATE, f"{'ü' * 20}/{'p' * max(1, 180 - len(str(tmp_path)))}/a b 🥁 \" ' % ;.wav")
    assert len(str(path)) > 200
    items = [
        {"file": str(path), "name": name, "item": {"D_POSITION": 2.5}, "take": {"D_STARTOFFS": 0.25}, "length": 0.5}
        for name in names
    ]
    scene = {"path": str(tmp_path / "song"), "items": items, "ext": {"separate.preset": "quick"}, "mode": "other tab"}
    answer = run("DAP_Separate selected items (OSC)", at(daemon), scene)
    tracks, other = answer["tracks"]
    found = [(track["name"], track["depth"]) for track in tracks]
    assert found == [
        entry
        for name in names
        for entry in (
            ("Source", 0),
            (f"{name} - stems", 1),
            (f"{name} - stem 1", 0),
            (f"{name} - stem 2", -1),
        )
    ]
    assert other == []
    assert answer["front"] == 1
    assert answer["undo"] == ["Separate with DAP: 3 items"]
    assert answer["waiting"] == {}
    stems = tracks[2:4]
    assert [(s["items"][0]["D_POSITION"], s["items"][0]["D_LENGTH"]) for s in stems] == [(2.5, 0.5)] * 2
    played = sum(soundfile.read(stem["items"][0]["file"], always_2d=True)[0].T for stem in stems)
    first = RATE // 4
    assert np.abs(played - samples[:, first : first + RATE // 2]).max() < 1e-4
    assert tracks[0]["items"][0]["B_MUTE"] == 1
    assert answer["messages"] == []
    opened = [text for text in answer["console"] if not text.startswith("!SHOW:")]
    assert len(opened) == 1, "the console is opened once: closed by the user, it stays closed"
    assert all(f"{name}: done" in answer["console"][-1] for name in names)


def test_what_is_ready_may_be_placed_by_itself(
    daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path
) -> None:
    items = [{"file": str(write_clip(sound(), RATE)), "name": name} for name in ("a", "b")]
    scene = {"path": str(tmp_path / "song"), "items": items, "ext": {"separate.preset": "quick", "together": "no"}}
    answer = run("DAP_Separate selected items (OSC)", at(daemon), scene)
    assert answer["undo"] == ["Separate with DAP: a", "Separate with DAP: b"]


def test_what_waits_for_another_job_is_placed_once_it_is_done(
    daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path
) -> None:
    """The daemon says meanwhile where it stands in line."""
    clip = str(write_clip(sound(2, seconds=20), RATE, "long.wav"))
    next(daemon.client.request(Separate(job="ahead", clip=clip, preset="paper", out=str(tmp_path / "out"))))
    scene = {
        "path": str(tmp_path / "song"),
        "items": [{"file": str(write_clip(sound(), RATE)), "name": "behind"}],
        "ext": {"separate.preset": "quick"},
    }

    def queued() -> bool:
        told = (path.read_text(encoding="utf-8") for path in (daemon.spool / "outbox").glob("*.status"))
        return any("event\tqueued" in text and "behind\tahead" in text for text in told)

    with ThreadPoolExecutor(1) as pool:
        script = pool.submit(run, "DAP_Separate selected items (OSC)", at(daemon), scene)
        try:
            until(queued)
        finally:
            daemon.client.last_event(Cancel(job="ahead"))
        answer = script.result()
    assert answer["undo"] == ["Separate with DAP: behind"]
    assert answer["messages"] == []


def test_a_failure_opens_the_console(daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path) -> None:
    items = [{"file": str(write_clip(sound(), RATE)), "name": "a"}]
    scene = {"path": str(tmp_path / "song"), "items": items, "ext": {"separate.preset": "nothing"}}
    answer = run("DAP_Separate selected items (OSC)", at(daemon), scene)
    assert "nothing" in answer["console"][-1]
    assert not answer["console"][-1].startswith("!SHOW:")
    assert len(answer["tracks"][0]) == 1
    assert answer["undo"] == []


def test_a_warning_is_said_once_the_stems_are_placed(daemon: Process, write_clip: Write, tmp_path: Path) -> None:
    items = [{"file": str(write_clip(np.zeros(RATE, np.float32), RATE)), "name": "nothing"}]
    scene = {"path": str(tmp_path / "song"), "items": items, "ext": {"separate.preset": "quick"}}
    answer = run("DAP_Separate selected items (OSC)", at(daemon), scene)
    (said,) = answer["messages"]
    assert said.startswith("nothing: The clip is silent")
    assert len(answer["tracks"][0]) > 1


def test_an_empty_item_is_left_out(daemon: Process, tmp_path: Path) -> None:
    scene = {"path": str(tmp_path / "song"), "items": [{}]}
    answer = run("DAP_Separate selected items (OSC)", at(daemon), scene)
    assert answer["messages"] == ["Left out: an empty item", "Select one or more audio items first."]


def test_what_only_lua_can_read_is_left_to_it(daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path) -> None:
    item = {"file": str(write_clip(sound(), RATE)), "name": "a", "take": {"D_PLAYRATE": 1.5}}
    scene = {"path": str(tmp_path), "items": [item]}
    answer = run("DAP_Separate selected items (OSC)", at(daemon), scene)
    assert "DAP_Separate selected items.lua" in answer["messages"][0]
    assert len(answer["tracks"][0]) == 1


def test_options_are_checked_and_remembered(daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path) -> None:
    item = {"file": str(write_clip(sound(), RATE)), "name": "a"}
    inputs = ["quick,9,no,0,auto,yes,yes", "quick, 3,yes,7,cpu,no,no"]
    scene = {"path": str(tmp_path / "song"), "items": [item], "inputs": inputs}
    answer = run("DAP_Separate selected items (OSC, options)", at(daemon), scene)
    assert len(answer["messages"]) == 1
    assert len(answer["tracks"][0]) == 6
    assert answer["tracks"][0][-1]["name"].endswith("residual")
    assert answer["tracks"][0][0]["items"][0]["B_MUTE"] == 0
    sent = {"preset": "quick", "sources": "3", "residual": "yes", "seed": "7", "device": "cpu"}
    own = {"mute": "no", "together": "no"}
    assert answer["ext"] == {f"separate.{name}": value for name, value in sent.items()} | own


def test_an_item_is_denoised(daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path) -> None:
    item = {"file": str(write_clip(sound(), RATE)), "name": "talk"}
    inputs = ["denoise,1.5,no,0,auto,yes,yes", "denoise,0.5,maybe,0,auto,yes,yes", "denoise,0.5,yes,0,auto,yes,yes"]
    scene = {"path": str(tmp_path / "song"), "items": [item], "inputs": inputs}
    answer = run("DAP_Denoise selected items (OSC, options)", at(daemon), scene)
    assert answer["messages"] == ["strength is a number from 0 to 1.", "swap is yes or no."]
    assert answer["undo"] == ["Denoise with DAP: talk"]
    assert [track["name"] for track in answer["tracks"][0]][:2] == ["Source", "talk - stems"]
    path = Path(answer["tracks"][0][2]["items"][0]["file"]).with_name("manifest.json")
    assert sorted(stem["role"] for stem in json.loads(path.read_text())["stems"]) == ["noise", "speech"]


def test_status_and_cancel(daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path) -> None:
    scene: dict[str, Any] = {"path": str(tmp_path)}
    assert "is running" in run("DAP_Bridge status (OSC)", at(daemon), scene)["messages"][0]
    assert "no jobs" in run("DAP_Cancel jobs (OSC)", at(daemon), scene)["messages"][0]
    clip = str(write_clip(sound(2, seconds=20), RATE))
    next(daemon.client.request(Separate(job="long", clip=clip, out=str(tmp_path / "out"))))
    waiting = {"waiting": {"long": "kept"}}
    assert "waits for the stems of 1 item" in run("DAP_Bridge status (OSC)", at(daemon), scene | waiting)["messages"][0]
    answer = run("DAP_Cancel jobs (OSC)", at(daemon), scene | waiting)
    assert answer["waiting"] == {}
    assert daemon.status_file("long")["event"] == "cancelled"


def test_the_bridge_is_started_where_the_installer_wrote_it_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("DAP_BRIDGE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAP_BRIDGE_SPOOL", str(tmp_path / "spool"))
    reaper.install(tmp_path, config.load(osc_port=port))
    (tmp_path / "config.toml").write_text(f"osc_port = {port}\n", encoding="utf-8")
    monkeypatch.setenv("DAP_BRIDGE_CONFIG", str(tmp_path / "config.toml"))
    answer = run("DAP_Start bridge (OSC)", {}, {"path": str(tmp_path)}, tmp_path / reaper.FOLDER / "python")
    with Client(port) as client:
        daemon = psutil.Process(client.hello().pid)
        daemon.terminate()
        daemon.wait(timeout=20)
    assert answer["messages"] == [f"dap-bridge {__version__} is running."]


def test_a_daemon_killed_in_mid_job_and_started_again(
    start: Start, quick_presets: Path, sound: Sound, write_clip: Write, tmp_path: Path
) -> None:
    quick = (quick_presets / "quick.toml").read_text(encoding="utf-8")
    own = tmp_path / "presets"
    own.mkdir()
    (own / "mine.toml").write_text(quick.replace("iterations = 10", "iterations = 4000"), encoding="utf-8")
    daemon = start("home", "-m", "dap_bridge", "serve", DAP_BRIDGE_PRESETS_DIR=str(own))
    item = {"file": str(write_clip(sound(), RATE)), "name": "a"}
    scene = {"path": str(tmp_path / "song"), "items": [item], "ext": {"separate.preset": "mine"}}
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(run, "DAP_Separate selected items (OSC)", at(daemon), scene)
        until(lambda: [job.state for job in daemon.client.status()] == ["running"], 60)
        daemon.end(9)
        (own / "mine.toml").write_text(quick, encoding="utf-8")
        daemon.start()
        assert len(answer.result()["tracks"][0]) == 4


def test_what_is_sent_is_what_the_daemon_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packing by hand, against python-osc."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(PYTHON))
    packing = importlib.import_module("dap_osc")
    values = ["", "abc", "abcd", "ü🥁", 0, -1, 2**31 - 1, 2**31, 2**40, 0.1, -1e300]
    (message,) = osc.decode(packing.encode("/dap/separate", values))
    assert (message.address, message.params) == ("/dap/separate", values)
    event = events.Failed(job="a", code="internal", message="ü", hint="x" * 99)
    address, arguments = packing.decode(osc.encode(event))
    assert protocol.parse_event(address, arguments) == event


def test_a_bridge_whose_key_cannot_be_known_says_so(
    daemon: Process, sound: Sound, write_clip: Write, tmp_path: Path
) -> None:
    items = [{"file": str(write_clip(sound(), RATE)), "name": "a"}]
    scene = {"path": str(tmp_path / "song"), "items": items, "ext": {"separate.preset": "quick"}}
    elsewhere = {"DAP_BRIDGE_OSC_PORT": str(daemon.port), "DAP_BRIDGE_SPOOL": str(tmp_path)}
    answer = run("DAP_Separate selected items (OSC)", elsewhere, scene)
    assert "without this daemon's key" in answer["console"][-1] and "daemon.status" in answer["console"][-1]
    assert len(answer["tracks"][0]) == 1


def test_a_bridge_that_does_not_run_is_said(tmp_path: Path) -> None:
    answer = run("DAP_Bridge status (OSC)", {"DAP_BRIDGE_OSC_PORT": "1"}, {"path": str(tmp_path)})
    assert "dap-bridge serve" in answer["messages"][0]
    assert answer["slowest"] < 0.005


@pytest.mark.parametrize("path", sorted(PYTHON.glob("*.py")), ids=lambda path: path.name)
def test_standard_library_and_public_functions_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {p.stem for p in PYTHON.glob("dap_*.py")} | {"reaper_python"}
    for node in ast.walk(tree):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert {name.split(".")[0] for name in modules} <= sys.stdlib_module_names | own
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name.startswith("RPR_"):
                assert name.removeprefix("RPR_") in api_counts()
                expected = reaper_stub.C_ARGUMENTS[name.removeprefix("RPR_")]
                assert len(node.args) == expected, f"{name}, line {node.lineno}"
