"""Select an item, trigger the action, get stems: the real scripts in real Lua with the real daemon."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.hosts.conftest import missing
from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host, quoted
from tests.processes import Process

Reaper = Callable[..., Host]
Sound = Callable[..., np.ndarray]
Write = Callable[..., Path]

SEPARATE = "DAP_Separate selected items"


def add_item(host: Host, path: Path, name: str = "take one", track: str = "Source", **lua: Any) -> None:
    """A selected item on a new track of `project`; keywords: position, length, item, take (Lua tables), section."""
    host.lua(
        f"local track = sim.model.track(project, #project.tracks, {quoted(track)})\n"
        "item = sim.model.item(track); item.selected = true\n"
        "take = sim.model.take(item)\n"
        f"take.name = {quoted(name)}\n"
        f"take.source = sim.model.source({quoted(path)})\n"
        f"{lua.get('before', '')}\n"
        "sim.load_audio(take.source)\n"
        f"item.info.D_POSITION = {lua.get('position', 1.25)}\n"
        f"item.info.D_LENGTH = {lua.get('length', 'take.source.length')}\n"
        "item.info.D_FADEINLEN = 0.123\n"
        f"for key, value in pairs({lua.get('item', '{}')}) do item.info[key] = value end\n"
        f"for key, value in pairs({lua.get('take', '{}')}) do take.info[key] = value end\n"
    )


def stem_sum(tracks: list[dict[str, Any]]) -> np.ndarray:
    """(channels, frames): what the stems of these tracks play together, from each item's first frame."""
    total = 0.0
    for track in tracks:
        take = track["items"][0]["takes"][0]
        samples, rate = soundfile.read(take["file"], always_2d=True)
        assert rate == RATE
        total = total + samples.T
    return np.asarray(total)


@dataclass(frozen=True)
class Case:
    """An item, and what is heard of it: offset and length in seconds, mode as I_CHANMODE counts."""

    channels: int = 1
    offset: float = 0.0
    length: float = 1.0
    rate: float = 1.0
    reverse: bool = False
    loop: bool = True
    mode: int = 0
    markers: int = 0
    section: tuple[float, float] | None = None
    # Whether a stretch of the file says it all.
    plain: bool = False

    def lua(self) -> dict[str, Any]:
        part = self.section or (0, "take.source.length")
        section = f"take.source = sim.model.section(take.source, {part[0]}, {part[1]}, {str(self.reverse).lower()})"
        return {
            "before": (section if self.reverse or self.section else "") + f"\ntake.markers = {self.markers}",
            "length": self.length,
            "item": f"{{B_LOOPSRC = {int(self.loop)}}}",
            "take": f"{{D_STARTOFFS = {self.offset}, D_PLAYRATE = {self.rate}, I_CHANMODE = {self.mode}, D_VOL = 0.5}}",
        }

    def heard(self, samples: np.ndarray) -> np.ndarray:
        """(channels, frames): what REAPER plays of the file's samples, linear between frames."""
        if self.section:
            first, frames = (round(seconds * RATE) for seconds in self.section)
            samples = samples[:, first : first + frames]
        if self.reverse:
            samples = samples[:, ::-1]
        if self.mode == 2:
            samples = samples.mean(axis=0, keepdims=True)
        elif self.mode > 2:
            samples = samples[self.mode - 3 : self.mode - 2]
        first = int(self.offset * RATE) / RATE if self.plain else self.offset
        end = self.offset + self.length if self.plain else first + self.length
        position = first * RATE + np.arange(np.ceil(round((end - first) * RATE, 4))) * self.rate
        position = position % samples.shape[1] if self.loop else position
        padded = np.pad(samples, ((0, 0), (0, samples.shape[1])))
        before = np.floor(position + 1e-6).astype(int)
        part = np.clip(position - before, 0, 1)
        return (1 - part) * padded[:, before] + part * padded[:, before + 1]


CASES = {
    "plain": Case(plain=True),
    "plain, stereo": Case(channels=2, plain=True),
    "offset between two frames": Case(offset=0.25031, length=0.60007, plain=True),
    "play rate": Case(rate=1.5, length=0.6),
    "reversed": Case(reverse=True, channels=2),
    "looped": Case(offset=0.3, length=1.5),
    "longer than its source": Case(offset=0.3, length=1.0, loop=False),
    "right channel": Case(channels=2, mode=4),
    "mixed to mono": Case(channels=2, mode=2),
    "section": Case(section=(0.25, 0.5), length=0.5),
    "stretch markers": Case(markers=2),
}


