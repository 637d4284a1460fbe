"""A denoising corrected by boxes: they hold where they are drawn, and nothing else changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.errors import BadRequest, UnknownSession
from dap_bridge.jobs.sessions import Sessions
from tests.jobs.refining import MIDDLE, RATE, Do, energy, text

LATE = (1.05, 1.4, 800, 3000)


@pytest.fixture
def denoised(do: Do, clip: Path) -> dict[str, Any]:
    return do("denoise", "first", clip=str(clip), preset="quick-denoise")


def test_what_a_box_takes_out_of_the_speech_is_noise_and_nothing_else_changes(
    do: Do, clip: Path, denoised: dict[str, Any]
) -> None:
    assert denoised["correctable"]
    taken = do("refine", "taken", session="first", box=[text(1, "deactivate", MIDDLE)])
    assert (taken["parent"], taken["carry"], [box["op"] for box in taken["boxes"]]) == ("first", False, ["deactivate"])
    assert [stem["role"] for stem in taken["stems"]] == ["speech", "noise"]
    assert taken["null_db"] <= -100
    assert energy(taken["audio"][0], *MIDDLE) <= 1e-6 * energy(denoised["audio"][0], *MIDDLE)
    whole = energy(denoised["audio"].sum(0), *MIDDLE)
    assert energy(taken["audio"][1], *MIDDLE) == pytest.approx(whole, rel=1e-3)
    later = slice(round(1.1 * RATE), None)
    assert np.abs(taken["audio"][..., later] - denoised["audio"][..., later]).max() <= 1e-6
    assert energy(taken["audio"][0], 0.5, 0.9, 5000, 12_000) == pytest.approx(
        energy(denoised["audio"][0], 0.5, 0.9, 5000, 12_000), rel=1e-3
    )
    assert np.array_equal(
        do("refine", "again", session="first", box=[text(1, "deactivate", MIDDLE)])["audio"], taken["audio"]
    )


def test_boxes_follow_one_another_and_are_undone_to_the_bit(do: Do, denoised: dict[str, Any]) -> None:
    one = do("refine", "one", session="first", box=[text(1, "deactivate", MIDDLE)], fit=False)
    two = do("refine", "two", session="one", box=[text(2, "deactivate", LATE)], only=["stem=1,start=0,end=0.3"])
    assert energy(two["audio"][1], *LATE) <= 1e-6 * energy(denoised["audio"].sum(0), *LATE)
    assert energy(two["audio"][0], *MIDDLE) <= 1e-6 * energy(denoised["audio"][0], *MIDDLE)
    quiet = two["audio"][1][:, round(0.05 * RATE) : round(0.25 * RATE)]
    assert np.square(quiet).sum() <= 1e-6 * np.square(denoised["audio"].sum(0)).sum()
    back = do("undo", "back", session="two")
    back = do("undo", "further", session="back")
    assert np.array_equal(back["audio"], one["audio"])
    first = do("undo", "none", session="further")
    assert np.array_equal(first["audio"], denoised["audio"])


def test_stems_that_were_clipped_cannot_be_corrected_and_the_manifest_says_so(
    do: Do, clip: Path, tmp_path: Path
) -> None:
    audio, rate = soundfile.read(clip)
    soundfile.write(tmp_path / "loud.wav", 4 * audio / np.abs(audio).max(), rate, subtype="FLOAT")
    made = do("denoise", "loud", clip=str(tmp_path / "loud.wav"), preset="quick-denoise", format="16")
    assert made["correctable"] is False
    for session in ("loud", str(made["folder"])):
        with pytest.raises(UnknownSession):
            do("refine", "corrected", session=session, box=[text(1, "deactivate", MIDDLE)])


def test_it_is_found_by_its_manifest_and_refused_once_its_stems_are_changed(
    do: Do, denoised: dict[str, Any], tmp_path: Path
) -> None:
    box = [text(1, "deactivate", MIDDLE)]
    expected = do("refine", "named", session="first", box=box)
    kept = Sessions(tmp_path / "sessions", most_bytes=1e9, most_days=1)
    assert [kept.has_learned(kept.get(name)) for name in ("first", "named")] == [True, True]
    shutil.rmtree(tmp_path / "sessions")
    by_path = do("refine", "by-path", session=str(denoised["folder"]), box=box)
    assert np.array_equal(by_path["audio"], expected["audio"])
    with pytest.raises(BadRequest, match="one answer"):
        do("choose", "other", session=str(denoised["folder"]), alternative=2)
    stem = denoised["folder"] / denoised["stems"][0]["path"]
    stem.write_bytes(stem.read_bytes() + b"\0\0")
    with pytest.raises(UnknownSession, match="changed"):
        do("refine", "late", session="by-path", box=box)
