"""Chunks cover a clip without a gap; the view of the front keeps what it must."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dap_bridge.audio.plan import crossfade, front_view, plan


@pytest.mark.parametrize("frames", [1, 2, 7, 999, 1000, 1001, 1901, 12_345, 100_000])
def test_chunks_cover_the_clip_and_overlap_as_asked(frames: int) -> None:
    chunks = plan(frames, rate=100, seconds=10, overlap_s=1)
    assert (chunks[0].start, chunks[-1].end) == (0, frames)
    assert all(0 < chunk.frames <= 1000 for chunk in chunks)
    assert chunks[0].fade_in == 0
    for before, after in pairwise(chunks):
        assert before.end - after.start == after.fade_in == 100
        assert before.start < after.start
    lengths = [chunk.frames for chunk in chunks]
    assert len(chunks) == 1 or max(lengths) - min(lengths) <= 101  # no short last piece: that would be separated worse


def test_no_frame_lies_in_three_chunks() -> None:
    chunks = plan(100_000, rate=100, seconds=10, overlap_s=4)
    assert all(first.end <= third.start for first, third in zip(chunks, chunks[2:], strict=False))


def test_an_overlap_of_half_a_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        plan(1000, rate=100, seconds=1, overlap_s=0.5)


@pytest.mark.parametrize("frames", [1, 2, 101])
def test_a_cross_fade_sums_to_one(frames: int) -> None:
    rise = crossfade(frames)
    np.testing.assert_allclose(rise + rise[::-1], 1.0, atol=1e-12)
    assert (np.diff(rise) >= 0).all()


@pytest.mark.parametrize("rate", [8000, 11000, 44100, 192000])
def test_the_view_keeps_time_and_level(rate: int) -> None:
    time = np.arange(rate) / rate
    view = front_view(np.sin(2 * np.pi * 1000 * time, dtype=np.float32)[None].astype(np.float32), rate, 11000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(11000) / 11000)
    middle = slice(1000, 10_000)
    np.testing.assert_allclose(view[0, middle], expected[middle], atol=2e-3)
    assert view.dtype == np.float32


def test_what_lies_above_the_view_does_not_fold_back() -> None:
    time = np.arange(44100) / 44100
    view = front_view(np.sin(2 * np.pi * 9000 * time)[None].astype(np.float32), 44100, 11000)
    assert np.sqrt(np.mean(view[0, 1000:10_000] ** 2)) < 1e-3


def test_one_sample_is_seen() -> None:
    assert front_view(np.ones((2, 1), dtype=np.float32), 192000, 11000).shape == (2, 1)