@pytest.mark.parametrize("name", CASES)
def test_an_item_becomes_a_folder_of_stems(
    name: str, daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write, tmp_path: Path
) -> None:
    case = CASES[name]
    samples = sound(case.channels)
    host = reaper(daemon)
    add_item(host, write_clip(samples, RATE), **case.lua())
    before, other = host.tracks(), host.tracks("other")

    host.run(SEPARATE)
    host.until()

    tracks = host.tracks()
    names = ["Source", "take one - stems", "take one - stem 1", "take one - stem 2"]
    assert [track["text"]["P_NAME"] for track in tracks] == names
    assert [track["info"]["I_FOLDERDEPTH"] for track in tracks] == [0, 1, 0, -1]
    assert tracks[0]["items"][0]["info"]["B_MUTE"] == 1
    for track in tracks[2:]:
        (item,) = track["items"]
        (take,) = item["takes"]
        assert (item["info"]["D_POSITION"], item["info"]["D_LENGTH"]) == (1.25, case.length)
        assert (item["info"]["D_FADEINLEN"], item["info"]["B_LOOPSRC"], item["info"]["B_MUTE"]) == (0.123, 0, 0)
        assert (take["info"]["D_PLAYRATE"], take["info"]["D_VOL"]) == (1, 0.5)
        assert take["channels"] == (1 if case.mode else case.channels)
        assert take["name"] == track["text"]["P_NAME"]
        assert take["peaks"] == "built"
        assert Path(take["file"]).is_relative_to(tmp_path / "song"), "in the project's folder"

    played, expected = stem_sum(tracks[2:]), case.heard(samples)
    assert played.shape == expected.shape
    assert np.abs(played - expected).max() < 1e-4, "the stems sum to what was heard"
    skipped = tracks[2]["items"][0]["takes"][0]["info"]["D_STARTOFFS"]
    assert skipped == pytest.approx(case.offset % (1 / RATE) if case.plain else 0, abs=1e-9)
    assert played.shape[1] >= (skipped + case.length) * RATE - 1e-3, "stems reach the item's end"

    assert host.tracks("other") == other
    assert host.lua("return #project.undo") == 1
    assert host.lua("return sim.model.front == project")
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before
    assert host.lua("return next(project.ext) == nil"), "nothing is waited for any more"
    manifest = Path(tracks[2]["items"][0]["takes"][0]["file"]).with_name("manifest.json")
    (source,) = json.loads(manifest.read_text(encoding="utf-8"))["inputs"]
    assert Path(source["path"]).exists(), "masks are corrected by what was separated, also where it was rendered"
    assert not host.lua("return sim.gfx.open")
    assert host.messages == []


def test_both_versions_of_lua(each_lua: str, daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write) -> None:
    host = reaper(daemon, lua=each_lua)
    add_item(host, write_clip(sound(2), RATE), take="{D_PLAYRATE = 1.5}", length=0.6)
    host.run(SEPARATE)
    host.until()
    assert len(host.tracks()) == 4
    assert host.lua("return sim.slowest") < 0.005, "no turn of the timer takes 5 ms of REAPER's time"


def add_three_items(host: Host, path: Path) -> None:
    for number in (1, 2, 3):
        add_item(host, path, name=f"item {number}", track=f"Track {number}", position=number)


THREE = [
    name
    for number in (1, 2, 3)
    for name in (f"Track {number}", *(f"item {number} - {part}" for part in ("stems", "stem 1", "stem 2")))
]


def test_three_items_are_three_jobs_and_one_undo_step(
    daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write
) -> None:
    host = reaper(daemon)
    add_three_items(host, write_clip(sound(), RATE))
    host.lua("sim.model.item(project.tracks[3])")  # an empty item, not selected
    before, other = host.tracks(), host.tracks("other")
    host.run(SEPARATE)
    host.until(lambda: "item 3" in host.shown)
    host.until()
    tracks = host.tracks()
    assert [track["text"]["P_NAME"] for track in tracks] == THREE
    stems = [track for track in tracks if " - stem " in track["text"]["P_NAME"]]
    assert [stem["items"][0]["info"]["D_POSITION"] for stem in stems] == [1, 1, 2, 2, 3, 3]
    assert [track["info"]["I_FOLDERDEPTH"] for track in tracks] == [0, 1, 0, -1] * 3
    assert [track["items"][0]["info"]["B_MUTE"] for track in tracks[::4]] == [1, 1, 1]
    assert host.tracks("other") == other
    assert host.lua("return sim.slowest") < 0.005
    assert host.lua("return #project.undo") == 1
    assert host.lua("return sim.model.undo(project)") == "Separate with DAP: 3 items"
    assert host.tracks() == before
    assert host.lua("return next(project.ext) == nil")


def test_each_item_may_be_placed_by_itself(daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write) -> None:
    host = reaper(daemon)
    add_three_items(host, write_clip(sound(), RATE))
    host.lua('sim.ext["dap-bridge/together"] = "no"')
    before = host.tracks()
    host.run(SEPARATE)
    host.until()
    assert [track["text"]["P_NAME"] for track in host.tracks()] == THREE
    assert host.lua("return #project.undo") == 3
    host.lua("for _ = 1, 3 do sim.model.undo(project) end")
    assert host.tracks() == before


