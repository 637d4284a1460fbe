"""What is noted of sounds that are heard alone, and answers to choose from, in the real program.

Its name puts it after the tests that count tracks of the one project.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.jobs import results
from dap_bridge.transport import protocol
from dap_bridge.transport.events import Accepted
from tests.hosts.audacity.conftest import Left
from tests.hosts.audacity.host import COMMAND, END, FIRST, LAST, NAMES, RATE, SECONDS, START, Audacity
from tests.hosts.impostor import Impostor
from tests.hosts.sound import NULL_DB, null_db
from tests.processes import Process

pytestmark = pytest.mark.timeout(600)

ALONE, LEARN, DENOISE = "DAP Sound alone in selection", "DAP Learn noise from selection", "DAP Denoise selection"
REDRAW, DEACTIVATE = "DAP Redraw chosen alternative", "DAP Deactivate mask in selection"
# Seconds: where a sound is alone, within the selection that is separated.
SPAN = (0.7, 0.9)


def asked(audacity: Audacity, impostor: Impostor, command: str, **parameters: Any) -> dict[str, Any]:
    """The request that a plug-in makes of the mono track's selection."""
    impostor.answer_files(lambda job: [Accepted(job=job, verb="x")])
    before = set((impostor.spool / "inbox").iterdir())
    audacity.select(1, 1, START, END)
    audacity.pipe.command(command, **parameters)
    (path,) = set((impostor.spool / "inbox").iterdir()) - before
    request: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    for kept in (impostor.spool / "clips").glob(f"{path.stem}.*"):
        kept.unlink()
    return request


def numbers(span: str) -> tuple[str, float, float]:
    fields = dict(part.split("=") for part in span.split(","))
    return fields["stem"], float(fields["start"]), float(fields["end"])


def test_a_sound_that_is_noted_is_a_span_here_and_an_example_elsewhere(
    audacity: Audacity, project: dict[str, np.ndarray], impostor: Impostor
) -> None:
    """The first sound is noted within what is separated, the second one on another track."""
    for sound, track in ((1, 1), (2, 0)):
        audacity.select(track, 1, *SPAN)
        audacity.run(ALONE, sound=sound)
    assert "only" not in asked(audacity, impostor, COMMAND, sources=2, preset="quick", seed=0)
    request = asked(audacity, impostor, COMMAND, sources=2, preset="quick", seed=0, alone="Use")
    (span,), (example,) = request["only"], request["like"]
    assert numbers(span) == ("1", *(pytest.approx(edge - START, abs=1 / RATE) for edge in SPAN))
    stem, start, frames, rate, path = example.split(":", 4)
    assert (stem, start, frames, rate) == ("2", "0", "", "")
    audio, _ = soundfile.read(path, always_2d=True)
    first, last = (round(edge * RATE) for edge in SPAN)
    assert null_db(audio, project[NAMES[0]][first:last]) <= NULL_DB


def test_noise_is_learned_before_it_is_used(
    audacity: Audacity, project: dict[str, np.ndarray], impostor: Impostor, left: Left
) -> None:
    def denoise() -> None:
        audacity.select(1, 1, START, END)
        audacity.pipe.command("DapDenoiseSelection", strength=1, swap="speech", alone="Use", preset="denoise", seed=0)

    audacity.close_box(denoise, DENOISE, "audacity-nothing-learned")
    assert not left()
    audacity.select(1, 1, *SPAN)
    audacity.run(LEARN)
    use = {"strength": 1, "swap": "speech", "alone": "Use", "preset": "denoise", "seed": 0}
    (span,) = asked(audacity, impostor, "DapDenoiseSelection", **use)["only"]
    assert numbers(span)[0] == "noise"


