"""Similar events: takes of one sound are found among others, wherever and however loud they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.errors import BadRequest, ClipUnreadable
from dap_bridge.web import similar
from dap_bridge.web.similar import Asked
from dap_bridge.web.tiles import Geometry
from tests.processes import CHECKOUT

RATE, SECONDS = 22_050, 12
KNOCKS, OTHERS, CLICKS = (1.0, 3.3, 5.77, 8.1, 10.2), (2.2, 4.5, 7.0, 9.3), (2.7, 6.2)
Find = Callable[..., list[dict[str, Any]]]


def struck(hertz: float, seed: int) -> np.ndarray:
    """A tenth of a second of something that is struck: two partials and a noise of its own, dying away."""
    time, generator = np.arange(RATE // 10) / RATE, np.random.default_rng(seed)
    partials = np.sin(2 * np.pi * hertz * time) + 0.6 * np.sin(2 * np.pi * 2.7 * hertz * time)
    return (partials + 0.3 * generator.standard_normal(len(time))) * np.exp(-60 * time)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """Five knocks of different loudness, other ones, clicks, and a hum: (2, channels, frames) that sum to it."""
    generator = np.random.default_rng(1)
    time = np.arange(RATE * SECONDS) / RATE
    sound = 0.002 * generator.standard_normal(len(time)) + 0.01 * np.sin(2 * np.pi * 220 * time)
    sounds = [(start, (0.1 + 0.06 * seed) * struck(400, seed)) for seed, start in enumerate(KNOCKS)]
    sounds += [(start, 0.3 * struck(900, 10 + seed)) for seed, start in enumerate(OTHERS)]
    sounds += [(start, 0.3 * (struck(0, 20 + seed))) for seed, start in enumerate(CLICKS)]
    for start, event in sounds:
        sound[round(start * RATE) :][: len(event)] += event
    return np.stack([0.6 * sound, 0.4 * sound])[:, None].repeat(2, axis=1).astype(np.float32)


@pytest.fixture
def find(write_clip: Callable[..., Path]) -> Find:
    """find(stems, start, end, low, high, own=None) -> what is similar; own: the number of a stem, from 0."""

    def search(stems: np.ndarray, *asked: float, own: int | None = None) -> list[dict[str, Any]]:
        paths = [write_clip(stem, RATE, f"{number}.wav") for number, stem in enumerate(stems)]
        geometry = Geometry(RATE, stems.shape[-1])
        return similar.similar(paths, geometry, Asked(*asked), None if own is None else paths[own])

    return search


def starts(events: list[dict[str, Any]]) -> list[float]:
    return sorted(event["start"] for event in events)


@pytest.mark.parametrize("band", [(0, RATE / 2), (200, 5000), (300, 1500)])
@pytest.mark.parametrize("asked", [0, 4])
def test_the_other_knocks_are_found_and_nothing_else(
    find: Find, scene: np.ndarray, band: tuple[float, float], asked: int
) -> None:
    start = KNOCKS[asked] - 0.02
    found = find(scene, start, start + 0.1, *band)
    others = [knock - 0.02 for knock in KNOCKS if knock != KNOCKS[asked]]
    np.testing.assert_allclose(starts(found), others, atol=0.006)
    likeness = [event["likeness"] for event in found]
    assert likeness == sorted(likeness, reverse=True)
    assert all(0.75 <= one <= 1 for one in likeness)
    assert all(event["end"] - event["start"] == pytest.approx(0.1, abs=1e-3) for event in found)


def test_a_stem_is_looked_into_where_the_event_is_its_own(find: Find, scene: np.ndarray) -> None:
    """The second has the first two knocks alone; the first has what is left, and is no place to look for them."""
    halves = np.where(np.arange(scene.shape[-1]) < 4.4 * RATE, [[[0.1]], [[0.9]]], [[[1.0]], [[0.0]]])
    stems = (halves * scene.sum(0)).astype(np.float32)
    asked = (KNOCKS[0] - 0.02, KNOCKS[0] + 0.08, 200, 5000)
    np.testing.assert_allclose(starts(find(stems, *asked, own=1)), [KNOCKS[1] - 0.02], atol=0.006)
    assert len(find(stems, *asked, own=0)) == len(find(stems, *asked)) == 4


def test_events_overlap_neither_what_was_asked_for_nor_each_other_and_are_64_at_most(find: Find) -> None:
    beats = np.zeros((1, 1, RATE * 25), dtype=np.float32)
    for number in range(80):
        beats[..., round(0.3 * number * RATE) :][..., : RATE // 10] += struck(400, 0).astype(np.float32)
    found = find(beats, 3.0, 3.1, 100, 8000)
    assert len(found) == similar.MOST_EVENTS
    edges = sorted([(event["start"], event["end"]) for event in found] + [(3.0, 3.1)])
    assert all(end <= start + 1e-3 for (_, end), (start, _) in itertools.pairwise(edges))


@pytest.mark.parametrize("asked", [(0.0, 12.0, 0.0, 11_025.0), (5.0, 5.001, 500.0, 501.0), (11.9, 40.0, 0.0, 1e6)])
def test_places_of_any_size_are_answered(find: Find, scene: np.ndarray, asked: tuple[float, ...]) -> None:
    assert all(0 <= event["start"] < event["end"] <= SECONDS + 0.1 for event in find(scene, *asked))
    assert find(np.zeros_like(scene), *asked) == [], "nothing is like silence"


@pytest.mark.parametrize("asked", [(12.0, 13.0, 0.0, 100.0), (1.0, 1.0, 0.0, 100.0), (1.0, 2.0, 11_025.0, 12_000.0)])
def test_a_place_outside_the_clip_is_refused(find: Find, scene: np.ndarray, asked: tuple[float, ...]) -> None:
    with pytest.raises(BadRequest, match="no place in the clip"):
        find(scene, *asked)


def test_a_stem_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClipUnreadable, match=r"gone\.wav"):
        similar.similar([tmp_path / "gone.wav"], Geometry(RATE, RATE), Asked(0, 0.1, 0, 100))


KEYBOARD = CHECKOUT.parent / "shared" / "audio" / "foley" / "sources" / "keyboard.flac"


@pytest.mark.skipif(not KEYBOARD.is_file(), reason="the recording is not here")
def test_keystrokes_of_a_recording_are_found(tmp_path: Path) -> None:
    """Every answer lies on a stroke: where the sound sets in."""
    audio, rate = soundfile.read(KEYBOARD, always_2d=True)
    level = np.convolve((audio**2).mean(1), np.ones(441) / 441, "same")
    strokes = []
    for _ in range(30):
        strokes.append(int(level.argmax()))
        level[max(0, strokes[-1] - rate // 5) : strokes[-1] + rate // 5] = 0
    asked = strokes[0] / rate - 0.03
    found = similar.similar([KEYBOARD], Geometry(rate, len(audio)), Asked(asked, asked + 0.15, 100, 8000))
    assert len(found) >= 15
    assert sum(min(abs(event["start"] - (one / rate - 0.03)) for one in strokes) < 0.06 for event in found) >= 15
