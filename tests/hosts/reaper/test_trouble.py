"""The daemon is away, dies or is told to stop; the project is closed: nothing freezes, nothing is lost, all is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Start
from tests.hosts.conftest import needed
from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host
from tests.hosts.reaper.test_separate import SEPARATE, add_item, use_sockets
from tests.processes import Process

Reaper = Callable[..., Host]
Sound = Callable[..., np.ndarray]
Write = Callable[..., Path]

# An optimisation that goes on until it is stopped.
LONG = 'sim.ext["dap-bridge/separate.preset"] = "long"'


@pytest.fixture
def item(sound: Sound, write_clip: Write) -> Callable[[Host], None]:
    """item(host): a selected item."""
    return lambda host: add_item(host, write_clip(sound(), RATE))


@pytest.fixture
def own_daemon(start: Start, quick_presets: Path) -> Process:
    """A daemon that a test may end; with the preset `long` beside `quick`."""
    text = (quick_presets / "quick.toml").read_text(encoding="utf-8")
    (quick_presets / "long.toml").write_text(text.replace("iterations = 10", "iterations = 4000"), encoding="utf-8")
    return start("home", "-m", "dap_bridge", "serve", DAP_BRIDGE_PRESETS_DIR=str(quick_presets))


@pytest.mark.parametrize("sockets", [False, True])
def test_a_bridge_that_does_not_run_is_said_at_once(
    sockets: bool, daemon: Process, reaper: Reaper, item: Callable[[Host], None], tmp_path: Path
) -> None:
    host = reaper(daemon)
    host.close()
    host = Host(host.program, tmp_path, DAP_BRIDGE_SPOOL=str(tmp_path / "nowhere"), DAP_BRIDGE_OSC_PORT="1")
    host.lua("project = sim.model.project('', '/tmp')")
    if sockets:
        use_sockets(host)
    item(host)
    asked = time.monotonic()
    host.run(SEPARATE)
    host.until()
    assert time.monotonic() - asked < 20, "not as long as a daemon is given to start"
    (said,) = host.messages
    assert "not running" in said
    assert "DAP_Start bridge" in said
    assert "dap-bridge serve" in said
    host.run("DAP_Bridge status")
    host.until()
    assert "not running" in host.messages[-1]
    host.close()


def test_a_bridge_whose_key_cannot_be_known_says_so(
    daemon: Process, reaper: Reaper, item: Callable[[Host], None], tmp_path: Path
) -> None:
    """It is another user's, or keeps its drop folder elsewhere."""
    reaper(daemon).close()
    elsewhere = {"DAP_BRIDGE_SPOOL": str(tmp_path / "nowhere"), "DAP_BRIDGE_OSC_PORT": str(daemon.port)}
    host = Host(needed("lua5.4"), tmp_path, **elsewhere)
    host.lua("project = sim.model.project('', '/tmp')")
    use_sockets(host)
    item(host)
    host.run(SEPARATE)
    host.until(lambda: "without this daemon's key" in host.shown)
    assert "daemon.status" in host.shown
    assert len(host.tracks()) == 1
    host.lua("sim.gfx.open = false")
    host.until()
    host.close()


@pytest.mark.parametrize("sockets", [False, True])
def test_a_bridge_killed_in_mid_job_and_started_again(
    sockets: bool, own_daemon: Process, reaper: Reaper, item: Callable[[Host], None], quick_presets: Path
) -> None:
    """It says so; when the daemon is back the job runs again and its stems arrive."""
    host = reaper(own_daemon)
    if sockets:
        use_sockets(host)
    item(host)
    host.lua(LONG)
    host.run(SEPARATE)
    host.until(lambda: "%" in host.shown)
    own_daemon.end(9)
    host.until(lambda: "does not answer" in host.shown)
    text = (quick_presets / "quick.toml").read_text(encoding="utf-8")
    (quick_presets / "long.toml").write_text(text, encoding="utf-8")
    own_daemon.start()
    host.until()
    assert len(host.tracks()) == 4


def one_ready_one_working(host: Host, add: Callable[[Host], None]) -> None:
    """Two jobs that the status action waits for: the first is ready, the second goes on."""
    for name, preset in (("quick one", "quick"), ("long one", "long")):
        add(host)
        host.lua(f'take.name = "{name}"; sim.ext["dap-bridge/separate.preset"] = "{preset}"')
        host.run(SEPARATE)
        host.until(lambda: host.lua("return next(project.ext) ~= nil"))
        host.lua("sim.stop(); sim.gfx.open = false; item.selected = false")
    host.lua("sim.answers = {6}")
    host.run("DAP_Bridge status")
    host.until(lambda: "ready; placed with the others" in host.shown and "%" in host.shown)
    assert len(host.tracks()) == 2


