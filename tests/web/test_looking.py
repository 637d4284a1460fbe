"""What the editor shows beside the picture, and how that is chosen: ticks, read-out, overview, windows, colours."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from tests.processes import until
from tests.web.conftest import TONES_RATE, TONES_S
from tests.web.editor import Editor

Edit = Callable[..., Editor]

CLOCK = "({ seconds }) => seconds.map((one) => words.clock(one))"
TICKS = """
({ spans, bands }) => ({
  times: spans.map(([start, end]) => axes.timeTicks(start, end, 10)),
  pitches: bands.map(([low, high, scale]) => axes.pitchTicks(low, high, scale, 18)),
  notes: bands.map(([low, high]) => axes.noteTicks(low, high, 500)),
})
"""


def asked(editor: Editor, function: str, argument: object) -> Any:
    """What a function of the page's own modules answers, in the page."""
    modules = "const at = (name) => new URL(name, document.querySelector('script[type=module]').src);"
    loaded = "const [words, axes] = await Promise.all(['words.js', 'axes.js'].map((name) => import(at(name))));"
    return editor.page.evaluate(
        f"async (argument) => {{ {modules} {loaded} return ({function})(argument); }}", argument
    )


def seen_of(editor: Editor) -> tuple[float, float]:
    """What is seen of the clip, in seconds."""
    said = editor.by_id("overview").get_attribute("aria-valuetext") or ""
    return tuple(60 * int(m) + float(s) for m, s in re.findall(r"(\d+):([\d.]+)", said))  # type: ignore[return-value]


def test_a_minute_has_sixty_seconds_and_axes_have_marks_at_every_zoom(edit: Edit) -> None:
    editor = edit("tones")
    clocks = asked(editor, CLOCK, {"seconds": [359.996, 59.994, 59.9951, 0.004, 3599.999]})
    assert clocks == ["6:00.00", "0:59.99", "1:00.00", "0:00.00", "60:00.00"]
    spans = [(0, 3600), (0, 600), (0, 8), (3.2, 3.9), (419.95, 420.0), (1.234, 1.284)]
    bands = [(30, 22_050, "log"), (0, 22_050, "linear"), (400, 520, "log"), (31, 36, "log"), (9_000, 9_441, "linear")]
    ticks = asked(editor, TICKS, {"spans": spans, "bands": bands})
    for (start, end), found in zip(spans, ticks["times"], strict=True):
        assert 4 <= len(found) <= 12 and all(start <= second <= end + 1e-9 for second, _ in found)
        assert len({text for _, text in found}) == len(found), "no two ticks read alike"
    for (low, high, _), found in zip(bands, ticks["pitches"], strict=True):
        assert 4 <= len(found) <= 19 and low <= found[0] and found[-1] <= high * (1 + 1e-9)
    assert all(b - a == 12 for a, b in pairwise(ticks["notes"][0])), "octaves, from afar"
    assert ticks["notes"][2] == [68, 69, 70, 71], "G sharp 4 to B 4"


