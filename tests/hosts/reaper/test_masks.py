"""Boxes on masks: drawn in REAPER or in the browser, sent to the separation of a stem, heard as new takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dap_bridge.transport import control, events
from dap_bridge.verbs.refine.request import Refine
from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host, quoted
from tests.hosts.reaper.test_separate import SEPARATE, add_item
from tests.processes import Process

Reaper = Callable[..., Host]
EDITOR = "DAP_Open mask editor"
UNDO = "DAP_Undo last mask edit"


@pytest.fixture
def separated(
    daemon: Process, reaper: Reaper, sound: Callable[..., np.ndarray], write_clip: Callable[..., Path]
) -> Callable[..., Host]:
    """separated(**options) -> a REAPER with an item's stems; `stem` is the first one's item, and alone selected."""

    def make(**options: Any) -> Host:
        host = reaper(daemon, **options)
        add_item(host, write_clip(sound(), RATE), position=2.0)
        host.run(SEPARATE)
        host.until()
        host.lua("item.selected = false; stem = project.tracks[3].items[1]; stem.selected = true; project.undo = {}")
        return host

    return make


def manifest_of(host: Host, track: int = 3) -> Path:
    return Path(host.lua(f"return project.tracks[{track}].items[1].takes[1].source.file")).with_name("manifest.json")


def stems(host: Host) -> list[dict[str, Any]]:
    return [track["items"][0] for track in host.tracks()[2:]]


def refined(daemon: Process, opened: Path) -> Path:
    """The manifest of a session that was refined from this one, as the page in the browser asks for it."""
    session = json.loads(opened.read_text(encoding="utf-8"))["session"]
    box = "stem=1,op=deactivate,start=0.2,end=0.4,low=200,high=900"
    message = Refine(session=session, box=(box,), keep=False, fit=False)
    *_, last = daemon.client.request(message)
    assert isinstance(last, events.Done)
    return Path(last.manifest)


def choose(daemon: Process, opened: Path, chosen: Path) -> None:
    """What the page says when the user sends a result to the host."""
    session, result = (json.loads(path.read_text(encoding="utf-8"))["session"] for path in (opened, chosen))
    daemon.client.send(control.Import(job=session, session=result))


def manifest_of_take(item: dict[str, Any], number: int) -> dict[str, Any]:
    """The manifest beside the file of an item's take (from 0)."""
    path = Path(item["takes"][number]["file"]).with_name("manifest.json")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


SHAPES = [
    # scale, seconds, {position, offset, rate}, seconds of the file
    ("project", 12.5, (10.0, 0.0, 1.0), 2.5),
    ("project", 12.5, (10.0, 0.75, 1.0), 3.25),
    ("project", 12.5, (10.0, 0.75, 2.0), 5.75),
    ("item", 2.5, (10.0, 0.75, 2.0), 5.75),
    ("item", 0.0, (10.0, 0.75, 0.5), 0.75),
    ("file", 2.5, (10.0, 0.75, 2.0), 2.5),
]


@pytest.mark.parametrize(("scale", "seconds", "shape", "expected"), SHAPES)
def test_a_time_is_found_in_the_file(
    scale: str, seconds: float, shape: tuple[float, ...], expected: float, each_lua: str, tmp_path: Path
) -> None:
    host = Host(each_lua, tmp_path)
    position, offset, rate = shape
    value = host.lua(
        f"package.path = {quoted(host.scripts / '?.lua')}\n"
        f"local shape = {{ position = {position}, offset = {offset}, rate = {rate} }}\n"
        f"return require('dap.times').in_file(shape, '{scale}', {seconds})"
    )
    host.close()
    assert value == pytest.approx(expected)


