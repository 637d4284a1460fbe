"""The front page in a real browser: from an empty home folder to saved stems, by mouse and by keyboard alone."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from playwright.sync_api import Browser, Download, FileChooser, Locator, Page, expect

from dap_bridge.transport.heartbeat import heartbeat
from tests.processes import CHECKOUT, free_port
from tests.web.conftest import WAIT_MS
from tests.web.editor import objections
from tests.web.finished import tones
from tests.web.scripts import DROP, LATE

RATE = 22_050


@dataclass
class Home:
    """A folder that was empty when `dap-bridge open` was typed."""

    folder: Path
    address: str
    environment: dict[str, str]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def typed(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dap_bridge", *arguments]
        return subprocess.run(command, env=self.environment, cwd=CHECKOUT, capture_output=True, text=True, check=True)

    def uploads(self) -> list[str]:
        return sorted(path.name for path in self.data.glob("uploads/*/*"))


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory, quick_presets: Path) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("front")
    own = {"HOME": folder, "PRESETS_DIR": quick_presets, "SPOOL": folder / "spool", "DATA": folder / "data"}
    named = {name if name == "HOME" else f"DAP_BRIDGE_{name}": str(value) for name, value in own.items()}
    home = Home(folder, "", os.environ | named | {"DAP_BRIDGE_OSC_PORT": str(free_port())})
    home.address = json.loads(home.typed("open", "--no-browser", "--json").stdout)["page"]
    daemon = psutil.Process(int(heartbeat(folder / "spool")["pid"]))
    yield home
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(60)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "Knock & Voice.wav"
    soundfile.write(path, tones(RATE, 1.0, channels=1).sum(axis=0).T, RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two stems of a clip that leave a tenth of it, and the clip, in the order of their names."""
    folder = tmp_path_factory.mktemp("song")
    stems = 0.9 * tones(RATE, 1.0, channels=1)
    files = {"01 Drums.wav": stems[1], "02 Vocals.wav": stems[0], "Song.wav": stems.sum(axis=0) / 0.9}
    for name, audio in files.items():
        soundfile.write(folder / name, audio.T, RATE, subtype="FLOAT")
    return [folder / name for name in files]


