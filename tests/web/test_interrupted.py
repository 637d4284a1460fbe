"""What a page does where connections break: all comes through, and nothing is done twice; or it says so."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import soundfile
from playwright.sync_api import Browser, Error, Page, Route, expect

from tests.hosts.conftest import needed
from tests.network import Network
from tests.processes import STUB, Process, until
from tests.web.conftest import ARGUMENTS, WAIT_MS
from tests.web.editor import Editor
from tests.web.finished import finished, tones

RATE = 8000
# In two seconds, as a network changes that is left for another.
CHANGES, EVERY_S = 8, 0.25

# What runs in the audio thread does not arrive, the first time in each page.
UNLOADED = """{
  const load = AudioWorklet.prototype.addModule;
  AudioWorklet.prototype.addModule = async function () {
    AudioWorklet.prototype.addModule = load;
    throw new DOMException("Unable to load a worklet's module.", "AbortError");
  };
}"""

# The first answers to what is asked for break off in the middle.
CUT_SHORT = """{
  const plain = fetch;
  let left = 3;
  window.fetch = async (...asked) => {
    const answer = await plain(...asked);
    left -= 1;
    if (left < 0) return answer;
    return new Response(new ReadableStream({ pull: (body) => body.error(new TypeError("network error")) }), answer);
  };
}"""


class Breaking:
    """Breaks off what a page asks for, the first `count` times; `late`: the answers, not the questions."""

    def __init__(self, count: float = 1, late: bool = False) -> None:
        self.count, self.late = count, late

    def __call__(self, route: Route) -> None:
        if self.count <= 0:
            return route.fallback()
        self.count -= 1
        if self.late:
            route.fetch()
        return route.abort("connectionreset")


@contextmanager
def served(home: Path) -> Iterator[Process]:
    """A daemon with one session, and a stub for its worker."""
    finished(home / "data", "tones", tones(RATE, 2.0), RATE)
    process = Process(home, "-m", STUB)
    yield process
    process.client.close()
    process.end()


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with served(tmp_path_factory.mktemp("interrupted")) as process:
        yield process


@pytest.fixture
def editor(chromium: Browser, stub: Process) -> Iterator[Editor]:
    """Not opened yet."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(WAIT_MS)
    yield Editor(context.new_page(), stub, "tones")
    context.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "ok.wav", tones(RATE, 1.0, channels=1).sum(axis=0).T, RATE)
    return tmp_path / "ok.wav"


def come(page: Page, address: str) -> None:
    """The address is typed again where nothing came at all; what a browser shows then is its own."""

    def came() -> bool:
        with suppress(Error):
            page.goto(address, wait_until="commit")
            return True
        return False

    until(came)


def jobs(daemon: Process) -> int:
    """That were ever asked for."""
    with closing(sqlite3.connect(daemon.data / "jobs.sqlite")) as table:
        return int(table.execute("SELECT COUNT(*) FROM jobs").fetchone()[0])


@pytest.mark.parametrize("what", ["main.js", "tiles.js", "style.css", "sessions/tones", "sessions/tones/tiles/*"])
def test_a_page_comes_whole_where_a_part_of_it_did_not_arrive_at_first(editor: Editor, what: str) -> None:
    breaking = Breaking(2)
    editor.page.route(f"**/{what}**", breaking)
    editor.open()
    editor.seen()
    assert breaking.count == 0
    expect(editor.by_id("play")).to_be_enabled()
    assert editor.by_id("status").inner_text() == "" and not editor.complaints


def test_an_answer_that_breaks_off_is_asked_for_again(editor: Editor) -> None:
    editor.page.add_init_script(CUT_SHORT)
    editor.open()
    editor.seen()
    assert editor.by_id("status").inner_text() == "" and not editor.complaints


def test_what_plays_is_asked_for_again(editor: Editor) -> None:
    editor.page.add_init_script(UNLOADED)
    editor.open()
    expect(editor.by_id("play")).to_be_enabled()
    editor.by_id("play").click()
    until(lambda: editor.clock > 0.2)
    assert not editor.complaints


@pytest.mark.parametrize("below", ["tones", ""])
def test_a_page_that_never_comes_whole_says_so(editor: Editor, below: str) -> None:
    editor.session = below
    editor.page.route("**/status.js", Breaking(math.inf))
    editor.page.goto(editor.daemon.editor + below)
    editor.says("did not arrive. Reload it")
    editor.page.unroute_all()
    editor.reload()


def test_a_message_whose_answer_is_lost_is_not_heard_twice(editor: Editor, clip: Path) -> None:
    editor.session = ""
    editor.open()
    editor.by_id("pick").set_input_files(clip)
    expect(editor.by_id("begin")).to_be_enabled()
    before = jobs(editor.daemon)
    breaking = Breaking(2, late=True)
    editor.page.route("**/messages", breaking)
    editor.by_id("begin").click()
    editor.says("It is in the queue.")
    assert breaking.count == 0 and jobs(editor.daemon) == before + 1


def test_pages_outlast_a_network_that_changes(chromium: Browser, tmp_path: Path, clip: Path) -> None:
    """Chromium breaks off all that is under way, from this machine as well."""
    with Network(tmp_path, 0) as network, served(tmp_path) as daemon:
        inside = tmp_path / "chromium"
        inside.write_text(
            f'#!/bin/sh\nexec nsenter --net=/proc/{daemon.process.pid}/ns/net {needed("chromium")} "$@"\n'
        )
        inside.chmod(0o700)
        browser = chromium.browser_type.launch(executable_path=inside, args=ARGUMENTS)

        def while_it_changes(act: Callable[[], object]) -> None:
            for number in range(CHANGES):
                network.change()
                if number == 1:
                    act()
                time.sleep(EVERY_S)

        broken: list[str] = []
        try:
            for session in ("tones", ""):
                editor = Editor(browser.new_page(), daemon, session)
                editor.page.set_default_timeout(WAIT_MS)
                editor.page.on("requestfailed", lambda request: broken.append(request.url))
                come(editor.page, daemon.editor + session)
                while_it_changes(lambda: None)
                editor.ready()
            while_it_changes(lambda: editor.by_id("pick").set_input_files(clip))
            expect(editor.by_id("begin")).to_be_enabled()
            before = jobs(daemon)
            while_it_changes(editor.by_id("begin").click)
            editor.says("in the queue|is back")  # the latter where changes have kept the stream of events away
            until(lambda: jobs(daemon) > before)
            assert jobs(daemon) == before + 1
            assert broken and not editor.complaints
        finally:
            browser.close()
