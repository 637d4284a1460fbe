"""A job's folder: every run starts and ends clean, whoever computed."""

import json
from pathlib import Path

import pytest

from dap_bridge.domain import Alternative, Stem
from dap_bridge.jobs import results
from dap_bridge.jobs.folder import JobFolder
from tests import manifests


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


def test_a_folder_whose_closing_was_interrupted_is_left(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Path, "rmdir", lambda _: None)
        folder.close(keep_output=True)
    (left,) = JobFolder.left(folder.path.parent)
    left.close(keep_output=True)
    assert not folder.path.exists()


def several(folder: Path, path: str = "alternative-2/stem-1.wav") -> Path:
    """A result with two answers in a folder; returns the manifest's path."""
    stems = [Stem(1, "clip - stem 1", "source", name) for name in ("stem-1.wav", path)]
    answers = tuple(Alternative(index, "", None, (stem,)) for index, stem in enumerate(stems, 1))
    (folder / "alternative-2").mkdir(parents=True)
    for name in ("stem-1.wav", "alternative-2/stem-1.wav"):
        (folder / name).touch()
    return manifests.write(
        folder, manifests.manifest("one", 44_100, 100, {"stem-1.wav": "clip - stem 1"}, alternatives=answers)
    )


def test_a_result_goes_with_its_alternatives_and_nothing_else(folder: JobFolder) -> None:
    made = several(folder.results())
    folder.remove_result(made)
    assert not made.parent.exists()

    made = several(folder.results())
    (made.parent / "alternative-2" / "mine.wav").touch()
    folder.remove_result(made)
    assert [path.name for path in made.parent.rglob("*")] == ["alternative-2", "mine.wav"]


def test_nothing_is_removed_through_a_link_in_the_place_of_a_folder(tmp_path: Path, folder: JobFolder) -> None:
    made = several(folder.results())
    (made.parent / "alternative-2").rename(tmp_path / "elsewhere")
    (made.parent / "alternative-2").symlink_to(tmp_path / "elsewhere")
    folder.remove_result(made)
    assert (tmp_path / "elsewhere" / "stem-1.wav").exists()


@pytest.mark.parametrize(
    "path", ["../stem-1.wav", "/etc/stem-1.wav", "stem-1.wav", "alternative-3/stem-1.wav", "alternative-2/../../a.wav"]
)
def test_a_manifest_whose_alternatives_lie_elsewhere_is_none(tmp_path: Path, path: str) -> None:
    made = several(tmp_path / "result", path)
    assert json.loads(made.read_text(encoding="utf-8"))["alternatives"][1]["stems"][0]["path"] == path
    with pytest.raises(results.NoResultError):
        results.read(made)
    assert results.read(several(tmp_path / "other")).alternatives[1].index == 2