class Front:
    """One tab. `complaints`: what the browser has complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def by_id(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    @property
    def results(self) -> Locator:
        return self.page.locator("#results > li")

    def tab_to(self, target: Locator, key: str = "Tab") -> None:
        """By the Tab key alone."""
        for _ in range(60):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{target} is not reached by Tab")


@pytest.fixture
def front(chromium: Browser, at_home: Home) -> Iterator[Callable[..., Front]]:
    """front(**options of a browser's context) -> the page; what it complains of fails the test."""
    opened: list[Front] = []

    def open_one(**options: object) -> Front:
        context = chromium.new_context(**{"viewport": {"width": 820, "height": 720}, **options})
        context.set_default_timeout(WAIT_MS)
        opened.append(Front(context.new_page()))
        opened[-1].page.goto(at_home.address)
        opened[-1].page.wait_for_selector("body[data-ready]")
        return opened[-1]

    yield open_one
    for one in opened:
        one.page.context.close()
        assert not one.complaints


def stems_in(download: Download) -> dict[str, np.ndarray]:
    """What a saved zip file holds."""
    with zipfile.ZipFile(download.path()) as archive:
        return {name: soundfile.read(io.BytesIO(archive.read(name)))[0] for name in archive.namelist()}


def require_the_clip(saved: dict[str, np.ndarray], clip: Path) -> None:
    assert list(saved) == [f"Knock & Voice - stem {number}.wav" for number in (1, 2)]
    np.testing.assert_allclose(sum(saved.values()), soundfile.read(clip)[0], atol=1e-5)


def test_open_finds_the_daemon_that_it_started_and_that_outlives_it(at_home: Home) -> None:
    pid = int(heartbeat(at_home.folder / "spool")["pid"])
    assert at_home.typed("open", "--no-browser").stdout.strip() == at_home.address
    assert int(heartbeat(at_home.folder / "spool")["pid"]) == pid
    if hasattr(os, "getsid"):
        assert os.getsid(pid) == pid != os.getsid(0), "a terminal that is closed does not end it"


def test_from_an_empty_home_to_saved_stems_by_mouse_and_all_of_it_away_again(
    front: Callable[..., Front], at_home: Home, clip: Path
) -> None:
    page = front()
    expect(page.by_id("begin")).to_be_disabled()
    with page.page.expect_file_chooser() as chooser:
        page.page.get_by_text("Choose files").click()
    chooser.value.set_files(clip)
    expect(page.by_id("clips")).to_contain_text("Knock & Voice.wav, 0:01.0")
    page.by_id("preset").select_option("draft")
    expect(page.by_id("preset-says")).to_contain_text("first answer")
    page.by_id("begin").click()
    expect(page.results).to_have_count(1)
    expect(page.results).to_contain_text("Two sounds apart, draft")
    expect(page.results.locator(".quiet")).to_contain_text("0:01.0")
    with page.page.expect_download() as saved:
        page.page.get_by_text("Save stems").click()
    require_the_clip(stems_in(saved.value), clip)
    assert saved.value.suggested_filename == "Knock & Voice.zip"
    page.page.get_by_text("Stems", exact=True).click()
    with page.page.expect_download() as saved:
        page.page.get_by_label("Save Knock & Voice - stem 2").click()
    assert saved.value.suggested_filename == "Knock & Voice - stem 2.wav"
    with page.page.expect_download() as saved:
        page.page.get_by_text("DAWproject").click()
    assert saved.value.suggested_filename == "Knock & Voice.dawproject"
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.testzip() is None and len([name for name in archive.namelist() if "audio/" in name]) == 3

    page.page.get_by_label("Rename Knock").click()
    page.by_id("new-title").fill("Door")
    page.page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.results.locator(".name")).to_have_text("Door")
    assert at_home.uploads() == [clip.name]
    page.page.get_by_label("Delete Door").click()
    page.page.get_by_role("button", name="Keep").click()
    expect(page.results).to_have_count(1)
    page.page.get_by_label("Delete Door").click()
    page.page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.results).to_have_count(0)
    assert at_home.uploads() == [] and not list(at_home.data.glob("jobs/*"))


def test_the_same_by_the_keyboard_alone_and_the_editor_goes_on_from_it(
    front: Callable[..., Front], at_home: Home, clip: Path
) -> None:
    page = front()
    keys = page.page.keyboard
    page.tab_to(page.by_id("pick"))
    choosers: list[FileChooser] = []
    page.page.on("filechooser", lambda chooser: choosers.append(chooser))
    for _ in range(10):  # a browser that has just opened a tab may not hear the first key
        keys.press("Enter")
        page.page.wait_for_timeout(500)
        if choosers:
            break
    choosers[0].set_files(clip)
    expect(page.by_id("begin")).to_be_enabled()
    page.tab_to(page.by_id("preset"))
    keys.type("draft")
    page.tab_to(page.by_id("begin"))
    keys.press("Enter")
    expect(page.results).to_have_count(1)
    page.tab_to(page.page.get_by_text("Save stems"))
    with page.page.expect_download() as saved:
        keys.press("Enter")
    require_the_clip(stems_in(saved.value), clip)
    page.tab_to(page.page.get_by_label("Rename Knock"))
    keys.press("Enter")
    keys.type("Knocking")
    keys.press("Enter")
    expect(page.results.locator(".name")).to_have_text("Knocking")
    page.tab_to(page.page.get_by_label("Open Knocking"))
    keys.press("Enter")
    page.page.wait_for_selector("body[data-ready] #field")


