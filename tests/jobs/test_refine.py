"""Boxes hold in what is written, whatever else changes; and what was made can be made again."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tomli_w
from scipy.signal import stft

from dap_bridge.domain import Job
from dap_bridge.engine.methods.consensus import boxes
from dap_bridge.errors import BadPreset, BadRequest, ClipUnreadable, DapError, UnknownSession
from dap_bridge.jobs import worker
from dap_bridge.jobs.sessions import Sessions
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb

RATE = 44_100
WINDOW = 2048
Do = Callable[..., dict[str, Any]]


@pytest.fixture
def do(tmp_path: Path) -> Do:
    """do(verb, name, **fields) -> the manifest of a job called `name`, with its folder and the stems' samples."""
    sessions = Sessions(tmp_path / "sessions", most_bytes=1e9, most_days=1)

    def run(verb: str, name: str, **fields: Any) -> dict[str, Any]:
        message = protocol.parse(verb, {"out": str(tmp_path / name)} | fields)
        assert isinstance(message, JobVerb)
        control = Unwatched(tmp_path / "jobs" / name, sessions)
        path = worker.run(Job(name, verb, message.request()), control, tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        stems = [
            soundfile.read(path.parent / stem["path"], dtype="float32", always_2d=True)[0].T
            for stem in manifest["stems"]
        ]
        return manifest | {"audio": np.stack(stems), "folder": path.parent}

    return run


@pytest.fixture
def clip(write_clip: Callable[..., Path]) -> Path:
    """1.5 s of stereo: a swelling buzz and bursts of noise, all over the spectrum."""
    time = np.arange(int(1.5 * RATE)) / RATE
    generator = np.random.default_rng(0)
    buzz = np.sign(np.sin(2 * np.pi * 220 * time)) * (1 + np.sin(2 * np.pi * 1.3 * time))
    bursts = generator.standard_normal(len(time)) * (np.sin(2 * np.pi * 4 * time) > 0.5)
    return write_clip(0.1 * np.stack([buzz + bursts, 0.5 * buzz + bursts]).astype(np.float32), RATE)


def energy(stem: np.ndarray, start: float, end: float, low: float, high: float) -> float:
    """Of (channels, frames), in the windows and main lobes that lie inside the box.

    A Blackman-Harris window sees 92 dB less of what is outside its main lobe, a Hann window only 31.
    """
    hertz, seconds, values = stft(
        stem, RATE, "blackmanharris", nperseg=WINDOW, noverlap=WINDOW * 3 // 4, boundary=None, padded=False
    )
    half, lobe = WINDOW / 2 / RATE, 4 * RATE / WINDOW
    bins = ((hertz >= low + lobe) | (low <= 0)) & ((hertz <= high - lobe) | (high >= RATE / 2))
    inside = np.ix_(np.arange(len(stem)), bins, (seconds - half >= start) & (seconds + half <= end))
    return float(np.sum(np.abs(values[inside]) ** 2))


def text(stem: int, op: str, where: tuple[float, float, float, float], **more: float) -> str:
    fields = {"stem": stem, "op": op, **dict(zip(("start", "end", "low", "high"), where, strict=True)), **more}
    return ",".join(f"{key}={value}" for key, value in fields.items())


MIDDLE, ABOVE_THE_FRONT, TO_THE_EDGES = (0.5, 0.9, 800, 3000), (0.4, 0.8, 7000, 14_000), (0, 0.3, 0, 22_050)


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
    assert after <= 1e-6 * before
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


@pytest.fixture
def three_chunks(quick_presets: Path) -> str:
    """A preset that cuts the clip in three."""
    table = tomllib.loads((quick_presets / "quick.toml").read_text(encoding="utf-8"))
    table["chunk"] = {"seconds": 0.6, "overlap_s": 0.1}
    (quick_presets / "short.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    return "short"


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


@pytest.mark.parametrize("session", ["nobody", "/nowhere/manifest.json"])
def test_a_session_that_is_not_there_is_named(do: Do, session: str) -> None:
    with pytest.raises(UnknownSession, match=session.split("/")[-1]):
        do("refine", "second", session=session)


@pytest.mark.parametrize(
    "text", ["[]", '{"verb": "separate"}', '{"verb": "texture", "session": "a", "inputs": []}', "no"]
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
    with pytest.raises(BadPreset, match="paper"):
        do("refine", "second", session=str(manifest))
