"""What a person knows of a clip, and answers to choose from, in the real program. The daemon is a stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.domain import Alternative, Stem
from dap_bridge.transport.events import Accepted, CancelledEvent, Done
from tests.hosts.ardour.conftest import Start
from tests.hosts.ardour.host import (
    ALONE,
    FURTHER,
    LEARN,
    LIKE,
    PLACED,
    REDRAW,
    SEPARATE,
    SEPARATION_S,
    UNDO_EDIT,
    Ardour,
    audio_of,
)
from tests.hosts.impostor import Impostor
from tests.hosts.sound import recording
from tests.manifests import manifest, write
from tests.processes import until

RATE = 44100
FRAMES = RATE
# Of regions on tracks from the top: the first of them is the last in time.
POSITIONS = {"clip": 9 * RATE, "fan": 5 * RATE, "crow": 2 * RATE + 1}
WHATS = {1: "as all agree", 2: "the faint sound apart"}
WAIT_S = 60.0
# A start alone may take long on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def ardour(start_ardour: Start) -> Ardour:
    ardour = start_ardour(RATE, "Known at 44100")
    for name, position in POSITIONS.items():
        ardour.bring_in(name, recording(RATE, 1, 1), position)
    return ardour


def asked(ardour: Ardour, impostor: Impostor, verb: str, action: Callable[[], None]) -> dict[str, Any]:
    """What an action asks of the daemon; the job is left waiting."""
    before = len(impostor.said(verb))
    action()
    return until(lambda: impostor.said(verb)[before:], WAIT_S)[0]


def given_up(ardour: Ardour, impostor: Impostor, request: dict[str, Any]) -> dict[str, Any]:
    impostor.tell(request["job"], CancelledEvent(job=request["job"]))
    until(lambda: not ardour.waiting(), WAIT_S)
    return request


def done(ardour: Ardour, impostor: Impostor, request: dict[str, Any], made: Path) -> None:
    before = ardour.log().count(PLACED)
    impostor.tell(request["job"], Accepted(job=request["job"], verb="x"))
    impostor.tell(request["job"], Done(job=request["job"], manifest=str(made)))
    until(lambda: ardour.log().count(PLACED) > before, SEPARATION_S)


def result(folder: Path, session: str, answers: dict[int, str], **more: Any) -> Path:
    """The manifest of a second's separation into two stems, with these answers; every stem has a level of its own."""
    stems = {}
    for answer in answers:
        under = f"alternative-{answer}/" if answer > 1 and len(answers) > 1 else ""
        (folder / session / under).mkdir(parents=True, exist_ok=True)
        label = f"clip, {answers[answer]}" if under else "clip"
        stems[answer] = tuple(Stem(n, f"{label} - stem {n}", "source", f"{under}stem-{n}.wav") for n in (1, 2))
        for stem in stems[answer]:
            level = (0.1 * answer + 0.01 * stem.index) / (1 if answers == WHATS else 2)
            soundfile.write(folder / session / stem.path, np.full(FRAMES, level), RATE, subtype="FLOAT")
    listed = tuple(Alternative(n, answers[n], 0.5, own) for n, own in stems.items()) if len(answers) > 1 else ()
    first = {stem.path: stem.name for stem in next(iter(stems.values()))}
    return write(folder / session, manifest(session, RATE, FRAMES, first, alternatives=listed, **more))


def test_further_regions_are_examples(ardour: Ardour, impostor: Impostor) -> None:
    ardour.select("fan", "crow", "clip")
    request = asked(ardour, impostor, "separate", lambda: ardour.run(LIKE))
    given_up(ardour, impostor, request)
    paths = {name: ardour.regions(name)[0]["channels"][0]["path"] for name in POSITIONS}
    assert (request["label"], request["channel"]) == ("clip", [f"0:{paths['clip']}"])
    assert request["like"] == [f"{number}:0:{FRAMES}:{RATE}:" for number in (1, 2)]
    assert request["like_channel"] == [f"1:0:{paths['fan']}", f"2:0:{paths['crow']}"]
    assert (request["sources"], "alternatives" in request) == (2, False)


def test_one_region_has_no_examples(ardour: Ardour, impostor: Impostor) -> None:
    ardour.select("clip")
    ardour.run(LIKE)
    ardour.box()
    ardour.display.picture("ardour-no-examples")
    ardour.close_box()
    assert impostor.heard == []


