"""A real daemon and simulated REAPERs for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hosts.conftest import needed, serving
from tests.hosts.reaper.host import Host, quoted
from tests.processes import Process

RATE = 16000


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory, quick_presets: Path) -> Iterator[Process]:
    """One daemon, as it is, for all tests that leave it alive."""
    folder = tmp_path_factory.mktemp("daemon")
    with serving(folder, quick_presets) as process:
        yield process


@pytest.fixture(params=["lua5.4", "lua5.3"])
def each_lua(request: pytest.FixtureRequest) -> str:
    return needed(request.param)


@pytest.fixture
def reaper(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """reaper(daemon, lua=path) -> a REAPER with a saved project `project` in front and another tab `other`."""
    made: list[Host] = []

    def open_one(daemon: Process, lua: str | None = None, **options: Any) -> Host:
        environment = {"DAP_BRIDGE_SPOOL": str(daemon.spool), "DAP_BRIDGE_OSC_PORT": str(daemon.port)}
        host = Host(lua or needed("lua5.4"), tmp_path, **options, **environment)
        made.append(host)
        folder = tmp_path / "song"
        folder.mkdir(exist_ok=True)
        host.lua(
            f"project = sim.model.project({quoted(folder / 'song.rpp')}, {quoted(folder)})\n"
            f"other = sim.model.project({quoted(folder / 'other.rpp')}, {quoted(folder)})\n"
            "sim.model.track(other, 0, 'other track')\n"
            'sim.ext["dap-bridge/separate.preset"] = "quick"'
        )
        return host

    yield open_one
    for host in made:
        host.close()


@pytest.fixture
def sound() -> Callable[..., np.ndarray]:
    """sound(channels, seconds) -> a tone that swells and clicks, at RATE: two things to tell apart."""

    def make(channels: int = 1, seconds: float = 1.0) -> np.ndarray:
        time = np.arange(round(seconds * RATE)) / RATE
        tone = 0.2 * np.sin(2 * np.pi * 330 * time) * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * time))
        clicks = np.where(np.arange(time.size) % 3000 < 40, 0.3, 0.0) * np.sign(np.sin(2 * np.pi * 2500 * time))
        gains = np.linspace(1.0, 0.6, channels)[:, None]
        return (gains * tone + gains[::-1] * clicks).astype(np.float32)

    return make
