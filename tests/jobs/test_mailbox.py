"""The mailbox: what one side says arrives whole at the other, and every run starts and ends clean."""

from pathlib import Path

import pytest

from dap_bridge.domain import Progress
from dap_bridge.jobs.workers.local.mailbox import Mailbox


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    mailbox = Mailbox(tmp_path / "jobs" / "one")
    mailbox.open()
    return mailbox


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


def test_the_next_run_starts_without_the_output_of_a_killed_one(tmp_path: Path, mailbox: Mailbox) -> None:
    (mailbox.output.stage(tmp_path / "out", "one") / "stem-1.wav").write_bytes(b"half")
    Mailbox(mailbox.folder).open()
    assert not (tmp_path / "out").exists()
    assert [path.name for path in mailbox.folder.iterdir()] == ["alive"]


@pytest.mark.parametrize("keep", [True, False])
def test_the_end_of_a_run_keeps_or_removes_its_output(tmp_path: Path, mailbox: Mailbox, keep: bool) -> None:
    (mailbox.output.stage(tmp_path / "out", "one") / "manifest.json").write_text("{}")
    mailbox.output.publish(last="manifest.json")
    mailbox.report(Progress())
    mailbox.close(keep_output=keep)
    assert (tmp_path / "out" / "manifest.json").exists() == keep
    assert not mailbox.folder.exists()
