"""A real daemon and one real Audacity for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.audacity import selections
from tests.hosts.audacity.by_hand import ByHand, by_hand
from tests.hosts.audacity.host import END, MODULE, NAMES, RATE, SECONDS, START, Audacity
from tests.hosts.conftest import missing, needed, serving
from tests.hosts.display import Display
from tests.hosts.sound import recording
from tests.processes import Process

Left = Callable[[], set[Path]]


@pytest.fixture(scope="package")
def daemon(tmp_path_factory: pytest.TempPathFactory, quick_presets: Path) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("daemon 🎹")
    with serving(folder, quick_presets) as process:
        yield process


@pytest.fixture(scope="package")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "song.wav"
    soundfile.write(path, recording(RATE, 1, SECONDS), RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="package")
def first_started(tmp_path_factory: pytest.TempPathFactory, daemon: Process, song: Path) -> Iterator[Audacity]:
    """Audacity without its pipe, and with the song."""
    for program in ("audacity", "Xvfb", "xdotool"):
        needed(program)
    if not MODULE.exists():
        missing("mod-script-pipe")
    folder = tmp_path_factory.mktemp("audacity")
    display = Display(folder)
    try:
        host = Audacity(folder, daemon.spool, display, song)
        yield host
        host.close()
    finally:
        display.close()


@pytest.fixture(scope="package")
def done_by_hand(first_started: Audacity, daemon: Process, song: Path) -> ByHand | AssertionError:
    """What comes of the first start; why it comes to nothing, which is the business of one test alone."""
    try:
        return by_hand(first_started, song, daemon.data)
    except AssertionError as error:
        return error
    finally:
        for path in (daemon.spool / "clips").iterdir():
            path.unlink()


@pytest.fixture(scope="package")
def audacity(first_started: Audacity, done_by_hand: ByHand | AssertionError) -> Audacity:
    """Audacity with its pipe."""
    first_started.offer_pipe()
    return first_started


@pytest.fixture(scope="package")
def project(audacity: Audacity) -> dict[str, np.ndarray]:
    """A stereo and a mono track; what is on them, (frames, channels)."""
    clips = {name: recording(RATE, channels, SECONDS) for name, channels in zip(NAMES, (2, 1), strict=True)}
    for name, clip in clips.items():
        audacity.bring_in(name, clip, RATE)
    return clips


@pytest.fixture(scope="package")
def separated(audacity: Audacity, project: dict[str, np.ndarray]) -> dict[str, Any]:
    """Both tracks selected at once, with a box of frequencies; what became of them."""
    audacity.select(0, 2, START, END)
    audacity.pipe.command("SelectFrequencies", Low=300, High=4000)
    audacity.separate()
    clips = sorted((audacity.spool / "clips").glob("*.wav"))
    found = {one.track: (one.start, one.end, one.low, one.high) for one in selections.waiting(audacity.spool)}
    outcomes = audacity.bring_back()
    audacity.pipe.command("FitV")
    audacity.display.picture("audacity-stems")
    return {"boxes": found, "outcomes": outcomes, "clips": clips}


@pytest.fixture
def left(daemon: Process) -> Left:
    """What has come to lie in the drop folder since, and lies there now."""
    clips = daemon.spool / "clips"
    before = set(clips.iterdir())
    return lambda: set(clips.iterdir()) - before