def test_what_is_no_audio_is_refused_where_a_person_looks(front: Callable[..., Front], at_home: Home) -> None:
    page = front()
    before = at_home.uploads()
    page.by_id("pick").set_input_files({"name": "letter.wav", "mimeType": "audio/wav", "buffer": b"Dear Sir, " * 99})
    expect(page.by_id("status")).to_contain_text("letter.wav is not audio")
    expect(page.by_id("begin")).to_be_disabled()
    assert at_home.uploads() == before
    page.complaints.clear()  # the browser notes the refusal


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_axe_has_no_objection(
    front: Callable[..., Front], song: list[Path], scheme: str
) -> None:
    page = front(color_scheme=scheme)
    assert not objections(page.page)
    page.by_id("pick").set_input_files(song)
    page.page.get_by_label("Stems from elsewhere").check()
    expect(page.page.get_by_label("Name of stem 02 Vocals.wav")).to_be_visible()
    assert not objections(page.page)
    for part in ("#asking", "html"):
        assert page.page.locator(part).evaluate("({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth")


def test_everything_that_can_be_done_with_files_that_are_dropped_or_were_here_before(
    front: Callable[..., Front], at_home: Home, clip: Path
) -> None:
    page = front()
    content = b64encode(clip.read_bytes()).decode()
    for name in ("one.wav", "two.wav"):
        page.page.evaluate(DROP, [name, content])
        expect(page.by_id("clips")).to_contain_text(name)
    before = page.results.count()

    def begun(verb: str, preset: str) -> None:
        page.page.get_by_label(verb).check()
        page.by_id("preset").select_option(preset)
        page.by_id("begin").click()

    begun("What these share", "quick-coseparate")
    expect(page.by_id("clips").locator("li")).to_have_count(0)
    for verb, preset, fill in (
        ("Voice from noise", "denoise", lambda: None),
        ("More of this texture", "quick-texture", lambda: page.by_id("seconds").fill("1.5")),
        ("Two sounds apart", "quick", lambda: page.page.get_by_label("Sound 2 is like").set_input_files(clip)),
    ):
        page.by_id("last").select_option(label="one.wav (0:01.0)")
        page.page.get_by_label(verb).check()
        fill()
        begun(verb, preset)
    expect(page.results).to_have_count(before + 4)
    done = {row["verb"]: row for row in manifests(at_home)}
    assert [stem["name"] for stem in done["denoise"]["stems"]] == ["one - speech", "one - noise"]
    assert done["texture"]["frames"] == round(1.5 * RATE)
    assert [one["stem"] for one in done["separate"]["guidance"]] == [2]
    assert [Path(one["path"]).name for one in done["coseparate"]["inputs"]] == ["one.wav", "two.wav"]

    # speech and noise are corrected where a box is drawn
    page.page.goto(at_home.address + done["denoise"]["session"])
    page.page.wait_for_selector("body[data-ready]:not(.only-heard) #field")
    page.page.keyboard.press("n")
    page.by_id("preview").click()
    expect(page.page.locator("#results .entry")).to_have_count(2)


def manifests(home: Home) -> list[dict[str, Any]]:
    """Of all results, the oldest first."""
    paths = sorted(home.data.glob("jobs/*/result/manifest.json"), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text()) for path in paths]


def test_a_job_is_cancelled_and_one_that_failed_says_why_and_is_deleted(
    front: Callable[..., Front], at_home: Home, clip: Path
) -> None:
    page = front()
    before = page.results.count()
    page.by_id("pick").set_input_files(clip)
    expect(page.by_id("begin")).to_be_enabled()
    page.by_id("preset").select_option("paper")
    page.by_id("begin").click()
    queue = page.page.locator("#queue > li")
    expect(queue.locator(".place")).not_to_have_text(re.compile("next|begins"))
    page.page.get_by_label("Cancel Knock & Voice").click()
    expect(queue).to_have_count(0)
    expect(page.results).to_have_count(before)

    page.by_id("last").select_option(label=f"{clip.name} (0:01.0)")
    for path in at_home.data.glob(f"uploads/*/{clip.name}"):
        path.unlink()  # which nobody should
    page.by_id("begin").click()
    failed = page.results.filter(has=page.page.get_by_text("Try again"))
    expect(failed).to_contain_text("failed.")
    failed.get_by_text("Delete").click()
    page.page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.results).to_have_count(before)


