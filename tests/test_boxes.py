"""What a box may say, and what is refused before anything is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from dap_bridge.cli import main
from dap_bridge.domain import Box, ChannelRef, ClipRef, Mask, Op
from dap_bridge.errors import BadRequest
from dap_bridge.jobs.sessions import Session, Sessions
from dap_bridge.transport import protocol
from dap_bridge.verbs.refine.request import Refine
from tests.conftest import Start
from tests.jobs.regions import Region

GOOD = "stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000"


def test_a_box_is_read_in_any_order_and_written_as_it_is_read() -> None:
    box = Box.parse("high=4000, op=deactivate,low=200,start=1.2 ,end=2.0,stem=1")
    assert box == Box(1, Op.DEACTIVATE, 1.2, 2.0, 200.0, 4000.0)
    full = Box.parse(f"{GOOD},strength=0.5,feather=0.02,feather_octaves=0.5,mask=log:3x2:1.4.1")
    assert (full.strength, full.feather, full.feather_octaves, full.mask) == (0.5, 0.02, 0.5, "log:3x2:1.4.1")
    assert Box.parse(full.as_text()) == full
    assert Box.parse(box.as_text()) == box


BAD = {
    "nan": (GOOD.replace("1.2", "nan"), "start must be finite"),
    "infinite": (GOOD.replace("4000", "inf"), "high must be finite"),
    "inverted in time": (GOOD.replace("end=2.0", "end=1.0"), "end .* must come after"),
    "inverted in frequency": (GOOD.replace("high=4000", "high=100"), "high .* must be above"),
    "of no length": (GOOD.replace("end=2.0", "end=1.2"), "end .* must come after"),
    "of no height": (GOOD.replace("high=4000", "high=200"), "high .* must be above"),
    "before the clip": (GOOD.replace("start=1.2", "start=-1"), "negative"),
    "below zero": (GOOD.replace("low=200", "low=-1"), "negative"),
    "too strong": (f"{GOOD},strength=1.5", "strength must be from 0 to 1"),
    "of a strength that is none": (f"{GOOD},strength=nan", "strength must be finite"),
    "of an endless feather": (f"{GOOD},feather=1e9", "feather"),
    "without a stem": (GOOD.replace("stem=1,", ""), "stem is missing"),
    "for stem 0": (GOOD.replace("stem=1", "stem=0"), "stem must be"),
    "that says nothing": (GOOD.replace("deactivate", "erase"), "op must be deactivate or activate"),
    "with a word for a number": (GOOD.replace("200", "low"), "low must be a number"),
    "that says it twice": (f"{GOOD},low=3", "low is given twice"),
    "with a field of another kind": (f"{GOOD},gain=3", "none of"),
    "empty": ("", "none of"),
    "of a feather as wide as hearing": (f"{GOOD},feather_octaves=5", "feather_octaves must be from 0 to 4"),
    "with no mask after the word": (f"{GOOD},mask=", "mask must be linear or log"),
    "with a mask of another axis": (f"{GOOD},mask=mel:1x1:0.1", "mask must be linear or log"),
    "with a mask without cells": (f"{GOOD},mask=linear:0x1:0.1", "mask must be linear or log"),
    "with a mask of halves": (f"{GOOD},mask=linear:1x1:0.-1", "mask must be linear or log"),
    "with a mask that turns on for nothing": (f"{GOOD},mask=linear:2x1:1.0.1", "the first alone may be 0"),
    "with digits that are none": (f"{GOOD},mask=linear:1x1:0.\u0661", "mask must be linear or log"),
    "with a mask of 513 columns": (f"{GOOD},mask=linear:513x2:0.1026", "513 columns, 512 at most"),
    "with a mask of 513 rows": (f"{GOOD},mask=linear:2x513:0.1026", "513 rows, 512 at most"),
    "with a mask that ends too early": (f"{GOOD},mask=linear:2x2:1.2", "runs of 3 cells, its grid 4"),
    "with a mask that goes on": (f"{GOOD},mask=linear:2x2:1.2.2", "runs of 5 cells, its grid 4"),
    "with a mask that is off": (f"{GOOD},mask=linear:2x2:4", "no cell that is on"),
    "with a mask of 5000 runs": (f"{GOOD},mask=linear:500x10:{'.'.join('1' * 5000)}", "more than 4096 runs"),
    "with a mask below hearing": (
        GOOD.replace("low=200,high=4000", "low=1,high=20") + ",mask=log:1x1:0.1",
        "begin at 20 Hz",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_box_is_refused_by_its_number_and_reason(name: str) -> None:
    text, reason = BAD[name]
    with pytest.raises(BadRequest, match=f"box 2: .*{reason}"):
        protocol.parse("refine", {"session": "a", "box": [GOOD, text]})


def test_any_mask_is_written_as_it_is_read_and_keeps_its_cells() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        drawn = generator.random(generator.integers(1, 64, 2)) < generator.random()
        drawn.flat[generator.integers(drawn.size)] = True
        region = Region(drawn, 1.2, 2.0, 200, 4000, log=bool(generator.integers(2)))
        box = Box.parse(region.text(1, "deactivate"))
        assert box.mask == region.mask == box.region.as_text()
        assert Box.parse(box.as_text()) == box
        assert np.array_equal(np.frombuffer(box.region.cells, np.uint8).reshape(drawn.T.shape), drawn.T)


def test_the_longest_mask_there_can_be_is_read() -> None:
    runs = [100] * 2456 + [10] * 1639
    box = f"{GOOD},mask=linear:512x512:{'.'.join(map(str, [*runs, 512 * 512 - sum(runs)]))}"
    assert len(runs) == 4095
    assert len(box) > 14_000
    assert protocol.parse("refine", {"session": "a", "box": [box]})


@pytest.mark.parametrize(
    ("axis", "low", "edges"),
    [("linear", 200.0, [200, 1000, 1800]), ("log", 450.0, [450, 900, 1800]), ("log", 0.0, [0, 189.736660, 1800])],
)
def test_rows_divide_the_band_evenly_in_hertz_or_in_octaves(axis: str, low: float, edges: list[float]) -> None:
    assert Mask.parse(f"{axis}:1x2:1.1").hertz(low, 1800) == pytest.approx(edges)


def test_ten_thousand_boxes_are_refused() -> None:
    with pytest.raises(BadRequest, match="200"):
        protocol.parse("refine", {"session": "a", "box": [GOOD] * 10_000})


def test_a_box_longer_than_any_mask_makes_it_is_refused() -> None:
    with pytest.raises(BadRequest, match="16384 characters"):
        protocol.parse("refine", {"session": "a", "box": [f"{GOOD},mask={'9' * 20_000}"]})


@pytest.mark.parametrize("session", ["", "a b", "relative/manifest.json", "../a"])
def test_a_session_is_a_name_or_an_absolute_path(session: str) -> None:
    with pytest.raises(BadRequest):
        protocol.parse("refine", {"session": session, "box": [GOOD]})


def test_a_request_by_osc_carries_every_box_in_order() -> None:
    sent = Refine(session="a", box=(GOOD, GOOD.replace("stem=1", "stem=2")), keep=False)
    _, arguments = protocol.osc_arguments(sent)
    assert protocol.parse(*protocol.osc_fields("/dap/refine", arguments)) == sent


def test_a_daemon_lists_its_sessions_by_both_doors_and_refuses_bad_boxes(start: Start) -> None:
    daemon = start()
    assert daemon.client.sessions() == []
    kept = Sessions(daemon.data / "sessions", most_bytes=1e6, most_days=1)
    request = ClipRef((ChannelRef("/music/take.wav", 0),)).as_request()
    learned = kept.put_learned(b"learned")
    kept.add(Session("first", request, "", "Take", "/out/manifest.json", (learned,)))
    kept.add(
        Session("second", request, "", "Take", "/out2/manifest.json", ("0" * 64,), (Box.parse(GOOD),), parent="first")
    )
    listed = {one.session: one for one in daemon.client.sessions()}
    assert {name: (one.stored, one.boxes) for name, one in listed.items()} == {"first": (True, 0), "second": (False, 1)}
    assert (listed["first"].label, listed["first"].clip) == ("Take", "/music/take.wav")
    bad = Refine(job="bad", session="first", box=(GOOD,)).model_copy(update={"box": (BAD["nan"][0],)})
    with pytest.raises(BadRequest, match="box 1: start must be finite"):
        daemon.client.last_event(bad)
    assert {one.session for one in daemon.client.sessions()} == set(listed)


def test_a_session_of_the_command_line_is_refined_by_the_command_line(
    tmp_path: Path, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    def command(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    clip = write_clip(noise(1, 66_000), 22_050)
    first = command("separate", clip, "--preset", "quick", "--out", tmp_path / "a", "--json")
    name = json.loads(first.stdout)["session"]
    box = "stem=1,op=deactivate,start=1,end=2,low=200,high=4000"
    second = command("refine", name, "--box", box, "--out", tmp_path / "b", "--json")
    assert second.exit_code == 0, second.stderr
    manifest = json.loads(second.stdout)
    assert (manifest["parent"], len(manifest["boxes"]), manifest["warnings"]) == (name, 1, [])
    third = command("undo", tmp_path / "b", "--out", tmp_path / "c", "--json")
    assert json.loads(third.stdout)["boxes"] == []
    listed = json.loads(command("sessions", "--json").stdout)["sessions"]
    assert [one["boxes"] for one in listed] == [0, 1, 0]
    assert all(one["stored"] for one in listed)
    refused = command("refine", tmp_path / "a", "--box", box.replace("end=2", "end=9"), "--out", tmp_path / "d")
    assert refused.exit_code == 2
    assert "Box 1" in refused.stderr
    assert not (tmp_path / "d").exists()
