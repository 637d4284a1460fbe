"""Spans: that in a stretch of time one stem alone is heard, or that it is silent; drawn, moved, undone, sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from dap_bridge.demo import CLIP
from tests.processes import Process
from tests.web.editor import Editor, energy, read

Edit = Callable[..., Editor]


def choose(editor: Editor, start: float, end: float) -> None:
    """Drags along the time axis, between shares of it."""
    place = editor.by_id("times").bounding_box()
    assert place is not None
    mouse, y = editor.page.mouse, place["y"] + 5
    mouse.move(place["x"] + start * place["width"], y)
    mouse.down()
    mouse.move(place["x"] + end * place["width"], y, steps=5)
    mouse.up()


def spans(editor: Editor) -> list[str]:
    """What they say, in words."""
    labels = editor.page.locator("#spans .box").evaluate_all("all => all.map((b) => b.getAttribute('aria-label'))")
    return [str(label) for label in labels]


def asked(editor: Editor, button: str) -> tuple[str, dict[str, Any]]:
    """Where a press of it sends its message, and the message."""
    with editor.page.expect_request("**/messages") as request:
        editor.by_id(button).click()
    return request.value.url, request.value.post_data_json


def test_a_stretch_becomes_a_span_that_is_moved_undone_and_removed(edit: Edit) -> None:
    editor = edit("tones")
    choose(editor, 0.25, 0.5)
    expect(editor.by_id("stretch-says")).to_have_text("2.00–4.00 s")
    editor.page.get_by_label("Stem 2", exact=True).check()
    editor.page.get_by_role("button", name="Only stem 2 here").click()
    assert spans(editor) == ["Span 1: only stem 2, 0:02.00 to 0:04.00"]
    assert editor.boxes == [], "it is none of the boxes"
    bar = editor.page.locator("#spans .box").bounding_box()
    axis = editor.by_id("times").bounding_box()
    assert bar is not None and axis is not None
    assert abs(bar["x"] - axis["x"] - axis["width"] / 4) < 2 and abs(bar["width"] - axis["width"] / 4) < 3

    mouse, y = editor.page.mouse, bar["y"] + bar["height"] / 2
    mouse.move(bar["x"] + bar["width"] / 2, y)
    mouse.down()
    mouse.move(bar["x"] + bar["width"] / 2 + axis["width"] / 8, y, steps=5)
    mouse.up()
    moved = editor.box
    assert round(moved["start"], 1) == 3.0 and round(moved["end"], 1) == 5.0
    mouse.move(bar["x"] + bar["width"] + axis["width"] / 8, y)  # at its end: longer
    mouse.down()
    mouse.move(bar["x"] + bar["width"] + axis["width"] / 4, y, steps=5)
    mouse.up()
    assert editor.box["start"] == moved["start"] and round(editor.box["end"], 1) == 6.0

    editor.page.get_by_label("Silent", exact=True).check()
    assert "stem 2 is silent" in spans(editor)[0]
    for _ in range(3):
        editor.by_id("undo").click()
    assert spans(editor) == ["Span 1: only stem 2, 0:02.00 to 0:04.00"]
    editor.by_id("redo").click()
    assert editor.box == moved
    before = spans(editor)
    editor.reload()
    assert spans(editor) == before
    editor.page.get_by_role("button", name="Remove span 1").click()
    assert spans(editor) == []
    editor.page.keyboard.press("Control+z")
    assert spans(editor) == before


def test_a_drag_over_the_full_height_chooses_a_stretch_and_draws_no_box(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    editor.drag((0.5, 0.01), (0.625, 0.99))
    expect(editor.by_id("stretch-says")).to_have_text("4.00–5.00 s")
    assert editor.boxes == []
    editor.page.keyboard.press("i")
    assert spans(editor) == ["Span 1: stem 1 is silent, 0:04.00 to 0:05.00"]
    editor.drag((0.5, 0.1), (0.625, 0.99))
    assert len(editor.boxes) == 1, "one that leaves something out is a box"
    assert "take out of stem 1" in editor.boxes[0]


def test_spans_by_keys_alone(edit: Edit) -> None:
    editor = edit("tones")
    press = editor.page.keyboard.press
    press("o")
    assert spans(editor) == ["Span 1: only stem 1, 0:00.00 to 0:01.00"], "at the playhead"
    press("ArrowRight")
    press("Shift+ArrowRight")
    start, end = editor.box["start"], editor.box["end"]
    assert start > 0 and end - start > 1
    press("ArrowUp")
    press("[")
    press("2")
    press("t")
    assert "stem 2 is silent" in spans(editor)[0]
    press("Control+z")
    press("Control+z")
    assert "only stem 1" in spans(editor)[0] and (editor.box["start"], editor.box["end"]) == (start, end)
    press("Delete")
    assert spans(editor) == []


def test_they_are_sent_beside_the_boxes(edit: Edit) -> None:
    editor = edit("tones")  # no separation that can be corrected: its clip is nowhere
    choose(editor, 0.25, 0.5)
    editor.page.keyboard.press("o")
    choose(editor, 0.75, 0.875)
    for key in "2i":
        editor.page.keyboard.press("Escape")
        editor.page.keyboard.press(key)
    editor.drag((0.25, 0.2), (0.5, 0.6))
    _, message = asked(editor, "refine")
    edges = {
        op: [dict(pair.split("=") for pair in text.split(",")) for text in message[op]] for op in ("only", "silent")
    }
    assert [one["stem"] for one in edges["only"]] == ["1"] and [one["stem"] for one in edges["silent"]] == ["2"]
    assert float(edges["only"][0]["start"]) == pytest.approx(2, abs=0.02)
    assert float(edges["silent"][0]["end"]) == pytest.approx(7, abs=0.02)
    assert len(message["box"]) == 1 and message["keep"] is False
    expect(editor.by_id("status")).to_have_class("trouble")
    editor.complaints.clear()


def test_a_span_is_refined_and_is_one_of_the_session_that_comes_of_it(edit: Edit, daemon: Process) -> None:
    editor = edit("demo")
    choose(editor, 0.25, 0.5)
    editor.page.keyboard.press("i")
    start, end = editor.box["start"] + 0.05, editor.box["end"] - 0.05
    editor.page.keyboard.press("r")
    editor.says("Refined 1 is ready")
    before, after = (energy(read(daemon, name)[0], start, end) for name in editor.names)
    assert after < 1e-4 * before, "stem 1 is silent there"
    said = spans(editor)
    itself = Editor(editor.page.context.new_page(), daemon, editor.names[1])
    itself.open()
    assert (spans(itself), itself.boxes) == (said, [])


def test_the_clip_is_separated_again_without_the_page_being_told_where_it_lies(edit: Edit, daemon: Process) -> None:
    editor = edit("demo")
    expect(editor.by_id("again")).to_be_hidden()
    editor.page.keyboard.press("e")
    editor.says("Say first where")
    choose(editor, 0.25, 0.5)
    editor.page.keyboard.press("o")
    said = spans(editor)
    start, end = editor.box["start"] + 0.05, editor.box["end"] - 0.05
    address, message = asked(editor, "again")
    assert address.endswith("/sessions/demo/messages") and str(CLIP) not in str(message)
    assert (message["verb"], message["preset"], message["sources"]) == ("separate", "quick", 2)
    editor.page.wait_for_url(lambda url: message["job"] in url)
    editor.ready()
    assert (spans(editor), editor.boxes, editor.results) == (said, [], ["Original"])
    expect(editor.by_id("title")).to_have_text("tabla_and_crow")
    made, mixture = read(daemon, message["job"]), read(daemon, "demo").sum(axis=0)
    np.testing.assert_allclose(made.sum(axis=0), mixture, atol=1e-4)
    assert energy(made[1], start, end) < 1e-4 * energy(mixture, start, end), "nothing but stem 1 is heard there"
