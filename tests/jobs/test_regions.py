"""Regions of any shape hold in what is written as boxes do, and nowhere beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dap_bridge.errors import BadRequest
from tests.jobs.refining import MIDDLE, RATE, Do, energy, text
from tests.jobs.regions import Region, diagonal, disc

SHAPES = {"disc": disc(0.2, 1.3, 500, 9000), "diagonal": diagonal(0.1, 1.4, 300, 12_000, log=True)}


def silent(first: np.ndarray, second: np.ndarray, region: Region, rate: int = RATE) -> bool:
    """Whether the first of two stems is silent in the region after a correction, as boxes are."""
    before, after = (region.energy(audio[0], rate) for audio in (first, second))
    assert before > 0
    return after <= max(1e-6 * before, 10**-7.5 * region.energy(first.sum(0), rate))


@pytest.mark.parametrize(("shape", "fit"), [("disc", True), ("diagonal", False)])
def test_a_region_is_silent_where_it_is_drawn_and_sounds_on_beside_it(
    do: Do, clip: Path, shape: str, fit: bool
) -> None:
    """In the corners of its rectangle, which a box silences; and undo and redo are exact."""
    region = SHAPES[shape]
    first = do("separate", "first", clip=str(clip), preset="quick")
    second = do("refine", "second", session="first", box=[region.text(1, "deactivate")], fit=fit)
    assert silent(first["audio"], second["audio"], region)
    beside, left = (region.energy(one["audio"][0], RATE, drawn=False) for one in (first, second))
    assert left > 0.1 * beside
    assert second["null_db"] <= -100
    assert [box["mask"] for box in second["boxes"]] == [region.mask]
    undone = do("undo", "undone", session="second")
    assert np.array_equal(undone["audio"], first["audio"])
    again = do("refine", "again", session="undone", box=[region.text(1, "deactivate")], fit=fit)
    assert np.array_equal(again["audio"], second["audio"])


def test_a_preview_holds_too_and_what_is_brought_in_silences_the_others(do: Do, clip: Path) -> None:
    region = SHAPES["disc"]
    first = do("separate", "first", clip=str(clip), preset="quick")
    second = do("refine", "second", session="first", box=[region.text(2, "activate")], fit=False)
    assert silent(first["audio"], second["audio"], region)
    half = do("refine", "half", session="first", box=[region.text(2, "activate", strength=0.5)], fit=False)
    assert region.energy(half["audio"][0], RATE) > 1e-3 * region.energy(first["audio"][0], RATE)


def test_a_box_is_a_region_that_is_drawn_all_over(do: Do, clip: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    box = text(1, "deactivate", MIDDLE)
    plain = do("refine", "plain", session="first", box=[box], fit=False)
    for name, mask in {"one": "linear:1x1:0.1", "many": "log:16x9:0.144"}.items():
        other = do("refine", name, session="first", box=[f"{box},mask={mask}"], fit=False)
        np.testing.assert_allclose(other["audio"], plain["audio"], atol=1e-6)


def test_a_region_holds_across_the_seams_of_chunks_and_far_from_it_nothing_changes(
    do: Do, clip: Path, three_chunks: str
) -> None:
    """Its rectangle is in the last chunk, too, and none of its cells."""
    drawn = np.ones((8, 30), dtype=bool)
    drawn[:, 16:] = False
    drawn[:4, :8] = False
    region = Region(drawn, 0.3, 1.4, 800, 6000)
    first = do("separate", "first", clip=str(clip), preset=three_chunks)
    second = do("refine", "second", session="first", box=[region.text(1, "deactivate")], carry=False)
    assert silent(first["audio"], second["audio"], region)
    far = np.s_[..., int(1.1 * RATE) :]
    assert np.array_equal(second["audio"][far], first["audio"][far])
    assert np.array_equal(do("undo", "third", session="second")["audio"], first["audio"])


@pytest.mark.parametrize("rate", [8000, 96_000])
def test_a_region_holds_at_any_rate(do: Do, write_clip: Callable[..., Path], rate: int) -> None:
    generator = np.random.default_rng(0)
    time = np.arange(int(1.2 * rate)) / rate
    bursts = generator.standard_normal((2, len(time))) * (np.sin(2 * np.pi * 4 * time) > 0.3)
    clip = write_clip(0.1 * (np.sign(np.sin(2 * np.pi * 220 * time)) + bursts), rate)
    region = disc(0.1, 1.1, 400, 3600)
    first = do("separate", "first", clip=str(clip), preset="quick")
    second = do("refine", "second", session="first", box=[region.text(1, "deactivate")], fit=False)
    assert silent(first["audio"], second["audio"], region, rate)


def test_columns_go_with_the_time_of_a_clip_without_its_silence(
    do: Do, write_clip: Callable[..., Path], clip: Path
) -> None:
    """Three seconds of nothing at 0.6 s, and the same cells before and behind it."""
    generator = np.random.default_rng(2)
    sound = 0.1 * generator.standard_normal((2, int(1.5 * RATE))).astype(np.float32)
    at = int(0.6 * RATE)
    long = np.insert(sound, [at] * (3 * RATE), 0, axis=1)
    drawn = np.random.default_rng(1).random((6, 9)) < 0.6
    region = Region(drawn, 0.3, 1.2, 500, 6500)
    longer = replace(region, drawn=np.insert(drawn, [3] * 30, True, axis=1), end=4.2)
    answers = []
    for name, audio, shape in (("plain", sound, region), ("padded", long, longer)):
        do("separate", name, clip=str(write_clip(audio, RATE, f"{name}.wav")), preset="quick")
        answers.append(do("refine", f"{name}-2", session=name, box=[shape.text(1, "deactivate")], fit=False)["audio"])
    plain, padded = answers
    np.testing.assert_allclose(np.delete(padded, np.s_[at : at + 3 * RATE], axis=2), plain, atol=1e-5)


def test_results_from_before_there_were_regions_are_corrected(do: Do, clip: Path, tmp_path: Path) -> None:
    """Their boxes have neither a mask nor a feather of their own in frequency, in the session and in the manifest."""
    do("separate", "first", clip=str(clip), preset="quick")
    one = do("refine", "one", session="first", box=[text(1, "deactivate", MIDDLE)], fit=False)
    session, manifest = tmp_path / "sessions" / "sessions" / "one.json", one["folder"] / "manifest.json"
    for path in (session, manifest):
        value = json.loads(path.read_text(encoding="utf-8"))
        for key in ("mask", "feather_octaves"):
            assert value["boxes"][0].pop(key, "none") is None
        path.write_text(json.dumps(value), encoding="utf-8")
    for name, known in (("two", "one"), ("three", str(manifest))):
        two = do("refine", name, session=known, box=[SHAPES["disc"].text(2, "activate")], fit=False)
        assert [box["mask"] for box in two["boxes"]] == [None, SHAPES["disc"].mask]
        assert energy(two["audio"][0], 0.55, 0.85, 6000, 7000) < 1e-4 * energy(one["audio"][0], 0.55, 0.85, 6000, 7000)


def test_a_manifest_with_a_mask_that_is_none_is_refused(do: Do, clip: Path, tmp_path: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    one = do("refine", "one", session="first", box=[SHAPES["disc"].text(1, "deactivate", strength=0)], fit=False)
    shutil.rmtree(tmp_path / "sessions")
    path = one["folder"] / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace(SHAPES["disc"].mask, "linear:2x2:9.9"), encoding="utf-8")
    with pytest.raises(BadRequest, match="Box 1: mask has runs of 18 cells"):
        do("refine", "two", session=str(path), box=[text(1, "deactivate", MIDDLE)], fit=False)
