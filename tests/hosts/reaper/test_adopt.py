"""An item and stems of it that something else made: adopted in one step, and corrected as any stems are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host
from tests.hosts.reaper.test_separate import add_item, stem_sum
from tests.processes import Process

Reaper = Callable[..., Host]
Write = Callable[..., Path]
ADOPT = "DAP_Adopt stems of selected item"


@pytest.fixture
def song(write_clip: Write) -> dict[str, Path]:
    """A second of a tone and noise, and most of each."""
    time = np.arange(RATE) / RATE
    tone, rest = 0.2 * np.sin(2 * np.pi * 700 * time), 0.05 * np.random.default_rng(3).standard_normal(RATE)
    parts = {"song": tone + rest, "lead; 'voice' 100%": 0.9 * tone, "band": 0.8 * rest}
    return {name: write_clip(audio.astype(np.float32), RATE, f"{name}.wav") for name, audio in parts.items()}


def test_an_item_and_its_stems_become_a_folder_in_one_step_and_are_muted(
    daemon: Process, reaper: Reaper, song: dict[str, Path]
) -> None:
    """The items are trimmed, and one is read through REAPER."""
    host = reaper(daemon)
    host.lua('sim.ext["dap-bridge/adopt.preset"] = "quick-adopt"')
    for name, path in song.items():
        take = "{D_STARTOFFS = 0.25, I_CHANMODE = 2}" if name == "band" else "{D_STARTOFFS = 0.25}"
        add_item(host, path, name=name, track=name, position=2, length=0.5, take=take)
    before = host.tracks()
    host.run(ADOPT)
    host.until(timeout=240)
    assert host.messages == []
    tracks = host.tracks()
    assert [track["text"]["P_NAME"] for track in tracks] == [
        "song",
        "song - stems",
        "lead; 'voice' 100%",
        "band",
        "remainder",
        "lead; 'voice' 100%",
        "band",
    ]
    made, given = tracks[2:5], [tracks[0], *tracks[5:]]
    assert [track["items"][0]["info"]["B_MUTE"] for track in given] == [1, 1, 1]
    assert {(item["info"]["D_POSITION"], item["info"]["D_LENGTH"]) for track in made for item in track["items"]} == {
        (2, 0.5)
    }
    total = stem_sum(made)
    assert total.shape == (1, RATE // 2)
    path = Path(made[0]["items"][0]["takes"][0]["file"])
    manifest = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    assert (manifest["verb"], manifest["preset"], manifest["null_db"] <= -100) == ("adopt", "quick-adopt", True)
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_what_can_be_no_stem_is_said_before_anything_is_sent(
    daemon: Process, reaper: Reaper, song: dict[str, Path]
) -> None:
    host = reaper(daemon)
    add_item(host, song["song"], name="song", position=2)
    host.run(ADOPT)
    assert "Select 2 or more" in host.messages[-1] and "topmost track" in host.messages[-1]
    add_item(host, song["band"], name="band", position=3)
    host.run(ADOPT)
    assert '"band" does not begin where "song" does' in host.messages[-1]


def test_how_is_asked_and_remembered(daemon: Process, reaper: Reaper, song: dict[str, Path]) -> None:
    host = reaper(daemon)
    for name in ("song", "band"):
        add_item(host, song[name], name=name, track=name)
    host.lua("sim.inputs = {'quick-adopt,yes,0,cpu,no'}")
    host.run(f"{ADOPT} (options)")
    host.until(timeout=240)
    tracks = host.tracks()
    assert [track["items"][0]["info"]["B_MUTE"] for track in (tracks[0], tracks[-1])] == [0, 0]
    path = Path(tracks[2]["items"][0]["takes"][0]["file"])
    manifest = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    assert any("may harm good ones" in note for note in manifest["warnings"])
