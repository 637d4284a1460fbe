"""Several items that share a sound, in one job; an item as what is wanted and noise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host
from tests.hosts.reaper.test_separate import add_item, stem_sum, use_sockets
from tests.processes import Process

Reaper = Callable[..., Host]
Write = Callable[..., Path]
COSEPARATE, DENOISE = "DAP_Co-separate selected items", "DAP_Denoise selected items"


@pytest.fixture
def mixtures(write_clip: Write) -> list[Path]:
    """Three files of noise with the same bell in each, somewhere else every time."""
    random, time = np.random.default_rng(3), np.arange(RATE) / RATE
    bell = 0.3 * np.exp(-4 * time) * (np.sin(2 * np.pi * 700 * time) + np.sin(2 * np.pi * 1930 * time))
    paths = []
    for number in (1, 2, 3):
        samples = 0.02 * number * random.standard_normal(2 * RATE)
        start = number * 2000
        samples[start : start + RATE] += bell
        paths.append(write_clip(samples.astype(np.float32), RATE, f"mixture {number}; '{number}' 100%.wav"))
    return paths


@pytest.mark.parametrize("way", ["drop folder", "OSC"])
def test_items_that_share_a_sound_are_one_job_and_one_step(
    way: str, daemon: Process, reaper: Reaper, mixtures: list[Path]
) -> None:
    """The second item is stretched, so that it is read through REAPER."""
    host, left = reaper(daemon), set(daemon.spool.glob("clips/*"))
    if way == "OSC":
        use_sockets(host)
    for number, path in enumerate(mixtures, 1):
        rate = 2 if number == 2 else 1
        take = f"{{D_STARTOFFS = 0.125, D_PLAYRATE = {rate}}}"
        add_item(host, path, name=f"take {number}", position=number, length=1.75 / rate, take=take)
    before, other = host.tracks(), host.tracks("other")
    host.run(COSEPARATE)
    host.until()
    assert host.messages == []
    tracks = host.tracks()
    folders = [n for n, track in enumerate(tracks) if track["text"]["P_NAME"].endswith(" - stems")]
    assert [tracks[n]["text"]["P_NAME"] for n in folders] == [f"take {n} - stems" for n in (1, 2, 3)]
    for number, folder in enumerate(folders, 1):
        assert tracks[folder - 1]["items"][0]["info"]["B_MUTE"] == 1
        stems = tracks[folder + 1 : folder + 3]
        assert [track["info"]["I_FOLDERDEPTH"] for track in tracks[folder : folder + 3]] == [1, 0, -1]
        length = 1.75 / (2 if number == 2 else 1)
        for stem in stems:
            info = stem["items"][0]["info"]
            assert (info["D_POSITION"], info["D_LENGTH"]) == (number, length)
        if number != 2:
            samples = soundfile.read(mixtures[number - 1], always_2d=True)[0].T[:, RATE // 8 : RATE * 15 // 8]
            assert np.abs(stem_sum(stems) - samples).max() < 1e-4
    shared = tracks[-1]
    assert shared["info"]["I_FOLDERDEPTH"] == 0
    (item,) = shared["items"]
    manifest = json.loads(Path(item["takes"][0]["file"]).with_name("manifest.json").read_text(encoding="utf-8"))
    alone = [stem for stem in manifest["stems"] if not stem.get("input")]
    assert [stem["name"] for stem in alone] == [shared["text"]["P_NAME"]]
    assert item["info"]["D_POSITION"] == 1
    assert host.tracks("other") == other
    assert host.lua("return #project.undo") == 1
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before
    assert set(daemon.spool.glob("clips/*")) == left


def test_one_item_shares_nothing(daemon: Process, reaper: Reaper, mixtures: list[Path]) -> None:
    host = reaper(daemon)
    add_item(host, mixtures[0])
    host.run(COSEPARATE)
    assert "Select 2 or more" in host.messages[-1]


def test_an_item_is_denoised(daemon: Process, reaper: Reaper, mixtures: list[Path]) -> None:
    host = reaper(daemon)
    add_item(host, mixtures[0], name="talk")
    host.lua("sim.inputs = {'denoise,2,no,0,auto,yes,yes', 'denoise,0.5,yes,0,auto,no,yes'}")
    before = host.tracks()
    host.run(f"{DENOISE} (options)")
    host.until()
    assert "Strength" in host.messages[0]
    tracks = host.tracks()
    assert [track["text"]["P_NAME"] for track in tracks[:2]] == ["Source", "talk - stems"]
    path = Path(tracks[2]["items"][0]["takes"][0]["file"])
    manifest = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    assert (manifest["verb"], sorted(stem["role"] for stem in manifest["stems"])) == ("denoise", ["noise", "speech"])
    assert tracks[0]["items"][0]["info"]["B_MUTE"] == 0
    assert np.abs(stem_sum(tracks[2:]) - soundfile.read(mixtures[0], always_2d=True)[0].T).max() < 1e-4
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before
