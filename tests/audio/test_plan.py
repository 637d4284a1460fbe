"""Chunks cover a clip without a gap; the view of the fit keeps what it must."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dap_bridge.audio.plan import crossfade, fit_view, gaps, plan


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
    view = fit_view(np.sin(2 * np.pi * 1000 * time, dtype=np.float32)[None].astype(np.float32), rate, 11000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(11000) / 11000)
    middle = slice(1000, 10_000)
    np.testing.assert_allclose(view[0, middle], expected[middle], atol=2e-3)
    assert view.dtype == np.float32


def test_what_lies_above_the_view_does_not_fold_back() -> None:
    time = np.arange(44100) / 44100
    view = fit_view(np.sin(2 * np.pi * 9000 * time)[None].astype(np.float32), 44100, 11000)
    assert np.sqrt(np.mean(view[0, 1000:10_000] ** 2)) < 1e-3


def test_one_sample_is_seen() -> None:
    assert fit_view(np.ones((2, 1), dtype=np.float32), 192000, 11000).shape == (2, 1)


PADDED = [
    [(0, 700)],
    [(5000, 5600)],
    [(300, 900), (1300, 1900)],
    [(0, 600), (9000, 9600)],
    [(100, 2500), (2900, 5200), (9000, 9001)],
    [(start, start + 100) for start in range(50, 12_000, 400)],
    [(start, start + 40) for start in range(0, 40_000, 990)],
]


@pytest.mark.parametrize("sounding", PADDED)
def test_every_frame_with_signal_lies_in_a_chunk_and_silence_beside_them_in_none(
    sounding: list[tuple[int, int]],
) -> None:
    frames = sounding[-1][1] + 3000
    chunks = plan(frames, rate=100, seconds=10, overlap_s=1, sounding=sounding)
    times = np.zeros(frames, int)
    for chunk in chunks:
        times[chunk.start : chunk.end] += 1
        inside = chunk.sounding or ((0, chunk.frames),)
        assert 0 < sum(last - first for first, last in inside) <= 1000, "a chunk holds no more than without silence"
        assert chunk.frames <= 2000
        assert inside[0][0] == 0 and inside[-1][1] == chunk.frames, "a chunk begins and ends with signal"
    assert times.max() <= 2
    assert all(times[first:last].min() >= 1 for first, last in sounding)
    written = 0
    for index, chunk in enumerate([*chunks, None]):
        for gap in gaps(chunks, index, frames):
            assert (gap.start, gap.fade_in) == (written, 0)
            written = gap.end
        if chunk is not None:
            assert chunk.start + chunk.fade_in == written
            written = chunk.end
    assert written == frames


@pytest.mark.parametrize("frames", [300, 1000, 3700])
def test_a_padded_clip_is_cut_as_it_would_be_without_its_padding(frames: int) -> None:
    plain = plan(frames, rate=100, seconds=10, overlap_s=1)
    padded = plan(frames + 9000, rate=100, seconds=10, overlap_s=1, sounding=[(4000, 4000 + frames)])
    assert [(c.start + 4000, c.frames, c.fade_in, c.sounding) for c in plain] == [
        (c.start, c.frames, c.fade_in, c.sounding) for c in padded
    ]


def test_a_gap_takes_nothing_from_what_a_chunk_holds() -> None:
    (chunk,) = plan(1400, rate=100, seconds=10, overlap_s=1, sounding=[(0, 500), (900, 1400)])
    assert chunk.sounding == ((0, 500), (900, 1400))
