"""Several answers to one clip: each sums to it, lies in a folder of its own, and can be drawn in full and corrected."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tomli_w

from dap_bridge.errors import BadPreset, BadRequest, OutputUnwritable
from tests.jobs.refining import MIDDLE, RATE, Do, energy, text


def audio(folder: Path, stems: list[dict[str, Any]]) -> np.ndarray:
    return np.stack([soundfile.read(folder / stem["path"], dtype="float32", always_2d=True)[0].T for stem in stems])


def preset(folder: Path, name: str, **changes: Any) -> str:
    table = tomllib.loads((folder / "quick.toml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        table[section] = table[section] | values
    (folder / f"{name}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    return name


@pytest.fixture
def distinct(quick_presets: Path) -> str:
    """A preset to which any two answers are different ones."""
    return preset(quick_presets, "distinct", alternatives={"same": 1.1})


@pytest.fixture
def three_chunks(quick_presets: Path) -> str:
    """The same, which cuts the clip in three."""
    chunk = {"seconds": 0.6, "overlap_s": 0.1}
    return preset(quick_presets, "short", alternatives={"same": 1.1}, chunk=chunk)


@pytest.mark.parametrize("sources", [2, 3])
def test_every_alternative_sums_to_the_clip_and_the_first_is_the_answer_without_others(
    do: Do, clip: Path, three_chunks: str, sources: int
) -> None:
    alone = do("separate", "alone", clip=str(clip), preset=three_chunks, alternatives=1, sources=sources)
    made = do("separate", "made", clip=str(clip), preset=three_chunks, alternatives=4, sources=sources)
    assert alone["alternatives"] == []
    assert np.array_equal(made["audio"], alone["audio"])
    assert [one["index"] for one in made["alternatives"]] == [1, 2, 3, 4]
    assert made["alternatives"][0]["stems"] == made["stems"]
    assert len({one["what"] for one in made["alternatives"]}) == 4
    heard = [audio(made["folder"], one["stems"]) for one in made["alternatives"]]
    whole = made["audio"].sum(0)
    for one in heard:
        assert one.shape == (sources, 2, len(whole[0]))
        assert np.abs(one.sum(0) - whole).max() <= 1e-5
    for number, one in enumerate(heard):
        assert all(not np.array_equal(one, other) for other in heard[:number])
    assert made["null_db"] <= -100
    assert made["alternatives"][1]["stems"][0]["path"] == "alternative-2/stem-1.wav"
    assert sorted(path.name for path in made["folder"].iterdir() if path.is_dir()) == [
        "alternative-2",
        "alternative-3",
        "alternative-4",
    ]


def test_automatically_there_are_three_where_the_first_is_doubtful(do: Do, clip: Path, quick_presets: Path) -> None:
    for below, count in ((1.0, 3), (0.0, 0)):
        name = preset(quick_presets, f"below-{below:g}", alternatives={"same": 1.1, "offered_below": below})
        made = do("separate", name, clip=str(clip), preset=name, alternatives="auto")
        assert len(made["alternatives"]) == count
        unsaid = do("separate", f"{name}-unsaid", clip=str(clip), preset=name)
        assert len(unsaid["alternatives"]) == count, "the setting says auto"


def test_the_setting_holds_where_a_request_does_not_say(
    do: Do, clip: Path, distinct: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAP_BRIDGE_ALTERNATIVES", "2")
    assert len(do("separate", "unsaid", clip=str(clip), preset=distinct)["alternatives"]) == 2
    assert do("separate", "said", clip=str(clip), preset=distinct, alternatives="1")["alternatives"] == []


def test_one_that_says_what_another_says_is_left_out(do: Do, clip: Path, quick_presets: Path) -> None:
    name = preset(quick_presets, "alike", alternatives={"same": 0.0})
    assert do("separate", "made", clip=str(clip), preset=name, alternatives=4)["alternatives"] == []


def test_a_method_with_one_answer_says_so(do: Do, clip: Path) -> None:
    with pytest.raises(BadPreset, match="one answer"):
        do("separate", "made", clip=str(clip), preset="paper", alternatives=2)


def test_a_folder_that_is_there_is_not_written_into(do: Do, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "made" / "alternative-3").mkdir(parents=True)
    with pytest.raises(OutputUnwritable, match="alternative-3"):
        do("separate", "made", clip=str(clip), preset="quick", alternatives=3)
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["alternative-3"]


def test_the_one_that_is_chosen_is_drawn_in_full_and_corrected_like_any(
    do: Do, clip: Path, three_chunks: str, tmp_path: Path
) -> None:
    first = do("separate", "first", clip=str(clip), preset=three_chunks, alternatives=3)
    chosen = do("choose", "chosen", session="first", alternative=3)
    heard = audio(first["folder"], first["alternatives"][2]["stems"])
    assert (chosen["verb"], chosen["parent"], chosen["alternative"]) == ("choose", "first", 3)
    assert chosen["alternatives"] == [] and chosen["boxes"] == []
    assert chosen["null_db"] <= -100
    assert not np.array_equal(chosen["audio"], heard), "decoders draw it"

    box = [text(1, "deactivate", MIDDLE)]
    refined = do("refine", "refined", session="chosen", box=box)
    assert energy(refined["audio"][0], *MIDDLE) <= 1e-6 * energy(chosen["audio"][0], *MIDDLE)
    assert refined["alternative"] == 3
    assert np.array_equal(do("undo", "undone", session="refined")["audio"], chosen["audio"])
    other = do("choose", "other", session="refined", alternative=2)
    assert np.array_equal(other["audio"], do("choose", "again", session="first", alternative=2)["audio"])
    assert not np.array_equal(other["audio"], chosen["audio"])
    for one, number in ((chosen, 3), (other, 2)):
        assert one["stems"][0]["name"] == first["alternatives"][number - 1]["stems"][0]["name"] != "clip - stem 1"
    assert all(not one["warnings"] for one in (chosen, refined, other)), "nothing was separated again"
    assert np.array_equal(do("undo", "first-again", session=refine_first(do, box))["audio"], first["audio"])


def test_what_is_known_holds_in_the_one_that_is_chosen(do: Do, clip: Path, distinct: str) -> None:
    do("separate", "first", clip=str(clip), preset=distinct, alternatives=2, only=["stem=2,start=0.5,end=0.9"])
    chosen = do("choose", "chosen", session="first", alternative=2)
    span = slice(round(0.55 * RATE), round(0.85 * RATE))
    quiet, loud = (np.square(chosen["audio"][stem][:, span]).sum() for stem in (0, 1))
    assert quiet <= 1e-6 * loud
    assert [box["op"] for box in chosen["boxes"]] == ["activate"]


def refine_first(do: Do, box: list[str]) -> str:
    session: str = do("refine", "of-the-first", session="first", box=box)["session"]
    return session


def test_it_is_the_same_once_what_was_learned_is_gone_and_by_a_manifest_that_was_moved(
    do: Do, clip: Path, distinct: str, tmp_path: Path
) -> None:
    do("separate", "first", clip=str(clip), preset=distinct, alternatives=2)
    chosen = do("choose", "chosen", session="first", alternative=2)
    box = [text(1, "deactivate", MIDDLE)]
    refined = do("refine", "refined", session="chosen", box=box)
    shutil.rmtree(tmp_path / "sessions")
    for name in ("first", "chosen"):
        (tmp_path / name).rename(tmp_path / f"moved-{name}")
    again = do("choose", "again", session=str(tmp_path / "moved-first"), alternative=2)
    assert any("separated again" in warning for warning in again["warnings"])
    assert np.array_equal(again["audio"], chosen["audio"])
    corrected = do("refine", "corrected", session=str(tmp_path / "moved-chosen"), box=box)
    assert np.array_equal(corrected["audio"], refined["audio"])


def test_one_that_was_not_asked_for_then_is_found_now(do: Do, clip: Path, distinct: str) -> None:
    do("separate", "first", clip=str(clip), preset=distinct, alternatives=1)
    do("separate", "several", clip=str(clip), preset=distinct, alternatives=3)
    late = do("choose", "late", session="first", alternative=3)
    assert np.array_equal(late["audio"], do("choose", "kept", session="several", alternative=3)["audio"])


def test_one_that_there_is_not_is_refused(do: Do, clip: Path, quick_presets: Path) -> None:
    name = preset(quick_presets, "alike", alternatives={"same": 0.0})
    do("separate", "first", clip=str(clip), preset=name)
    with pytest.raises(BadRequest, match="no alternative 2"):
        do("choose", "chosen", session="first", alternative=2)


def test_the_components_are_kept_once(do: Do, clip: Path, distinct: str, tmp_path: Path) -> None:
    do("separate", "alone", clip=str(clip), preset=distinct, alternatives=1)
    fits = tmp_path / "sessions" / "fits"
    (first,) = fits.iterdir()
    do("separate", "several", clip=str(clip), preset=distinct, alternatives=2)
    further = [path for path in fits.iterdir() if path != first]
    assert len(further) == 1
    assert further[0].stat().st_size < 0.7 * first.stat().st_size


def test_a_session_of_an_earlier_version_goes_on(do: Do, clip: Path, tmp_path: Path) -> None:
    first = do("separate", "first", clip=str(clip), preset="quick")
    path = tmp_path / "sessions" / "sessions" / "first.json"
    session = json.loads(path.read_text(encoding="utf-8"))
    for key in ("alternative", "alternatives", "drawn"):
        del session[key]
    for key in ("alternatives", "residual"):
        del session["request"][key]
    path.write_text(json.dumps(session), encoding="utf-8")
    refined = do("refine", "refined", session="first", box=[text(1, "deactivate", MIDDLE)])
    assert refined["warnings"] == []
    assert np.array_equal(do("undo", "undone", session="refined")["audio"], first["audio"])


@pytest.mark.parametrize("form", ["16", "flac"])
def test_alternatives_are_written_as_all_results_are(do: Do, clip: Path, distinct: str, form: str) -> None:
    made = do("separate", "made", clip=str(clip), preset=distinct, alternatives=2, format=form)
    heard = audio(made["folder"], made["alternatives"][1]["stems"])
    assert np.abs(heard.sum(0) - made["audio"].sum(0)).max() <= 2**-15
    assert soundfile.info(made["folder"] / made["alternatives"][1]["stems"][0]["path"]).samplerate == RATE


@pytest.mark.parametrize("alternatives", [1, 2])
def test_what_no_sound_claims_is_a_stem_of_its_own(do: Do, clip: Path, three_chunks: str, alternatives: int) -> None:
    plain = do("separate", "plain", clip=str(clip), preset=three_chunks, alternatives=1)
    asked = {"preset": three_chunks, "alternatives": alternatives, "residual": True}
    made = do("separate", "made", clip=str(clip), **asked)
    assert [stem["role"] for stem in made["stems"]] == ["source", "source", "residual"]
    assert (made["stems"][2]["index"], made["stems"][2]["path"]) == (3, "residual.wav")
    assert made["null_db"] <= -100
    assert np.abs(made["audio"].sum(0) - plain["audio"].sum(0)).max() <= 1e-5
    least, most = (np.sum(one["audio"][:2] ** 2) for one in (made, plain))
    assert np.sum(made["audio"][2] ** 2) > 0
    assert least < most
    if alternatives == 2:
        first, second = made["alternatives"]
        assert [len(one["stems"]) for one in (first, second)] == [3, 2]
        assert np.abs(audio(made["folder"], second["stems"]).sum(0) - plain["audio"].sum(0)).max() <= 1e-5


def test_a_correction_has_no_residual_and_says_so(do: Do, clip: Path, tmp_path: Path) -> None:
    plain = do("separate", "plain", clip=str(clip), preset="quick")
    do("separate", "made", clip=str(clip), preset="quick", residual=True)
    box = [text(1, "deactivate", MIDDLE)]
    with pytest.raises(BadRequest, match="no stem 3"):
        do("refine", "residual", session="made", box=[text(3, "deactivate", MIDDLE)])
    expected = do("refine", "expected", session="plain", box=box)
    refined = do("refine", "refined", session="made", box=box)
    assert np.array_equal(refined["audio"], expected["audio"])
    assert len(refined["warnings"]) == 1 and "residual" in refined["warnings"][0]
    again = do("undo", "undone", session="refined")
    assert np.array_equal(again["audio"], plain["audio"])
    assert again["warnings"] == []
    shutil.rmtree(tmp_path / "sessions")
    by_manifest = do("refine", "by-manifest", session=str(tmp_path / "made"), box=box)
    assert np.array_equal(by_manifest["audio"], expected["audio"])


def test_a_method_with_one_answer_has_no_residual(do: Do, clip: Path) -> None:
    with pytest.raises(BadPreset, match="no residual"):
        do("separate", "made", clip=str(clip), preset="paper", residual=True)
