"""What runs in the worker's process: one job, by the module of its verb."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..domain import Job
from ..errors import OutOfMemory, OutputUnwritable
from . import device as devices
from .run import Control, Run
from .sessions import Sessions
from .verbs.coseparate import coseparate
from .verbs.denoise import denoise
from .verbs.refine import refine, undo
from .verbs.separate import separate
from .verbs.texture import texture
from .workers.local.mailbox import Mailbox

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


def run_job(job: Job, folder: str) -> dict[str, Any]:
    """The same for a process pool: progress and cancel go through the mailbox in `folder`, <data>/jobs/<job>."""
    sessions = Sessions.below(Path(folder).parent.parent)
    mailbox = Mailbox(folder, sessions)
    mailbox.scratch.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(mailbox.scratch)  # what a killed worker leaves there is found, and removed
    manifest = run(job, mailbox, mailbox.results())
    return {"manifest": str(manifest)}


def probe(wanted: str) -> dict[str, str]:
    """The device for `wanted`, found in the worker's process; importing this module has warmed it up."""
    found = devices.probe(wanted)
    return {"device": found.name, "device_reason": found.reason}
