"""Programs of the hosts' side: a test that needs one skips where it is missing, or fails where all must be there."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

# Read before the fixture `home` clears the environment of a test.
REQUIRED = bool(os.environ.get("DAP_BRIDGE_REQUIRE_HOSTS"))


def missing(what: str) -> NoReturn:
    """The test cannot run here: a reason to skip, or a failure where everything must be there."""
    reason = f"{what} is not installed"
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


def needed(program: str) -> str:
    """The path of a program, e.g. lua5.4."""
    return shutil.which(program) or missing(program)
