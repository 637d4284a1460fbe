"""Boxes hold in what is written, whatever else changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.engine.methods.consensus import boxes
from dap_bridge.errors import BadRequest
from tests.jobs.refining import ABOVE_THE_FRONT, MIDDLE, RATE, TO_THE_EDGES, Do, energy, text


@pytest.mark.parametrize("fit", [True, False])
@pytest.mark.parametrize("op", ["deactivate", "activate"])
@pytest.mark.parametrize("where", [MIDDLE, ABOVE_THE_FRONT, TO_THE_EDGES])
def test_a_box_of_full_strength_silences_and_the_stems_still_sum_to_the_clip(
    do: Do, clip: Path, where: tuple[float, float, float, float], op: str, fit: bool
) -> None:
    first = do("separate", "first", clip=str(clip), preset="quick")
    second = do("refine", "second", session="first", box=[text(1, op, where)], fit=fit)
    silent = 0 if op == "deactivate" else 1
    before, after = (energy(one["audio"][silent], *where) for one in (first, second))
    assert before > 0
    # a stem that is faint there already need not fall 60 dB more: silence is measured against the mixture
    assert after <= max(1e-6 * before, 10**-7.5 * energy(first["audio"].sum(0), *where))
    assert second["null_db"] <= -100
    assert np.abs(second["audio"].sum(0) - first["audio"].sum(0)).max() <= 1e-5


def test_half_a_strength_moves_the_mask_half_the_way(do: Do, clip: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    levels = {
        strength: energy(
            do("refine", f"at{strength}", session="first", box=[text(1, "deactivate", MIDDLE, strength=strength)])[
                "audio"
            ][0],
            *MIDDLE,
        )
        for strength in (0, 0.5, 1)
    }
    assert levels[1] < 1e-6 * levels[0]
    assert 1e-3 * levels[0] < levels[0.5] < 0.5 * levels[0], "evidence carries it further than half the way"


def test_boxes_are_a_list_that_can_be_undone_replaced_and_replayed(do: Do, clip: Path) -> None:
    here, there = text(1, "deactivate", MIDDLE), text(2, "activate", ABOVE_THE_FRONT)
    first = do("separate", "first", clip=str(clip), preset="quick")
    one = do("refine", "one", session="first", box=[here])
    two = do("refine", "two", session="one", box=[there])
    assert [box["stem"] for box in two["boxes"]] == [1, 2]
    assert (two["verb"], two["session"], two["parent"]) == ("refine", "two", "one")
    undone = do("undo", "undone", session="two")
    assert np.array_equal(undone["audio"], one["audio"])
    assert undone["boxes"] == one["boxes"]
    blank = do("undo", "blank", session="undone")
    assert np.array_equal(blank["audio"], first["audio"])
    with pytest.raises(BadRequest, match="no box"):
        do("undo", "no", session="blank")
    replaced = do("refine", "replaced", session="one", box=[here, there], keep=False)
    assert np.array_equal(replaced["audio"], two["audio"])
    again = do("refine", "again", session="two", seed=7)
    assert (again["seed"], again["boxes"]) == (7, two["boxes"])
    assert not np.array_equal(again["audio"], two["audio"])


def test_the_manifest_tells_how_much_changed_outside_the_boxes(do: Do, clip: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    changed = do("refine", "one", session="first", box=[text(1, "deactivate", (0, 1.5, 0, 22_050))])["changes"]
    assert changed == [{"stem": 1, "outside_db": -200.0}, {"stem": 2, "outside_db": -200.0}], "there is no outside"
    changed = do("refine", "two", session="first", box=[text(1, "deactivate", MIDDLE)])["changes"]
    assert [entry["stem"] for entry in changed] == [1, 2]
    assert all(-100 < entry["outside_db"] < 0 for entry in changed)


def test_in_a_clip_of_many_chunks_a_box_holds_across_their_seams(do: Do, clip: Path, three_chunks: str) -> None:
    first = do("separate", "first", clip=str(clip), preset=three_chunks)
    where = (0.3, 1.2, 800, 3000)
    second = do("refine", "second", session="first", box=[text(1, "deactivate", where)])
    assert energy(second["audio"][0], *where) <= 1e-6 * energy(first["audio"][0], *where)
    assert second["null_db"] <= -100
    assert np.array_equal(do("undo", "third", session="second")["audio"], first["audio"])


@pytest.mark.parametrize("where", [(0.1, 0.3, 800, 3000), (1.25, 1.4, 800, 3000)])
def test_far_from_the_boxes_stems_stay_those_of_the_separation(
    do: Do, clip: Path, three_chunks: str, tmp_path: Path, where: tuple[float, float, float, float]
) -> None:
    """They are copied, with no learned state there; or made again, the same, where the files are not as they were."""
    first = do("separate", "first", clip=str(clip), preset=three_chunks)
    box, fits = [text(1, "deactivate", where)], tmp_path / "sessions" / "fits"
    far = json.loads((tmp_path / "sessions" / "sessions" / "first.json").read_text())["fits"][
        2 if where[0] < 0.5 else 0
    ]
    content = (fits / f"{far}.safetensors").read_bytes()
    (fits / f"{far}.safetensors").unlink()
    copied = do("refine", "copied", session="first", box=box, carry=False)
    assert copied["warnings"] == []
    assert copied["null_db"] <= -100
    undone = do("undo", "undone", session="copied")
    assert np.array_equal(undone["audio"], first["audio"])

    (fits / f"{far}.safetensors").write_bytes(content)
    stem = first["folder"] / "stem-1.wav"
    soundfile.write(stem, 2 * first["audio"][0].T, RATE, subtype="FLOAT")
    made = do("refine", "made", session="first", box=box, carry=False)
    assert np.array_equal(made["audio"], copied["audio"])
    stem.unlink()
    assert np.array_equal(do("undo", "unmade", session="copied")["audio"], first["audio"])


def test_what_boxes_teach_is_carried_to_the_chunks_without_any(
    do: Do, clip: Path, three_chunks: str, tmp_path: Path
) -> None:
    first = do("separate", "first", clip=str(clip), preset=three_chunks)
    boxes = [text(1, "deactivate", (0.1, 0.3, 800, 3000)), text(2, "activate", (0.2, 0.3, 100, 400))]
    carried, near, preview = (
        do("refine", name, session="first", box=boxes, **how)
        for name, how in {"carried": {}, "near": {"carry": False}, "preview": {"fit": False}}.items()
    )
    far = np.s_[..., int(1.2 * RATE) :]
    assert np.array_equal(near["audio"][far], first["audio"][far])
    assert np.array_equal(preview["audio"][far], first["audio"][far])
    assert not np.array_equal(carried["audio"][far], first["audio"][far])
    assert carried["null_db"] <= -100
    assert [one["carry"] for one in (first, carried, near)] == [None, True, False]
    assert carried["chunks"] == 3
    last = do("refine", "last", session="near", box=boxes[1:], keep=False)
    assert not np.array_equal(last["audio"][far], first["audio"][far])

    # taking the second box back leaves what the first one teaches, and only around it where nothing was carried
    shutil.rmtree(tmp_path / "sessions" / "sessions")
    for name, alike in {"carried": False, "near": True}.items():
        undone = do("undo", f"un{name}", session=str(tmp_path / name))
        assert len(undone["boxes"]) == 1
        assert np.array_equal(undone["audio"][far], first["audio"][far]) == alike


def test_a_chunk_that_a_box_only_touches_is_taught_before_it_teaches(
    do: Do, clip: Path, three_chunks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second chunk begins at 0.47 s, the first one ends at 0.57 s."""
    orders, correct_chunks = [], boxes.correct

    def heard(*arguments: Any, **more: Any) -> Any:
        orders.append(more["carry"])
        return correct_chunks(*arguments, **more)

    monkeypatch.setattr(boxes, "correct", heard)
    do("separate", "first", clip=str(clip), preset=three_chunks)
    seam, last = text(1, "deactivate", (0.55, 0.8, 800, 3000)), text(2, "activate", (1.2, 1.3, 100, 400))
    do("refine", "second", session="first", box=[seam, last])
    do("refine", "third", session="first", box=[last, seam])
    assert orders == [(1, 0, 2), (2, 1, 0)]


