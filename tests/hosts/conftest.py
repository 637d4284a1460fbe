"""Programs of the hosts' side: a test that needs one skips where it is missing, or fails where all must be there."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(program: str) -> str:
    """The path of a program, e.g. lua5.4."""
    found = shutil.which(program)
    if found:
        return found
    reason = f"{program} is not installed"
    if os.environ.get("DAP_BRIDGE_REQUIRE_HOSTS"):
        pytest.fail(reason)
    pytest.skip(reason)
