"""What a user meets when something is wrong: a sentence in a box, and an Ardour that goes on. At 44.1 kHz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.transport import protocol
from dap_bridge.transport.events import Accepted, CancelledEvent, Chosen, Done, Failed, Interrupted, Progressed, Queued
from tests.hosts.ardour.conftest import Start
from tests.hosts.ardour.host import (
    ACTIVATE,
    COSEPARATE,
    DEACTIVATE,
    DENOISE,
    EDITOR,
    EXTEND,
    SEPARATE,
    UNDO_EDIT,
    Ardour,
    audio_of,
)
from tests.hosts.impostor import Impostor
from tests.hosts.sound import NULL_DB, null_db, recording
from tests.processes import Process, until

RATE = 44100
POSITION = 2 * RATE + 1
WAIT_S = 60.0
# A start alone may take long on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def ardour(start_ardour: Start) -> Ardour:
    ardour = start_ardour(RATE, "Trouble at 44100")
    ardour.bring_in("knock", recording(RATE, 1, 2), POSITION)
    return ardour


def ask(ardour: Ardour, impostor: Impostor) -> dict[str, Any]:
    """Have the region separated; the request as it arrived."""
    before = len(impostor.said("separate"))
    ardour.select("knock")
    ardour.run(SEPARATE)
    until(lambda: len(impostor.said("separate")) > before, WAIT_S)
    return impostor.said("separate")[-1]


def in_the_box(ardour: Ardour) -> str:
    """What the box says that comes up; it is closed, and Ardour answers as before."""
    before = len(ardour.log())
    ardour.box()
    ardour.close_box()
    assert ardour.lua("return Session:name()") == ardour.session.name
    assert ardour.waiting() == []
    assert ardour.lua("return markers()") == []
    return ardour.log()[before:] or ardour.log().splitlines()[-1]


def test_a_request_names_the_clip_by_its_channels(ardour: Ardour, impostor: Impostor) -> None:
    request = ask(ardour, impostor)
    (region,) = ardour.regions("knock")
    assert request["channel"] == [f"0:{region['channels'][0]['path']}"]
    assert (request["start"], request["frames"], request["rate"]) == (0, 2 * RATE, RATE)
    assert request["preset"] == "quick"
    waits = Queued(job=request["job"], place=2, behind="take", behind_verb="separate", seconds=200.0)
    impostor.tell(request["job"], waits)
    until(lambda: ardour.lua("return markers()") == ["DAP waiting, number 2 in line, about 4 min: knock"], WAIT_S)
    impostor.tell(request["job"], Progressed(
        job=request["job"], fraction=0.42, stage="fit", iteration=1, iterations=2, seconds_left=6.3, device="cpu",
        device_reason="",
    ))  # fmt: skip
    until(lambda: ardour.lua("return markers()") == ["DAP 42 %, 7 s left: knock"], WAIT_S)
    ardour.display.picture("ardour-progress")
    ardour.run("DAP: Cancel jobs")
    until(lambda: impostor.said("cancel") == [{"job": request["job"]}], WAIT_S)
    impostor.tell(request["job"], CancelledEvent(job=request["job"]))
    until(lambda: not ardour.waiting(), WAIT_S)
    assert ardour.lua("return markers()") == []


def test_the_status_is_shown(ardour: Ardour, impostor: Impostor) -> None:
    ardour.run("DAP: Status")
    ardour.box()
    ardour.display.picture("ardour-status")
    ardour.close_box()
    assert ardour.lua("return Session:name()") == ardour.session.name


def test_options_are_asked_and_remembered(ardour: Ardour, impostor: Impostor) -> None:
    ardour.select("knock")
    ardour.run("DAP: Separate selected regions (options)")
    ardour.box()
    ardour.display.picture("ardour-options")
    ardour.close_box("alt+o")
    (request,) = until(lambda: impostor.said("separate"), WAIT_S)[:1]
    assert (request["preset"], request["sources"], request["seed"]) == ("quick", 2, 0)
    impostor.tell(request["job"], CancelledEvent(job=request["job"]))
    until(lambda: not ardour.waiting(), WAIT_S)
    assert "mute\tyes" in (ardour.config / "dap-bridge" / "options.tsv").read_text()


def test_a_verb_asks_for_options_of_its_own(ardour: Ardour, impostor: Impostor) -> None:
    ardour.select("knock")
    ardour.run(f"{DENOISE} (options)")
    ardour.box()
    ardour.display.picture("ardour-denoise-options")
    ardour.close_box("alt+o")
    (request,) = until(lambda: impostor.said("denoise"), WAIT_S)[:1]
    assert (request["preset"], request["strength"], request["swap"]) == ("denoise", 1.0, "false")
    impostor.tell(request["job"], CancelledEvent(job=request["job"]))
    until(lambda: not ardour.waiting(), WAIT_S)


@pytest.mark.parametrize("action", [COSEPARATE, EXTEND])
def test_one_region_shares_nothing_and_ends_nowhere(ardour: Ardour, impostor: Impostor, action: str) -> None:
    ardour.select("knock")
    ardour.run(action)
    ardour.box()
    ardour.close_box()
    assert ardour.waiting() == []
    assert impostor.heard == []


def test_a_range_over_everything_extends_what_can_be(ardour: Ardour, impostor: Impostor) -> None:
    ardour.select("knock")
    ardour.select_time(POSITION - 1000, POSITION + 5 * RATE)
    ardour.run(EXTEND)
    (request,) = until(lambda: impostor.said("texture"), WAIT_S)[:1]
    assert (request["mode"], request["length"], request["label"]) == ("extend", 5 * RATE, "knock")
    assert (request["start"], request["frames"], request["rate"]) == (0, 2 * RATE, RATE)
    assert (request["variation"], request["variations"]) == (0.5, 1)
    impostor.tell(request["job"], CancelledEvent(job=request["job"]))
    until(lambda: not ardour.waiting(), WAIT_S)


def test_no_daemon(ardour: Ardour, nobody: Process) -> None:
    ardour.select("knock")
    ardour.run(SEPARATE)
    assert "The daemon is not running" in in_the_box(ardour)


def test_a_daemon_that_never_answers(ardour: Ardour, impostor: Impostor) -> None:
    request = ask(ardour, impostor)
    ardour.box()
    ardour.display.picture("ardour-no-answer")
    assert "does not answer" in in_the_box(ardour)
    assert len(impostor.said("separate")) > 2, "asked once more"
    assert impostor.said("cancel") == [{"job": request["job"]}]


def test_a_refusal_is_shown_with_its_hint(ardour: Ardour, impostor: Impostor) -> None:
    job = ask(ardour, impostor)["job"]
    impostor.tell(job, Failed(job=job, code="bad_preset", message="There is no preset x.", hint="Choose another."))
    said = in_the_box(ardour)
    assert "There is no preset x." in said
    assert "Choose another." in said


def test_a_daemon_that_comes_back_is_asked_to_resume(ardour: Ardour, impostor: Impostor) -> None:
    job = ask(ardour, impostor)["job"]
    impostor.tell(job, Accepted(job=job, verb="separate"))
    impostor.tell(job, Interrupted(job=job))
    until(lambda: impostor.said("resume") == [{"job": job}], WAIT_S)
    impostor.tell(job, CancelledEvent(job=job))
    until(lambda: not ardour.waiting(), WAIT_S)


def manifest(folder: Path, audio: list[np.ndarray], name: str = "late", **other: Any) -> Path:
    """A result as a daemon would leave it."""
    folder.mkdir(parents=True)
    named = []
    for index, stem in enumerate(audio, start=1):
        soundfile.write(folder / f"stem-{index}.wav", stem, RATE, subtype="FLOAT")
        named.append({"index": index, "name": f"{name} {index}", "role": "source", "path": f"stem-{index}.wav"})
    content = {"rate": RATE, "channels": 1, "frames": 2 * RATE, "stems": named} | other
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder / "manifest.json"


def garbage(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"stems": [')
    return folder / "manifest.json"


CORRUPT = {
    "no manifest": lambda folder: folder / "manifest.json",
    "no JSON": garbage,
    "another rate": lambda folder: manifest(folder, [np.zeros(2 * RATE)], rate=48000),
    "another length": lambda folder: manifest(folder, [np.zeros(RATE)], frames=RATE),
    "no such stem": lambda folder: manifest(folder, [], stems=[{"name": "x", "path": "gone.wav"}]),
    "stems of no use": lambda folder: manifest(folder, [], stems=[1, 2]),
}


@pytest.mark.parametrize("make", CORRUPT.values(), ids=CORRUPT.keys())
def test_a_result_that_is_none_is_reported(ardour: Ardour, impostor: Impostor, make: Any, tmp_path: Path) -> None:
    before = ardour.tracks()
    job = ask(ardour, impostor)["job"]
    impostor.tell(job, Done(job=job, manifest=str(make(tmp_path / "result"))))
    assert "knock: " in in_the_box(ardour)
    assert ardour.tracks() == before


def test_an_answer_that_is_none_is_reported(ardour: Ardour, impostor: Impostor) -> None:
    job = ask(ardour, impostor)["job"]
    impostor.write(job, "\0\xff{nonsense")
    assert "cannot be understood" in in_the_box(ardour)


def test_a_stem_one_sample_late_would_be_noticed(ardour: Ardour, impostor: Impostor, tmp_path: Path) -> None:
    clip = recording(RATE, 1, 2)
    job = ask(ardour, impostor)["job"]
    late = [np.roll(0.5 * clip, 1, axis=0), 0.5 * clip]
    impostor.tell(job, Done(job=job, manifest=str(manifest(tmp_path / "result", late))))
    until(lambda: not ardour.waiting(), WAIT_S)
    total = sum(audio_of(ardour.regions(f"late {number}")[0]) for number in (1, 2))
    assert null_db(total, clip) > NULL_DB


def test_a_warning_is_shown_once_the_stems_are_there(ardour: Ardour, impostor: Impostor, tmp_path: Path) -> None:
    half = 0.5 * recording(RATE, 1, 2)
    job = ask(ardour, impostor)["job"]
    doubtful = manifest(tmp_path / "result", [half, half], "doubtful", warnings=["One is like the other."])
    impostor.tell(job, Done(job=job, manifest=str(doubtful)))
    assert "One is like the other." in in_the_box(ardour)
    assert [ardour.regions(f"doubtful {number}")[0]["position"] for number in (1, 2)] == [POSITION, POSITION]


def unmute(ardour: Ardour) -> None:
    ardour.lua("for region in Session:route_by_name('knock'):to_track():playlist():region_list():iter() do "
               "region:set_muted(false) end")  # fmt: skip


def test_after_all_that_it_works(ardour: Ardour) -> None:
    clip = recording(RATE, 1, 2)
    unmute(ardour)
    ardour.separate("knock")
    stems = [ardour.regions(f"knock - stem {number}")[0] for number in (1, 2)]
    assert {(stem["position"], stem["frames"]) for stem in stems} == {(POSITION, 2 * RATE)}
    assert null_db(sum(map(audio_of, stems)), clip) <= NULL_DB


def stems(ardour: Ardour) -> list[dict[str, Any]]:
    """What is on the tracks of the stems of `knock`, as the running program has it."""
    return [track for track in ardour.tracks() if track["name"].startswith("knock - stem")]


def heard(ardour: Ardour) -> list[list[bool]]:
    """Of each stem's regions, the oldest first, which are not muted."""
    return [[not region["muted"] for region in track["regions"]] for track in stems(ardour)]


