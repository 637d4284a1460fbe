"""A real daemon and one real Audacity for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.audacity.host import MODULE, Audacity
from tests.hosts.conftest import missing, needed, serving
from tests.hosts.display import Display
from tests.processes import Process


@pytest.fixture(scope="package")
def bridge(tmp_path_factory: pytest.TempPathFactory, quick_presets: Path) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("bridge 🎹")
    with serving(folder, quick_presets) as process:
        yield process


@pytest.fixture(scope="package")
def audacity(tmp_path_factory: pytest.TempPathFactory, bridge: Process) -> Iterator[Audacity]:
    for program in ("audacity", "Xvfb", "xdotool"):
        needed(program)
    if not MODULE.exists():
        missing("mod-script-pipe")
    folder = tmp_path_factory.mktemp("audacity")
    display = Display(folder)
    try:
        host = Audacity(folder, bridge.spool, display)
        yield host
        host.close()
    finally:
        display.close()
