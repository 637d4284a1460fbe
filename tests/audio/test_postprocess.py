"""A preset's effects: run on the whole stem, block by block, with nothing lost at the seams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.audio import postprocess
from dap_bridge.audio.stems import StemWriter
from dap_bridge.domain import Format
from dap_bridge.errors import BadPreset


def test_the_chain_is_run_without_a_seam(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pedalboard

    audio = noise(2, 50_001)
    path = write_clip(audio, 44100)
    monkeypatch.setattr(postprocess, "BLOCK_FRAMES", 4096)
    chain = [{"plugin": "HighpassFilter", "cutoff_frequency_hz": 500.0}, {"plugin": "Gain", "gain_db": -6.0}]
    with StemWriter([path.with_name("wet.wav")], 44100, 2, 50_001) as writer:
        postprocess.run(chain, path, writer, lambda: None)
    whole = pedalboard.Pedalboard([pedalboard.HighpassFilter(500.0), pedalboard.Gain(-6.0)])(audio, 44100)
    processed, rate = soundfile.read(path.with_name("wet.wav"), always_2d=True, dtype="float32")
    assert (rate, processed.shape) == (44100, (50_001, 2))
    np.testing.assert_allclose(processed.T, whole, atol=1e-6)


def test_an_effect_with_latency_stays_in_place(write_clip: Callable[..., Path]) -> None:
    audio = np.zeros((1, 30_000), np.float32)
    audio[0, 12_345] = 0.5
    path = write_clip(audio, 44100)
    with StemWriter([path.with_name("wet.flac")], 44100, 1, 30_000, Format.FLAC) as writer:
        postprocess.run([{"plugin": "MP3Compressor", "vbr_quality": 2.0}], path, writer, lambda: None)
    processed = soundfile.read(path.with_name("wet.flac"), dtype="float32")[0]
    assert len(processed) == 30_000
    assert abs(int(np.abs(processed).argmax()) - 12_345) <= 2


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"plugin": "Nonsense"}, "no effect 'Nonsense'"),
        ({"plugin": "time"}, "no effect 'time'"),
        ({}, "no effect None"),
        ({"plugin": "PitchShift", "semitones": 1}, "PitchShift cannot be run"),
        ({"plugin": "Gain", "loudness": 3}, "Gain"),
    ],
)
def test_an_effect_that_is_none_is_refused(table: dict[str, object], reason: str) -> None:
    with pytest.raises(BadPreset, match=reason):
        postprocess.build([table])
