"""What every test may use: a preset of a few iterations, clips made to measure, the shared recordings if present."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from dap_bridge.domain import Lane
from dap_bridge.jobs.workers.local.process import NICENESS
from tests import quick
from tests.processes import CHECKOUT, STUB, Process

# A suite begins hundreds of processes: what the first has compiled of the package is not compiled by each of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A worker gives way to whoever is at the machine; not to the tests of other processes, or it would hardly compute.
if hasattr(os, "nice"):
    os.nice(max(0, NICENESS[Lane.BATCH] - 1 - os.nice(0)))

Start = Callable[..., Process]

SHARED = CHECKOUT.parent / "shared"
RECORDINGS = Path(__file__).resolve().parent / "recordings"


# Folders whose tests share one program: a host, a browser.
TOGETHER = ("tests/hosts/ardour", "tests/hosts/audacity", "tests/web")
# What takes longest is begun with, the longest first: no process has work at the end while others have none.
LONGEST = (
    "tests/cluster/test_cluster.py",
    "tests/hosts/ardour",
    "tests/web",
    "tests/hosts/audacity",
    "tests/test_quality.py",
    "tests/bench/test_command.py",
    "tests/hosts/reaper/test_trouble.py",
    "tests/engine/test_paper.py",
    "tests/jobs/test_silence.py",
    "tests/test_cli.py",
    "tests/cluster/test_trouble.py",
    "tests/jobs/test_texture.py",
    "tests/jobs/test_worker.py",
    "tests/test_batch.py",
    "tests/jobs/test_denoise.py",
    "tests/bench/test_scaling.py",
    "tests/test_strangers.py",
    "tests/test_daemon.py",
    "tests/test_daemon_recovery.py",
    "tests/jobs/test_coseparate.py",
    "tests/jobs/test_refine.py",
    "tests/test_contributing.py",
    "tests/test_damage.py",
)


class Shares(LoadScopeScheduling):
    """How processes share the suite: one has a file to itself, or a folder of TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)

    def _assign_work_unit(self, node: WorkerController) -> None:
        """The first of LONGEST that is left; after these the most tests, as xdist does."""
        for scope in filter(self.workqueue.__contains__, reversed(LONGEST)):
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return Shares(config, log)


@pytest.fixture(scope="session")
def quick_presets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the presets of `quick.write`."""
    folder = tmp_path_factory.mktemp("presets")
    quick.write(folder)
    return folder


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where matplotlib notes which fonts there are, which takes it seconds each time."""
    return tmp_path_factory.mktemp("fonts")


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where homes are made: pytest's own folder gives numbers, for which it looks at all that is there each time."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def home(homes: Path, quick_presets: Path, fonts: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the user's own is read or written: home and configuration are empty folders."""
    folder = Path(tempfile.mkdtemp(dir=homes))
    for name in [name for name in os.environ if name.startswith(("DAP_BRIDGE_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(quick_presets))
    monkeypatch.setenv("MPLCONFIGDIR", str(fonts))
    return folder


@pytest.fixture
def write_clip(tmp_path: Path) -> Callable[..., Path]:
    """write_clip(audio (channels, frames), rate, name="clip.wav", **soundfile options) -> path."""

    def write(audio: np.ndarray, rate: int, name: str = "clip.wav", **options: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.atleast_2d(audio).T, rate, **({"subtype": "FLOAT"} | options))
        return path

    return write


@pytest.fixture
def sounds() -> np.ndarray:
    """Three signals of equal power, 0.1 root mean square, that have nothing to do with each other, (3, 1, frames)."""
    frames = 22_000
    block = np.linalg.qr(np.random.default_rng(0).standard_normal((frames, 3)))[0].T
    return 0.1 * frames**0.5 * block[:, None, :]


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """noise(channels, frames) -> white noise, the same every time."""

    def make(channels: int, frames: int, seed: int = 0) -> np.ndarray:
        return 0.1 * np.random.default_rng(seed).standard_normal((channels, frames)).astype(np.float32)

    return make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start() -> a daemon with the stub for a worker; ended after the test."""
    made: list[Process] = []

    def one(name: str = "home", *arguments: str, **environment: str) -> Process:
        (tmp_path / name).mkdir(exist_ok=True)
        made.append(Process(tmp_path / name, *(arguments or ("-m", STUB)), **environment))
        return made[-1]

    yield one
    for process in made:
        process.client.close()
        if process.process.poll() is None:
            process.process.kill()
            process.process.wait()


def shared(path: str) -> Path:
    """A file or folder of the shared recordings; the test is skipped where they are absent."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"needs ../shared/{path}, which is not part of the checkout")
    return found


def shared_tool(name: str) -> ModuleType:
    """A file of ../shared/tools, as a module; the test is skipped where it is absent."""
    specification = importlib.util.spec_from_file_location(Path(name).stem, shared(f"tools/{name}"))
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
