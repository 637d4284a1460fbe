"""More of a texture: on to the end of the time selection, around in a loop, into the gap between items."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host
from tests.hosts.reaper.test_separate import add_item
from tests.processes import Process

Reaper = Callable[..., Host]
EXTEND, FILL, LOOP = "DAP_Extend texture to time selection", "DAP_Fill gap between items", "DAP_Make loop"


@pytest.fixture
def host(daemon: Process, reaper: Reaper) -> Host:
    """A REAPER that asks for a preset of a few iterations."""
    made = reaper(daemon)
    made.lua("sim.ext['dap-bridge/texture.preset'] = 'quick-texture'")
    return made


@pytest.fixture
def noise(write_clip: Callable[..., Path]) -> Callable[..., Path]:
    """noise(seconds, channels=1) -> a file of it."""

    def make(seconds: float = 3.0, channels: int = 1) -> Path:
        samples = 0.1 * np.random.default_rng(5).standard_normal((channels, round(seconds * RATE)))
        return write_clip(samples.astype(np.float32), RATE)

    return make


def texture_of(host: Host, track: int) -> tuple[dict[str, Any], np.ndarray, dict[str, Any]]:
    """The only item of a track (from 1): itself, the samples of its first take, and the manifest beside it."""
    (item,) = host.tracks()[track - 1]["items"]
    path = Path(item["takes"][0]["file"])
    samples, rate = soundfile.read(path, always_2d=True)
    assert rate == RATE
    return item, samples.T, json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))


def test_an_item_goes_on_to_the_end_of_the_time_selection(host: Host, noise: Callable[..., Path]) -> None:
    path = noise(channels=2)
    add_item(host, path, name="rain", position=1.25, take="{D_STARTOFFS = 0.25, D_VOL = 0.5}", length=2.5)
    host.lua("sim.ext['dap-bridge/texture.variations'] = '2'")
    host.run(EXTEND)
    assert "time selection" in host.messages[-1]
    host.lua("project.range = {4, 7.2500123}")
    before, other = host.tracks(), host.tracks("other")
    host.run(EXTEND)
    host.until()
    tracks = host.tracks()
    assert [track["text"]["P_NAME"] for track in tracks] == ["Source", "rain - extend"]
    assert tracks[0]["items"][0]["info"]["B_MUTE"] == 1
    item, samples, manifest = texture_of(host, 2)
    assert (item["info"]["D_POSITION"], item["info"]["D_LENGTH"]) == (1.25, pytest.approx(6.0000123, abs=1e-12))
    assert (item["info"]["D_FADEINLEN"], item["info"]["B_LOOPSRC"]) == (0.123, 0)
    assert [(take["info"]["D_VOL"], take["info"]["D_STARTOFFS"]) for take in item["takes"]] == [(0.5, 0), (0.5, 0)]
    assert item["active"] == 1
    assert samples.shape == (2, 6 * RATE + 1), "the last frame that is heard in part, too"
    heard = soundfile.read(path, always_2d=True)[0].T[:, RATE // 4 : RATE // 4 + 5 * RATE // 2]
    assert np.abs(samples[:, : heard.shape[1] - RATE // 10] - heard[:, : -(RATE // 10)]).max() < 1e-4
    assert manifest["verb"] == "texture"
    assert host.tracks("other") == other
    assert host.lua("return #project.undo") == 1
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_a_gap_is_filled_and_nothing_else(host: Host, noise: Callable[..., Path]) -> None:
    """Three items, selected from the last to the first: two gaps, a step."""
    path = noise()
    for position in (7.0, 4.0, 1.0):
        add_item(host, path, name=f"from {position:g}", position=position, length=2.0)
    before = host.tracks()
    host.run(FILL)
    host.until()
    names = [track["text"]["P_NAME"] for track in host.tracks()]
    assert names == ["Source", "Source", "from 4 - fill", "Source", "from 1 - fill"]
    for track, position in ((3, 6.0), (5, 3.0)):
        item, samples, _ = texture_of(host, track)
        info = item["info"]
        assert (info["D_POSITION"], info["D_LENGTH"], info["D_FADEINLEN"], info["D_FADEOUTLEN"]) == (position, 1, 0, 0)
        assert samples.shape == (1, RATE)
    assert [host.tracks()[n]["items"][0]["info"]["B_MUTE"] for n in (0, 1, 3)] == [0, 0, 0]
    assert host.lua("return #project.undo") == 1
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_items_without_a_gap_are_not_filled(host: Host, noise: Callable[..., Path]) -> None:
    path = noise()
    host.run(FILL)
    assert "Select 2 or more" in host.messages[-1]
    for position in (1.0, 3.0):
        add_item(host, path, position=position, length=2.0)
    host.run(FILL)
    assert "no gap" in host.messages[-1]


def test_a_loop_is_as_long_as_its_item(host: Host, noise: Callable[..., Path]) -> None:
    add_item(host, noise(), name="hum", position=1.0, length=2.0)
    before = host.tracks()
    host.run(LOOP)
    host.until()
    item, samples, _ = texture_of(host, 2)
    assert host.tracks()[1]["text"]["P_NAME"] == "hum - loop"
    info = item["info"]
    assert (info["D_POSITION"], info["D_LENGTH"], info["B_LOOPSRC"], info["D_FADEINLEN"]) == (1, 2, 1, 0)
    assert samples.shape == (1, 2 * RATE)
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_a_project_opened_again_is_offered_its_texture(host: Host, noise: Callable[..., Path]) -> None:
    add_item(host, noise(), name="rain", position=1.25, length=2.0)
    host.lua("project.range = {4, 5.5}")
    host.run(EXTEND)
    host.until(lambda: host.lua("return next(project.ext) ~= nil"))
    host.lua("sim.stop(); sim.gfx.open = false; project = sim.model.reopen(project); sim.model.front = project")
    host.lua("sim.answers = {6}")
    host.run("DAP_Bridge status")
    host.until()
    item, samples, _ = texture_of(host, 2)
    assert (item["info"]["D_POSITION"], item["info"]["D_LENGTH"]) == (1.25, 4.25)
    assert samples.shape == (1, RATE * 17 // 4)