def test_what_is_ready_need_not_wait_for_the_others(
    own_daemon: Process, reaper: Reaper, item: Callable[[Host], None]
) -> None:
    host = reaper(own_daemon)
    one_ready_one_working(host, item)
    rows = sorted(("quick one", "long one"), key=host.shown.index)
    host.click(rows.index("quick one") + 1)
    placed = ["Source", "quick one - stems", "quick one - stem 1", "quick one - stem 2", "Source"]
    assert [track["text"]["P_NAME"] for track in host.tracks()] == placed
    host.click(rows.index("long one") + 1)
    host.until()
    assert own_daemon.client.status() == []
    assert host.lua("return #project.undo") == 1


def test_a_silent_daemon_keeps_nobody_waiting(
    own_daemon: Process, reaper: Reaper, item: Callable[[Host], None]
) -> None:
    host = reaper(own_daemon)
    one_ready_one_working(host, item)
    own_daemon.end(9)
    host.until(lambda: len(host.tracks()) == 5)
    assert "does not answer" in host.shown


def test_two_runs_place_a_job_once(daemon: Process, reaper: Reaper, item: Callable[[Host], None]) -> None:
    """The status action waits for what the action that asked waits for still."""
    host = reaper(daemon)
    item(host)
    host.run(SEPARATE)
    host.until(lambda: host.lua("return next(project.ext) ~= nil"))
    host.lua("sim.answers = {6}")
    host.run("DAP_Bridge status")
    host.until()
    assert len(host.tracks()) == 4
    assert host.lua("return #project.undo") == 1


def test_cancel_from_the_window_ends_the_job(
    own_daemon: Process, reaper: Reaper, item: Callable[[Host], None], tmp_path: Path
) -> None:
    host = reaper(own_daemon)
    item(host)
    host.lua(LONG)
    before = host.tracks()
    host.run(SEPARATE)
    host.until(lambda: "%" in host.shown and " on cpu (" in host.shown)
    host.click()
    host.until()
    assert host.tracks() == before
    assert host.lua("return next(project.ext) == nil")
    assert own_daemon.client.status() == []
    assert list((tmp_path / "song").glob("dap-stems/*")) == []
    assert [path.name for path in (own_daemon.spool / "outbox").iterdir() if "-cancel" in path.name] == []


def test_cancel_while_the_item_is_read(daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write) -> None:
    host, left = reaper(daemon), set((daemon.spool / "clips").iterdir())
    add_item(host, write_clip(sound(seconds=4), RATE), take="{D_PLAYRATE = 0.5}", length=8)
    host.run(SEPARATE)
    host.until(lambda: "reading the item" in host.shown)
    host.click()
    host.until()
    assert len(host.tracks()) == 1
    assert set((daemon.spool / "clips").iterdir()) == left


def test_an_item_deleted_while_it_is_read(daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write) -> None:
    host = reaper(daemon)
    add_item(host, write_clip(sound(seconds=4), RATE), take="{D_PLAYRATE = 0.5}", length=8)
    host.run(SEPARATE)
    host.until(lambda: "reading the item" in host.shown)
    host.lua("sim.model.delete_track(project.tracks[1])")
    host.until(lambda: "was deleted" in host.shown)
    host.lua("sim.gfx.quit = nil; sim.gfx.open = false")
    host.until()


def test_the_window_may_be_closed_and_the_stems_still_come(
    daemon: Process, reaper: Reaper, item: Callable[[Host], None]
) -> None:
    host = reaper(daemon)
    item(host)
    host.run(SEPARATE)
    host.lua("sim.gfx.open = false")
    host.until()
    assert len(host.tracks()) == 4


