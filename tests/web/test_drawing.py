"""Drawing: box, brush, lasso, comb, similar events, by mouse, pen, finger and keys; what is drawn is what is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from dap_bridge.boxes import MAX_RUNS, MAX_SIDE, Box
from tests.processes import Process, until
from tests.web.conftest import TONES_RATE, TONES_S
from tests.web.editor import Editor, energy, read
from tests.web.strokes import Point, away, drawn, pixels, within

Edit = Callable[..., Editor]

# Pixels beside an edge where a cell may be on or off.
EDGE = 3.0
STROKE = [(0.3, 0.3), (0.4, 0.55), (0.5, 0.3)]
TRIANGLE = [(0.2, 0.2), (0.6, 0.3), (0.3, 0.6)]


def stroke(editor: Editor, points: Sequence[Point], *keys: str) -> None:
    """With the mouse, through points given as shares, while `keys` are held."""
    mouse = editor.page.mouse
    for key in keys:
        editor.page.keyboard.down(key)
    mouse.move(*editor.at(*points[0]))
    mouse.down()
    for point in points[1:]:
        mouse.move(*editor.at(*point), steps=4)
    mouse.up()
    for key in keys:
        editor.page.keyboard.up(key)


def asked(editor: Editor) -> list[Box]:
    """The boxes of the message that a preview sends; tones have no clip to correct, so that it is refused."""
    with editor.page.expect_request("**/messages") as request:
        editor.by_id("preview").click()
    expect(editor.by_id("preview")).to_be_enabled()
    editor.complaints.clear()
    return [Box.parse(text) for text in request.value.post_data_json["box"]]


@pytest.mark.parametrize("axis", ["log", "linear"])
def test_what_is_painted_and_drawn_around_is_what_is_asked(edit: Edit, axis: str) -> None:
    editor = edit("tones")
    if axis == "linear":
        editor.page.get_by_label("Linear").check()
    editor.page.keyboard.press("Shift+B")
    editor.by_id("brush-size").fill("40")
    editor.by_id("brush-hardness").fill("50")
    stroke(editor, STROKE)
    editor.page.keyboard.press("Shift+L")
    stroke(editor, TRIANGLE)
    assert ["take out of stem 1" in words and words.startswith("Region") for words in editor.boxes] == [True, True]
    painted, around = asked(editor)

    cells = drawn(editor, painted)
    line = away(cells, pixels(editor, STROKE), closed=False)
    sure = abs(line - 10) > EDGE  # the core is half of the brush
    assert (cells[sure, 2] == (line < 10)[sure]).all() and sure.mean() > 0.5
    assert cells[:, 2].mean() < 0.9, "the bounds are those of a bent line"
    pixel_s = TONES_S / pixels(editor, [(1, 1)])[0, 0]
    assert painted.feather == pytest.approx(10 * pixel_s, rel=0.01), "the rest of it is feather"
    assert painted.feather_octaves is not None and painted.feather_octaves > 0.01

    cells, corners = drawn(editor, around), pixels(editor, TRIANGLE)
    sure = away(cells, corners, closed=True) > EDGE
    assert (cells[sure, 2] == within(cells, corners)[sure]).all() and sure.mean() > 0.8
    assert around.start == pytest.approx(0.2 * TONES_S, abs=EDGE * pixel_s)
    assert around.end == pytest.approx(0.6 * TONES_S, abs=EDGE * pixel_s)
    for box in (painted, around):
        assert box.region.axis == axis and box.mask is not None
        rows = np.frombuffer(box.region.cells, np.uint8).reshape(box.region.columns, box.region.rows)
        assert rows[[0, -1]].any(1).all() and rows[:, [0, -1]].any(0).all(), "no bounds could be tighter"


def test_a_fine_scrawl_is_coarsened_until_it_can_be_sent(edit: Edit) -> None:
    editor = edit("tones")
    editor.page.keyboard.press("Shift+B")
    editor.by_id("brush-size").fill("4")
    up_and_down = [(0.05 + 0.9 * (k % 2), 0.05 + 0.9 * k / 20) for k in range(21)]
    stroke(editor, up_and_down)
    (box,) = asked(editor)
    region = box.region
    assert len(region.runs) <= MAX_RUNS and max(region.columns, region.rows) <= MAX_SIDE
    assert len(region.runs) > MAX_RUNS / 2, "and no coarser"


def test_strokes_are_added_and_erased_a_step_each_and_outlive_a_reload(edit: Edit) -> None:
    editor = edit("tones")
    editor.drag((0.2, 0.3), (0.5, 0.6))
    (plain,) = asked(editor)
    editor.page.keyboard.press("Shift+B")
    stroke(editor, [(0.3, 0.45), (0.4, 0.45)], "Alt")
    (holed,) = asked(editor)
    assert editor.boxes[0].startswith("Region 1"), "it has a hole"
    assert holed.start == pytest.approx(plain.start, abs=0.02) and holed.end == pytest.approx(plain.end, abs=0.02)
    cells = drawn(editor, holed)
    hole = away(cells, pixels(editor, [(0.3, 0.45), (0.4, 0.45)]), closed=False)
    assert not cells[hole < 16 - EDGE, 2].any() and cells[hole > 16 + EDGE, 2].all()

    editor.page.keyboard.press("Shift+L")
    stroke(editor, [(0.4, 0.4), (0.7, 0.4), (0.7, 0.5), (0.4, 0.5)], "Shift")
    (longer,) = asked(editor)
    assert longer.end == pytest.approx(0.7 * TONES_S, abs=0.03) and len(editor.boxes) == 1
    cells = drawn(editor, longer)
    assert not cells[(hole := away(cells, pixels(editor, [(0.3, 0.45), (0.37, 0.45)]), closed=False)) < 10, 2].any(), (
        hole
    )

    editor.reload()
    assert asked(editor) == [longer]
    for expected in ([holed], [plain]):
        editor.by_id("undo").click()
        assert asked(editor) == expected
    for expected in ([holed], [longer]):
        editor.by_id("redo").click()
        assert asked(editor) == expected
    editor.page.keyboard.press("z")
    editor.drag((0.45, 0.45), (0.55, 0.45))
    (moved,) = asked(editor)
    assert (moved.mask, moved.low, moved.high) == (longer.mask, longer.low, longer.high)
    assert moved.start - longer.start == pytest.approx(0.1 * TONES_S, abs=0.02)
    editor.page.keyboard.press("d")
    stroke(editor, [(0.01, 0.02), (0.99, 0.98)], "Alt")
    assert editor.boxes == [], "what has nothing left is removed"
    editor.page.keyboard.press("Control+z")
    assert asked(editor) == [moved]
    editor.page.keyboard.press("Escape")
    stroke(editor, [(0.1, 0.1), (0.2, 0.2)], "Shift")
    editor.says("Select first the box to add to")


def test_a_box_in_a_box(edit: Edit) -> None:
    editor = edit("tones")
    editor.drag((0.2, 0.2), (0.6, 0.7))
    outer = editor.box
    editor.drag((0.3, 0.3), (0.5, 0.6))
    inner = editor.box
    assert len(editor.boxes) == 2 and outer["start"] < inner["start"] < inner["end"] < outer["end"]
    editor.page.mouse.click(*editor.at(0.25, 0.65))
    assert editor.box == outer, "a click selects what lies there, and puts the playhead there"
    until(lambda: abs(editor.clock - 2.0) < 0.05)
    editor.drag((0.15, 0.15), (0.65, 0.75))
    editor.page.mouse.click(*editor.at(0.4, 0.5))
    assert editor.box == inner, "the smallest of them, also where a larger one was drawn over it"
    editor.by_id("undo").click()

    editor.drag((0.35, 0.3), (0.35, 0.35))  # by the outline of what is selected
    moved = editor.box
    assert moved["high"] < inner["high"] and moved["low"] < inner["low"] and len(editor.boxes) == 2
    tag = editor.page.locator("#boxes .box .tag").first.bounding_box()
    assert tag is not None
    mouse = editor.page.mouse
    mouse.move(tag["x"] + 4, tag["y"] + 4)
    mouse.down()
    mouse.move(tag["x"] + 104, tag["y"] + 4, steps=4)
    mouse.up()
    assert editor.box["start"] > outer["start"] and editor.box["low"] == outer["low"], "the other by its tag"
    stroke(editor, [(0.4, 0.5), (0.45, 0.5)], "Control")
    assert editor.box["start"] > moved["start"], "what is inside, with Ctrl"
    for _ in range(3):
        editor.page.keyboard.press("Control+z")
    editor.page.mouse.click(*editor.at(0.4, 0.5))
    assert editor.box == inner and len(editor.boxes) == 2

    mouse.move(*editor.at(0.7, 0.2))
    mouse.down()
    mouse.move(*editor.at(0.8, 0.5), steps=4)
    editor.page.keyboard.press("Escape")
    mouse.up()
    assert len(editor.boxes) == 2, "what is given up is not drawn"


def test_a_comb_is_drawn_retuned_and_undone_as_one(edit: Edit) -> None:
    editor = edit("tones")
    editor.page.keyboard.press("Shift+C")
    editor.drag((0.25, 0.6), (0.5, 0.6))
    assert len(editor.boxes) == 1 and "16 partials of" in editor.boxes[0]
    teeth = asked(editor)
    first = (teeth[0].low + teeth[0].high) / 2
    assert len(teeth) == 16 and {(box.start, box.end, box.mask) for box in teeth} == {
        (teeth[0].start, teeth[0].end, None)
    }
    for number, box in enumerate(teeth, 1):
        assert box.low < number * first < box.high
        assert box.high / box.low == pytest.approx(2 ** (60 / 1200), rel=0.02) or box.high - box.low < 21
    assert all(below.high < above.low for below, above in pairwise(teeth))

    editor.by_id("comb-cents").fill("100")
    editor.by_id("comb-partials").fill("32")
    wide = asked(editor)
    assert len(wide) > 16 and wide[10].high - wide[10].low > teeth[10].high - teeth[10].low
    editor.page.keyboard.press("z")
    editor.drag((0.4, 0.6), (0.5, 0.5))
    retuned = asked(editor)
    ratio = (retuned[0].low + retuned[0].high) / 2 / first
    assert ratio > 1.5 and retuned[0].start > wide[0].start
    assert (retuned[3].low + retuned[3].high) / 2 == pytest.approx(4 * first * ratio, rel=0.01)
    assert all(box.high <= TONES_RATE / 2 for box in retuned)
    editor.by_id("box-feather").fill("50")
    editor.by_id("box-feather_octaves").fill("0.1")
    editor.page.keyboard.press("Tab")
    assert {(box.feather, box.feather_octaves) for box in asked(editor)} == {(0.05, 0.1)}
    editor.reload()
    for _ in range(2):
        editor.by_id("undo").click()
    assert asked(editor) == retuned
    editor.by_id("undo").click()
    assert asked(editor) == wide
    for _ in range(2):
        editor.by_id("undo").click()
    assert asked(editor) == teeth
    editor.page.get_by_role("button", name="Remove comb 1").click()
    assert editor.boxes == []
    editor.page.mouse.click(*editor.at(0.5, 0.7))
    assert editor.boxes == [], "in no tool but the comb a click draws"
    editor.page.keyboard.press("Shift+C")
    editor.page.mouse.click(*editor.at(0.5, 0.7))
    assert len(editor.boxes) == 1


def test_a_comb_by_keys_alone(edit: Edit) -> None:
    editor = edit("tones")
    press = editor.page.keyboard.press
    press("Shift+C")
    press("n")
    (before,) = editor.boxes
    fundamental = float(editor.by_id("box-fundamental").input_value())
    press("ArrowUp")
    press("ArrowRight")
    assert float(editor.by_id("box-fundamental").input_value()) > fundamental and editor.box["start"] > 0
    press("Shift+ArrowDown")
    assert "15 partials" in editor.boxes[0]
    press("Control+z")
    assert editor.boxes == [before]
    press("Delete")
    assert editor.boxes == []


def answering(events: list[dict[str, float]]) -> Callable[[Route], None]:
    return lambda route: route.fulfill(content_type="application/json", body=json.dumps({"events": events}))


def test_similar_events_are_offered_and_added_by_keys(edit: Edit) -> None:
    editor = edit("tones")
    press = editor.page.keyboard.press
    press("Shift+S")
    editor.says("Select first the box")
    events = [{"start": 2.0 + k, "end": 2.5 + k, "likeness": 0.98 - 0.04 * k} for k in range(5)]
    editor.page.route("**/similar?*", answering(events))
    editor.drag((0.1, 0.3), (0.15, 0.5))
    with editor.page.expect_request("**/similar?*") as request:
        press("Shift+S")
    query = parse_qs(urlsplit(request.value.url).query)
    assert float(query["start"][0]) == pytest.approx(editor.box["start"], abs=0.01) and query["stem"] == ["1"]
    editor.says("5 similar events found")
    ghosts = editor.page.locator("#ghosts g")
    assert ghosts.all_text_contents() == ["98 %", "94 %", "90 %", "86 %"]
    expect(editor.by_id("add-similar")).to_have_text("Add 4")
    editor.by_id("likeness").fill("92")
    expect(editor.by_id("add-similar")).to_have_text("Add 2")
    press("Enter")
    assert [words.split(", ")[1] for words in editor.boxes[1:]] == ["0:02.00 to 0:02.50", "0:03.00 to 0:03.50"]
    assert len({words.split(", ", 2)[2] for words in editor.boxes}) == 1, "in the same band, as strong"
    expect(ghosts).to_have_count(0)
    press("Control+z")
    assert len(editor.boxes) == 1, "a step to undo, however many"
    editor.by_id("boxes").locator(".box").focus()
    press("Shift+S")
    expect(ghosts).to_have_count(4)
    press("Escape")
    expect(ghosts).to_have_count(0)
    assert len(editor.boxes) == 1


def test_similar_events_are_those_of_the_clip(edit: Edit) -> None:
    editor = edit("tones")  # where a tone swells every second
    editor.drag((2 / TONES_S, 0.55), (3 / TONES_S, 0.64))
    with editor.page.expect_response("**/similar?*") as response:
        editor.by_id("find-similar").click()
    events = response.value.json()["events"]
    assert len(events) >= 5
    editor.says(f"{len(events)} similar events found")
    editor.by_id("add-similar").click()
    starts = editor.page.locator("#boxes .box").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().left)"
    )
    second = pixels(editor, [(1 / TONES_S, 0)])[0, 0]
    apart = (np.array(starts[1:]) - starts[0]) / second
    assert len(apart) >= 5 and np.abs(apart - apart.round()).max() < 0.05 and len(set(apart.round())) == len(apart)


def test_a_region_is_refined_and_previewed(edit: Edit, daemon: Process) -> None:
    editor = edit("demo")
    editor.page.keyboard.press("Shift+B")
    stroke(editor, [(0.3, 0.3), (0.42, 0.5)])
    stroke(editor, [(0.36, 0.5), (0.42, 0.3)], "Shift")
    said, box = editor.boxes, editor.box
    editor.page.keyboard.press("p")
    editor.says("Preview is ready")
    editor.page.keyboard.press("r")
    editor.says("Refined 1 is ready")
    before, after = read(daemon, "demo"), read(daemon, editor.names[-1])
    np.testing.assert_allclose(after.sum(axis=0), before.sum(axis=0), atol=1e-4)
    assert energy(after[0] - before[0], box["start"], box["end"]) > 0
    itself = Editor(editor.page.context.new_page(), daemon, editor.names[-1])
    itself.open()
    assert itself.boxes == said


def test_with_a_finger_and_with_a_pen(edit: Edit) -> None:
    editor = edit("tones", has_touch=True, viewport={"width": 820, "height": 1180})
    fingers = editor.page.context.new_cdp_session(editor.page)

    def touch(points: Sequence[Point]) -> None:
        for number, point in enumerate(points):
            x, y = editor.at(*point)
            kind = "touchMove" if number else "touchStart"
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def pen(points: Sequence[Point]) -> None:
        shared: dict[str, Any] = {"pointerType": "pen", "button": "left", "buttons": 1}
        for number, (x, y) in enumerate(editor.at(*point) for point in points):
            kind = "mouseMoved" if number else "mousePressed"
            fingers.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "clickCount": 1} | shared)
        fingers.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "x": x, "y": y, "clickCount": 1} | shared)

    editor.page.get_by_label("Lasso").check()
    touch(TRIANGLE)
    until(lambda: len(editor.boxes) == 1)
    before = editor.box
    editor.page.get_by_label("Brush").check()
    editor.page.get_by_label("Add", exact=True).check()
    pen([(0.5, 0.3), (0.7, 0.35), (0.8, 0.3)])
    until(lambda: editor.box["end"] > before["end"])
    assert len(editor.boxes) == 1 and editor.boxes[0].startswith("Region")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_in_what_is_drawn(edit: Edit, scheme: str) -> None:
    editor = edit("tones", color_scheme=scheme)
    editor.drag((0.1, 0.2), (0.3, 0.6))
    editor.page.keyboard.press("Shift+B")
    stroke(editor, STROKE)
    assert editor.objections() == ""
    editor.page.keyboard.press("Shift+C")
    editor.drag((0.5, 0.6), (0.9, 0.6))
    editor.page.route("**/similar?*", answering([{"start": 1, "end": 3, "likeness": 0.9}]))
    editor.page.keyboard.press("Shift+S")
    editor.says("1 similar event found")
    assert editor.objections() == ""
    lines = editor.page.locator("#boxes .box .line").evaluate_all(
        "all => all.map((line) => getComputedStyle(line).strokeDasharray)"
    )
    assert all(dashes != "none" for dashes in lines), "taken out"
    editor.page.get_by_label("Bring in").check()
    solid = editor.page.locator("#boxes [data-op=activate] .line").evaluate(
        "line => getComputedStyle(line).strokeDasharray"
    )
    assert solid == "none"