def test_what_is_taken_from_one_of_three_goes_to_the_other_two(do: Do, clip: Path) -> None:
    first = do("separate", "first", clip=str(clip), preset="quick", sources=3)
    boxes = [text(1, "deactivate", MIDDLE), text(2, "deactivate", MIDDLE)]
    second = do("refine", "second", session="first", box=boxes)
    for silent in (0, 1):
        assert energy(second["audio"][silent], *MIDDLE) <= 1e-6 * energy(first["audio"][silent], *MIDDLE)
    assert second["null_db"] <= -100


BAD = {
    "a second box beyond the clip": ([text(1, "activate", MIDDLE), text(1, "activate", (1, 2, 0, 100))], "Box 2.* 2 s"),
    "a stem that is not there": ([text(3, "activate", MIDDLE)], "Box 1.*no stem 3"),
    "above the clip's band": ([text(1, "activate", (0, 1, 22_050, 30_000))], "Box 1.*22050 Hz"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_box_outside_the_clip_is_refused_and_nothing_changes(do: Do, clip: Path, tmp_path: Path, name: str) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    before = sorted(tmp_path.rglob("*"))
    boxes, reason = BAD[name]
    with pytest.raises(BadRequest, match=reason):
        do("refine", "second", session="first", box=boxes)
    shutil.rmtree(tmp_path / "jobs" / "second")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_session_holds_so_many_boxes_and_no_more(do: Do, clip: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    do("refine", "full", session="first", box=[text(1, "activate", MIDDLE, strength=0)] * 200)
    with pytest.raises(BadRequest, match="200"):
        do("refine", "more", session="full", box=[text(1, "activate", MIDDLE)])
