"""From a box to a better stem: the page, the daemon and the engine as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from playwright.sync_api import expect

from tests.processes import Process, until
from tests.web.editor import Editor, energy, read

Edit = Callable[..., Editor]
BOX = (0.30, 0.25), (0.45, 0.55)


def name_of(editor: Editor) -> str:
    """The session of the result that is seen."""
    return str(editor.page.locator("#results input:checked").get_attribute("value"))


def test_a_box_is_refined_compared_and_sent(edit: Edit, daemon: Process) -> None:
    editor = edit("demo")
    editor.seen()
    expect(editor.by_id("refine")).to_be_disabled()
    editor.drag(*BOX)
    box = editor.box
    editor.page.keyboard.press("r")
    editor.says("Refined 1 is ready")
    assert (editor.results, editor.shown) == (["Original", "Refined 1"], "Refined 1")
    refined = name_of(editor)
    before, after = read(daemon, "demo"), read(daemon, refined)
    np.testing.assert_allclose(after.sum(axis=0), before.sum(axis=0), atol=1e-4)
    inside = (box["start"] + 0.05, box["end"] - 0.05)
    assert energy(after[0] - before[0], *inside) > 0

    heard = editor.render(1.0, [(0, [1, 0])], session=refined, start=1000)
    np.testing.assert_array_equal(heard[:, 500:], after[0][:, 1500 : 1000 + heard.shape[1]])

    editor.seen()
    pixels = editor.pixels()
    editor.page.keyboard.press("a")
    assert editor.shown == "Original"
    editor.seen()
    until(lambda: (editor.pixels() != pixels).mean() > 0.001)
    editor.by_id("compare").click()
    assert editor.shown == "Refined 1"
    editor.by_id("send").click()
    editor.says("is sent")
    assert f"session\t{refined}\n" in (daemon.spool / "outbox" / "demo.chosen").read_text()
    editor.by_id("undo").click()
    assert editor.boxes == [] and editor.results == ["Original", "Refined 1"], "a result stays a result"


def test_the_rest_of_a_long_clip_is_corrected_too_unless_that_is_switched_off(edit: Edit, daemon: Process) -> None:
    expect(edit("demo").by_id("carrying")).to_be_hidden()
    editor = edit("cut")
    editor.drag((0.02, 0.25), (0.12, 0.55))
    editor.page.keyboard.press("c")
    editor.page.keyboard.press("r")
    editor.says("Refined 1 is ready")
    editor.reload()
    expect(editor.by_id("carry")).not_to_be_checked()
    editor.by_id("carry").check()
    editor.by_id("refine").click()
    editor.says("Refined 2 is ready")
    separated, near, carried = (read(daemon, name)[..., -44_100:] for name in editor.names)
    assert np.array_equal(near, separated), "around the box alone"
    assert not np.array_equal(carried, separated)


def test_a_preview_gives_way_to_the_next(edit: Edit) -> None:
    editor = edit("demo")
    editor.drag(*BOX)
    editor.by_id("preview").click()
    editor.says("Preview is ready")
    first = name_of(editor)
    editor.page.keyboard.press("[")
    editor.page.keyboard.press("p")
    until(lambda: name_of(editor) != first, 60)
    assert editor.results.count("Preview") <= 2


def test_all_of_it_by_keys_alone(edit: Edit) -> None:
    editor = edit("demo")
    for key in ("n", "ArrowUp", "2", "t", "r"):
        editor.page.keyboard.press(key)
    editor.says("Refined 1 is ready")
    editor.page.keyboard.press("a")
    assert editor.shown == "Original"


def test_a_job_can_be_cancelled(edit: Edit, daemon: Process) -> None:
    editor = edit("slow")
    editor.drag(*BOX)
    editor.by_id("refine").click()
    expect(editor.by_id("progress")).to_be_visible()
    editor.by_id("cancel").click()
    editor.says("Cancelled")
    assert editor.results == ["Original"]
    expect(editor.by_id("refine")).to_be_enabled()


def test_a_reload_in_the_middle_of_a_job(edit: Edit) -> None:
    editor = edit("demo")
    editor.drag(*BOX)
    with editor.page.expect_response(lambda response: response.request.method == "POST"):
        editor.by_id("refine").click()
    editor.reload()
    editor.says("Refined 1 is ready")
    assert editor.results == ["Original", "Refined 1"]
    editor.reload()
    assert (editor.results, editor.shown) == (["Original", "Refined 1"], "Refined 1")


def test_another_tab_later_and_the_refined_session_itself(edit: Edit) -> None:
    editor = edit("demo")
    editor.drag(*BOX)
    boxes = editor.boxes
    editor.by_id("refine").click()
    editor.says("Refined 1 is ready")
    refined = name_of(editor)
    again = Editor(editor.page.context.new_page(), editor.daemon, "demo")
    again.open()
    assert (again.boxes, again.results) == (boxes, ["Original", "Refined 1"])
    itself = Editor(editor.page.context.new_page(), editor.daemon, refined)
    itself.open()
    assert (itself.boxes, itself.results, itself.shown) == (boxes, ["As opened", "Before"], "As opened")
    assert not [*again.complaints, *itself.complaints]


def test_a_restart_of_the_daemon_in_the_middle_of_a_job(edit: Edit, daemon: Process) -> None:
    editor = edit("slow")
    editor.drag(*BOX)
    editor.by_id("refine").click()
    expect(editor.by_id("progress")).to_be_visible()
    daemon.process.kill()
    daemon.process.wait()
    editor.says("The daemon does not answer")
    daemon.start()
    editor.says("Refined 1 is ready")
    assert editor.results == ["Original", "Refined 1"]
    editor.seen()


def test_what_the_daemon_refuses_is_said_and_changes_nothing(edit: Edit) -> None:
    editor = edit("tones")  # no separation that can be corrected: its clip is nowhere
    editor.drag(*BOX)
    editor.by_id("refine").click()
    expect(editor.by_id("status")).to_have_class("trouble")
    expect(editor.by_id("work")).to_be_hidden()
    assert editor.results == ["Original"] and len(editor.boxes) == 1
