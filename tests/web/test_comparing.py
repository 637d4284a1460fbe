"""Results side by side: the clip as it is, the history, names of stems; and results that can only be heard."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from tests.processes import Process, until
from tests.web.editor import Editor
from tests.web.test_page import coloured

Edit = Callable[..., Editor]


def names(daemon: Process, session: str) -> list[str]:
    manifest = json.loads((daemon.data / "jobs" / session / "result" / "manifest.json").read_text())
    return [stem["name"] for stem in manifest["stems"]]


def test_the_clip_as_it_is_whatever_is_muted(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    warm, _ = coloured(editor)
    editor.page.get_by_label("Mute Stem 1").click()
    until(lambda: coloured(editor)[0] < warm / 10)
    editor.page.keyboard.press("u")
    until(lambda: coloured(editor)[0] > warm / 2)
    expect(editor.by_id("whole")).to_have_attribute("aria-pressed", "true")
    editor.by_id("whole").click()
    until(lambda: coloured(editor)[0] < warm / 10)


def test_history_names_and_what_goes_on_from_them(edit: Edit, daemon: Process) -> None:
    editor = edit("cut")
    editor.drag((0.30, 0.25), (0.45, 0.55))
    boxes = editor.boxes
    for name, said in {"  Crow\u202e \n of the yard ": "Crow of the yard", "": None}.items():
        editor.page.get_by_label("Rename Stem 2").click()
        line = editor.page.get_by_label("Name of stem 2")
        line.fill(name)
        line.press("Enter")
        if said:
            editor.says(f"Stem 2 is called {said}")
    assert names(daemon, "cut")[1] == "Crow of the yard" and "stem 1" in names(daemon, "cut")[0]
    editor.reload()
    expect(editor.page.locator("#stems .name").nth(1)).to_have_text("Crow of the yard")
    expect(editor.by_id("title")).to_have_text("tabla_and_crow")
    assert editor.boxes == boxes, "another name is no other session"

    editor.page.keyboard.press("p")
    editor.says("Preview is ready")
    made = editor.names[-1]
    assert names(daemon, made)[1] == "Crow of the yard", "corrections have it, too"
    about = editor.page.locator("#results .entry").nth(1)
    expect(about.locator("p")).to_contain_text("− ")
    editor.page.get_by_label("Note on Preview").fill("less crow")
    editor.page.get_by_label("Note on Preview").press("Tab")
    editor.reload()
    assert editor.page.get_by_label("Note on Preview").input_value() == "less crow"
    editor.page.get_by_label("Compare with Original").click()
    editor.page.keyboard.press("a")
    assert editor.shown == "Original"
    editor.page.get_by_label("Let go of Preview").click()
    assert editor.results == ["Original"]
    editor.reload()
    assert editor.results == ["Original"] and (daemon.data / "jobs" / made / "result" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("stem", "to"), [(1, "x" * 81), (1, " \n"), (7, "x"), (0, "x")], ids=["long", "empty", "none", "zero"]
)
def test_a_name_that_cannot_be_is_refused(daemon: Process, stem: int, to: str) -> None:
    before = names(daemon, "tones")
    body = json.dumps({"verb": "rename_stem", "session": "tones", "stem": stem, "to": to}).encode()
    address = daemon.editor.removesuffix("edit/") + "messages"
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(address, body, {"content-type": "application/json"}))
    assert json.load(refused.value)["error"]["code"] == "bad_request"
    assert names(daemon, "tones") == before


def test_what_no_box_corrects_is_opened_to_listen(edit: Edit) -> None:
    editor = edit("texture")
    expect(editor.by_id("why")).to_contain_text("no part of a clip")
    for hidden in ("refine", "preview", "undo", "list", "only"):
        expect(editor.by_id(hidden)).to_be_hidden()
    editor.drag((0.2, 0.2), (0.5, 0.5))
    editor.page.keyboard.press("n")
    editor.says("no part of a clip")
    assert editor.boxes == []
    assert editor.objections() == ""


def test_of_several_clips_one_at_a_time(edit: Edit) -> None:
    editor = edit("shared")
    expect(editor.by_id("why")).to_be_visible()
    expect(editor.page.locator("#stems li")).to_have_count(2)
    expect(editor.by_id("title")).to_have_text("bell 1")
    editor.by_id("clip").select_option("2: bell 2")
    editor.page.wait_for_url("**clip=2")
    editor.ready()
    editor.seen()
    expect(editor.by_id("title")).to_have_text("bell 2")
    assert any("/clips/2/stems/3" in url for url in editor.requests)
