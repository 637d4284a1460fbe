"""The mailbox: what the worker says arrives whole, and a job that does not end well leaves no trace."""

from pathlib import Path

import pytest

from dap_bridge.domain import Progress
from dap_bridge.jobs.mailbox import Mailbox


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    mailbox = Mailbox(tmp_path / "jobs" / "one")
    mailbox.open()
    return mailbox


def write(mailbox: Mailbox, out: Path) -> Path:
    """What a worker does before it puts results in place."""
    partial = out / ".dap-one"
    mailbox.writing(partial)
    partial.mkdir(parents=True)
    (partial / "stem-1.wav").write_bytes(b"one")
    (partial / "manifest.json").write_text("{}")
    return partial


def place(mailbox: Mailbox, partial: Path, *names: str) -> None:
    mailbox.placing()
    for name in names:
        (partial / name).rename(partial.parent / name)


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "jobs" not in path.parts)


def test_progress_arrives_as_reported(mailbox: Mailbox) -> None:
    assert mailbox.progress() is None
    progress = Progress(0.25, "fit", 100, 400, 12.5, "cpu", "no GPU: é")
    mailbox.report(progress)
    assert Mailbox(mailbox.folder).progress() == progress


def test_cancel_is_seen_until_the_next_run(mailbox: Mailbox) -> None:
    assert not mailbox.cancelled()
    mailbox.cancel()
    assert Mailbox(mailbox.folder).cancelled()
    mailbox.report(Progress())
    mailbox.open()
    assert not mailbox.cancelled()
    assert mailbox.progress() is None


@pytest.mark.parametrize("placed", [(), ("stem-1.wav",), ("stem-1.wav", "manifest.json")])
def test_unfinished_output_leaves_no_trace(tmp_path: Path, mailbox: Mailbox, placed: tuple[str, ...]) -> None:
    partial = write(mailbox, tmp_path / "a" / "b")
    place(mailbox, partial, *placed)
    Mailbox(mailbox.folder).close(keep_output=False)
    assert left(tmp_path) == []
    assert not mailbox.folder.exists()


def test_the_next_run_starts_clean(tmp_path: Path, mailbox: Mailbox) -> None:
    write(mailbox, tmp_path / "out")
    mailbox.open()
    assert left(tmp_path) == []
    assert list(mailbox.folder.iterdir()) == []


def test_finished_output_stays(tmp_path: Path, mailbox: Mailbox) -> None:
    partial = write(mailbox, tmp_path / "out")
    place(mailbox, partial, "stem-1.wav", "manifest.json")
    partial.rmdir()
    mailbox.close(keep_output=True)
    mailbox.close(keep_output=False)
    assert left(tmp_path) == ["out", "out/manifest.json", "out/stem-1.wav"]


def test_what_the_user_has_there_stays(tmp_path: Path, mailbox: Mailbox) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "song.wav").write_bytes(b"mine")
    partial = write(mailbox, out)
    place(mailbox, partial, "stem-1.wav")
    (out / "stem-1.wav").rename(out / "moved by the user")
    (out / "stem-1.wav").write_bytes(b"written by the user")
    mailbox.close(keep_output=False)
    assert left(out) == ["moved by the user", "song.wav", "stem-1.wav"]


def test_only_a_hidden_folder_of_ours_is_ever_removed_whole(tmp_path: Path, mailbox: Mailbox) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_bytes(b"mine")
    mailbox.writing(tmp_path / "music")
    mailbox.close(keep_output=False)
    assert left(tmp_path) == ["music", "music/song.wav"]
