"""A job done in this process, and a clip whose stems can be corrected."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tomli_w

from dap_bridge.domain import Job
from dap_bridge.jobs import worker
from dap_bridge.jobs.sessions import Sessions
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb
from tests.jobs.refining import RATE, Do


@pytest.fixture
def do(tmp_path: Path) -> Do:
    """do(verb, name, **fields) -> the manifest of a job called `name`, with its folder and the stems' samples."""
    sessions = Sessions(tmp_path / "sessions", most_bytes=1e9, most_days=1)

    def run(verb: str, name: str, **fields: Any) -> dict[str, Any]:
        message = protocol.parse(verb, {"out": str(tmp_path / name)} | fields)
        assert isinstance(message, JobVerb)
        control = Unwatched(tmp_path / "jobs" / name, sessions)
        path = worker.run(Job(name, verb, message.request()), control, tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        stems = [
            soundfile.read(path.parent / stem["path"], dtype="float32", always_2d=True)[0].T
            for stem in manifest["stems"]
        ]
        return manifest | {"audio": np.stack(stems), "folder": path.parent}

    return run


@pytest.fixture
def clip(write_clip: Callable[..., Path]) -> Path:
    """1.5 s of stereo: a swelling buzz and bursts of noise, all over the spectrum."""
    time = np.arange(int(1.5 * RATE)) / RATE
    generator = np.random.default_rng(0)
    buzz = np.sign(np.sin(2 * np.pi * 220 * time)) * (1 + np.sin(2 * np.pi * 1.3 * time))
    bursts = generator.standard_normal(len(time)) * (np.sin(2 * np.pi * 4 * time) > 0.5)
    return write_clip(0.1 * np.stack([buzz + bursts, 0.5 * buzz + bursts]).astype(np.float32), RATE)


@pytest.fixture
def three_chunks(quick_presets: Path) -> str:
    """A preset that cuts the clip in three."""
    table = tomllib.loads((quick_presets / "quick.toml").read_text(encoding="utf-8"))
    table["chunk"] = {"seconds": 0.6, "overlap_s": 0.1}
    (quick_presets / "short.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    return "short"
