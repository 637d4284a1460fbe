"""A job's folder: every run starts and ends clean, whoever computed."""

from pathlib import Path

import pytest

from dap_bridge.jobs.folder import JobFolder


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder(tmp_path / "jobs" / "one")
    folder.open()
    (folder.scratch / "masks").mkdir()
    (folder.scratch / "masks" / "1").write_bytes(b"half")
    return folder


def test_the_next_run_starts_without_the_output_of_a_killed_one(tmp_path: Path, folder: JobFolder) -> None:
    (folder.output.stage(tmp_path / "out", "one") / "stem-1.wav").write_bytes(b"half")
    JobFolder(folder.path).open()
    assert not (tmp_path / "out").exists()
    assert list(folder.path.rglob("*")) == [folder.scratch]


@pytest.mark.parametrize("keep", [True, False])
def test_the_end_of_a_run_keeps_or_removes_its_output(tmp_path: Path, folder: JobFolder, keep: bool) -> None:
    (folder.output.stage(tmp_path / "out", "one") / "manifest.json").write_text("{}")
    folder.output.publish(last="manifest.json")
    (folder.path / ".output.json-x.tmp").touch()
    folder.close(keep_output=keep)
    assert (tmp_path / "out" / "manifest.json").exists() == keep
    assert not folder.path.exists()


def test_a_folder_is_left_until_it_is_closed(folder: JobFolder) -> None:
    assert [left.path for left in JobFolder.left(folder.path.parent)] == [folder.path]
    folder.close(keep_output=True)
    assert list(JobFolder.left(folder.path.parent)) == []
