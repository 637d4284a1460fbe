"""A job's output: all of it or none of it, and nothing that is not the job's own."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dap_bridge.errors import OutputUnwritable
from dap_bridge.jobs.output import TOKEN, Output

NAMES = ["stem-1.wav", "alternative-2/stem-1.wav", "manifest.json"]


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "ledger.json")


def fill(stage: Path) -> None:
    (stage / "alternative-2").mkdir()
    for name in NAMES:
        (stage / name).write_text(name)


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_at(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def dies(source: Path, target: Path) -> None:
        if source.as_posix().endswith(name):
            raise Killed
        link(source, target)

    monkeypatch.setattr(os, "link", dies)


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on FAT, and some network shares."""

    def refuses(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuses)


def test_published_results_lie_in_the_folder_and_nothing_else_does(tmp_path: Path, output: Output) -> None:
    out = tmp_path / "a" / "b"
    fill(output.stage(out, "job", NAMES))
    assert output.publish(last="manifest.json") == out / "manifest.json"
    output.keep()
    output.discard()
    within = ["alternative-2", *NAMES]
    assert left(tmp_path / "a") == ["b", *sorted(f"b/{name}" for name in within)]


def test_the_manifest_appears_last(tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(output.stage(tmp_path / "out", "job", NAMES))
    killed_at("manifest.json", monkeypatch)
    with pytest.raises(Killed):
        output.publish(last="manifest.json")
    assert (tmp_path / "out" / "stem-1.wav").exists()
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_worker_that_dies_right_after_publishing_leaves_the_result_alone(
    tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: object) -> None:
        raise Killed

    fill(output.stage(tmp_path / "out", "job", NAMES))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("dap_bridge.jobs.output._remove_stage", die)
        output.publish(last="manifest.json")
    found = Output(tmp_path / "ledger.json")
    assert found.published() == tmp_path / "out" / "manifest.json"
    found.keep()
    assert left(tmp_path) == ["out", *sorted(f"out/{name}" for name in ("alternative-2", *NAMES))]


@pytest.mark.parametrize("killed", ["alternative-2/stem-1.wav", "manifest.json", "never"])
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


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to(path.parent)])
def test_a_folder_of_results_is_never_put_into_another_ones(
    tmp_path: Path, output: Output, make: Callable[[Path], object]
) -> None:
    """It is there from the start, or comes while the job runs."""
    out = tmp_path / "out"
    out.mkdir()
    taken = out / "alternative-2"
    fill(output.stage(out, "job", NAMES))
    make(taken)
    with pytest.raises(OutputUnwritable, match="alternative-2"):
        output.publish(last="manifest.json")
    assert left(out) == ["alternative-2"]
    with pytest.raises(OutputUnwritable, match="alternative-2"):
        output.stage(out, "job", ["alternative-2", "manifest.json"])
    assert left(out) == ["alternative-2"]


def test_a_link_in_a_stage_leads_nobody_out_of_it(tmp_path: Path, output: Output) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "song.wav").write_text("mine")
    stage = output.stage(tmp_path / "out", "job", NAMES)
    (stage / "alternative-2").symlink_to(music)
    output.discard()
    assert left(tmp_path) == ["music", "music/song.wav"]


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path, output: Output) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable):
        output.stage(tmp_path / "file" / "out", "job")
    assert left(tmp_path) == ["file"]


@pytest.mark.parametrize("links", [True, False])
def test_nothing_is_written_over_while_it_is_published(
    tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """The name is taken after all was found free, as a race would have it: by a file, and by a link into nowhere."""
    if not links:
        without_links(monkeypatch)
    for kind in ("file", "link"):
        out = tmp_path / kind
        fill(output.stage(out, "job", NAMES))
        taken = out / "stem-1.wav"
        if kind == "file":
            taken.write_text("the user's")
        else:
            taken.symlink_to(tmp_path / "nowhere")
        with pytest.raises(OutputUnwritable, match=r"stem-1\.wav"):
            output.publish(last="manifest.json")
        assert left(out) == ["stem-1.wav"], "what had been placed was taken back"
        assert taken.is_symlink() or taken.read_text() == "the user's"
        assert not (tmp_path / "nowhere").exists()


def test_without_hard_links_it_is_published_all_the_same(
    tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    fill(output.stage(tmp_path / "out", "job", NAMES))
    output.publish(last="manifest.json")
    assert left(tmp_path / "out") == sorted(["alternative-2", *NAMES])
    assert (tmp_path / "out" / "stem-1.wav").read_text() == "stem-1.wav"


def test_a_dangling_link_takes_a_name(tmp_path: Path, output: Output) -> None:
    (tmp_path / "stem-1.wav").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputUnwritable, match=r"stem-1\.wav: a link"):
        output.stage(tmp_path, "job", NAMES)


def test_a_folder_called_as_a_stage_might_be_is_nobodys_stage(tmp_path: Path, output: Output) -> None:
    """Job `bridge` in the home folder, where ~/.dap-bridge is the drop folder."""
    theirs = tmp_path / ".dap-bridge" / "spool" / "take.wav"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    for end in (output.discard, lambda: output.publish(last="manifest.json")):
        fill(output.stage(tmp_path, "bridge", NAMES))
        end()
        assert theirs.read_text() == "mine"


def test_nothing_is_removed_that_the_ledger_cannot_prove_its_own(tmp_path: Path, output: Output) -> None:
    """In the places that the ledger names, there are other things by now: folders, files, links."""
    out = tmp_path / "made" / "out"
    stage = output.stage(out, "job", NAMES)
    fill(stage)
    music = tmp_path / "music"
    music.mkdir()
    (music / "song.wav").write_text("mine")
    stage.rename(tmp_path / "moved")
    stage.symlink_to(music)
    Output(tmp_path / "ledger.json").discard()
    assert (music / "song.wav").exists()
    assert stage.is_symlink()

    stage.unlink()
    out.rmdir()
    out.mkdir()
    stage = output.stage(out, "job", NAMES)
    stage.rename(tmp_path / "moved too")
    music.rename(stage)
    Output(tmp_path / "ledger.json").discard()
    assert (stage / "song.wav").read_text() == "mine"


@pytest.mark.parametrize("gone", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("moved"))])
def test_a_folder_that_was_made_again_by_another_stays(
    tmp_path: Path, output: Output, gone: Callable[[Path], object]
) -> None:
    """Also where it is given the inode of the one that is gone."""
    out = tmp_path / "out"
    output.stage(out, "job", NAMES)
    gone(out)
    out.mkdir()
    Output(tmp_path / "ledger.json").discard()
    assert out.is_dir()


