"""`dap-bridge install audacity`: the same twice, and taken back byte for byte."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dap_bridge import assets
from dap_bridge.cli import main
from dap_bridge.errors import InstallFailed
from dap_bridge.install import audacity
from dap_bridge.transport import protocol
from tests.hosts.ardour.test_install import tree

SOURCE = assets.folder("daw_scripts") / "audacity" / audacity.NAME


def run(folder: Path, *options: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["install", "audacity", "--resource-path", str(folder), *options])
    assert result.exit_code == status, result.output
    return result.output


def test_twice_is_once_and_uninstall_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAP_BRIDGE_SPOOL", str(tmp_path / "drop folder 🎹"))
    plugins = tmp_path / "Plug-Ins"
    plugins.mkdir()
    (plugins / "mine.ny").write_text("mine")
    before = tree(plugins)
    run(plugins)
    once = tree(plugins)
    run(plugins)
    assert tree(plugins) == once
    written = (plugins / audacity.NAME).read_text(encoding="utf-8")
    assert f'(setf dap-spool "{(tmp_path / "drop folder 🎹").as_posix()}")' in written
    assert written.count("\n") == SOURCE.read_text(encoding="utf-8").count("\n")
    run(plugins, "--uninstall")
    assert tree(plugins) == before
    assert "Nothing" in run(plugins, "--uninstall")


def test_what_is_not_ours_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / audacity.NAME).write_text("mine")
    assert "not ours" in run(tmp_path, status=1)
    assert (tmp_path / audacity.NAME).read_text() == "mine"


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".local/share/audacity/Plug-Ins"),
        ("linux", ".audacity-data/Plug-Ins"),
        ("linux", ".var/app/org.audacityteam.Audacity/data/audacity/Plug-Ins"),
        ("darwin", "Library/Application Support/audacity/Plug-Ins"),
        ("win32", "AppData/Roaming/audacity/Plug-Ins"),
    ],
)
def test_the_folder_of_each_system(platform: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("APPDATA", raising=False)
    with pytest.raises(InstallFailed, match="Audacity"):
        audacity.plugin_path()
    (home / place).parent.mkdir(parents=True)
    assert audacity.plugin_path() == home / place


def test_the_plugin_asks_within_the_protocols_limits() -> None:
    text = SOURCE.read_text(encoding="utf-8")
    controls = {name: rest.split() for name, rest in re.findall(r'^;control (\w+) "[^"]+" [\w-]+ "" (.+)$', text, re.M)}
    fields = protocol.json_schema()["separate"]["properties"]
    sources, seed = fields["sources"], fields["seed"]
    assert controls["sources"] == [str(sources[key]) for key in ("default", "minimum", "maximum")]
    assert controls["seed"] == [str(seed[key]) for key in ("default", "minimum", "maximum")]
    assert controls["preset"] == [f'"{fields["preset"]["default"]}"']
