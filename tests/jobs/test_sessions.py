"""Learned states are kept while there is room for them; sessions as long as was said; nothing that is in use goes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dap_bridge.domain import Box, ClipRef, Op
from dap_bridge.errors import UnknownSession
from dap_bridge.jobs.sessions import DAY_S, Session, Sessions

BOX = Box(1, Op.ACTIVATE, 0.5, 1.0, 100.0, 200.0, 0.5, None)


def session(name: str, *fits: str) -> Session:
    clip = ClipRef.of("/a.wav").as_request()
    return Session(name, clip, "source", "label", "/out/manifest.json", fits, (BOX,), parent="parent")


def aged(path: Path, days: float) -> None:
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def store(folder: Path, most_bytes: float = 1e6, most_days: float = 10) -> Sessions:
    return Sessions(folder, most_bytes=most_bytes, most_days=most_days)


def test_a_session_is_read_as_it_was_written(tmp_path: Path) -> None:
    store(tmp_path).add(session("a", "one"))
    found = store(tmp_path).get("a")
    assert found == session("a", "one").__class__(**{**vars(session("a", "one")), "created": found.created})
    assert abs(found.created - time.time()) < 60


@pytest.mark.parametrize("name", ["b", "../sessions/a", "", "a/../a", "a.json"])
def test_what_is_no_session_is_refused(tmp_path: Path, name: str) -> None:
    store(tmp_path).add(session("a"))
    with pytest.raises(UnknownSession):
        store(tmp_path).get(name)


def test_a_damaged_session_is_none_and_hides_no_other(tmp_path: Path) -> None:
    sessions = store(tmp_path)
    sessions.add(session("a"))
    sessions.add(session("b"))
    (tmp_path / "sessions" / "a.json").write_text("{")
    assert [found.id for found in sessions.all()] == ["b"]


def test_the_same_content_is_kept_once_and_found_whole(tmp_path: Path) -> None:
    sessions = store(tmp_path)
    assert sessions.put_learned(b"one") == sessions.put_learned(b"one") != sessions.put_learned(b"two")
    assert len(list((tmp_path / "fits").iterdir())) == 2
    assert sessions.read_learned(sessions.put_learned(b"one")) == b"one"


def test_the_least_used_states_go_where_there_is_no_room_and_the_sessions_stay(tmp_path: Path) -> None:
    sessions = store(tmp_path, most_bytes=25)
    names = [sessions.put_learned(bytes([k]) * 10) for k in range(3)]
    for days, name in zip((3, 2, 1), names, strict=True):
        aged(tmp_path / "fits" / f"{name}.safetensors", days / 10)
    sessions.read_learned(names[0])
    for name, learned in zip("abc", names, strict=True):
        sessions.add(session(name, learned))
    assert [sessions.has_learned(sessions.get(name)) for name in "abc"] == [True, False, True]


def test_what_is_too_old_is_forgotten_with_its_learned_state(tmp_path: Path) -> None:
    sessions = store(tmp_path)
    old, shared, new = (sessions.put_learned(text) for text in (b"old", b"shared", b"new"))
    sessions.add(session("old", old, shared))
    sessions.add(session("new", shared))
    for path in (tmp_path / "fits").iterdir():
        aged(path, 5)
    path = tmp_path / "sessions" / "old.json"
    path.write_text(path.read_text().replace('"created": 1', '"created": 0', 1))
    sessions.trim()
    assert [found.id for found in sessions.all()] == ["new"]
    assert sessions.read_learned(old) is None
    assert sessions.read_learned(shared) == b"shared"
    assert sessions.read_learned(new) is None, "nobody names it, and it is no job's under way"


def test_the_learned_state_of_a_job_under_way_is_left_alone(tmp_path: Path) -> None:
    sessions = store(tmp_path)
    name = sessions.put_learned(b"not yet named")
    sessions.add(session("a"))
    assert sessions.read_learned(name) == b"not yet named"