def test_stems_from_elsewhere_are_named_and_adopted_by_the_keyboard_alone_and_corrected(
    front: Callable[..., Front], song: list[Path]
) -> None:
    page = front()
    keys, before = page.page.keyboard, page.results.count()
    page.by_id("pick").set_input_files(song[:2])
    page.tab_to(page.page.get_by_label("Two sounds apart"))
    keys.press("ArrowUp")
    page.tab_to(page.page.get_by_label("Name of stem 02 Vocals.wav"), "Shift+Tab")
    keys.type("Sin")
    page.by_id("pick").set_input_files(song[2:])
    expect(page.by_id("clips").locator("li")).to_have_count(3)
    keys.type("ger")
    whole = page.by_id("clips").get_by_role("radio")
    page.tab_to(whole.nth(2))  # it is chosen, for its name alone is no stem's
    keys.press("ArrowUp")
    expect(page.page.get_by_label("Name of stem Song.wav")).to_have_value("Song")
    keys.press("ArrowDown")
    expect(whole.nth(2)).to_be_focused()
    page.tab_to(page.by_id("preset"))
    keys.press("ArrowDown")
    page.tab_to(page.by_id("begin"))
    keys.press("Enter")
    expect(page.results).to_have_count(before + 1)
    expect(page.results.first).to_contain_text("Stems from elsewhere, quick-adopt")
    with page.page.expect_download() as saved:
        page.page.get_by_label("Save the stems of Song as").click()
    given = [soundfile.read(path)[0] for path in song]
    stems = stems_in(saved.value)
    assert list(stems) == [f"Song - {name}.wav" for name in ("01 Drums", "Singer", "remainder")]
    for stem, audio in zip(stems.values(), [*given[:2], given[2] - given[0] - given[1]], strict=True):
        np.testing.assert_allclose(stem, audio, atol=1e-6)
    page.tab_to(page.page.get_by_label("Open Song"))
    keys.press("Enter")
    page.page.wait_for_selector("body[data-ready]:not(.only-heard) #field")
    keys.press("n")
    page.by_id("preview").click()
    expect(page.page.locator("#results .entry")).to_have_count(2)


def test_stems_that_are_dropped_are_improved_where_that_is_wished_and_refused_where_they_do_not_fit(
    front: Callable[..., Front], at_home: Home, song: list[Path], tmp_path: Path
) -> None:
    page = front()
    before = page.results.count()
    short = tmp_path / "bass.wav"
    soundfile.write(short, np.zeros(RATE // 2), RATE)

    def begun(*files: Path) -> None:
        for file in files:
            page.page.evaluate(DROP, [file.name, b64encode(file.read_bytes()).decode()])
            expect(page.by_id("clips")).to_contain_text(file.name)
        page.by_id("preset").select_option("quick-adopt")
        page.by_id("begin").click()
        expect(page.by_id("clips").locator("li")).to_have_count(0)

    page.page.get_by_label("Stems from elsewhere").check()
    page.page.evaluate(LATE)
    begun(song[2], short)
    refusal = "The stem 'bass' is 0:00.500 long, and the clip 0:01.000. A stem begins with its clip"
    expect(page.results.first).to_contain_text(refusal)
    expect(page.by_id("status")).to_contain_text(refusal)

    page.page.get_by_label("Improve them").check()
    begun(*song)
    expect(page.results).to_have_count(before + 2)
    expect(page.results.first.locator(".name")).to_have_text("Song, improved")
    assert any("may harm good ones" in note for note in manifests(at_home)[-1]["warnings"])
