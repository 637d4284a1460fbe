"""Workers that take no time, in place of separating anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dap_bridge.domain import Job
from dap_bridge.errors import BadClip
from dap_bridge.jobs.device import Device

if TYPE_CHECKING:  # it loads torch
    from dap_bridge.jobs.run import Control

RAN = "ran.log"


def probe(wanted: str) -> Device:
    return Device(wanted, "There is no device in a stub.")


def refuse(job: Job, control: Control, results: Path) -> NoReturn:
    """Nothing is read or written, whatever was asked."""
    raise BadClip("Nothing is separated here.")


def note(job: Job, control: Control, results: Path) -> Path:
    """Write the job's name into <data>/ran.log, and be done; results: <data>/jobs/<job>/result."""
    with (results.parents[2] / RAN).open("a", encoding="utf-8") as log:
        log.write(f"{job.id}\n")
    return Path("/nowhere/manifest.json")
