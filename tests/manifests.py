"""A manifest for results that no job has made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dap_bridge.domain import Manifest, Stem
from dap_bridge.jobs import results


def manifest(job: str, rate: int, frames: int, stems: dict[str, str], **fields: Any) -> Manifest:
    """Of a separation. stems: the name of each by its file's; fields: what else it says, or says otherwise."""
    common = {
        "job": job,
        "verb": "separate",
        "preset": "default",
        "seed": 0,
        "device": "cpu",
        "device_reason": "",
        "rate": rate,
        "channels": 1,
        "frames": frames,
        "elapsed_s": 0.0,
        "iterations": 0,
        "null_db": -140.0,
        "session": job,
        "inputs": (),
        "stems": tuple(Stem(i, name, "source", path) for i, (path, name) in enumerate(stems.items(), 1)),
    }
    return Manifest(**common | fields)


def write(folder: Path, made: Manifest) -> Path:
    """Returns its path."""
    results.write(folder, made)
    return folder / results.MANIFEST
