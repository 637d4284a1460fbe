"""Memory that cannot be had ends a job with a sentence, wherever it is missed; a GPU's, and the job goes on without."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from dap_bridge.engine.methods.consensus import separation
from dap_bridge.errors import ClipUnreadable
from dap_bridge.jobs import device
from dap_bridge.jobs.device import tells_of_memory
from tests.jobs.refining import Do
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


def test_a_gpu_that_runs_out_in_the_middle_leaves_the_job_to_the_cpu_and_it_is_said(
    do: Do, clip: Path, quick_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a GPU does it, with some of the clip done; the stems are those that the CPU makes by itself."""
    plain, tried, computed = separation.separate, [], []

    def small(*arguments: Any, device: torch.device, **options: Any) -> Iterator[Any]:
        tried.append(device.type)
        assert not any(tensor() is not None for tensor in computed), "what the GPU held is given back before"
        held = torch.zeros(1)
        computed.append(weakref.ref(held))
        for number, event in enumerate(plain(*arguments, device=torch.device("cpu"), **options)):
            if device.type == "cuda" and number == 3:
                raise torch.cuda.OutOfMemoryError("simulated")
            yield event

    fields = {"clip": str(clip), "preset": "quick"}
    alone = do("separate", "alone", **fields, device="cpu")
    monkeypatch.setattr(separation, "separate", small)
    monkeypatch.setattr(device, "_cuda_trouble", lambda: None)
    monkeypatch.setattr(device, "_free_on_gpu", lambda: 8 << 30)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Simulated")
    fallen = do("separate", "fallen", **fields, device="cuda")
    assert tried == ["cuda", "cpu"]
    reason = "CPU, because the GPU ran out of memory (GPU: Simulated.)"
    assert (fallen["device"], fallen["device_reason"]) == ("cpu", reason)
    assert reason in fallen["warnings"] and fallen["iterations"] == alone["iterations"]
    assert np.array_equal(fallen["audio"], alone["audio"])


@pytest.mark.parametrize(("free", "name"), [(8 << 30, "cuda"), (300 << 20, "cpu")])
def test_a_gpu_whose_memory_others_hold_is_left_to_them(free: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    total, share, given_back = 16 << 30, [], []
    monkeypatch.setattr(device, "_cuda_trouble", lambda: None)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", share.append)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: given_back.append(True))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, total))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Simulated")
    found = device.probe("auto")
    assert found.name == name and ("0.3 GiB" in found.reason) == (name == "cpu")
    assert share == [device.gpu_share()] and given_back, "before it is asked what is free"
