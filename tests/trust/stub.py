"""Workers that take no time, in place of separating anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from dap_bridge.domain import Job
from dap_bridge.errors import BadClip

RAN = "ran.log"


def probe(wanted: str) -> dict[str, str]:
    return {"device": wanted, "device_reason": "There is no device in a stub."}


def refuse(job: Job, folder: str) -> NoReturn:
    """Nothing is read or written, whatever was asked."""
    raise BadClip("Nothing is separated here.")


def note(job: Job, folder: str) -> dict[str, Any]:
    """Write the job's name into <data>/ran.log, and be done."""
    with (Path(folder).parent.parent / RAN).open("a", encoding="utf-8") as log:
        log.write(f"{job.id}\n")
    return {"manifest": "/nowhere/manifest.json"}
