"""A session is found by its name or its manifest, wherever its files went; what was made can be made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.errors import BadPreset, BadRequest, ClipUnreadable, DapError, UnknownSession
from tests.jobs.refining import MIDDLE, RATE, Do, text
from tests.manifests import manifest


def test_without_its_learned_state_a_session_is_separated_again_the_same(do: Do, clip: Path, tmp_path: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    box = [text(1, "deactivate", MIDDLE)]
    kept = do("refine", "kept", session="first", box=box)
    assert kept["warnings"] == []
    shutil.rmtree(tmp_path / "sessions" / "fits")
    lost = do("refine", "lost", session="first", box=box)
    assert any("separated again" in warning for warning in lost["warnings"])
    assert np.array_equal(lost["audio"], kept["audio"])
    assert do("refine", "after", session="lost")["warnings"] == [], "what was learned anew was kept"


def test_a_damaged_learned_state_is_none(do: Do, clip: Path, tmp_path: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    (path,) = (tmp_path / "sessions" / "fits").iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert do("refine", "one", session="first", box=[text(1, "deactivate", MIDDLE)])["warnings"]


def test_a_manifest_is_enough(do: Do, clip: Path, tmp_path: Path) -> None:
    first = do("separate", "first", clip=str(clip), preset="quick", start=1000, frames=30_000, seed=3, label="Take")
    box = [text(2, "activate", (0.1, 0.5, 500, 2000))]
    named = do("refine", "named", session="first", box=box)
    by_path = do("refine", "by-path", session=str(first["folder"] / "manifest.json"), box=box)
    shutil.rmtree(tmp_path / "sessions")
    by_folder = do("refine", "by-folder", session=str(named["folder"]))
    for other in (by_path, by_folder):
        assert np.array_equal(named["audio"], other["audio"])
        assert (other["boxes"], other["stems"]) == (named["boxes"], named["stems"])
    assert by_path["warnings"] == []
    assert named["stems"][0]["name"] == "Take - stem 1"


def test_examples_are_in_the_manifest_and_are_heard_again(do: Do, clip: Path, tmp_path: Path) -> None:
    """One of the examples lies in two files, a channel each."""
    project = tmp_path / "project"
    project.mkdir()
    sound, rate = soundfile.read(clip)
    example = sound[: rate // 2, 0]
    for name, audio in (("take", sound), ("left", example), ("right", example[::-1]), ("hum", sound[rate:])):
        soundfile.write(project / f"{name}.wav", audio, rate)
    first = do(
        "separate",
        "first",
        clip=str(project / "take.wav"),
        preset="quick",
        out=str(project / "stems"),
        like=["1:0::44100:", f"2:100:20000::{project / 'hum.wav'}"],
        like_channel=[f"1:0:{project / 'left.wav'}", f"1:0:{project / 'right.wav'}"],
    )
    shutil.rmtree(tmp_path / "sessions")
    project.rename(tmp_path / "moved")
    again = do("refine", "again", session=str(tmp_path / "moved" / "stems"), out=str(tmp_path / "moved" / "again"))
    assert any(AGAIN in warning for warning in again["warnings"])
    assert np.array_equal(again["audio"], first["audio"])
    relative = [[file.pop(key) for file in one["examples"] for key in ("path", "relative")] for one in (first, again)]
    assert relative[0][1::2] == relative[1][1::2] == ["../left.wav", "../right.wav", "../hum.wav"]
    assert again["examples"] == first["examples"]


AGAIN = "separated again"
BOX = "stem=1,op=deactivate,start=0.5,end=1,low=200,high=4000"


def separated_in(folder: Path, do: Do, clip: Path) -> dict[str, Any]:
    """The clip in a folder of its own, and below it the stems."""
    folder.mkdir()
    shutil.copy2(clip, folder / "take.wav")
    out = str(folder / "stems")
    return do("separate", "stems", clip=str(folder / "take.wav"), preset="quick", seed=3, out=out)


@pytest.mark.parametrize("kept", [True, False], ids=["with what was learned", "by the manifest alone"])
def test_a_project_folder_can_be_moved(do: Do, clip: Path, tmp_path: Path, kept: bool) -> None:
    """The clip and all results in it, and a folder like it made anew in the former place, with another clip."""
    project = tmp_path / "project"
    separated_in(project, do, clip)
    here = do("refine", "here", session=str(project / "stems"), box=[BOX], fit=False)
    project.rename(tmp_path / "moved")
    project.mkdir()
    soundfile.write(project / "take.wav", np.zeros((RATE * 2, 2)), RATE)
    if not kept:
        shutil.rmtree(tmp_path / "sessions")
    moved = tmp_path / "moved"
    manifest, out = str(moved / "stems" / "manifest.json"), str(moved / "better")
    there = do("refine", "better", session=manifest, box=[BOX], fit=False, out=out)
    np.testing.assert_array_equal(there["audio"], here["audio"])
    assert [entry["path"] for entry in there["inputs"]] == [str(moved / "take.wav")]
    assert there["inputs"][0]["relative"] == "../take.wav"
    assert any(AGAIN in warning for warning in there["warnings"]) != kept
    moved.rename(tmp_path / "again")
    undone = do("undo", "undone", session=str(tmp_path / "again" / "better"))
    assert undone["boxes"] == []
    assert not any(AGAIN in warning for warning in undone["warnings"])


def test_a_clip_that_went_elsewhere_can_be_named(do: Do, clip: Path, tmp_path: Path) -> None:
    separated_in(tmp_path / "project", do, clip)
    (tmp_path / "project").rename(tmp_path / "moved")
    with pytest.raises(ClipUnreadable, match=r"take\.wav") as caught:
        do("refine", "none", session="stems", box=[BOX], fit=False)
    assert "--clip" in caught.value.hint
    assert "manifest.json" in caught.value.hint
    for name, place in (("file", tmp_path / "moved" / "take.wav"), ("folder", tmp_path / "moved")):
        result = do("refine", name, session="stems", clip=str(place), box=[BOX], fit=False)
        assert result["inputs"][0]["path"] == str(tmp_path / "moved" / "take.wav")
        assert not any(AGAIN in warning for warning in result["warnings"]), "it is the same clip"
    other = do("refine", "other", session="stems", clip=str(clip), box=[BOX], fit=False)
    assert not any(AGAIN in warning for warning in other["warnings"]), "a copy with its time of writing"
    clip.touch()
    other = do("refine", "touched", session="stems", clip=str(clip), box=[BOX], fit=False)
    assert any(AGAIN in warning for warning in other["warnings"])


def test_a_clip_of_several_files_is_found_by_their_folder(do: Do, clip: Path, tmp_path: Path) -> None:
    samples, _ = soundfile.read(clip)
    (tmp_path / "project").mkdir()
    names = ["left.wav", "right.wav"]
    for name, channel in zip(names, samples.T, strict=True):
        soundfile.write(tmp_path / "project" / name, channel, RATE, subtype="FLOAT")
    channels = [f"0:{tmp_path / 'project' / name}" for name in names]
    do("separate", "stems", channel=channels, preset="quick")
    (tmp_path / "project").rename(tmp_path / "moved")
    with pytest.raises(BadRequest, match="2 files"):
        do("refine", "one", session="stems", clip=str(tmp_path / "moved" / "left.wav"), box=[BOX], fit=False)
    result = do("refine", "both", session="stems", clip=str(tmp_path / "moved"), box=[BOX], fit=False)
    assert [entry["path"] for entry in result["inputs"]] == [str(tmp_path / "moved" / name) for name in names]
    assert not any(AGAIN in warning for warning in result["warnings"])


def test_a_clip_that_has_changed_is_separated_again(do: Do, clip: Path) -> None:
    do("separate", "first", clip=str(clip), preset="quick")
    audio, _ = soundfile.read(clip, dtype="float32")
    soundfile.write(clip, audio[::-1], RATE, subtype="FLOAT")
    second = do("refine", "second", session="first", box=[text(1, "deactivate", MIDDLE)])
    assert any("has changed" in warning for warning in second["warnings"])
    assert np.abs(second["audio"].sum(0) - audio[::-1].T).max() < 1e-5


def said(**fields: Any) -> str:
    """A manifest as text."""
    return json.dumps(manifest("lost", 22_050, 22_050, {"stem-1.wav": "a", "stem-2.wav": "b"}, **fields).as_dict())


@pytest.mark.parametrize("session", ["nobody", "/nowhere/manifest.json"])
def test_a_session_that_is_not_there_is_named(do: Do, session: str) -> None:
    with pytest.raises(UnknownSession, match=session.split("/")[-1]):
        do("refine", "second", session=session)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"verb": "separate"}',
        '{"verb": "texture", "session": "a", "inputs": []}',
        "no",
        said(inputs=()),
        said(inputs=({"path": "/a.wav"},)),
        said(inputs=({"path": "/a.wav", "start": "now", "channels": [0]},)),
        said(format="tape"),
        said(version=2),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(do: Do, tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(DapError) as refused:
        do("refine", "second", session=str(path))
    assert refused.value.code == "unknown_session"


def test_what_the_papers_method_makes_has_no_components_to_correct(do: Do, clip: Path, quick_presets: Path) -> None:
    first = do("separate", "first", clip=str(clip), preset="quick")
    manifest = first["folder"] / "manifest.json"
    value = json.loads(manifest.read_text(encoding="utf-8")) | {"preset": "paper", "session": "other"}
    manifest.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(BadPreset, match="'paper' makes cannot be corrected"):
        do("refine", "second", session=str(manifest))
