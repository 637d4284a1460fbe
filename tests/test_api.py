"""The package as a library: what docs/library.md shows is run as it stands there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dap_bridge
from dap_bridge.demo import CLIP
from dap_bridge.domain import Progress
from dap_bridge.errors import BadRequest
from tests.files import tree
from tests.processes import CHECKOUT

STEMS = ("stem-1.wav", "stem-2.wav")
EXAMPLE = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "library.md").read_text(encoding="utf-8"), re.S)


def test_the_example_of_the_docs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CLIP, tmp_path / "clip.wav")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(EXAMPLE[0], names)
    for kept, stem in zip(names["kept"].stems, names["result"].stems, strict=True):
        np.testing.assert_array_equal(kept, stem)
    assert set(tree(tmp_path)) == {"clip.wav", "stems", *(f"stems/{n}" for n in ("manifest.json", *STEMS))}
    assert "clip - stem 2 (2, " in capsys.readouterr().out


def test_an_array_comes_back_as_stems_that_sum_to_it(noise: Callable[..., np.ndarray]) -> None:
    audio = noise(2, 22_050)
    told: list[Progress] = []
    result = dap_bridge.separate(audio, 22_050, preset="quick", show=told.append)
    assert (result.rate, result.manifest.frames) == (22_050, 22_050)
    np.testing.assert_allclose(sum(result.stems), audio, atol=1e-5)
    assert told[-1].fraction == pytest.approx(1)


@pytest.mark.parametrize("ask", [lambda: dap_bridge.separate(np.zeros(100)), lambda: dap_bridge.run("status")])
def test_what_is_no_job_is_refused_in_a_sentence(ask: Callable[[], object]) -> None:
    with pytest.raises(BadRequest) as refused:
        ask()
    assert refused.value.message
