"""Stems that the user brings, where Audacity takes no commands: by DAP Next stem."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dap_bridge.audacity import pipe, selections
from dap_bridge.audacity.answers import Answers
from dap_bridge.audacity.follow import follow
from tests.hosts.audacity.by_hand import ByHand
from tests.hosts.audacity.conftest import Left
from tests.hosts.audacity.host import END, FIRST, LAST, NAMES, NEXT, RATE, SECONDS, START, Audacity
from tests.hosts.sound import NULL_DB, null_db
from tests.processes import Process

pytestmark = pytest.mark.timeout(600)
WAITS = "DAP Stems that wait"
DEACTIVATE = "DAP Deactivate mask in selection"


@pytest.fixture
def left_as_it_was(audacity: Audacity, project: dict[str, np.ndarray], left: Left) -> Iterator[None]:
    """Nothing waits before; afterwards tracks and files that came are taken away again."""
    for selection in selections.waiting(audacity.spool):
        selection.remove()
    before = len(audacity.tracks())
    yield
    for path in left():
        path.unlink()
    came = len(audacity.tracks()) - before
    if came:
        audacity.select(before, came, START, END)
        audacity.pipe.command("RemoveTracks")


def next_stem(audacity: Audacity, start: float, end: float) -> None:
    """Onto a track that Audacity makes, with this selected."""
    audacity.pipe.command("SelectNone")
    audacity.pipe.command("SelectTime", Start=start, End=end)
    audacity.run_from_menu(NEXT)


def sent(audacity: Audacity, track: int) -> None:
    audacity.select(track, 1, START, END)
    audacity.separate()
    audacity.job_done()


def waiting(audacity: Audacity) -> list[int]:
    """Of each selection that waits, how many of its stems have been brought."""
    return [selection.taken for selection in selections.waiting(audacity.spool)]


def require_sum(audacity: Audacity, tracks: range, clip: np.ndarray) -> None:
    total = audacity.export(tracks[0], len(tracks), SECONDS, clip.shape[1])
    assert null_db(total[FIRST:LAST], clip[FIRST:LAST]) <= NULL_DB
    assert np.abs(total[:FIRST]).max() == 0


def test_by_keys_and_clicks_alone_and_without_the_pipe(done_by_hand: ByHand | AssertionError) -> None:
    assert isinstance(done_by_hand, ByHand), done_by_hand
    np.testing.assert_array_equal(done_by_hand.samples, done_by_hand.clip_and_stems)


@pytest.mark.usefixtures("left_as_it_was")
def test_each_of_the_selected_tracks_gets_a_stem(audacity: Audacity, project: dict[str, np.ndarray]) -> None:
    sent(audacity, 0)
    before = len(audacity.tracks())
    for _ in range(2):
        audacity.pipe.command("NewStereoTrack")
    audacity.select(before, 2, START, END)
    audacity.run_from_menu(NEXT)
    assert waiting(audacity) == []
    require_sum(audacity, range(before, before + 2), project[NAMES[0]])


@pytest.mark.usefixtures("left_as_it_was")
def test_stems_stand_where_the_selection_was_wherever_the_cursor_is_before_it(
    audacity: Audacity, project: dict[str, np.ndarray]
) -> None:
    sent(audacity, 1)
    before = len(audacity.tracks())
    next_stem(audacity, START, END)
    assert waiting(audacity) == [1]
    next_stem(audacity, 0.1, 0.1)
    assert waiting(audacity) == []
    assert [track["end"] for track in audacity.tracks()[before:]] == pytest.approx([LAST / RATE] * 2, abs=1e-4)
    require_sum(audacity, range(before, before + 2), project[NAMES[1]])


@pytest.mark.usefixtures("left_as_it_was")
def test_nothing_is_pushed_aside_or_put_elsewhere(audacity: Audacity) -> None:
    sent(audacity, 0)
    audacity.select(0, 1, START, END)
    before = audacity.tracks()
    audacity.close_box(lambda: audacity.run_from_menu(NEXT), NEXT, "audacity-occupied")
    assert audacity.tracks() == before
    audacity.pipe.command("NewStereoTrack")
    audacity.select(len(before), 1, 1.5, END)
    audacity.close_box(lambda: audacity.run_from_menu(NEXT), NEXT, "audacity-late")
    audacity.pipe.command("NewMonoTrack")
    audacity.select(len(before) + 1, 1, START, END)
    audacity.close_box(lambda: audacity.run_from_menu(NEXT), NEXT, "audacity-mono")
    assert [track["end"] for track in audacity.tracks()[len(before) :]] == [0, 0]
    assert waiting(audacity) == [0]


@pytest.mark.usefixtures("left_as_it_was")
def test_what_waits_is_said_and_may_be_left_out(audacity: Audacity) -> None:
    sent(audacity, 1)
    for what, left in (("Say what waits", [0]), ("Leave the next one out", [1]), ("Leave all out", [])):
        audacity.select(1, 1, START, END)  # by its name alone a command wants that
        audacity.close_box(lambda what=what: audacity.run(WAITS, what=what), WAITS, "audacity-waits")
        assert waiting(audacity) == left


@pytest.mark.usefixtures("left_as_it_was")
def test_what_was_brought_by_hand_is_not_brought_again(audacity: Audacity, project: dict[str, np.ndarray]) -> None:
    sent(audacity, 1)
    before = len(audacity.tracks())
    next_stem(audacity, START, END)
    (outcome,) = audacity.bring_back().values()
    assert outcome["tracks"] == ["mono - stem 2"]
    require_sum(audacity, range(before, before + 2), project[NAMES[1]])


@pytest.mark.usefixtures("left_as_it_was")
def test_refined_stems_wait_as_well(
    audacity: Audacity,
    daemon: Process,
    project: dict[str, np.ndarray],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent(audacity, 1)
    before = len(audacity.tracks())
    for _ in range(2):
        next_stem(audacity, START, END)
    with Answers(audacity.spool):
        audacity.select(before, 1, 0.6, 1.2)
        audacity.run(DEACTIVATE)
    (home / ".local" / "share" / "audacity4").mkdir(parents=True)
    monkeypatch.setattr(pipe, "pipe_names", lambda: ("/nowhere/to", "/nowhere/from"))
    said: list[str] = []
    (outcome,) = follow(audacity.spool, True, said.append)
    assert (outcome.waits, outcome.tracks) == (True, ())
    assert ["DAP Next stem" in sentence for sentence in said] == [True]
    for _ in range(2):
        next_stem(audacity, START, END)
    assert waiting(audacity) == []
    require_sum(audacity, range(before + 2, before + 4), project[NAMES[1]])
    audio = audacity.export(before + 2, 1, SECONDS, 1)
    assert not np.array_equal(audio, audacity.export(before, 1, SECONDS, 1))