def test_items_of_one_track_keep_their_order_and_its_folder(
    daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write
) -> None:
    """The source track is the last of a folder: the stems stay inside, and the folder ends after them."""
    host = reaper(daemon)
    path = write_clip(sound(), RATE)
    host.lua("sim.model.track(project, 0, 'Folder').info.I_FOLDERDEPTH = 1")
    add_item(host, path, name="first")
    host.lua("item.track.info.I_FOLDERDEPTH = -1; first = item")
    add_item(host, path, name="second", track="gone")
    host.lua(
        "local track = item.track; table.remove(track.items); item.track = first.track\n"
        "table.insert(first.track.items, item); sim.model.delete_track(track)\n"
        "sim.model.track(project, 2, 'After')"
    )
    before = host.tracks()
    host.run(SEPARATE)
    host.until()
    assert [(t["text"]["P_NAME"], t["info"]["I_FOLDERDEPTH"]) for t in host.tracks()] == [
        ("Folder", 1),
        ("Source", 0),
        ("first - stems", 1),
        ("first - stem 1", 0),
        ("first - stem 2", -1),
        ("second - stems", 1),
        ("second - stem 1", 0),
        ("second - stem 2", -2),
        ("After", 0),
    ]
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_the_project_that_asked_receives(daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write) -> None:
    """The user goes to another tab, and even deletes the track."""
    host = reaper(daemon)
    add_item(host, write_clip(sound(), RATE))
    other = host.tracks("other")
    host.run(SEPARATE)
    host.lua("sim.model.delete_track(project.tracks[1]); sim.model.front = other")
    host.until()
    assert [t["text"]["P_NAME"] for t in host.tracks()] == [
        "take one - stems",
        "take one - stem 1",
        "take one - stem 2",
    ]
    assert host.tracks("other") == other
    assert host.lua("return sim.model.front == other"), "the user's tab stays in front"


NAMES = ["with spaces", "quotes \" and '", "emoji 🥁🐦", "100% ; rm -rf $HOME `x`", "back\\slash\ttab"]


@pytest.mark.parametrize("way", ["drop folder", "OSC"])
def test_any_name_and_a_long_path(
    way: str, daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write, tmp_path: Path
) -> None:
    host = reaper(daemon)
    if way == "OSC":
        use_sockets(host)
    for name in NAMES:
        file = name.replace("\\", "").replace("\t", "") + ".wav"
        long = "ü" * 20 + "/" + "p" * max(1, 190 - len(str(tmp_path)))
        path = write_clip(sound(seconds=0.5), RATE, f"{long}/{file}")
        assert len(str(path)) >= 200
        add_item(host, path, name=name, track=name)
    before = host.tracks()
    host.run(SEPARATE)
    host.until()
    names = [track["text"]["P_NAME"] for track in host.tracks()]
    assert names == [n for name in NAMES for n in (name, f"{name} - stems", f"{name} - stem 1", f"{name} - stem 2")]
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def use_sockets(host: Host) -> None:
    """As with a sockets module from ReaPack; skipped where LuaSocket is missing."""
    try:
        host.lua("require('socket.core')")
    except AssertionError:
        missing("LuaSocket")
    host.lua("sim.sockets = true")


def test_osc_is_used_where_sockets_can_be_had(daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write) -> None:
    host = reaper(daemon)
    use_sockets(host)
    add_item(host, write_clip(sound(), RATE))
    host.run("DAP_Bridge status")
    host.until()
    assert "Reached by: OSC" in host.messages[0]
    host.run(SEPARATE)
    host.until()
    assert len(host.tracks()) == 4


def test_options_are_asked_checked_and_remembered(
    daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write
) -> None:
    host = reaper(daemon)
    add_item(host, write_clip(sound(), RATE))
    host.lua('sim.inputs = {"quick,9,no,0,auto,yes,yes", "quick, 3, no, 7, cpu, no,yes"}')
    host.run("DAP_Separate selected items (options)")
    host.until()
    assert "9" in host.messages[0]
    tracks = host.tracks()
    assert len(tracks) == 5
    assert tracks[0]["items"][0]["info"]["B_MUTE"] == 0
    manifest = json.loads(Path(tracks[2]["items"][0]["takes"][0]["file"]).with_name("manifest.json").read_text())
    assert (manifest["preset"], manifest["seed"], manifest["device"], len(manifest["stems"])) == ("quick", 7, "cpu", 3)
    host.run("DAP_Separate selected items (options)")
    assert host.lua("return sim.asked_inputs[#sim.asked_inputs].values") == "quick,3,no,7,cpu,no,yes"


def test_what_cannot_be_separated_is_said(daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write) -> None:
    host = reaper(daemon)
    host.run(SEPARATE)
    assert "Select one or more audio items" in host.messages[0]
    add_item(host, write_clip(sound(), RATE), name="notes")
    host.lua("take.midi = true")
    host.run(SEPARATE)
    assert '"notes" is MIDI' in host.messages[1]
    assert host.state["running"] == 0


def test_a_refused_job_says_why_and_leaves_nothing(
    daemon: Process, reaper: Reaper, sound: Sound, write_clip: Write
) -> None:
    host = reaper(daemon)
    path = write_clip(sound(), RATE)
    add_item(host, path)
    host.lua('sim.ext["dap-bridge/separate.preset"] = "nothing"')
    before = host.tracks()
    host.run(SEPARATE)
    host.until(lambda: "nothing" in host.shown)
    host.lua("sim.gfx.key = 27")
    host.until()
    assert host.tracks() == before
    assert host.lua("return next(project.ext) == nil")
