"""The mask editor in a real browser, on a real daemon: seen, heard, drawn on, by mouse, finger and keys alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.processes import Process, until
from tests.web.conftest import LONG_S, TONES_RATE
from tests.web.editor import Editor, read

Edit = Callable[..., Editor]

# What is wider than its place, or beyond the window's edge.
CUT_OFF = """
() => [document.documentElement, ...document.querySelectorAll("button:not(.box), label, h2, output")]
  .filter((one) => one.getClientRects().length)
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline"
    || one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 80))
"""

# The fade at play.
FADED_IN = round(0.006 * TONES_RATE)


def test_the_demo_is_seen_in_the_colours_of_its_stems(edit: Edit) -> None:
    editor = edit("demo")
    editor.seen()
    expect(editor.by_id("title")).to_have_text("tabla_and_crow")
    expect(editor.page.locator("#stems li")).to_have_count(2)
    warm, cold = coloured(editor)
    assert min(warm, cold) > 0.005
    editor.page.get_by_label("Mute Stem 1").click()
    until(lambda: coloured(editor)[0] < warm / 10)
    assert coloured(editor)[1] > cold / 2


def coloured(editor: Editor) -> tuple[float, float]:
    """The shares of orange (stem 1) and of blue (stem 2) in the picture."""
    pixels = editor.pixels()
    warmth = pixels[..., 0] - pixels[..., 2]
    return float((warmth > 40).mean()), float((warmth < -40).mean())


def test_nothing_is_asked_of_anybody_else(edit: Edit, daemon: Process) -> None:
    editor = edit("tones")
    editor.seen()
    root = daemon.editor.removesuffix("edit/")
    assert editor.requests and all(url.startswith(root) for url in editor.requests)


def test_boxes_by_mouse(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    editor.drag((0.25, 0.2), (0.5, 0.6))
    assert editor.boxes == [editor.boxes[0]] and "take out of stem 1" in editor.boxes[0]
    drawn = editor.box
    assert (round(drawn["start"]), round(drawn["end"])) == (2, 4)
    assert 30 < drawn["low"] < drawn["high"] < TONES_RATE / 2

    editor.page.keyboard.press("z")
    editor.drag((0.375, 0.4), (0.5, 0.4))  # taken in the middle: moved
    editor.page.keyboard.press("d")
    moved = editor.box
    assert round(moved["start"] - drawn["start"], 1) == round(moved["end"] - drawn["end"], 1) == 1.0
    assert (moved["low"], moved["high"]) == (drawn["low"], drawn["high"])

    editor.drag((0.625, 0.4), (0.75, 0.4))  # taken at its right edge: longer
    assert editor.box["start"] == moved["start"] and round(editor.box["end"], 1) == 6.0
    editor.drag((0.375, 0.2), (0.25, 0.1))  # at a corner: longer, and higher
    assert round(editor.box["start"], 1) == 2.0 and editor.box["high"] > moved["high"]
    assert editor.box["low"] == moved["low"]

    for _ in range(3):
        editor.by_id("undo").click()
    assert editor.box == drawn
    for _ in range(3):
        editor.by_id("redo").click()
    assert round(editor.box["start"], 1) == 2.0
    editor.page.keyboard.press("Delete")
    assert editor.boxes == []
    editor.page.keyboard.press("Control+z")
    assert len(editor.boxes) == 1

    editor.page.mouse.click(*editor.at(0.9, 0.9))  # beside the box: nothing is selected, the playhead is set
    expect(editor.by_id("exact")).to_be_hidden()
    until(lambda: abs(editor.clock - 7.2) < 0.05)
    editor.drag((0.9, 0.9), (0.901, 0.9))
    assert len(editor.boxes) == 1, "a hand that trembles draws nothing"


def test_boxes_by_touch(edit: Edit) -> None:
    editor = edit("tones", has_touch=True, viewport={"width": 820, "height": 1180})
    editor.seen()
    fingers = editor.page.context.new_cdp_session(editor.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [dict(zip("xy", editor.at(*point), strict=True), id=number) for number, point in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": places})

    touch("Start", (0.25, 0.2))
    for step in range(1, 6):
        touch("Move", (0.25 + 0.05 * step, 0.2 + 0.06 * step))
    touch("End")
    until(lambda: len(editor.boxes) == 1)
    drawn = editor.box
    assert (round(drawn["start"]), round(drawn["end"])) == (2, 4)

    touch("Start", (0.4, 0.8), (0.6, 0.8))  # two fingers: the view is zoomed, and no box is drawn
    for step in range(1, 6):
        touch("Move", (0.4 - 0.03 * step, 0.8), (0.6 + 0.03 * step, 0.8))
    touch("End")
    width = "() => document.querySelector('#boxes .box').getBoundingClientRect().width"
    field = editor.by_id("field").bounding_box()
    assert field is not None
    until(lambda: editor.page.evaluate(width) > 0.45 * field["width"])
    assert len(editor.boxes) == 1 and editor.box == drawn


def test_boxes_by_keys_alone(edit: Edit) -> None:
    editor = edit("tones")
    press = editor.page.keyboard.press
    press("n")
    assert "take out of stem 1" in editor.boxes[0]
    before = editor.box
    press("ArrowRight")
    press("ArrowUp")
    moved = editor.box
    assert moved["start"] > before["start"] and moved["low"] > before["low"]
    assert round(moved["end"] - moved["start"], 2) == round(before["end"] - before["start"], 2)
    press("Shift+ArrowRight")
    assert editor.box["end"] > moved["end"] and editor.box["start"] == moved["start"]
    press("Shift+ArrowUp")
    assert editor.box["high"] > moved["high"] and editor.box["low"] == moved["low"]
    for key, words in {"2": "stem 2", "t": "bring into", "[": "90 %"}.items():
        press(key)
        assert words in editor.boxes[0]
    press("Control+z")
    assert "100 %" in editor.boxes[0]
    press("Control+Shift+Z")
    assert "90 %" in editor.boxes[0]
    for edge, value in {"end": "2.5", "start": "1.5", "low": "300"}.items():
        editor.by_id(f"box-{edge}").focus()
        press("Control+a")
        editor.page.keyboard.type(value)
        press("Tab")
        assert editor.box[edge] == float(value)
    editor.by_id("boxes").locator(".box").focus()
    press("Delete")
    assert editor.boxes == []
    press("?")
    expect(editor.by_id("keys")).to_be_visible()
    editor.by_id("single-keys").uncheck()
    press("Escape")
    press("n")
    assert editor.boxes == [], "single keys can be switched off"


def test_every_stop_of_the_tab_key_is_seen(edit: Edit) -> None:
    editor = edit("tones")
    editor.page.keyboard.press("n")
    editor.by_id("title").evaluate("title => { title.tabIndex = -1; title.focus(); }")
    marked = """() => {
      const { activeElement } = document;
      const shown = activeElement.matches(".segments input, .chips input") ? activeElement.nextElementSibling
        : activeElement.matches(".stem input") ? activeElement.closest("label") : activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(shown);
      return [activeElement.id || activeElement.name || activeElement.className || activeElement.tagName,
              outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
    }"""
    stops = {}
    for _ in range(60):
        editor.page.keyboard.press("Tab")
        name, seen = editor.page.evaluate(marked)
        if name == "BODY":
            break
        stops[name] = seen
    wanted = {"undo", "refine", "send", "field", "box", "stem", "op", "strength", "floor", "play", "tool", "fit"}
    assert wanted <= set(stops)
    assert all(stops.values()), stops


def test_what_is_heard_is_what_the_files_hold(edit: Edit, daemon: Process) -> None:
    editor = edit("tones")
    stems = read(daemon, "tones")
    heard = editor.render(5.0, [(0, [1, 1])])  # across the border of two segments
    np.testing.assert_array_equal(heard[:, FADED_IN:], stems.sum(axis=0)[:, FADED_IN : heard.shape[1]])
    alone = editor.render(1.0, [(0, [0, 1])], start=12_345)
    np.testing.assert_array_equal(alone[:, FADED_IN:], stems[1][:, 12_345 + FADED_IN : 12_345 + alone.shape[1]])


def test_a_switch_of_stems_keeps_the_moment(edit: Edit, daemon: Process) -> None:
    first, second = read(daemon, "tones")
    editor = edit("tones")
    heard = editor.render(1.0, [(0, [1, 0]), (0.5, [0, 1])])
    middle = TONES_RATE // 2
    np.testing.assert_array_equal(heard[:, FADED_IN : middle - 256], first[:, FADED_IN : middle - 256])
    np.testing.assert_array_equal(heard[:, middle + 256 :], second[:, middle + 256 : heard.shape[1]])


def test_a_loop_comes_round_to_the_sample(edit: Edit, daemon: Process) -> None:
    mixture = read(daemon, "tones").sum(axis=0)
    start, end = 30_000, 41_001
    heard = edit("tones").render(1.0, [(0, [1, 1])], loop=(start, end), start=start)
    expected = np.tile(mixture[:, start:end], 5)[:, : heard.shape[1]]
    np.testing.assert_array_equal(heard[:, FADED_IN:], expected[:, FADED_IN:])


def test_playing_moves_the_playhead_round_the_loop(edit: Edit) -> None:
    editor = edit("tones")
    editor.drag((0.5, 0.2), (0.55, 0.5))
    editor.page.keyboard.press("b")
    until(lambda: abs(editor.clock - 4.0) < 0.05)
    editor.page.keyboard.press("Escape")
    editor.by_id("play").click()
    expect(editor.by_id("play")).to_have_text("Pause")
    seen = []
    until(lambda: seen.append(editor.clock) or (len(seen) > 2 and seen[-1] < seen[-2]))
    assert 3.9 < min(seen) <= max(seen) < 4.5
    editor.by_id("play").click()
    expect(editor.by_id("play")).to_have_text("Play")


def test_the_picture_follows_its_axis_range_and_zoom(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()

    def changed_by(act: Callable[[], object]) -> None:
        before = editor.pixels()
        act()
        until(lambda: (editor.pixels() != before).mean() > 0.02)

    changed_by(lambda: editor.page.get_by_label("Linear").check())
    editor.by_id("floor").focus()
    changed_by(lambda: [editor.page.keyboard.press("ArrowRight") for _ in range(15)])
    expect(editor.by_id("floor-value")).not_to_have_text("-85 dB")
    changed_by(lambda: editor.by_id("colour").fill("0"))
    warm, cold = coloured(editor)
    assert warm == cold == 0, "without the masks' colours it is a plain spectrogram"
    editor.page.mouse.move(*editor.at(0.25, 0.95))
    editor.page.keyboard.down("Alt")
    changed_by(lambda: editor.page.mouse.wheel(0, -400))
    editor.page.keyboard.up("Alt")
    changed_by(lambda: editor.page.mouse.wheel(0, -400))
    editor.drag((0.25, 0.5), (0.5, 0.9))
    assert 1 < editor.box["start"] < editor.box["end"] < 3, "zoomed in around two seconds"
    editor.by_id("fit").click()
    editor.seen()


def test_ten_minutes_open_with_a_handful_of_tiles(edit: Edit) -> None:
    began = time.monotonic()
    editor = edit("long")
    editor.seen()
    print(f"ten minutes: {time.monotonic() - began:.2f} s to a picture")
    expect(editor.by_id("clock")).to_contain_text(f"/ {LONG_S // 60}:00")
    until(lambda: len([url for url in editor.requests if "/stems/" in url]) >= 4)
    for kind, most in {"/tiles/": 10, "/stems/": 10}.items():
        asked = [url for url in editor.requests if kind in url]
        assert 0 < len(asked) <= most, "what is looked at and heard next, not the whole clip"
    for _ in range(24):
        editor.page.keyboard.press("+")
    editor.seen()
    assert any("/tiles/0/0/" in url for url in editor.requests), "the finest level, where it is looked at"


def test_the_result_is_sent_to_the_host(edit: Edit, daemon: Process) -> None:
    editor = edit("tones")
    editor.by_id("send").click()
    editor.says("is sent")
    said = (daemon.spool / "outbox" / "tones.chosen").read_text()
    assert f"manifest\t{daemon.data / 'jobs' / 'tones' / 'result' / 'manifest.json'}\n" in said


def test_boxes_outlive_a_reload(edit: Edit) -> None:
    editor = edit("tones")
    editor.drag((0.2, 0.2), (0.4, 0.4))
    before = editor.boxes
    editor.reload()
    assert editor.boxes == before
    editor.by_id("undo").click()
    assert editor.boxes == []


def test_a_session_that_is_not_there_is_said_so(edit: Edit, daemon: Process) -> None:
    editor = edit("tones")
    editor.page.goto(daemon.editor + "nobody")
    editor.says("There is no session 'nobody'")
    editor.complaints.clear()  # the browser notes that the answer was 404


@pytest.mark.parametrize(
    ("session", "scheme", "size"),
    [
        ("takes", "dark", (1280, 720)),
        ("takes", "light", (820, 720)),
        ("takes", "dark", (820, 1180)),
        ("cut", "light", (1280, 720)),
        ("cut", "dark", (820, 720)),
    ],
    ids=["takes-screen-dark", "takes-small-light", "takes-tablet-dark", "cut-screen-light", "cut-small-dark"],
)
def test_axe_finds_nothing_and_nothing_is_cut_off(edit: Edit, session: str, scheme: str, size: tuple[int, int]) -> None:
    editor = edit(session, color_scheme=scheme, viewport=dict(zip(("width", "height"), size, strict=True)))
    editor.seen()
    for key in ("o", "2", "i"):
        editor.page.keyboard.press(key)
    assert editor.objections() == ""
    editor.drag((0.5, 0.2), (0.7, 0.4))
    assert editor.objections() == ""
    assert editor.page.evaluate(CUT_OFF) == []
    editor.by_id("help").click()
    assert editor.objections() == ""
