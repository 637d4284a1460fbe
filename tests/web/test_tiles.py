"""Tiles: what a byte says of the sound, at every zoom level."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.errors import BadRequest, ClipUnreadable
from dap_bridge.web import tiles
from dap_bridge.web.tiles import COLUMNS, FLOOR_DB, STEP_DB, Geometry

RATE = 44_100
SECONDS = 40
FRAMES = RATE * SECONDS
GEOMETRY = Geometry(RATE, FRAMES)
SHORT, MIDDLE, LONG = range(3)
HERTZ = GEOMETRY.sets[MIDDLE].hertz


@pytest.fixture
def stems(write_clip: Callable[..., Path]) -> list[Path]:
    """A sine of 1 kHz at half of full scale, in the first half of the clip in stem 1, in the second in stem 2."""
    sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(FRAMES) / RATE)
    first = np.arange(FRAMES) < FRAMES // 2
    return [write_clip(np.stack([sine * part] * 2), RATE, f"{part[0]}.wav") for part in (first, ~first)]


def planes(stems: list[Path], level: int) -> np.ndarray:
    """(1 + stems, rows, columns) of the whole clip by the middle set."""
    count = -(-GEOMETRY.columns(level) // COLUMNS)
    shape = (1 + len(stems), len(HERTZ), -1)
    parts = [tiles.tile(stems, GEOMETRY, MIDDLE, level, index) for index in range(count)]
    return np.concatenate([np.frombuffer(part, np.uint8).reshape(shape) for part in parts], axis=2)


@pytest.mark.parametrize("level", [GEOMETRY.levels - back for back in (1, 2, 3)])
def test_every_level_shows_the_same_sound(stems: list[Path], level: int) -> None:
    decibels, first, second = planes(stems, level)
    assert decibels.shape[1] == GEOMETRY.columns(level)
    row = int(np.abs(HERTZ - 1000).argmin())
    inner = decibels[:, 2:-2]
    assert (np.abs(HERTZ[inner.argmax(axis=0)] - 1000) < RATE / GEOMETRY.sets[MIDDLE].middle).all()
    at_sine = FLOOR_DB + STEP_DB * inner[row].astype(float)
    np.testing.assert_allclose(at_sine, 20 * np.log10(0.5), atol=1.5)
    middle = decibels.shape[1] // 2
    for share, where in ((first, slice(2, middle - 2)), (second, slice(middle + 2, -2))):
        assert (share[row, where] == 255).all()
    assert (first[row, middle + 2 :] == 0).all()


@pytest.mark.parametrize(("name", "options"), [("a.flac", {"format": "FLAC"}), ("b.wav", {})])
def test_stems_of_integers_are_shown_and_played_as_well(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], name: str, options: dict[str, str]
) -> None:
    sound = noise(2, FRAMES)
    floats, integers = write_clip(sound, RATE), write_clip(sound, RATE, name, subtype="PCM_24", **options)
    for level in (0, GEOMETRY.levels - 1):
        shown = [
            np.frombuffer(tiles.tile([path], GEOMETRY, MIDDLE, level, 0), np.uint8).astype(int)
            for path in (floats, integers)
        ]
        assert np.abs(shown[0] - shown[1]).max() <= 1
    played = [np.frombuffer(tiles.samples(path, FRAMES // 3, 10_000), "<f4") for path in (floats, integers)]
    np.testing.assert_allclose(played[0], played[1], atol=2**-23)


def test_shares_are_the_masks(write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]) -> None:
    sound = noise(1, RATE)
    parts = [write_clip(gain * sound, RATE, f"{gain}.wav") for gain in (0.25, 0.5, 0.25)]
    tile = np.frombuffer(tiles.tile(parts, Geometry(RATE, RATE), MIDDLE, 0, 0), np.uint8).reshape(4, len(HERTZ), -1)
    for share, gain in zip(tile[1:], (0.25, 0.5, 0.25), strict=True):
        assert (np.abs(share[1:-1].astype(int) - 255 * gain) <= 1).all()


def test_silence_belongs_to_nobody(write_clip: Callable[..., Path]) -> None:
    parts = [write_clip(np.zeros((1, RATE)), RATE, f"{index}.wav") for index in range(2)]
    assert not any(tiles.tile(parts, Geometry(RATE, RATE), MIDDLE, 0, 0))


def test_a_tile_costs_the_same_however_long_the_clip() -> None:
    for minutes in (1, 10, 600):
        geometry = Geometry(RATE, RATE * 60 * minutes)
        assert COLUMNS < geometry.columns(geometry.levels - 1) <= 2 * COLUMNS
        spanned = (geometry.hop << (geometry.levels - 1)) * tiles.BLOCK
        assert spanned > tiles.DENSE_FRAMES or minutes == 1, "here and there, not read as a whole"


def test_tiles_that_do_not_exist_and_stems_that_are_gone(stems: list[Path]) -> None:
    last = -(-GEOMETRY.columns(0) // COLUMNS) - 1
    tiles.tile(stems, GEOMETRY, SHORT, 0, last)
    for place in ((0, 0, last + 1), (0, GEOMETRY.levels, 0), (0, -1, 0), (0, 0, -1), (-1, 0, 0), (3, 0, 0)):
        with pytest.raises(BadRequest):
            tiles.tile(stems, GEOMETRY, *place)
    stems[1].unlink()
    for look in (lambda: tiles.tile(stems, GEOMETRY, SHORT, 0, 0), lambda: tiles.waveform(stems, FRAMES)):
        with pytest.raises(ClipUnreadable):
            look()


def test_clicks_and_low_partials_are_both_sharp(write_clip: Callable[..., Path]) -> None:
    sound = 0.2 * sum(np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE) for hertz in (100, 122))
    sound[RATE] = 0.9
    path = write_clip(sound[None], RATE)
    geometry = Geometry(RATE, 2 * RATE)
    level = 2  # 64 frames a column
    index, column = divmod(RATE, (geometry.hop << level) * COLUMNS)
    column //= geometry.hop << level
    shown = np.frombuffer(tiles.tile([path], geometry, MIDDLE, level, index), np.uint8)
    loud = shown.reshape(2, len(HERTZ), -1)[0].astype(float)
    high = loud[HERTZ > 8000]
    near = high[:, column - 1 : column + 2].max(axis=1)
    away = high[:, [column - 8, column + 8]].max(axis=1)  # 12 ms
    assert (near - away > 20 / STEP_DB).all(), "a click is short where it is high"
    calm = loud[:, max(0, column - 120)]
    low, between, upper = (calm[np.abs(HERTZ - hertz).argmin()] for hertz in (100, 111, 122))
    assert min(low, upper) - between > 10 / STEP_DB, "partials are two where they are low"


def test_the_waveform_is_the_sum_of_the_stems_at_any_length(write_clip: Callable[..., Path]) -> None:
    sound = np.linspace(-0.5, 0.5, RATE)[None]
    parts = [write_clip(gain * sound, RATE, f"{gain}.wav") for gain in (0.25, 0.75)]
    shape = np.frombuffer(tiles.waveform(parts, RATE), "<f4").reshape(-1, 2)
    np.testing.assert_allclose(shape[:, 0], np.linspace(-0.5, 0.5, len(shape) + 1)[:-1], atol=1e-3)
    assert (shape[:, 1] >= shape[:, 0]).all() and len(shape) == tiles.WAVE_COLUMNS
    assert len(tiles.waveform([write_clip(sound[:, :10], RATE, "short.wav")], 10)) == 10 * 2 * 4


def test_samples_are_those_of_the_file(write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]) -> None:
    path = write_clip(noise(2, 1000), RATE)
    expected, _ = soundfile.read(path, dtype="float32")
    read = np.frombuffer(tiles.samples(path, 100, 300), "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(read, expected[100:400])
    assert len(tiles.samples(path, 900, 300)) == 100 * 2 * 4, "to the end"
    assert tiles.samples(path, 1000, 1) == b""
    for start, frames in ((-1, 10), (0, 0), (0, tiles.MAX_SAMPLES + 1)):
        with pytest.raises(BadRequest):
            tiles.samples(path, start, frames)
