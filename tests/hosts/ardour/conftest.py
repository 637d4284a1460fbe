"""A real daemon, and real Ardours for it: one start serves many tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.ardour.host import Ardour
from tests.hosts.conftest import needed, serving
from tests.processes import Process

Start = Callable[[int, str], Ardour]

PRESETS = {"separate": "quick", "texture": "quick-texture", "coseparate": "quick-coseparate"}


@pytest.fixture(scope="package")
def daemon(tmp_path_factory: pytest.TempPathFactory, quick_presets: Path) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("daemon")
    with serving(folder, quick_presets) as process:
        yield process


@pytest.fixture(scope="package")
def start_ardour(tmp_path_factory: pytest.TempPathFactory, daemon: Process) -> Iterator[Start]:
    """start_ardour(rate, session's name) -> an Ardour with an empty session, ended after the tests."""
    for program in ("ardour", "ardour7-lua", "Xvfb", "xdotool"):
        needed(program)
    made: list[Ardour] = []

    def start(rate: int, name: str) -> Ardour:
        folder = tmp_path_factory.mktemp("ardour 🎹")
        made.append(Ardour(folder, rate, name, daemon.spool, daemon.port))
        (made[-1].config / "dap-bridge" / "options.tsv").write_text(
            "".join(f"{verb}.preset\t{preset}\n" for verb, preset in PRESETS.items())
        )
        return made[-1]

    yield start
    for ardour in made:
        ardour.close()