def test_a_folder_that_somebody_else_made_a_moment_ago_stays(
    tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for what is missing and its making."""
    make = Path.mkdir

    def overtaken(path: Path, *arguments: Any, **options: Any) -> None:
        if path == tmp_path / "theirs":
            make(path)
        make(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", overtaken)
        fill(output.stage(tmp_path / "theirs" / "out", "job", NAMES))
    Output(tmp_path / "ledger.json").discard()
    assert left(tmp_path) == ["theirs"]


@pytest.mark.parametrize("written", [None, 0, 7])
def test_a_worker_killed_before_the_token_is_written_leaves_no_trace(
    tmp_path: Path, output: Output, written: int | None
) -> None:
    token = output.stage(tmp_path / "a" / "b", "job", NAMES) / TOKEN
    if written is None:
        token.unlink()
    else:
        token.write_text(token.read_text()[:written])
    Output(tmp_path / "ledger.json").discard()
    assert left(tmp_path) == []


def test_a_disk_that_is_full_while_the_token_is_written_keeps_no_trace(
    tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputUnwritable, match="No space left"):
        output.stage(tmp_path / "a" / "b", "job", NAMES)
    assert left(tmp_path) == []


def test_a_result_that_was_edited_is_the_users(tmp_path: Path, output: Output) -> None:
    fill(output.stage(tmp_path / "out", "job", NAMES))
    output.publish(last="manifest.json")
    (tmp_path / "out" / "stem-1.wav").write_text("edited")
    Output(tmp_path / "ledger.json").discard()
    assert left(tmp_path / "out") == ["stem-1.wav"]


@pytest.mark.parametrize("ledger", ["", "{", "[]", '{"stage": 3}', '{"stage": ".dap-x", "made": {"a": 1}}', "\0" * 80])
def test_a_damaged_ledger_is_set_aside(
    tmp_path: Path, output: Output, caplog: pytest.LogCaptureFixture, ledger: str
) -> None:
    fill(output.stage(tmp_path / "out", "job", NAMES))
    (tmp_path / "ledger.json").write_text(ledger)
    Output(tmp_path / "ledger.json").discard()
    assert "ledger.json.damaged-1" in caplog.text
    assert (tmp_path / "ledger.json.damaged-1").read_text() == ledger
    assert not (tmp_path / "ledger.json").exists()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
@pytest.mark.parametrize(
    ("clips", "file", "folder"),
    [
        ([0o600], 0o600, 0o700),
        ([0o640], 0o640, 0o750),
        ([0o644], 0o644, 0o755),
        ([0o444], 0o644, 0o755),
        ([0o777], 0o664, 0o755),
        ([0o644, 0o660], 0o640, 0o750),
        ([], 0o600, 0o700),
    ],
)
def test_a_result_is_as_open_as_what_it_was_made_from(
    tmp_path: Path, output: Output, clips: list[int], file: int, folder: int
) -> None:
    like = []
    for number, bits in enumerate(clips):
        like.append(tmp_path / f"{number}.wav")
        like[-1].touch()
        like[-1].chmod(bits)
    out = tmp_path / "a" / "b"
    stage = output.stage(out, "job", NAMES)
    fill(stage)
    assert {mode(stage), mode(out), mode(out.parent)} == {0o700}, "nobody looks on while it is made"
    output.publish(last="manifest.json", like=like)
    assert {mode(out / name) for name in NAMES} == {file}
    assert {mode(out), mode(out.parent), mode(out / "alternative-2")} == {folder}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files to others")
def test_permissions_of_another_group_are_not_given_to_ones_own(tmp_path: Path, output: Output) -> None:
    clip = tmp_path / "clip.wav"
    clip.touch()
    for bits, expected in ((0o660, 0o600), (0o644, 0o644), (0o604, 0o600)):
        os.chown(clip, -1, os.getegid() + 1)
        clip.chmod(bits)
        out = tmp_path / oct(bits)
        fill(output.stage(out, "job", NAMES))
        output.publish(last="manifest.json", like=[clip])
        assert mode(out / "stem-1.wav") == expected


def test_the_systems_reason_is_told(tmp_path: Path, output: Output) -> None:
    with pytest.raises(OutputUnwritable, match="File name too long") as caught:
        output.stage(tmp_path / ("x" * 300), "job", NAMES)
    assert "shorter" in caught.value.hint
    stage = output.stage(tmp_path / "out", "job", NAMES)
    fill(stage)
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(OutputUnwritable, match="No such file or directory"):
        output.publish(last="manifest.json")
    assert left(tmp_path) == []


def test_only_a_hidden_folder_of_ours_is_ever_removed_whole(tmp_path: Path, output: Output) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_text("mine")
    (tmp_path / "ledger.json").write_text(f'{{"stage": "{(tmp_path / "music").as_posix()}"}}')
    output.discard()
    assert left(tmp_path) == ["music", "music/song.wav"]