@pytest.fixture(scope="module")
def answers(audacity: Audacity, project: dict[str, np.ndarray], daemon: Process) -> Path:
    """The stereo selection was separated, with further answers; the manifest."""
    job, clips = "several-answers", daemon.spool / "clips"
    soundfile.write(clips / f"{job}.wav", project[NAMES[0]][FIRST:LAST], RATE, subtype="FLOAT")
    note = {"track": NAMES[0], "start": FIRST / RATE, "end": LAST / RATE, "job": job}
    (clips / f"{job}.selection").write_text(protocol.lines(note), encoding="utf-8")
    request = {"verb": "separate", "clip": str(clips / f"{job}.wav"), "label": "both", "preset": "quick"}
    path = daemon.spool / "inbox" / f"{job}.json"
    path.write_text(json.dumps(request | {"job": job, "alternatives": 3}), encoding="utf-8")
    outcome = audacity.bring_back()[NAMES[0]]
    assert not outcome["message"]
    return next(Path(one.manifest) for one in daemon.client.sessions() if one.session == job)


def tracks_of(audacity: Audacity, answer: str = "") -> list[tuple[int, dict[str, Any]]]:
    """The tracks of an answer, by what it is told from the others by, and their positions."""
    label = f"both, {answer}" if answer else "both"
    names = [f"{label} - stem {number}" for number in (1, 2)]
    return [(at, track) for at, track in enumerate(audacity.tracks()) if track["name"] in names]


def test_other_answers_come_on_muted_tracks(audacity: Audacity, project: dict[str, np.ndarray], answers: Path) -> None:
    manifest = results.read(answers)
    assert len(manifest.alternatives) > 1
    for answer in manifest.alternatives:
        made = [track for _, track in tracks_of(audacity, answer.what if answer.index > 1 else "")]
        assert [track["mute"] for track in made] == [int(answer.index > 1)] * 2
        for track in made:
            assert (track["start"], track["end"]) == pytest.approx((FIRST / RATE, LAST / RATE), abs=1e-4)
    (first, _), (last, _) = tracks_of(audacity)[0], tracks_of(audacity, manifest.alternatives[-1].what)[-1]
    total = audacity.export(first, last - first + 1, SECONDS, 2)
    assert null_db(total[FIRST:LAST], project[NAMES[0]][FIRST:LAST]) <= NULL_DB, "the first alone is heard"


def test_the_answer_that_is_chosen_is_redrawn_in_its_place(
    audacity: Audacity, project: dict[str, np.ndarray], answers: Path, daemon: Process
) -> None:
    other = results.read(answers).alternatives[1]
    (at, _), (second, _) = tracks_of(audacity, other.what)
    before = audacity.tracks()
    with audacity.followed("true") as line:
        audacity.select(at, 1, *SPAN)
        audacity.close_box(lambda: audacity.run(DEACTIVATE, strength=1), DEACTIVATE, "audacity-not-drawn")
        audacity.select(at, 1, *SPAN)
        audacity.run(REDRAW)
        with audacity.pipe_free():
            names = [stem.name for stem in other.stems]
            assert line() == f"{names[0]}: {', '.join(names)}\n", "the tracks of the first answer stay as they are"
        (first, _) = tracks_of(audacity)[0]
        audacity.select(first, 1, *SPAN)
        audacity.close_box(lambda: audacity.run(REDRAW), REDRAW, "audacity-drawn-already")
    assert [(track["name"], track["mute"]) for track in audacity.tracks()] == [
        (track["name"], track["mute"]) for track in before
    ]
    sessions = [Path(one.manifest) for one in daemon.client.sessions()]
    path, drawn = next((path, made) for path in sessions if (made := results.read(path)).verb == "choose")
    assert (drawn.parent, drawn.alternative) == ("several-answers", other.index)
    audacity.select(at, 2, 0, SECONDS)
    audacity.pipe.command("UnmuteTracks")
    assert second == at + 1
    assert null_db(audacity.export(at, 2, SECONDS, 2)[FIRST:LAST], project[NAMES[0]][FIRST:LAST]) <= NULL_DB
    stem, _ = soundfile.read(path.with_name(drawn.stems[0].path), always_2d=True)
    assert null_db(audacity.export(at, 1, SECONDS, 2)[FIRST:LAST], stem) <= NULL_DB
    audacity.pipe.command("Undo")