def test_the_pointer_is_told_moment_note_and_levels(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    height = 1 - math.log(440 / 30) / math.log(TONES_RATE / 2 / 30)
    editor.page.mouse.move(*editor.at(2.25 / TONES_S, height))
    expect(editor.by_id("pointer-at")).to_contain_text("stem 1")
    text = editor.by_id("pointer-at").inner_text().replace("−", "-")
    clock, hertz, note, mixture, stem = re.split(r" {3,}", text)
    assert clock.startswith("0:02.2") and abs(float(hertz.split()[0]) - 440) < 10 and note.startswith("A4")
    level = 10 * math.log10((0.4**2 + 0.2**2) / 2)  # the tone at its loudest, over both channels
    assert abs(float(mixture.split()[0]) - level) < 2
    assert abs(float(stem.split(": ")[1].split()[0]) - level) < 2


def test_the_overview_and_the_axes_move_the_view(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    expect(editor.by_id("overview")).to_have_attribute("aria-valuetext", "0:00.00 to 0:08.00")
    strip = editor.by_id("overview").bounding_box()
    assert strip is not None
    mouse, y = editor.page.mouse, strip["y"] + strip["height"] / 2

    def drag(start: float, end: float) -> None:
        """Between two moments, in seconds."""
        mouse.move(strip["x"] + start / TONES_S * strip["width"], y)
        mouse.down()
        mouse.move(strip["x"] + end / TONES_S * strip["width"], y, steps=4)
        mouse.up()

    drag(7.99, 4)
    until(lambda: seen_of(editor) == pytest.approx((0, 4), abs=0.03))
    drag(2, 5)
    until(lambda: seen_of(editor) == pytest.approx((3, 7), abs=0.03))
    editor.by_id("overview").press("ArrowLeft")
    until(lambda: seen_of(editor) == pytest.approx((2.6, 6.6), abs=0.03))
    editor.by_id("times").hover()
    mouse.wheel(0, -300)
    until(lambda: seen_of(editor)[1] - seen_of(editor)[0] < 2)
    seen, before = seen_of(editor), editor.pixels()
    editor.by_id("frequencies").hover()
    mouse.wheel(0, -300)
    until(lambda: (editor.pixels() != before).mean() > 0.02)
    assert seen_of(editor) == seen
    editor.by_id("overview").dblclick()
    until(lambda: seen_of(editor) == (0, 8))


def test_windows_follow_the_zoom(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    editor.page.mouse.move(*editor.at(0.5, 0.5))
    for _ in range(4):
        editor.page.mouse.wheel(0, -300)
    editor.seen()
    assert any("/tiles/0/" in url for url in editor.requests), "short ones for what is short"
    editor.page.keyboard.press("0")
    editor.page.keyboard.down("Alt")
    for _ in range(4):
        editor.page.mouse.wheel(0, -300)
    until(lambda: any("/tiles/2/" in url for url in editor.requests))


def test_the_old_picture_stays_until_the_new_one_is_there(edit: Edit) -> None:
    editor = edit("takes")
    held: list[Route] = []
    holding = True
    editor.page.route("**/alternatives/2/tiles/**", lambda route: held.append(route) if holding else route.continue_())
    editor.page.reload()
    editor.ready()
    editor.seen()
    pictures = [editor.pixels()]
    until(lambda: pictures.append(editor.pixels()) or np.array_equal(pictures[-1], pictures[-2]))
    before = pictures[-1]
    editor.page.keyboard.press("g")
    editor.says("Alternative 2")
    assert editor.by_id("field").get_attribute("aria-busy") == "true"
    assert (editor.pixels() != before).mean() < 0.001
    holding = False
    for route in held:
        route.continue_()
    editor.seen()
    until(lambda: (editor.pixels() != before).mean() > 0.02)


def test_colour_maps_ask_for_nothing_anew_and_are_kept(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    tiles = [url for url in editor.requests if "/tiles/" in url]
    swatch = editor.page.locator("#stems .swatch").first
    colour = "one => getComputedStyle(one).backgroundColor"
    pictures, swatches = [editor.pixels()], {swatch.evaluate(colour)}
    for name in ("safe", "viridis", "magma", "grey"):
        editor.by_id("map").select_option(name)
        until(lambda: all((editor.pixels() != one).mean() > 0.02 for one in pictures))
        pictures.append(editor.pixels())
        swatches.add(swatch.evaluate(colour))
    assert len(swatches) == 2, "one for the stems, and one for whoever sees no red or green"
    assert (pictures[-1].max(axis=2) == pictures[-1].min(axis=2)).mean() > 0.9, "grey"
    assert [url for url in editor.requests if "/tiles/" in url] == tiles
    editor.reload()
    assert editor.by_id("map").input_value() == "grey"
