"""What runs wherever a worker computes: one job, by its verb, and the search for a device."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..domain import Job
from ..errors import OutOfMemory, OutputUnwritable
from ..verbs import table
from . import device as devices
from .device import Device
from .run import Control, JobRun


def run(job: Job, control: Control, results: Path) -> Path:
    """Run one job; returns its manifest's path. `results`: where a job goes that names no folder of its own.

    Raises DapError, or Cancelled once the control says so; nothing of the result is left behind then.
    """
    try:
        return table.job(job.verb)(JobRun(job, control), results)
    except Exception as error:
        if devices.tells_of_memory(error):
            raise OutOfMemory("The machine ran out of memory.") from error
        if isinstance(error, OSError):  # of what is neither a clip nor a result: the temporary folder
            raise OutputUnwritable.because(error.filename or tempfile.gettempdir(), error) from error
        raise
    finally:
        devices.give_back()


def probe(wanted: str) -> Device:
    """The device for `wanted`; whoever asks has then loaded all that jobs need."""
    for verb in table.VERBS:
        table.job(verb)
    return devices.probe(wanted)