def test_what_is_sent_from_the_browser_becomes_a_take_of_every_stem(
    separated: Callable[..., Host], daemon: Process
) -> None:
    host = separated()
    opened = manifest_of(host)
    host.lua("stem.takes[1].info.D_STARTOFFS = 0.25; stem.takes[1].info.D_VOL = 0.5")
    before, other = host.tracks(), host.tracks("other")
    host.run(EDITOR)
    host.until(lambda: "in the browser" in host.shown)
    (command,) = host.lua("return sim.executed")
    session = json.loads(opened.read_text(encoding="utf-8"))["session"]
    assert command.endswith(f'edit {session} --spool "{daemon.spool}"')
    chosen = refined(daemon, opened)
    choose(daemon, opened, chosen)
    host.until(lambda: "brings another" in host.shown)
    for index, (now, then) in enumerate(zip(stems(host), [t["items"][0] for t in before[2:]], strict=True), 1):
        assert now["takes"][:1] == then["takes"], "the take before stays as it is"
        assert now["active"] == 2
        assert Path(now["takes"][1]["file"]) == chosen.with_name(f"stem-{index}.wav")
        assert now["takes"][1]["info"] == then["takes"][0]["info"]
        assert now["info"] == then["info"]
    choose(daemon, opened, opened)
    host.until(lambda: [item["active"] for item in stems(host)] == [1, 1])
    assert [len(item["takes"]) for item in stems(host)] == [2, 2], "what is there already is not added again"
    host.lua("sim.gfx.open = false")
    host.until()
    assert host.tracks("other") == other
    assert host.lua("return #project.undo") == 2
    host.lua("sim.model.undo(project); sim.model.undo(project)")
    assert host.tracks() == before


def test_cancel_leaves_the_editor_alone(separated: Callable[..., Host]) -> None:
    host = separated()
    host.run(EDITOR)
    host.until(lambda: "in the browser" in host.shown)
    host.click()
    host.until()
    assert host.messages == []


def test_the_last_mask_edit_is_taken_back(separated: Callable[..., Host]) -> None:
    """The takes of before are heard again; the others stay."""
    host = separated()
    host.run(UNDO)
    assert "No box has corrected" in host.messages[-1]
    deactivate(host)
    before = host.tracks()
    host.run(UNDO)
    host.until()
    assert [item["active"] for item in stems(host)] == [1, 1]
    assert [len(item["takes"]) for item in stems(host)] == [2, 2]
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


EDITS = (
    "{position = 0.2, length = 0.3, low = 200, high = 900, top = {700, 900}},"
    "{position = 0.5, length = 9, low = 1000, high = 99999},"
    "{position = 0.1, length = 0.1, low = 1, high = 2, flags = 1}"
)


def deactivate(host: Host) -> None:
    host.lua(f"require('api').tells_edits = true; stem.takes[1].edits = {{{EDITS}}}")
    host.run("DAP_Deactivate mask in spectral edits")
    host.until()