@pytest.mark.parametrize(("action", "verb", "stem"), [(ALONE, "separate", "1"), (LEARN, "denoise", "noise")])
def test_a_range_is_a_span(ardour: Ardour, impostor: Impostor, action: str, verb: str, stem: str) -> None:
    ardour.select_range("fan", POSITIONS["fan"] + 4410, POSITIONS["fan"] + 5 * RATE)
    request = asked(ardour, impostor, verb, lambda: ardour.run(action))
    given_up(ardour, impostor, request)
    assert (request["label"], request["frames"]) == ("fan", FRAMES)
    assert request["only"] == [f"stem={stem},start=0.1,end=1"]


def test_answers_stand_below_and_one_is_redrawn(ardour: Ardour, impostor: Impostor, tmp_path: Path) -> None:
    made = result(tmp_path, "several", WHATS)
    ardour.select("clip")
    done(ardour, impostor, asked(ardour, impostor, "separate", lambda: ardour.run(SEPARATE)), made)
    first = [f"clip - stem {number}" for number in (1, 2)]
    other = [f"clip, {WHATS[2]} - stem {number}" for number in (1, 2)]
    tracks = {track["name"]: track for track in ardour.tracks()}
    assert list(tracks)[:5] == ["clip", *first, *other]
    assert until(lambda: [track["muted"] for track in ardour.tracks()[1:5]] == [False, False, True, True], WAIT_S)
    assert [region["position"] for name in (*first, *other) for region in tracks[name]["regions"]] == [9 * RATE] * 4
    levels = [float(audio_of(tracks[name]["regions"][0])[0, 0]) for name in (*first, *other)]
    assert levels == pytest.approx([0.11, 0.12, 0.21, 0.22], abs=1e-6)
    groups = {group["name"]: group for group in ardour.lua("return groups()")}
    assert groups["clip stems"]["tracks"] == first
    assert groups[f"clip stems, {WHATS[2]}"]["tracks"] == other
    assert [group["mute"] for group in groups.values()] == [True, True]
    ardour.do("Editor/zoom-to-session")
    ardour.lua("return true")
    ardour.display.picture("ardour-answers")

    for action, region in ((UNDO_EDIT, other[0]), (REDRAW, first[0])):
        ardour.select(region)
        ardour.run(action)
        ardour.box()
        ardour.close_box()
    ardour.select(other[1])
    request = asked(ardour, impostor, "choose", lambda: ardour.run(REDRAW))
    assert (request["session"], request["alternative"]) == (str(made), 2)
    before = {track["name"]: track for track in ardour.tracks()}
    done(ardour, impostor, request, result(tmp_path, "drawn", {2: ""}, parent="several", verb="choose", alternative=2))
    tracks = {track["name"]: track for track in ardour.tracks()}
    assert [tracks[name] for name in ("clip", *first)] == [before[name] for name in ("clip", *first)]
    for number, name in enumerate(other, 1):
        old, new = sorted(tracks[name]["regions"], key=lambda region: int(region["layer"]))
        assert (old["muted"], new["muted"], tracks[name]["muted"]) == (True, False, True)
        assert audio_of(new)[0] == pytest.approx((0.2 + 0.01 * number) / 2, abs=1e-6)
    ardour.do("Editor/undo")
    until(lambda: [len(ardour.regions(name)) for name in other] == [1, 1], WAIT_S)
    assert [ardour.regions(name)[0]["muted"] for name in other] == [False, False]


def test_a_range_on_stems_corrects_their_separation(ardour: Ardour, impostor: Impostor, tmp_path: Path) -> None:
    ardour.select_range("clip - stem 1", POSITIONS["clip"] + 4410, POSITIONS["clip"] + 8820)

    def act() -> None:
        ardour.run(ALONE)
        ardour.box()
        ardour.display.picture("ardour-alone")
        ardour.close_box("alt+o")

    request = given_up(ardour, impostor, asked(ardour, impostor, "refine", act))
    assert request["only"] == ["stem=1,start=0.1,end=0.2"]
    assert (Path(request["session"]).parent.name, request["carry"]) == ("several", "true")


def test_a_stem_is_separated_further(ardour: Ardour, impostor: Impostor, tmp_path: Path) -> None:
    ardour.select("clip - stem 2")
    request = asked(ardour, impostor, "separate", lambda: ardour.run(FURTHER))
    assert request["label"] == "clip - stem 2"
    done(ardour, impostor, request, result(tmp_path, "further", {1: ""}))
    names = [track["name"] for track in ardour.tracks()]
    at = names.index("clip - stem 2")
    assert [ardour.tracks()[at + n]["regions"][0]["position"] for n in (1, 2)] == [9 * RATE] * 2
    ardour.select("fan")
    ardour.run(FURTHER)
    ardour.box()
    ardour.close_box()