def select_stem(ardour: Ardour) -> None:
    ardour.select_range("knock - stem 1", POSITION + RATE // 2, POSITION + RATE)


def test_a_refused_correction_changes_nothing(ardour: Ardour, impostor: Impostor) -> None:
    before = ardour.tracks()
    ardour.remember(refine_low=500, refine_high=3000, refine_strength=0.75, refine_carry="no")
    select_stem(ardour)
    ardour.correct(DEACTIVATE)
    (request,) = until(lambda: impostor.said("refine"), WAIT_S)[:1]
    assert request["box"] == ["stem=1,op=deactivate,start=0.5,end=1,low=500,high=3000,strength=0.75"]
    assert request["carry"] == "false"
    assert Path(request["session"]).parent.parent == ardour.session / "dap-stems"
    job = request["job"]
    impostor.tell(job, Failed(job=job, code="bad_box", message="The box is refused.", hint="Draw another."))
    assert "The box is refused. Draw another." in in_the_box(ardour)
    assert ardour.tracks() == before


def test_a_range_without_a_stem_of_ours_is_said(ardour: Ardour, impostor: Impostor) -> None:
    unmute(ardour)
    before = ardour.tracks()
    for action in (DEACTIVATE, UNDO_EDIT, EDITOR):
        ardour.select_range("knock", POSITION, POSITION + RATE)
        ardour.run(action)
        ardour.box()
        ardour.close_box()
    assert impostor.heard == []
    assert ardour.waiting() == []
    assert ardour.tracks() == before


def test_a_mask_edit_can_be_taken_back_and_heard_again(ardour: Ardour) -> None:
    before = stems(ardour)
    ardour.remember(refine_strength=1)
    select_stem(ardour)
    ardour.run(UNDO_EDIT)
    ardour.box()
    ardour.close_box()
    ardour.edit(DEACTIVATE)
    edited = [[False, True], [False, True]]
    assert heard(ardour) == edited
    ardour.do("Editor/undo")
    assert stems(ardour) == before
    ardour.do("Editor/redo")
    assert heard(ardour) == edited
    ardour.run(UNDO_EDIT)
    until(lambda: heard(ardour) == [[True, False], [True, False]], WAIT_S)


def test_without_the_regions_of_before_the_bridge_takes_an_edit_back(ardour: Ardour) -> None:
    clip = recording(RATE, 1, 2)
    select_stem(ardour)
    ardour.edit(DEACTIVATE)
    assert heard(ardour) == [[False, False, True]] * 2
    ardour.lua(
        "for number = 1, 2 do\n"
        " local playlist = Session:route_by_name('knock - stem ' .. number):to_track():playlist()\n"
        " for region in playlist:region_list():iter() do\n"
        "  if region:muted() then playlist:remove_region(region) end\n"
        " end\n"
        "end"
    )
    assert heard(ardour) == [[True]] * 2
    select_stem(ardour)
    before = ardour.log().count("stems placed")
    ardour.run(UNDO_EDIT)
    until(lambda: ardour.log().count("stems placed") == before + 1, WAIT_S)
    assert heard(ardour) == [[False, True]] * 2
    assert null_db(sum(audio_of(track["regions"][-1]) for track in stems(ardour)), clip) <= NULL_DB
    manifests = [json.loads(path.read_text()) for path in (ardour.session / "dap-stems").glob("*/manifest.json")]
    assert [one["boxes"] for one in manifests if one["verb"] == "undo"] == [[]]


def test_the_editor_opens_and_what_it_sends_is_placed(ardour: Ardour, daemon: Process, tmp_path: Path) -> None:
    told = tmp_path / "told"
    browser = tmp_path / "dap bridge"
    browser.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{told}.tmp' && mv '{told}.tmp' '{told}'\n")
    browser.chmod(0o755)
    where = ardour.config / "dap-bridge" / "bridge.tsv"
    installed = where.read_text()
    where.write_text("\n".join(
        f"command\t{browser}" if line.startswith("command\t") else line for line in installed.splitlines()
    ) + "\n")  # fmt: skip
    before = heard(ardour)
    select_stem(ardour)
    ardour.run(EDITOR)
    until(told.exists, WAIT_S)
    where.write_text(installed)
    verb, session, *rest = told.read_text().splitlines()
    assert (verb, rest) == ("edit", ["--spool", str(daemon.spool)])
    chosen = json.loads((ardour.session / "dap-stems" / session / "manifest.json").read_text())["parent"]
    event = Chosen(job=session, session=chosen, manifest=str(ardour.session / "dap-stems" / chosen / "manifest.json"))
    (daemon.spool / "outbox" / f"{session}.chosen").write_text(protocol.as_lines(event))
    until(lambda: heard(ardour) != before, WAIT_S)
    assert [sum(regions) for regions in heard(ardour)] == [1, 1]


def test_a_job_outlives_ardour(ardour: Ardour, impostor: Impostor, tmp_path: Path) -> None:
    job = ask(ardour, impostor)["job"]
    impostor.tell(job, Accepted(job=job, verb="separate"))
    ardour.quit()
    assert [waiting["name"] for waiting in ardour.waiting()] == [job]
    half = 0.5 * recording(RATE, 1, 2)
    impostor.tell(job, Done(job=job, manifest=str(manifest(tmp_path / "result", [half, half], "after"))))
    ardour.start()
    until(lambda: not ardour.waiting(), WAIT_S)
    assert [ardour.regions(f"after {number}")[0]["position"] for number in (1, 2)] == [POSITION, POSITION]
    assert ardour.lua("return markers()") == []


def test_a_stem_is_known_after_closing_and_a_box_of_it_when_trimmed(ardour: Ardour, impostor: Impostor) -> None:
    ardour.lua("for region in Session:route_by_name('knock - stem 1'):to_track():playlist():region_list():iter() do "
               f"region:trim_front(Temporal.timepos_t({POSITION + 1000})) end")  # fmt: skip
    select_stem(ardour)
    ardour.correct(ACTIVATE)
    (request,) = until(lambda: impostor.said("refine"), WAIT_S)[:1]
    assert request["box"] == ["stem=1,op=activate,start=0.5,end=1,low=500,high=3000,strength=1"]
    impostor.tell(request["job"], CancelledEvent(job=request["job"]))
    until(lambda: not ardour.waiting(), WAIT_S)
