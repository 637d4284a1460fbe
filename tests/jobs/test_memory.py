"""Memory that cannot be had, wherever it is missed, ends a job with a sentence."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.errors import ClipUnreadable
from dap_bridge.jobs.device import tells_of_memory
from tests.processes import CHECKOUT

# The command line as it is, with so many bytes more than it takes to load.
LIMITED = """
import resource, sys
from dap_bridge.cli import main
from dap_bridge.jobs import worker
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize() + int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (size, size))
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("spare", [8 << 20, 48 << 20], ids=["reading", "computing"])
def test_a_job_that_gets_no_memory_says_so_and_leaves_nothing(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path, spare: int
) -> None:
    """A minute of stereo is 23 MB, of which a job holds several copies."""
    clip, out = write_clip(noise(2, 60 * 48_000), 48_000), tmp_path / "out"
    command = [sys.executable, "-c", LIMITED, str(spare), "separate", str(clip), "--preset", "quick", "--device", "cpu"]
    ended = subprocess.run(
        [*command, "--out", str(out), "--json"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["error"]["code"] == "out_of_memory"
    assert "Traceback" not in ended.stderr
    assert not out.exists()


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "tells"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
            True,
        ),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("libx.so: failed to map segment from shared object: Cannot allocate memory"), True),
        (caused(ClipUnreadable("It cannot be read."), OSError(errno.ENOMEM, "Cannot allocate memory")), True),
        (caused(ClipUnreadable("It cannot be read."), OSError(errno.EIO, "Input/output error")), False),
        (ClipUnreadable("There is no file /music/out of memory.wav."), False),
        (soundfile.LibsndfileError(2, "Error opening 'out of memory.wav': "), False),
        (RuntimeError("shape mismatch"), False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_tells_of_memory(error: Exception, tells: bool) -> None:
    assert tells_of_memory(error) == tells
