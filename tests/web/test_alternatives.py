"""Several answers to one clip, heard and seen one for the other, and the one that is kept."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import soundfile
from playwright.sync_api import expect

from tests.processes import Process, until
from tests.web.conftest import TONES_RATE
from tests.web.editor import Editor, read

Edit = Callable[..., Editor]

# The page's player in an offline context, switched from one answer to another as it plays.
SWITCHED = """
async ({ session, from, to, at, seconds }) => {
  const script = document.querySelector("script[type=module]").src;
  const { Player, keyOf } = await import(new URL("player.js", script));
  const { loadSession } = await import(new URL("api.js", script));
  const about = await loadSession(session);
  const answers = about.alternatives.map(({ answer }) => answer);
  const context = new OfflineAudioContext(about.channels, Math.round(seconds * about.rate), about.rate);
  const player = await Player.create(context, about, () => {});
  const hear = (index) => player.hear({ [keyOf(answers[index - 1], about.stems[0])]: 1 }, true);
  player.offer(answers);
  player.setLoop(0, about.frames, false);
  hear(from);
  player.play();
  await player.ready();
  const heeded = () => new Promise((done) => setTimeout(done, 100));
  context.suspend(at).then(async () => { hear(to); await heeded(); context.resume(); });
  await heeded();
  return Array.from((await context.startRendering()).getChannelData(0));
}
"""


def chosen(editor: Editor) -> str:
    return editor.page.locator("#alternatives label:has(input:checked) span").inner_text()


def test_each_is_a_key_away_and_the_picture_follows(edit: Edit) -> None:
    editor = edit("takes")
    editor.seen()
    assert editor.page.locator("#alternatives label span").all_inner_texts() == [
        "As first answered",
        "The faint sound apart",
    ]
    assert chosen(editor) == "As first answered", "the first one at first"
    expect(editor.by_id("keep")).to_be_disabled()
    first = editor.pixels()
    editor.page.keyboard.press("g")
    editor.says("Alternative 2: the faint sound apart")
    until(lambda: (editor.pixels() != first).mean() > 0.02)
    expect(editor.by_id("keep")).to_be_enabled()
    editor.page.keyboard.press("j")
    editor.says("There is no alternative 4")
    assert chosen(editor) == "The faint sound apart"
    editor.page.get_by_label("As first answered").check()
    until(lambda: (editor.pixels() != first).mean() < 0.02)


def test_all_of_them_are_at_hand_and_a_switch_keeps_the_moment(edit: Edit, daemon: Process) -> None:
    editor = edit("takes")
    for kind in ("stems", "tiles"):
        editor.page.wait_for_function(
            "(kind) => performance.getEntriesByType('resource').filter((one) => one.name.includes(kind)).length >= 2",
            arg=f"/alternatives/2/{kind}/",
        )
    heard = np.array(
        editor.page.evaluate(SWITCHED, {"session": "takes", "from": 1, "to": 2, "at": 0.5, "seconds": 1.0}), "f4"
    )
    folder = daemon.data / "jobs" / "takes" / "result"
    first, second = (
        soundfile.read(folder / name, dtype="float32")[0][:, 0] for name in ("stem-1.wav", "alternative-2/stem-1.wav")
    )
    middle, faded = TONES_RATE // 2, round(0.006 * TONES_RATE)
    np.testing.assert_array_equal(heard[faded : middle - 256], first[faded : middle - 256])
    np.testing.assert_array_equal(heard[middle + 256 :], second[middle + 256 : len(heard)])


def test_the_playhead_stays_where_it_is(edit: Edit) -> None:
    editor = edit("takes")
    editor.page.mouse.click(*editor.at(0.5, 0.5))
    until(lambda: abs(editor.clock - 4.0) < 0.05)
    editor.page.keyboard.press("g")
    assert abs(editor.clock - 4.0) < 0.05


def test_only_what_is_kept_is_corrected_and_sent(edit: Edit) -> None:
    editor = edit("takes")
    editor.drag((0.2, 0.2), (0.4, 0.4))
    editor.page.keyboard.press("g")
    for button in ("refine", "send"):
        editor.page.keyboard.press("Escape")
        editor.by_id(button).click()
        editor.says("Keep this alternative first")
    assert not any(url.endswith("/messages") for url in editor.requests)
    with editor.page.expect_request("**/messages") as asked:
        editor.page.keyboard.press("k")
    message = asked.value.post_data_json
    assert (message["verb"], message["session"], message["alternative"]) == ("choose", "takes", 2)
    expect(editor.by_id("status")).to_have_class("trouble")  # there is nothing to draw it from
    editor.complaints.clear()


def test_the_one_that_is_kept_is_opened_corrected_and_sent(edit: Edit, daemon: Process) -> None:
    editor = edit("doubt")
    before = editor.page.url
    editor.page.keyboard.press("g")
    told = editor.by_id("status").inner_text()
    editor.page.keyboard.press("k")
    editor.page.wait_for_url(lambda url: url != before)
    editor.ready()
    assert (editor.results, editor.shown) == (["As opened", "Before"], "As opened")
    kept = editor.names[0]
    manifest = json.loads((daemon.data / "jobs" / kept / "result" / "manifest.json").read_text())
    assert (manifest["verb"], manifest["parent"], manifest["alternative"]) == ("choose", "doubt", 2)
    first, second = read(daemon, "doubt"), read(daemon, kept)
    np.testing.assert_allclose(second.sum(axis=0), first.sum(axis=0), atol=1e-4)
    assert told.startswith("Alternative 2: ") and not np.array_equal(first, second)

    editor.drag((0.30, 0.25), (0.45, 0.55))
    editor.page.keyboard.press("r")
    editor.says("Refined 1 is ready")
    corrected = editor.names[-1]
    editor.by_id("send").click()
    editor.says("is sent")
    said = (daemon.spool / "outbox" / "doubt.chosen").read_text()
    assert f"session\t{corrected}\n" in said, "where the host that has opened the page finds it"
    editor.page.go_back()
    editor.ready()
    assert editor.page.url == before and not editor.by_id("work").is_visible()


def test_a_result_without_any_shows_no_list(edit: Edit) -> None:
    editor = edit("tones")
    expect(editor.by_id("audition")).to_be_hidden()
    editor.page.keyboard.press("g")
    editor.says("no alternatives")
