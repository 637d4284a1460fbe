"""A real Chromium, and a real daemon with sessions for it: the demo clip, tones, ten minutes, alternatives,
and what can only be heard."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from playwright.sync_api import Browser, expect, sync_playwright

from dap_bridge.demo import CLIP
from dap_bridge.domain import Stem
from dap_bridge.verbs.separate.request import Separate
from tests.hosts.conftest import needed
from tests.processes import Process
from tests.web.editor import Editor
from tests.web.finished import finished, tones

TONES_RATE = 44_100
TONES_S = 8.0
LONG_S = 600
# Generous: the machine may be busy.
WAIT_MS = 60_000
# root has no sandbox
ARGUMENTS = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's, not one that is downloaded. Closed with the package, for its event loop is the thread's."""
    path = needed("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def daemon(tmp_path_factory: pytest.TempPathFactory, quick_presets: Path) -> Iterator[Process]:
    """The preset `slow` takes seconds to refine what it has separated quickly; `short` cuts the clip in three; by
    `doubtful` any two answers are two.
    """
    home = tmp_path_factory.mktemp("editor")
    presets = home / "presets"
    shutil.copytree(quick_presets, presets)
    table = tomllib.loads((presets / "quick.toml").read_text(encoding="utf-8"))
    table["boxes"]["iterations"] = 300
    (presets / "slow.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    table["boxes"]["iterations"] = 5
    table["chunk"] = {"seconds": 2.5, "overlap_s": 0.5}
    (presets / "short.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    table = tomllib.loads((presets / "quick.toml").read_text(encoding="utf-8"))
    table["alternatives"]["same"] = 1.1
    (presets / "doubtful.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    finished(home / "data", "tones", tones(TONES_RATE, TONES_S), TONES_RATE)
    finished(home / "data", "long", tones(TONES_RATE, 10.0, channels=1), TONES_RATE, repeats=LONG_S // 10)
    swapped = {"the faint sound apart": tones(TONES_RATE, TONES_S)[::-1]}
    finished(home / "data", "takes", tones(TONES_RATE, TONES_S), TONES_RATE, others=swapped)
    finished(home / "data", "texture", tones(TONES_RATE, 2.0)[:1], TONES_RATE, verb="texture")
    shared = [
        Stem(2 * clip + number, f"bell {clip + 1} - {kind}", role, f"stem-{2 * clip + number}.wav", input=clip + 1)
        for clip in range(2)
        for number, kind, role in ((1, "shared", "shared"), (2, "own", "source"))
    ]
    both = np.concatenate([tones(TONES_RATE, 2.0)] * 2)
    finished(home / "data", "shared", both, TONES_RATE, verb="coseparate", stems=tuple(shared))
    process = Process(home, "-m", "dap_bridge", "serve", DAP_BRIDGE_PRESETS_DIR=str(presets))
    for session, preset in {"demo": "quick", "slow": "slow", "cut": "short", "doubt": "doubtful"}.items():
        asked = Separate(job=session, clip=str(CLIP), preset=preset, alternatives="3" if session == "doubt" else "1")
        process.client.run(asked, lambda _: None)
    yield process
    process.client.close()
    process.end()


@pytest.fixture
def edit(chromium: Browser, daemon: Process) -> Iterator[Callable[..., Editor]]:
    """edit(session, **options of a browser's context) -> the page; what it complains of fails the test."""
    opened: list[Editor] = []

    def open_one(session: str, **options: object) -> Editor:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        context.set_default_timeout(WAIT_MS)
        opened.append(Editor(context.new_page(), daemon, session))
        opened[-1].open()
        return opened[-1]

    yield open_one
    for editor in opened:
        editor.page.context.close()
        assert not editor.complaints
