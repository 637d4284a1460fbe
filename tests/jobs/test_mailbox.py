"""The mailbox: what one side says arrives whole at the other, and every run starts clean."""

from pathlib import Path

import pytest

from dap_bridge.domain import Progress
from dap_bridge.jobs.folder import JobFolder
from dap_bridge.jobs.workers.local.mailbox import Mailbox


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder(tmp_path / "jobs" / "one")
    folder.open()
    return folder


def test_progress_arrives_as_reported(folder: JobFolder) -> None:
    mailbox = Mailbox(folder)
    assert mailbox.progress() is None
    progress = Progress(0.25, "fit", 100, 400, 12.5, "cpu", "no GPU: é")
    mailbox.report(progress)
    assert Mailbox(folder).progress() == progress


def test_asking_for_a_cancel_and_reporting_are_signs_of_life(folder: JobFolder) -> None:
    daemon = Mailbox(folder)
    heard = [daemon.heard()]
    Mailbox(folder).cancelled()
    heard.append(daemon.heard())
    Mailbox(folder).report(Progress())
    heard.append(daemon.heard())
    assert len(set(heard)) == 3


def test_cancel_is_seen_until_the_next_run(folder: JobFolder) -> None:
    mailbox = Mailbox(folder)
    assert not mailbox.cancelled()
    mailbox.cancel()
    assert Mailbox(folder).cancelled()
    mailbox.report(Progress())
    folder.open()
    assert not mailbox.cancelled()
    assert mailbox.progress() is None