@pytest.mark.parametrize("told", [True, False], ids=["as values", "in the item's text"])
@pytest.mark.parametrize("op", ["deactivate", "activate"])
def test_spectral_edits_are_boxes(op: str, told: bool, separated: Callable[..., Host]) -> None:
    """On the first stem, which is stretched and begins inside its file, two and a bypassed one; on the second one."""
    host = separated()
    host.lua(
        f"require('api').tells_edits = {str(told).lower()}\n"
        "stem.takes[1].info.D_STARTOFFS = 0.1; stem.takes[1].info.D_PLAYRATE = 0.5\n"
        f"stem.takes[1].edits = {{{EDITS}}}\n"
        "second = project.tracks[4].items[1]; second.selected = true\n"
        "second.takes[1].edits = {{position = 0, length = 0.1, low = 50, high = 100}}"
    )
    before, other = host.tracks(), host.tracks("other")
    opened = json.loads(manifest_of(host).read_text(encoding="utf-8"))
    host.run(f"DAP_{op.capitalize()} mask in spectral edits")
    host.until()
    assert host.messages == []
    for index, (now, then) in enumerate(zip(stems(host), [t["items"][0] for t in before[2:]], strict=True), 1):
        assert now["takes"][:1] == then["takes"], "the take before stays as it is"
        assert now["active"] == 2
        assert now["takes"][1]["info"] == then["takes"][0]["info"]
        assert now["takes"][1]["file"].endswith(f"stem-{index}.wav")
        assert now["takes"][1]["peaks"] == "built"
        assert now["info"] == then["info"]
    assert (host.tracks()[:2], host.tracks("other")) == (before[:2], other)
    refined = manifest_of_take(stems(host)[0], 1)
    assert refined["parent"] == opened["session"]
    places = [tuple(box[name] for name in ("stem", "start", "end", "low", "high")) for box in refined["boxes"]]
    assert places == [(1, 0.2, 0.5, 200, 900), (1, 0.5, 1.0, 1000, RATE / 2), (2, 0, 0.1, 50, 100)]
    assert {(box["op"], box["strength"]) for box in refined["boxes"]} == {(op, 1)}
    assert refined["carry"] is True
    assert host.lua("return #project.undo") == 1
    assert host.lua("return next(project.ext) == nil")
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_a_time_selection_and_a_range_are_a_box(separated: Callable[..., Host]) -> None:
    """The item stands at 2 s, starts 0.1 s into its file and plays at half speed."""
    host = separated()
    action = "DAP_Refine with time selection and frequency range"
    host.lua("stem.takes[1].info.D_STARTOFFS = 0.1; stem.takes[1].info.D_PLAYRATE = 0.5")
    host.run(action)
    assert "time selection" in host.messages[-1]
    host.lua("project.range = {1, 2.5}; sim.inputs = {'2000,100,in,0.5,no', 'x,100,in,0.5,no', '100,2000,in,0.5,no'}")
    host.run(action)
    assert "not below" in host.messages[-1]
    host.run(action)
    host.until()
    assert '"x" cannot be used' in host.messages[-1]
    refined = manifest_of_take(stems(host)[0], 1)
    (box,) = refined["boxes"]
    expected = {"op": "activate", "start": 0.1, "end": 0.35, "low": 100, "high": 2000, "strength": 0.5}
    assert {name: box[name] for name in expected} == pytest.approx(expected)
    assert refined["carry"] is False
    host.run(action)
    assert host.lua("return sim.asked_inputs[#sim.asked_inputs].values") == "100,2000,in,0.5,no"


def test_without_spectral_edits_it_says_so(separated: Callable[..., Host]) -> None:
    host = separated()
    host.run("DAP_Deactivate mask in spectral edits")
    assert "no spectral edits" in host.messages[-1]


def test_masks_of_before_are_made_again_where_their_take_is_gone(separated: Callable[..., Host]) -> None:
    host = separated()
    deactivate(host)
    host.lua(
        "for n = 3, 4 do local item = project.tracks[n].items[1]; table.remove(item.takes, 1); item.active = 1 end"
    )
    for boxes_left in (1, 0):
        host.run(UNDO)
        host.until()
        items = stems(host)
        assert [(len(item["takes"]), item["active"]) for item in items] == [(3 - boxes_left, 3 - boxes_left)] * 2
        back = manifest_of_take(items[0], 2 - boxes_left)
        assert (back["verb"], len(back["boxes"])) == ("undo", boxes_left)
    host.run(UNDO)
    host.until(lambda: host.shown)
    host.lua("sim.gfx.open = false")
    host.until()
    assert [len(item["takes"]) for item in stems(host)] == [3, 3]


@pytest.mark.parametrize("action", [EDITOR, UNDO, "DAP_Deactivate mask in spectral edits"])
def test_what_is_no_stem_is_said(
    action: str, daemon: Process, reaper: Reaper, sound: Callable[..., np.ndarray], write_clip: Callable[..., Path]
) -> None:
    host = reaper(daemon)
    host.run(action)
    assert "Select one or more stems" in host.messages[-1]
    add_item(host, write_clip(sound(), RATE))
    host.run(action)
    assert len(host.messages) == 2
    assert host.state["running"] == 0
