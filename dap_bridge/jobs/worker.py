"""What runs wherever a worker computes: one job, by the module of its verb, and the search for a device."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from ..domain import Job
from ..errors import OutOfMemory, OutputUnwritable
from . import device as devices
from .device import Device
from .run import Control, Run
from .verbs.coseparate import coseparate
from .verbs.denoise import denoise
from .verbs.refine import refine, undo
from .verbs.separate import separate
from .verbs.texture import texture

# verb -> what does it: takes the job under way and the folder for results whose request names none.
VERBS: dict[str, Callable[[Run, Path], Path]] = {
    "separate": separate,
    "coseparate": coseparate,
    "denoise": denoise,
    "refine": refine,
    "undo": undo,
    "texture": texture,
}


def run(job: Job, control: Control, results: Path) -> Path:
    """Run one job; returns its manifest's path. `results`: where a job goes that names no folder of its own.

    Raises DapError, or Cancelled once the control says so; nothing of the result is left behind then.
    """
    try:
        return VERBS[job.verb](Run(job, control), results)
    except Exception as error:
        if devices.tells_of_memory(error):
            raise OutOfMemory("The machine ran out of memory.") from error
        if isinstance(error, OSError):  # of what is neither a clip nor a result: the temporary folder
            raise OutputUnwritable.because(error.filename or tempfile.gettempdir(), error) from error
        raise


def probe(wanted: str) -> Device:
    """The device for `wanted`; whoever imports this module to ask has loaded what jobs need."""
    return devices.probe(wanted)
