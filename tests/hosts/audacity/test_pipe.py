"""The client's side of the scripting pipe, against pipes of the test's own, and of the drop folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dap_bridge.audacity import pipe
from dap_bridge.audacity.answers import ALIVE, Answers
from dap_bridge.audacity.pipe import Pipe, quoted
from dap_bridge.audacity.selections import waiting
from dap_bridge.errors import HostRefused, HostUnreachable

OK, FAILED = "\nBatchCommand finished: OK\n\n", "\nBatchCommand finished: Failed!\n\n"
Serve = Callable[[list[str]], list[str]]


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    found = str(tmp_path / "to"), str(tmp_path / "from")
    monkeypatch.setattr(pipe, "pipe_names", lambda: found)
    monkeypatch.setattr(pipe, "FIRST_ANSWER_S", 0.5)
    return found


@pytest.fixture
def serve(names: tuple[str, str]) -> Iterator[Serve]:
    """serve(answers) -> the lines that were heard; opens its ends as Audacity does, one after the other."""
    heard: list[str] = []
    threads: list[threading.Thread] = []
    for name in names:
        os.mkfifo(name)

    def start(answers: list[str]) -> list[str]:
        def run() -> None:
            with Path(names[1]).open("w") as out, Path(names[0]).open() as lines:
                for answer in answers:
                    heard.append(lines.readline())
                    out.write(answer)
                    out.flush()
                lines.readline()

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return heard

    yield start
    for thread in threads:
        thread.join(5)


def test_a_command_and_its_answer(serve: Serve) -> None:
    heard = serve([OK, "[1,\n 2]" + OK])
    with Pipe() as audacity:
        assert audacity.command("GetInfo", Type="Tracks", At=0.5) == "[1,\n 2]\n".rstrip("\n")
    assert heard[1] == 'GetInfo: Type="Tracks" At=0.5\n'


def test_a_command_that_fails(serve: Serve) -> None:
    serve([OK, FAILED])
    with Pipe() as audacity, pytest.raises(HostRefused, match="Import2"):
        audacity.command("Import2", Filename="/x.wav")


def test_an_audacity_that_shows_a_dialog(serve: Serve) -> None:
    serve([OK, "half an answer"])
    with Pipe() as audacity, pytest.raises(HostUnreachable, match="dialog"):
        audacity.command("Import2", 0.3, Filename="/x.wav")


def test_nobody_is_there(names: tuple[str, str]) -> None:
    with pytest.raises(HostUnreachable, match="offers"):
        Pipe()
    for name in names:
        os.mkfifo(name)
    with pytest.raises(HostUnreachable, match="listens"):
        Pipe()


def test_no_text_ends_the_command() -> None:
    assert quoted('a "b" \\ c\nd') == '"a \\"b\\" \\\\ c d"'


def test_a_note_that_is_none_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.selection").write_text("job\ta\ntrack\tx\\\\y\nstart\t0.5\nend\t1\nlow\t300\nhigh\t400\n")
    (tmp_path / "clips" / "b.selection").write_text("job\tb\nstart\tnan\nend\t1\n")
    (tmp_path / "clips" / "c.selection").write_bytes(b"\0\xff")
    (tmp_path / "clips" / "d.selection").write_text("job\td\nstart\t1\n")
    (found,) = waiting(tmp_path)
    assert (found.job, found.track, found.start, found.end, found.low, found.high) == ("a", "x\\y", 0.5, 1.0, 300, 400)


def test_who_answers_is_there_before_anything_can_be_asked(tmp_path: Path) -> None:
    with Answers(tmp_path):
        assert (tmp_path / ALIVE).exists()
    assert not (tmp_path / ALIVE).exists()
