"""Stems on disk: exact, cross-faded, and honest about the null test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.audio.files import ClipReader
from dap_bridge.audio.plan import Chunk, plan
from dap_bridge.audio.stems import NULL_FLOOR_DB, StemWriter, file_name, null_db
from dap_bridge.domain import ChannelRef, Clip
from dap_bridge.errors import Diverged


def write(folder: Path, clip: np.ndarray, split: Callable[[np.ndarray, int], np.ndarray], seconds: float) -> float:
    """Write clip (channels, frames) at 100 Hz in chunks; split(chunk, index) -> (sources, channels, frames).

    Returns the null test.
    """
    channels, frames = clip.shape
    chunks = plan(frames, 100, seconds, seconds / 4)
    with StemWriter([folder / "1.wav", folder / "2.wav"], 100, channels, frames) as writer:
        for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
            block = clip[:, chunk.start : chunk.end]
            writer.write(chunk, split(block, chunk.index), following)
    soundfile.write(folder / "clip.wav", clip.T, 100, subtype="FLOAT")
    with ClipReader(Clip((ChannelRef(str(folder / "clip.wav")),))) as reader:
        return null_db(reader, [folder / "1.wav", folder / "2.wav"])


def test_stems_that_sum_in_every_chunk_sum_in_the_files(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    clip = noise(2, 5000)

    def halves(block: np.ndarray, index: int) -> np.ndarray:
        share = 0.1 + 0.8 * (index % 2)  # neighbouring chunks disagree as much as they can
        return np.stack([share * block, block - share * block]).astype(np.float32)

    null = write(tmp_path, clip, halves, seconds=10)
    stems = [soundfile.read(tmp_path / name, always_2d=True, dtype="float32")[0].T for name in ("1.wav", "2.wav")]
    assert null < -120
    np.testing.assert_allclose(stems[0] + stems[1], clip, atol=1e-7)
    share = stems[0][0] / clip[0]
    assert np.abs(np.diff(share)).max() < 0.02  # a cross-fade, no step


def test_the_null_test_measures_what_is_missing(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    null = write(tmp_path, noise(1, 5000), lambda block, _: np.stack([0.5 * block, 0.49 * block]), seconds=10)
    assert null == pytest.approx(-40.0, abs=0.1)


def test_silence_is_null_to_the_floor(tmp_path: Path) -> None:
    null = write(tmp_path, np.zeros((1, 50), np.float32), lambda block, _: np.stack([block, block]), seconds=10)
    assert null == NULL_FLOOR_DB


def test_full_scale_and_beyond_is_not_clipped(tmp_path: Path) -> None:
    clip = np.full((1, 300), 3.5, np.float32)
    write(tmp_path, clip, lambda block, _: np.stack([block, 0 * block]), seconds=10)
    assert soundfile.info(tmp_path / "1.wav").subtype == "FLOAT"
    np.testing.assert_array_equal(soundfile.read(tmp_path / "1.wav", dtype="float32")[0], clip[0])


def test_a_stem_of_more_than_four_gigabytes_has_a_header_that_can_say_so(tmp_path: Path) -> None:
    with StemWriter([tmp_path / "1.wav"], 48000, 2, 2**30):
        pass
    assert soundfile.info(tmp_path / "1.wav").format == "RF64"


def test_what_is_no_number_is_not_written(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    stems = np.stack([noise(1, 100), noise(1, 100, seed=1)])
    stems[1, 0, 50] = np.nan
    paths = [tmp_path / file_name(1), tmp_path / file_name(2)]
    with StemWriter(paths, 8000, 1, 100) as writer, pytest.raises(Diverged):
        writer.write(Chunk(0, 0, 100, 0), stems, None)
