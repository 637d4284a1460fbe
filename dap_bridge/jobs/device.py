"""Which device a job runs on, and why: the probe runs a real kernel, so that a broken driver is found in time."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import psutil

from ..domain import Lane
from ..errors import DeviceUnavailable, OutOfMemory

# How libraries put it that raise no MemoryError: torch, the C library, C++, libsndfile, the thread that gets no stack.
NO_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "bad_alloc",
    "malloc () failed",
    "can't start new thread",
)

# Of a GPU's memory, for all processes of a lane: both together ask for no more than there is, so that beside a long job
# what a person waits for finds some; the rest is what the driver takes for each process.
GPU_SHARES = {Lane.BATCH: 0.7, Lane.INTERACTIVE: 0.25}
# Bytes that a job must find free there.
LEAST_FREE = 1 << 30


@dataclass(frozen=True)
class Device:
    """name: what torch calls it, "cpu" or "cuda"; reason: one sentence for the user."""

    name: str
    reason: str


_share = GPU_SHARES[Lane.BATCH]


def take_share(lane: Lane, processes: int) -> None:
    """From now on this process is one of so many of a lane on its GPU."""
    global _share
    _share = GPU_SHARES[lane] / processes


def gpu_share() -> float:
    """Of the GPU's memory what this process may take."""
    return _share


def probe(wanted: str) -> Device:
    """The device for `wanted` ("auto", "cpu" or "cuda"). Raises DeviceUnavailable when "cuda" cannot be had.

    A GPU whose memory others hold is left to them.
    """
    if wanted == "cpu":
        return Device("cpu", "CPU, as asked for.")
    trouble = _cuda_trouble()
    if trouble is None:
        free = _free_on_gpu()
        if free < LEAST_FREE:
            return Device("cpu", f"CPU, because of the GPU's memory {free / 2**30:.1f} GiB are free.")
        import torch

        return Device("cuda", f"GPU: {torch.cuda.get_device_name()}.")
    if wanted == "cuda":
        raise DeviceUnavailable(f"The GPU cannot be used: {trouble}")
    return Device("cpu", f"CPU, because {trouble}")


def _cuda_trouble() -> str | None:
    """Why CUDA cannot be used, as the end of a sentence; None when a kernel ran and gave the right answer."""
    import torch

    if torch.version.cuda is None:
        return "this build of torch has no CUDA."
    if not torch.cuda.is_available():
        return "no CUDA device is present."
    try:
        ones = torch.ones(64, 64, device="cuda")
        total = (ones @ ones).sum().item()
    except RuntimeError as error:
        return f"a test kernel failed ({str(error).splitlines()[0]})."
    return None if total == 64.0**3 else "a test kernel gave a wrong answer."


def _free_on_gpu() -> int:
    """Bytes, this process's share at the most."""
    import torch

    torch.cuda.set_per_process_memory_fraction(_share)
    give_back()
    free, total = torch.cuda.mem_get_info()
    return min(free, round(_share * total))


def give_back() -> None:
    """What torch keeps of a GPU's memory for its next use goes back to whoever asks first."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def tells_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what brought it about, is that memory could not be had."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        # of soundfile's errors the reason alone: a file's name may say anything
        reason = str(getattr(error, "error_string", error)).lower()
        if isinstance(error, RuntimeError | ImportError) and any(words in reason for words in NO_MEMORY):
            return True
        error = error.__cause__
    return False


def require_memory(estimate: int) -> None:
    """Raises OutOfMemory when `estimate` bytes are clearly more than the machine has to give."""
    available = psutil.virtual_memory().available
    if estimate > available:
        raise OutOfMemory(f"The job needs about {estimate / 2**30:.1f} GiB, and {available / 2**30:.1f} GiB are free.")
