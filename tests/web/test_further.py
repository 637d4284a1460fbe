"""From a stem on: the stem itself separated, and the clip separated again with a file as an example."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import expect

from tests.processes import Process
from tests.web.editor import Editor, read
from tests.web.finished import tones
from tests.web.test_spans import asked

Edit = Callable[..., Editor]


def test_a_stem_is_separated_further_without_the_page_being_told_where_it_lies(edit: Edit, daemon: Process) -> None:
    editor = edit("demo")
    editor.page.keyboard.press("2")
    expect(editor.by_id("further")).to_have_text("Separate stem 2 further")
    _, message = asked(editor, "further")
    assert (message["verb"], message["clip"], message["preset"]) == ("separate", "stem:demo:2", "quick")
    editor.page.wait_for_url(lambda url: message["job"] in url)
    editor.ready()
    expect(editor.by_id("title")).to_have_text("tabla_and_crow - stem 2")
    np.testing.assert_allclose(read(daemon, message["job"]).sum(axis=0), read(daemon, "demo")[1], atol=1e-4)


def test_a_file_is_an_example_of_the_chosen_stem(edit: Edit, daemon: Process, tmp_path: Path) -> None:
    example = tmp_path / "crow alone.wav"
    soundfile.write(example, tones(8000, 0.5)[1].T, 8000)
    editor = edit("demo")
    editor.page.keyboard.press("2")
    with editor.page.expect_request(lambda request: request.url.endswith("/sessions/demo/messages")) as sent:
        with editor.page.expect_file_chooser() as chooser:
            editor.by_id("pick-example").click()
        chooser.value.set_files(example)
    message = sent.value.post_data_json
    assert message["like"][0].startswith("2:0:::upload:") and message["sources"] == 2
    editor.page.wait_for_url(lambda url: message["job"] in url)
    editor.ready()
    manifest = json.loads((daemon.data / "jobs" / message["job"] / "result" / "manifest.json").read_text())
    assert [one["stem"] for one in manifest["guidance"]] == [2]
