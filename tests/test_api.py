"""The package as a library: what docs/library.md shows is run as it stands there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import dap_bridge
from dap_bridge import config
from dap_bridge.demo import CLIP
from dap_bridge.domain import Progress
from dap_bridge.errors import BadRequest
from dap_bridge.jobs.sessions import Sessions
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


def test_several_answers_come_back_as_stems_each(noise: Callable[..., np.ndarray], tmp_path: Path) -> None:
    audio = noise(1, 22_050)
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, audio.T, 22_050, subtype="FLOAT")
    result = dap_bridge.separate(clip, preset="quick", alternatives=3, out=tmp_path / "out")
    assert len(result.alternatives) == len(result.manifest.alternatives) > 1
    np.testing.assert_array_equal(result.alternatives[0], result.stems)
    for stems in result.alternatives:
        np.testing.assert_allclose(sum(stems), audio, atol=1e-5)
    chosen = dap_bridge.run("choose", session=result.manifest.session, alternative=2)
    np.testing.assert_allclose(sum(chosen.stems), audio, atol=1e-5)
    assert not chosen.alternatives


def test_a_result_that_is_kept_can_be_corrected_and_what_corrects_it_need_not_be(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    clip = write_clip(noise(1, 22_050), 22_050)
    first = dap_bridge.separate(clip, preset="quick", out=tmp_path / "first")
    box = ["stem=1,op=deactivate,start=0.2,end=0.6,low=500,high=5000"]
    for session in (first.manifest.session, str(tmp_path / "first")):
        corrected = dap_bridge.run("refine", session=session, box=box)
        assert corrected.manifest.parent == first.manifest.session
        assert not corrected.manifest.warnings, "what was learned is found"
        np.testing.assert_allclose(sum(corrected.stems), sum(first.stems), atol=1e-6)
    known = Sessions.below(config.load().data)
    assert [session.id for session in known.all()] == [first.manifest.session]


@pytest.mark.parametrize("ask", [lambda: dap_bridge.separate(np.zeros(100)), lambda: dap_bridge.run("status")])
def test_what_is_no_job_is_refused_in_a_sentence(ask: Callable[[], object]) -> None:
    with pytest.raises(BadRequest) as refused:
        ask()
    assert refused.value.message
