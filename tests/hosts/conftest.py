"""Programs of the hosts' side: a test that needs one skips where it is missing, or fails where all must be there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.hosts.impostor import Impostor
from tests.processes import Process

# Read before the fixture `home` clears the environment of a test.
REQUIRED = bool(os.environ.get("DAP_BRIDGE_REQUIRE_HOSTS"))
# Of a test: the one that comes after it.
NEXT = pytest.StashKey[pytest.Item | None]()


def missing(what: str) -> NoReturn:
    """The test cannot run here: a reason to skip, or a failure where everything must be there."""
    reason = f"{what} is not installed"
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


def needed(program: str) -> str:
    """The path of a program, e.g. lua5.4."""
    return shutil.which(program) or missing(program)


@contextmanager
def serving(folder: Path, presets: Path) -> Iterator[Process]:
    """A real daemon with presets of a few iterations, for many tests of a host, which may end it and start it."""
    process = Process(folder, "-m", "dap_bridge", "serve", DAP_BRIDGE_PRESETS_DIR=str(presets))
    yield process
    process.client.close()
    if process.process.poll() is None:
        process.end()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    item.stash[NEXT] = nextitem


@pytest.fixture
def nobody(request: pytest.FixtureRequest, daemon: Process) -> Iterator[Process]:
    """The host's daemon has ended; it is started again unless the file's next test wants nobody there, too."""
    if daemon.process.poll() is None:
        daemon.client.close()
        daemon.end()
    yield daemon
    following = request.node.stash[NEXT]
    if following is None or following.path != request.path or "nobody" not in following.fixturenames:
        daemon.start()


@pytest.fixture
def impostor(nobody: Process) -> Iterator[Impostor]:
    with Impostor(nobody.spool) as one:
        yield one
