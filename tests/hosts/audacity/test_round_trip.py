"""From a selection to stems on new tracks, in the real program; the exported sum is compared with the clip."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.transport import protocol
from dap_bridge.transport.events import Accepted, Done
from tests.hosts.audacity.conftest import Left
from tests.hosts.audacity.host import END, FIRST, LAST, NAMES, RATE, SECONDS, START, Audacity
from tests.hosts.impostor import Impostor
from tests.hosts.sound import NULL_DB, null_db
from tests.manifests import manifest, write
from tests.processes import Process

# A start alone may take long on a busy machine.
pytestmark = pytest.mark.timeout(600)


def test_the_selection_and_its_box_are_sent(separated: dict[str, Any]) -> None:
    assert set(separated["boxes"]) == {" ".join(name.splitlines()) for name in NAMES}
    for start, end, low, high in separated["boxes"].values():
        assert (round(start * RATE), round(end * RATE), low, high) == (FIRST, LAST, 300, 4000)


def test_stems_arrive_where_the_selection_was(audacity: Audacity, separated: dict[str, Any]) -> None:
    made = audacity.tracks()[2:]
    assert [track["name"] for track in made] == [f"{name} - stem {number}" for name in NAMES for number in (1, 2)]
    assert [track["channels"] for track in made] == [2, 2, 1, 1]
    for track in made:
        assert (track["start"], track["end"]) == pytest.approx((FIRST / RATE, LAST / RATE), abs=1e-4)
    assert [outcome["tracks"] for outcome in separated["outcomes"].values()] == [
        [f"{name} - stem {number}" for number in (1, 2)] for name in NAMES
    ]


@pytest.mark.parametrize(("source", "stems"), [(0, range(2, 4)), (1, range(4, 6))], ids=["stereo", "mono"])
def test_the_exported_sum_is_the_clip(
    audacity: Audacity, project: dict[str, np.ndarray], separated: dict[str, Any], source: int, stems: range
) -> None:
    clip = project[NAMES[source]]
    total = audacity.export(stems[0], len(stems), SECONDS, clip.shape[1])
    assert total.shape == (LAST, clip.shape[1])  # an export ends with the last sound
    assert null_db(total[FIRST:LAST], clip[FIRST:LAST]) <= NULL_DB
    assert np.abs(total[:FIRST]).max() < 1e-6


def test_what_was_separated_stays_for_mask_edits(daemon: Process, separated: dict[str, Any]) -> None:
    assert set((daemon.spool / "clips").iterdir()) >= set(separated["clips"])
    for clip in separated["clips"]:
        assert len(soundfile.read(clip)[0]) == LAST - FIRST


def test_no_daemon(audacity: Audacity, project: dict[str, np.ndarray], nobody: Process, left: Left) -> None:
    audacity.select(1, 1, START, END)
    audacity.separate_and_close_box("audacity-no-daemon")
    assert not left()


def test_a_daemon_that_never_answers(
    audacity: Audacity, project: dict[str, np.ndarray], impostor: Impostor, left: Left
) -> None:
    audacity.select(1, 1, START, END)
    audacity.separate_and_close_box("audacity-no-answer")
    for path in (*left(), *(impostor.spool / "inbox").iterdir()):
        path.unlink()


def test_a_refusal_is_shown(audacity: Audacity, project: dict[str, np.ndarray], daemon: Process, left: Left) -> None:
    audacity.select(1, 1, START, END)
    audacity.separate_and_close_box("audacity-refused", preset="no name!")
    assert "preset" in audacity.bring_back()["mono"]["message"]
    assert not left()


@pytest.fixture
def earlier_answers(daemon: Process) -> None:
    """Jobs are named by the second; here one was refused in every second of a minute, and its answer alone is left."""
    now = datetime.now()
    for second in (now + timedelta(seconds=number) for number in range(60)):
        name = f"audacity-{second.year}-{second.timetuple().tm_yday}-{second.hour}-{second.minute}-{second.second}-1"
        path = daemon.spool / "outbox" / f"{name}.status"
        path.write_text(protocol.lines({"event": "failed", "message": "An earlier one.", "hint": ""}))


@pytest.mark.usefixtures("earlier_answers")
def test_a_job_that_fails_is_reported(
    audacity: Audacity, project: dict[str, np.ndarray], daemon: Process, left: Left
) -> None:
    audacity.select(1, 1, START, END)
    audacity.separate(preset="nonsense")
    outcome = audacity.bring_back()["mono"]
    assert "nonsense" in outcome["message"]
    assert outcome["hint"]
    assert not left()


def answered(audacity: Audacity, impostor: Impostor, manifest: Path) -> dict[str, Any]:
    """The mono track is sent, and this is the answer; what became of it."""
    audacity.select(1, 1, START, END)
    before = set((impostor.spool / "inbox").iterdir())
    impostor.answer_files(lambda job: [Accepted(job=job, verb="separate"), Done(job=job, manifest=str(manifest))])
    audacity.separate()
    for path in set((impostor.spool / "inbox").iterdir()) - before:
        path.unlink()
    outcome: dict[str, Any] = audacity.bring_back()["mono"]
    return outcome


GONE = json.dumps(manifest("gone", RATE, 1, {"gone.wav": "x"}).as_dict())


@pytest.mark.parametrize("content", ["{", "[]", GONE], ids=["cut", "empty", "gone"])
def test_a_result_that_is_none_is_reported(
    audacity: Audacity, project: dict[str, np.ndarray], impostor: Impostor, tmp_path: Path, content: str
) -> None:
    before = [track["name"] for track in audacity.tracks()]
    (tmp_path / "manifest.json").write_text(content)
    outcome = answered(audacity, impostor, tmp_path / "manifest.json")
    assert outcome["message"]
    assert str(tmp_path) in outcome["hint"]
    assert [track["name"] for track in audacity.tracks()] == before


def test_a_stem_one_sample_late_would_be_noticed(
    audacity: Audacity, project: dict[str, np.ndarray], impostor: Impostor, tmp_path: Path, left: Left
) -> None:
    clip = project["mono"][FIRST:LAST]
    stems = {}
    for number, audio in enumerate((np.roll(0.5 * clip, 1, axis=0), 0.5 * clip), start=1):
        soundfile.write(tmp_path / f"stem-{number}.wav", audio, RATE, subtype="FLOAT")
        stems[f"stem-{number}.wav"] = f"late {number}"
    outcome = answered(audacity, impostor, write(tmp_path, manifest("late", RATE, len(clip), stems, verb="denoise")))
    assert outcome["tracks"] == ["late 1", "late 2"]
    count = len(audacity.tracks())
    total = audacity.export(count - 2, 2, SECONDS, 1)
    assert null_db(total[FIRST:LAST], clip) > NULL_DB
    assert not left()
    audacity.pipe.command("Undo")  # the last import alone: the other one keeps its name and its place
    last = audacity.tracks()[-1]
    assert (last["name"], last["start"]) == ("late 1", pytest.approx(FIRST / RATE, abs=1e-4))


def test_noise_is_taken_out_and_stands_beside(audacity: Audacity, project: dict[str, np.ndarray]) -> None:
    before = len(audacity.tracks())
    audacity.select(1, 1, START, END)
    audacity.denoise("denoise")
    outcome = audacity.bring_back()["mono"]
    made = audacity.tracks()[before:]
    assert [track["name"] for track in made] == outcome["tracks"]
    assert len(made) == 2
    total = audacity.export(before, 2, SECONDS, 1)
    assert null_db(total[FIRST:LAST], project["mono"][FIRST:LAST]) <= NULL_DB


def test_a_texture_goes_on_from_the_selection(audacity: Audacity, project: dict[str, np.ndarray]) -> None:
    before = len(audacity.tracks())
    audacity.select(1, 1, START, END)
    audacity.extend(2.5, "texture-draft")
    audacity.bring_back()
    (made,) = audacity.tracks()[before:]
    assert (made["start"], made["end"]) == pytest.approx((FIRST / RATE, FIRST / RATE + 2.5), abs=1e-4)
    audio = audacity.export(before, 1, FIRST / RATE + 2.5, 1)
    assert null_db(audio[FIRST : FIRST + RATE // 2], project["mono"][FIRST : FIRST + RATE // 2]) <= NULL_DB


def test_tracks_that_share_a_sound_are_one_job(
    audacity: Audacity, project: dict[str, np.ndarray], daemon: Process, left: Left
) -> None:
    before = len(audacity.tracks())
    audacity.select(0, 2, START, END)
    audacity.coseparate()
    (outcome,) = audacity.bring_back().values()
    made = audacity.tracks()[before:]
    pairs = [f"{name} - {kind}" for name in NAMES for kind in ("shared", "own")]
    assert [track["name"] for track in made] == outcome["tracks"] == [*pairs, "shared sound"]
    for number, name in enumerate(NAMES):
        clip = project[name]
        total = audacity.export(before + 2 * number, 2, SECONDS, clip.shape[1])
        assert null_db(total[FIRST:LAST], clip[FIRST:LAST]) <= NULL_DB
    assert not left()


def test_one_track_shares_nothing(
    audacity: Audacity, project: dict[str, np.ndarray], daemon: Process, left: Left
) -> None:
    audacity.select(0, 1, START, END)
    audacity.close_box(audacity.coseparate, "DAP Co-separate selected tracks", "audacity-one-track")
    assert list(left()) == list((daemon.spool / "inbox").glob("audacity*")) == []
