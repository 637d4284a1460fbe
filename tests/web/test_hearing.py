"""What is heard beside the mix itself: the inside of a box, a selection, a run-up; and how loud it is said to be."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable

import numpy as np
from playwright.sync_api import expect

from tests.processes import Process, until
from tests.web.conftest import TONES_RATE
from tests.web.editor import Editor, read

Edit = Callable[..., Editor]

# What the page plays of stem 1 through its monitor, into memory.
HEARD = """
async ({ session, seconds, band, gate, volume }) => {
  const at = (name) => new URL(name, document.querySelector("script[type=module]").src);
  const [{ Player, keyOf }, { Monitor }, { loadSession }] =
    await Promise.all(["player.js", "monitor.js", "api.js"].map((name) => import(at(name))));
  const about = await loadSession(session);
  const context = new OfflineAudioContext(about.channels, Math.round(seconds * about.rate), about.rate);
  const monitor = await Monitor.create(context, () => {});
  const player = await Player.create(context, about, () => {}, monitor.input);
  player.offer([about]);
  player.setLoop(0, about.frames, false);
  player.hear({ [keyOf(about, about.stems[0])]: 1 }, true);
  monitor.setVolume(volume, -60);
  monitor.only(band);
  player.only(gate);
  player.play();
  await player.ready();
  await new Promise((done) => setTimeout(done, 100));
  const samples = (await context.startRendering()).getChannelData(0);
  const reader = new FileReader();
  const read = new Promise((done) => { reader.onload = () => done(reader.result.split(",")[1]); });
  reader.readAsDataURL(new Blob([samples]));
  return read;
}
"""
LOUDNESS = """
async ({ rate, decibels, hertz }) => {
  const at = (name) => new URL(name, document.querySelector("script[type=module]").src);
  const { Loudness } = await import(at("loudness.js"));
  const loudness = new Loudness(rate);
  const gain = 10 ** (decibels / 20);
  const sine = Float32Array.from({ length: rate }, (_, i) => gain * Math.sin((2 * Math.PI * hertz * i) / rate));
  loudness.feed([sine, sine]);
  return [loudness.lufs, 20 * Math.log10(loudness.takePeak())];
}
"""


def heard(editor: Editor, seconds: float, **how: object) -> np.ndarray:
    fields = {"session": "tones", "seconds": seconds, "band": None, "gate": None, "volume": 0} | how
    return np.frombuffer(b64decode(editor.page.evaluate(HEARD, fields)), "<f4")


def test_what_lies_in_a_box_is_heard_alone_and_as_it_is(edit: Edit, daemon: Process) -> None:
    editor = edit("tones")
    tone = read(daemon, "tones")[0, 0]  # 440 Hz
    late, calm = round(0.08 * TONES_RATE), round(0.3 * TONES_RATE)
    inside = heard(editor, 1.0, band={"low": 380, "high": 520})
    np.testing.assert_allclose(inside[calm:], tone[calm - late : len(inside) - late], atol=2e-3)
    beside = heard(editor, 1.0, band={"low": 480, "high": 22_050})
    assert np.sqrt(np.mean(beside[calm:] ** 2)) < 1e-3 * np.sqrt(np.mean(tone[:TONES_RATE] ** 2))
    gate = [round(0.25 * TONES_RATE), round(0.5 * TONES_RATE)]
    alone = heard(editor, 1.0, gate=gate, volume=-20)
    faded = 300
    np.testing.assert_allclose(alone[gate[0] + faded : gate[1]], 0.1 * tone[gate[0] + faded : gate[1]], atol=1e-5)
    assert not alone[: gate[0]].any() and not alone[gate[1] + faded :].any()
    assert not heard(editor, 0.2, volume=-60)[2000:].any(), "the left end is silence"


def test_a_selection_is_played_once_after_a_run_up(edit: Edit) -> None:
    editor = edit("tones")
    editor.drag((0.5, 0.2), (0.55, 0.5))
    editor.by_id("preroll").select_option("0.5")
    editor.by_id("field").focus()
    editor.page.keyboard.press("q")
    expect(editor.by_id("play")).to_have_text("Pause")
    seen = []
    until(lambda: seen.append(editor.clock) or editor.by_id("play").inner_text() == "Play")
    assert 3.45 < min(seen) < 4 and abs(editor.clock - 4.4) < 0.05
    expect(editor.by_id("loudness")).to_contain_text("LUFS")
    assert editor.by_id("peak").get_attribute("aria-valuetext") != "−∞ dB", "the peak is held"
    editor.page.keyboard.press("x")
    expect(editor.by_id("solo-box")).to_have_attribute("aria-pressed", "true")
    editor.page.keyboard.press("Delete")
    expect(editor.by_id("solo-box")).to_have_attribute("aria-pressed", "false")


def test_the_view_is_played_from_its_left_edge(edit: Edit) -> None:
    editor = edit("tones")
    editor.seen()
    editor.page.mouse.move(*editor.at(0.75, 0.5))
    editor.page.mouse.wheel(0, -300)
    said = editor.by_id("overview").get_attribute("aria-valuetext") or ""
    left = float(said.split(" ")[0].split(":")[1])
    editor.page.keyboard.press("w")
    until(lambda: editor.clock > 0)
    assert left <= editor.clock + 0.05 and left > 1
    editor.page.keyboard.press("Space")


def test_loudness_is_that_of_the_recommendation(edit: Edit) -> None:
    editor = edit("tones")
    for rate in (44_100, 48_000, 96_000):
        lufs, peak = editor.page.evaluate(LOUDNESS, {"rate": rate, "decibels": -20, "hertz": 997})
        assert abs(lufs + 20) < 0.1 and abs(peak + 20) < 0.01
    low, _ = editor.page.evaluate(LOUDNESS, {"rate": 48_000, "decibels": -20, "hertz": 30})
    assert low < -23, "lows count less"
