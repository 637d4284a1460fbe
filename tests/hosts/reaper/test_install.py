"""`dap-bridge install reaper`: the same twice, and taken back byte for byte."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dap_bridge.cli import main
from dap_bridge.errors import InstallFailed
from dap_bridge.install import reaper
from tests.files import tree
from tests.hosts.conftest import needed
from tests.hosts.reaper.host import SCRIPTS, Host
from tests.hosts.reaper.test_separate import SEPARATE

LINE = re.compile(rb'^SCR 4 0 (RS[0-9a-f]{40}) "Custom: ([^"]+)" "([^"]+)"$')


def run(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["install", "reaper", "--resource-path", str(folder), *options])
    assert result.exit_code == 0, result.output
    return result.output


USERS = {
    "empty": None,
    "unix": b'KEY 1 82 40280 0\nSCR 4 0 RSabc "Custom: mine.lua" "mine.lua"\n',
    "windows": b'KEY 1 82 40280 0\r\nSCR 4 0 RSabc "Custom: mine.lua" "mine.lua"\r\n',
    "no newline at the end": b"KEY 1 82 40280 0",
    "an empty file": b"",
}


@pytest.mark.parametrize("keys", USERS.values(), ids=USERS.keys())
def test_twice_is_once_and_uninstall_leaves_what_was_there(keys: bytes | None, tmp_path: Path) -> None:
    if keys is not None:
        (tmp_path / "Scripts").mkdir()
        (tmp_path / "Scripts" / "mine.lua").write_text("-- mine")
        (tmp_path / "reaper-kb.ini").write_bytes(keys)
    before = tree(tmp_path)
    run(tmp_path)
    once = tree(tmp_path)
    run(tmp_path)
    assert tree(tmp_path) == once
    written = once["reaper-kb.ini"]
    assert written is not None
    assert written.startswith(keys or b"")
    if keys is not None:
        assert once["reaper-kb.ini.before-dap-bridge"] == keys
    ours = [match for line in written.splitlines() if (match := LINE.match(line))]
    assert {m[2].decode() for m in ours} == {p.name for p in SCRIPTS.rglob("DAP_*")}
    assert all((tmp_path / "Scripts" / match[3].decode()).is_file() for match in ours)
    assert len({match[1] for match in ours}) == len(ours)
    run(tmp_path, "--uninstall")
    assert tree(tmp_path) == before
    assert "Nothing" in run(tmp_path, "--uninstall")


@pytest.mark.parametrize("option", [[], ["--uninstall"]])
def test_a_reaper_that_runs_is_noticed(option: list[str], tmp_path: Path) -> None:
    """It would write its own list of actions when it ends."""
    resources = tmp_path / "resources"
    resources.mkdir()
    if option:
        run(resources)
    before = tree(resources)
    program = tmp_path / "reaper"
    program.write_text("#!/bin/sh\nread line\n")
    program.chmod(0o755)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        arguments = ["install", "reaper", "--resource-path", str(resources), *option]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1
        assert f"REAPER is running (process {process.pid}" in result.output
        assert "Close it" in result.output
        assert tree(resources) == before
        run(resources, "--while-running", *option)
        assert tree(resources) != before


def test_what_the_user_did_in_between_stays(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "Scripts" / "dap-bridge" / "notes.txt").write_text("mine")
    keys = tmp_path / "reaper-kb.ini"
    keys.write_bytes(keys.read_bytes() + b"KEY 1 65 40001 0\n")
    run(tmp_path, "--uninstall")
    assert keys.read_bytes() == b"KEY 1 65 40001 0\n"
    assert [p.name for p in (tmp_path / "Scripts" / "dap-bridge").iterdir()] == ["notes.txt"]


def test_what_a_later_version_has_not_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    once = tree(tmp_path)
    run(tmp_path, "--uninstall")
    shipped = reaper.sources()
    old = {**shipped, **dict.fromkeys(("DAP_Old.lua", "dap/old.lua"), next(iter(shipped.values())))}
    with monkeypatch.context() as patch:
        patch.setattr(reaper, "sources", lambda: old)
        run(tmp_path)
        assert (tmp_path / "Scripts" / "dap-bridge" / "dap" / "old.lua").exists()
        assert b"DAP_Old.lua" in (tmp_path / "reaper-kb.ini").read_bytes()
    run(tmp_path)
    assert tree(tmp_path) == once


def test_what_is_not_ours_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "Scripts" / "dap-bridge").mkdir(parents=True)
    result = CliRunner().invoke(main, ["install", "reaper", "--resource-path", str(tmp_path)])
    assert result.exit_code == 1
    assert "not ours" in result.output
    assert not (tmp_path / "reaper-kb.ini").exists()


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".config/REAPER"),
        ("linux", ".var/app/fm.reaper.Reaper/config/REAPER"),
        ("darwin", "Library/Application Support/REAPER"),
        ("win32", "AppData/Roaming/REAPER"),
    ],
)
def test_the_resource_folder_of_each_system(
    platform: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("APPDATA", raising=False)
    with pytest.raises(InstallFailed, match="REAPER"):
        reaper.resource_path()
    (home / place).mkdir(parents=True)
    assert reaper.resource_path() == home / place


def test_the_installed_scripts_run(tmp_path: Path) -> None:
    """From the folder REAPER runs them in, with the command that the installer wrote down."""
    run(tmp_path)
    scripts = tmp_path / "Scripts" / "dap-bridge"
    host = Host(needed("lua5.4"), tmp_path, scripts=scripts, DAP_BRIDGE_SPOOL=str(tmp_path / "none"))
    host.lua("project = sim.model.project('', '/tmp')")
    host.run(SEPARATE)
    assert "Select one or more" in host.messages[0]
    host.run("DAP_Start bridge")
    (command,) = host.lua("return sim.executed")
    program = command.split('"')[1]
    if program != "dap-bridge":
        assert subprocess.run([program, "--version"], capture_output=True, check=True).stdout.startswith(b"dap-bridge")
    host.close()
