"""`bench texture`: what is measured is what a job writes, and the report has the plane and every method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.bench.command import measure
from dap_bridge.bench.methods.texture_baselines import TEXTURE_BASELINES
from dap_bridge.errors import BadRequest

RATE = 16_000


def test_every_method_is_on_the_plane(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    clip = generator.standard_normal((RATE, 2)) * (0.1 + 0.1 * np.sin(np.arange(RATE) / 500))[:, None]
    (tmp_path / "texture" / "rain").mkdir(parents=True)
    soundfile.write(tmp_path / "texture" / "rain" / "target.wav", clip, RATE, subtype="FLOAT")
    options = {"limit": None, "seed": 0, "device": "cpu", "baselines": tuple(TEXTURE_BASELINES)}
    answer = measure("texture", tmp_path / "out", root=tmp_path, presets=("quick-texture",), **options)
    assert not answer["failed"]
    (table,) = answer["tables"]
    rows = {row["method"]: row for row in table}
    assert set(rows) == {"quick-texture", "looping", "shuffling", "stretching", "shaped-noise"}
    assert float(rows["looping"]["repetition"]) > 0.9 > float(rows["quick-texture"]["repetition"])
    assert float(rows["looping"]["likeness"]) < float(rows["shaped-noise"]["likeness"])
    report = (tmp_path / "out" / "texture" / "report.md").read_text(encoding="utf-8")
    assert "pictures/plane.png" in report
    assert (tmp_path / "out" / "texture" / "pictures" / "plane.png").stat().st_size > 5_000
    with pytest.raises(BadRequest, match="no textures"):
        measure("texture", tmp_path / "out", root=tmp_path / "out", presets=(), **options)
