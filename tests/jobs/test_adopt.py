"""Stems that something else made: as they were given, summing to the clip, and corrected by boxes as our own are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.errors import BadClip, BadRequest, UnknownSession
from tests.jobs.refining import RATE, Do, energy, text

BOX = (0.5, 0.9, 800, 3000)
FRAMES = int(1.5 * RATE)
Write = Callable[..., Path]


def apart_db(stem: np.ndarray, given: np.ndarray, clip: np.ndarray) -> float:
    """How far a stem is from what was given, against the clip."""
    return float(10 * np.log10(max(np.square(stem - given).sum() / np.square(clip).sum(), 1e-30)))


@pytest.fixture
def parts(clip: Path) -> np.ndarray:
    """Two stems of the clip, as another separator leaves them: some of either in the other, and a tenth in none."""
    audio = soundfile.read(clip, dtype="float32", always_2d=True)[0].T
    buzz = np.stack([audio[0] - audio[1], 0.5 * (audio[0] - audio[1])]) * 2
    bursts = audio - buzz
    return np.stack([0.7 * buzz + 0.2 * bursts, 0.2 * buzz + 0.7 * bursts]).astype(np.float32)


@pytest.fixture
def stems(write_clip: Write, parts: np.ndarray) -> list[str]:
    """Files of these, as a request names them."""
    return [f"0:::{write_clip(part, RATE, name)}" for part, name in zip(parts, ("buzz.wav", "bursts.wav"), strict=True)]


@pytest.fixture
def adopted(do: Do, clip: Path, stems: list[str]) -> dict[str, Any]:
    return do("adopt", "first", clip=str(clip), stem=stems, preset="quick-adopt")


def test_stems_stay_as_they_were_given_and_what_they_leave_is_one_more(
    clip: Path, parts: np.ndarray, adopted: dict[str, Any]
) -> None:
    whole = soundfile.read(clip, dtype="float32", always_2d=True)[0].T
    assert [stem["name"] for stem in adopted["stems"]] == ["buzz", "bursts", "remainder"]
    assert {stem["role"] for stem in adopted["stems"]} == {"source"}
    assert max(apart_db(*pair, whole) for pair in zip(adopted["audio"], parts, strict=False)) <= -100
    assert adopted["null_db"] <= -100
    assert (adopted["verb"], adopted["correctable"], adopted["boxes"]) == ("adopt", True, [])


def test_a_box_holds_in_all_stems_is_undone_to_the_bit_and_what_is_far_stays(do: Do, adopted: dict[str, Any]) -> None:
    taken = do("refine", "taken", session="first", box=[text(1, "deactivate", BOX)], fit=False)
    assert (taken["parent"], taken["correctable"]) == ("first", True)
    assert taken["null_db"] <= -100
    assert [stem["name"] for stem in taken["stems"]] == ["buzz", "bursts", "remainder"]
    assert energy(taken["audio"][0], *BOX) <= 1e-6 * energy(adopted["audio"][0], *BOX)
    further = do("refine", "further", session="taken", box=[text(3, "activate", (1.1, 1.4, 800, 3000))])
    rest = energy(adopted["audio"].sum(0), 1.1, 1.4, 800, 3000)
    assert energy(further["audio"][2], 1.1, 1.4, 800, 3000) == pytest.approx(rest, rel=1e-3)
    do("undo", "back", session="further")
    assert np.array_equal(do("refine", "same", session="back", fit=False)["audio"], taken["audio"])
    none = do("undo", "none", session="back")
    assert np.array_equal(none["audio"], adopted["audio"])
    only = do("refine", "only", session="first", only=["stem=2,start=0,end=0.3"])
    quiet = only["audio"][[0, 2], :, round(0.05 * RATE) : round(0.25 * RATE)]
    assert np.square(quiet).sum() <= 1e-6 * np.square(adopted["audio"]).sum()
    with pytest.raises(BadRequest, match="one answer only"):
        do("choose", "chosen", session="first", alternative=2)


def test_boxes_better_stems_beyond_themselves_where_they_bear_our_answer_out_and_else_leave_them(
    do: Do, write_clip: Write
) -> None:
    """Two tones; a box around half of the high one, in stems that hold some of both, and in the true ones."""
    time = np.arange(FRAMES) / RATE
    low, high = (
        0.2 * np.sin(2 * np.pi * hertz * time) * (np.sin(2 * np.pi * pace * time) > 0)
        for hertz, pace in ((440, 5), (2500, 3))
    )
    clip, later = write_clip(low + high, RATE, "tones.wav"), (0.8, 1.5, 1500, 6000)

    def kept_beyond(name: str, first: np.ndarray) -> float:
        pair = {f"{name} 1.wav": first, f"{name} 2.wav": low + high - first}
        given = [f"0:::{write_clip(audio, RATE, file)}" for file, audio in pair.items()]
        before = do("adopt", name, clip=str(clip), stem=given, preset="quick-adopt")
        after = do("refine", f"{name}-1", session=name, box=[text(1, "deactivate", (0.0, 0.75, 1500, 6000))])
        assert after["null_db"] <= -100
        return energy(after["audio"][0], *later) / energy(before["audio"][0], *later)

    assert kept_beyond("mixed", 0.6 * low + 0.4 * high) < 0.9
    assert kept_beyond("true", low) == pytest.approx(1, abs=1e-3)


def test_it_is_found_by_its_manifest_and_refused_once_its_stems_are_changed(
    do: Do, adopted: dict[str, Any], tmp_path: Path
) -> None:
    box = [text(1, "deactivate", BOX)]
    expected = do("refine", "named", session="first", box=box)
    shutil.move(tmp_path / "sessions", tmp_path / "away")
    by_path = do("refine", "by-path", session=str(adopted["folder"]), box=box)
    assert np.array_equal(by_path["audio"], expected["audio"])
    with pytest.raises(UnknownSession, match="not known here"):
        do("refine", "lost", session=str(expected["folder"]), box=box)
    shutil.rmtree(tmp_path / "sessions")
    shutil.move(tmp_path / "away", tmp_path / "sessions")
    stem = adopted["folder"] / adopted["stems"][0]["path"]
    soundfile.write(stem, adopted["audio"][0].T / 2, RATE, subtype="FLOAT")
    with pytest.raises(UnknownSession, match="somebody has changed them"):
        do("refine", "changed", session="first", box=box)


def test_boxes_of_a_long_clip_are_carried_to_its_other_chunks(
    do: Do, clip: Path, stems: list[str], three_chunks: str, quick_presets: Path
) -> None:
    preset = (
        (quick_presets / "quick-adopt.toml")
        .read_text(encoding="utf-8")
        .replace("12.0", "0.6")
        .replace("1.0\n", "0.1\n")
    )
    (quick_presets / "short-adopt.toml").write_text(preset, encoding="utf-8")
    first = do("adopt", "long", clip=str(clip), stem=stems, preset="short-adopt")
    assert first["chunks"] == 3
    box = [text(1, "deactivate", (0.1, 0.4, 0, 22_050))]
    here = do("refine", "here", session="long", box=box, carry=False)
    late = slice(round(0.7 * RATE), None)
    assert np.abs(here["audio"][..., late] - first["audio"][..., late]).max() <= 1e-6
    assert do("refine", "there", session="long", box=box)["null_db"] <= -100


def test_improved_stems_lie_between_the_given_and_ours_and_it_is_said_what_that_may_do(
    do: Do, clip: Path, stems: list[str], adopted: dict[str, Any]
) -> None:
    better = do("adopt", "better", clip=str(clip), stem=stems, preset="quick-adopt", improve=True)
    assert any("may harm good ones" in note for note in better["warnings"])
    assert better["null_db"] <= -100
    assert np.abs(better["audio"][:2] - adopted["audio"][:2]).max() > 1e-3
    # what they leave is nobody's to improve
    assert np.abs(better["audio"][2] - adopted["audio"][2]).max() < 1e-4


def test_what_sums_to_the_clip_leaves_nothing_and_one_stem_leaves_the_rest(
    do: Do, clip: Path, write_clip: Write, parts: np.ndarray, stems: list[str]
) -> None:
    whole = soundfile.read(clip, dtype="float32", always_2d=True)[0].T
    rest = f"0:::{write_clip(whole - parts[0], RATE, 'rest.wav')}"
    two = do("adopt", "two", clip=str(clip), stem=[stems[0], rest], preset="quick-adopt")
    assert [stem["name"] for stem in two["stems"]] == ["buzz", "rest"]
    assert two["null_db"] <= -100
    one = do("adopt", "one", clip=str(clip), stem=[stems[0]], labels=["voice"], preset="quick-adopt")
    assert [stem["name"] for stem in one["stems"]] == ["voice", "remainder"]
    with pytest.raises(BadClip, match="leaves nothing"):
        do("adopt", "none", clip=str(clip), stem=[f"0:::{clip}"], preset="quick-adopt")


def test_stems_of_another_shape_are_brought_to_the_clips(
    do: Do, clip: Path, write_clip: Write, parts: np.ndarray
) -> None:
    """One channel; another rate; a few samples too short; of the whole file that the clip is a stretch of."""
    mono = write_clip(parts[0].mean(0), RATE, "mono.wav")
    half = write_clip(parts[1][:, ::2], RATE // 2, "half.wav")
    short = write_clip(0.1 * parts[1][:, :-700], RATE, "short.wav")
    made = do(
        "adopt", "shapes", clip=str(clip), stem=[f"0:::{path}" for path in (mono, half, short)], preset="quick-adopt"
    )
    assert made["null_db"] <= -100
    assert np.array_equal(made["audio"][0][0], made["audio"][0][1])
    assert not made["audio"][2][:, -700:].any()
    assert [note.split()[0] for note in made["warnings"]] == ["mono", "half", "short"]
    stretch = do(
        "adopt",
        "stretch",
        clip=str(clip),
        start=RATE // 2,
        frames=RATE // 2,
        stem=[f"0:::{mono}"],
        preset="quick-adopt",
    )
    assert np.allclose(stretch["audio"][0], parts[0].mean(0)[RATE // 2 : RATE], atol=1e-6)


def test_stems_that_cannot_be_the_clips_are_refused_in_a_sentence_and_nothing_is_left(
    do: Do, clip: Path, write_clip: Write, parts: np.ndarray, noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    refused = {
        "channels, and the clip 2": write_clip(noise(3, FRAMES), RATE, "three.wav"),
        "long, and the clip": write_clip(parts[0][:, : FRAMES // 2], RATE, "half as long.wav"),
        "louder than the clip itself by": write_clip(noise(2, FRAMES), RATE, "another.wav"),
    }
    for said, path in refused.items():
        with pytest.raises(BadClip, match=said) as caught:
            do("adopt", "refused", clip=str(clip), stem=[f"0:::{path}"], preset="quick-adopt")
        assert caught.value.hint
    assert not (tmp_path / "refused").exists()