def test_a_project_opened_again_is_offered_its_stems(
    daemon: Process, reaper: Reaper, item: Callable[[Host], None]
) -> None:
    """REAPER is closed in mid-job; the project remembers, also after the item was moved."""
    host = reaper(daemon)
    item(host)
    host.run(SEPARATE)
    host.until(lambda: host.lua("return next(project.ext) ~= nil"))
    host.lua("sim.stop(); sim.gfx.open = false; project = sim.model.reopen(project); sim.model.front = project")
    host.lua("sim.answers = {6}")
    host.run("DAP_Bridge status")
    host.until()
    assert "waits for the stems of 1 item" in host.messages[0]
    tracks = host.tracks()
    assert [track["text"]["P_NAME"] for track in tracks][1:] == [
        "take one - stems",
        "take one - stem 1",
        "take one - stem 2",
    ]
    assert tracks[2]["items"][0]["info"]["D_POSITION"] == 1.25
    assert tracks[2]["items"][0]["info"]["D_FADEINLEN"] == 0.123
    assert tracks[0]["items"][0]["info"]["B_MUTE"] == 1
    host.run("DAP_Bridge status")
    host.until()
    assert "dap-bridge 0.1.0 is running" in host.messages[-1]
    assert "Device: cpu (" in host.messages[-1]


def test_a_project_closed_meanwhile_loses_nothing(
    daemon: Process, reaper: Reaper, item: Callable[[Host], None], tmp_path: Path
) -> None:
    host = reaper(daemon)
    item(host)
    host.run(SEPARATE)
    host.lua("sim.model.close(project)")
    host.until(lambda: "the project was closed" in host.shown)
    assert str(tmp_path / "song" / "dap-stems") in host.shown
    assert len(list((tmp_path / "song" / "dap-stems").glob("*/stem-*.wav"))) == 2
    host.lua("sim.gfx.open = false")
    host.until()
    assert [track["text"]["P_NAME"] for track in host.tracks("other")] == ["other track"]


def test_stems_that_reaper_cannot_read_change_nothing(
    daemon: Process, reaper: Reaper, item: Callable[[Host], None], tmp_path: Path
) -> None:
    host = reaper(daemon)
    item(host)
    before = host.tracks()
    host.lua("sim.model.source = function() return nil end")
    host.run(SEPARATE)
    host.until(lambda: "cannot read" in host.shown)
    assert str(tmp_path / "song" / "dap-stems") in host.shown
    assert host.tracks() == before
    assert host.lua("return #project.undo") == 0
    assert host.lua("return next(project.ext) ~= nil"), "they can be placed later"
    host.lua("sim.gfx.open = false")
    host.until()


def test_a_dozen_items_do_not_outgrow_the_window(
    own_daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write
) -> None:
    """Cancelled from their rows, one after the other, the hidden ones get rows too."""
    host = reaper(own_daemon)
    path = write_clip(sound(), RATE)
    for number in range(12):
        add_item(host, path, name=f"item {number:02}")
    host.lua(LONG)
    host.run(SEPARATE)
    host.until(lambda: "%" in host.shown)
    shown = host.shown
    assert ["item 07" in shown, "item 08" in shown] == [True, False]
    for row in (1, 2, 3, 4):
        host.click(row)
    host.until(lambda: "item 11" in host.shown)
    assert "item 00" not in host.shown
    host.lua("sim.stop()")
    host.run("DAP_Cancel jobs")
    host.until()
    assert own_daemon.client.status() == []


def test_cancel_jobs_of_the_project(own_daemon: Process, reaper: Reaper, item: Callable[[Host], None]) -> None:
    host = reaper(own_daemon)
    host.run("DAP_Cancel jobs")
    assert host.messages == ["This project waits for no jobs."]
    item(host)
    host.lua(LONG)
    host.run(SEPARATE)
    host.until(lambda: "%" in host.shown)
    host.lua("sim.stop()")
    host.run("DAP_Cancel jobs")
    host.until()
    assert own_daemon.client.status() == []
    assert len(host.tracks()) == 1


def test_start_bridge_starts_it_in_the_background(own_daemon: Process, reaper: Reaper) -> None:
    own_daemon.end()
    host = reaper(own_daemon)
    host.run("DAP_Start bridge")
    assert host.lua("return sim.executed") == ['"dap-bridge" serve']
    own_daemon.start()
    host.until()
    assert "is running" in host.messages[-1]
    host.run("DAP_Start bridge")
    host.until()
    assert len(host.lua("return sim.executed")) == 1, "a running daemon is not started again"


def test_what_the_bridge_warns_of_is_said_once_the_stems_are_placed(
    daemon: Process, reaper: Reaper, write_clip: Write
) -> None:
    host = reaper(daemon)
    add_item(host, write_clip(np.zeros(RATE, np.float32), RATE), name="nothing")
    host.run(SEPARATE)
    host.until()
    (said,) = host.messages
    assert said.startswith("nothing: The clip is silent")
    assert len(host.tracks()) > 1
