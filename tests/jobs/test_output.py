"""A job's output: all of it or none of it, and nothing that is not the job's own."""

from pathlib import Path

import pytest

from dap_bridge.errors import OutputUnwritable
from dap_bridge.jobs.output import Output

NAMES = ["stem-1.wav", "manifest.json"]


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "ledger.json")


def fill(stage: Path) -> None:
    for name in NAMES:
        (stage / name).write_text(name)


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_at(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def dies(self: Path, target: Path) -> Path:
        if self.name == name:
            raise Killed
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dies)


def test_published_results_lie_in_the_folder_and_nothing_else_does(tmp_path: Path, output: Output) -> None:
    out = tmp_path / "a" / "b"
    fill(output.stage(out, "job", NAMES))
    assert output.publish(last="manifest.json") == out / "manifest.json"
    output.keep()
    output.discard()
    assert left(tmp_path / "a") == ["b", "b/manifest.json", "b/stem-1.wav"]


def test_the_manifest_appears_last(tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(output.stage(tmp_path / "out", "job", NAMES))
    killed_at("manifest.json", monkeypatch)
    with pytest.raises(Killed):
        output.publish(last="manifest.json")
    assert (tmp_path / "out" / "stem-1.wav").exists()
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("killed", ["stem-1.wav", "manifest.json", "never"])
def test_whenever_the_worker_dies_discard_leaves_no_trace(
    tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    fill(output.stage(tmp_path / "a" / "b", "job", NAMES))
    killed_at(killed, monkeypatch)
    if killed == "never":
        output.publish(last="manifest.json")
    else:
        with pytest.raises(Killed):
            output.publish(last="manifest.json")
    Output(tmp_path / "ledger.json").discard()
    assert left(tmp_path) == []


def test_what_the_user_has_there_stays(tmp_path: Path, output: Output) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "song.wav").write_text("mine")
    fill(output.stage(out, "job", NAMES))
    output.publish(last="manifest.json")
    (out / "stem-1.wav").rename(out / "moved by the user")
    (out / "stem-1.wav").write_text("written by the user")
    output.discard()
    assert left(out) == ["moved by the user", "song.wav", "stem-1.wav"]


def test_a_taken_name_is_refused_before_anything_is_made(tmp_path: Path, output: Output) -> None:
    (tmp_path / "stem-1.wav").write_text("an earlier result")
    with pytest.raises(OutputUnwritable, match=r"stem-1\.wav"):
        output.stage(tmp_path, "job", NAMES)
    assert left(tmp_path) == ["stem-1.wav"]


def test_a_name_taken_while_the_job_ran_is_refused_and_kept(tmp_path: Path, output: Output) -> None:
    fill(output.stage(tmp_path / "out", "job", NAMES))
    (tmp_path / "out" / "stem-1.wav").write_text("an earlier result")
    with pytest.raises(OutputUnwritable):
        output.publish(last="manifest.json")
    output.discard()
    assert left(tmp_path) == ["out", "out/stem-1.wav"]
    assert (tmp_path / "out" / "stem-1.wav").read_text() == "an earlier result"


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path, output: Output) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable):
        output.stage(tmp_path / "file" / "out", "job")
    assert left(tmp_path) == ["file"]


def test_only_a_hidden_folder_of_ours_is_ever_removed_whole(tmp_path: Path, output: Output) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_text("mine")
    (tmp_path / "ledger.json").write_text(f'{{"stage": "{(tmp_path / "music").as_posix()}"}}')
    output.discard()
    assert left(tmp_path) == ["music", "music/song.wav"]
