"""`dap-bridge install ardour`: the same twice, and taken back byte for byte."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dap_bridge.cli import main
from dap_bridge.errors import InstallFailed
from dap_bridge.install import ardour, ui_scripts
from tests.files import tree
from tests.hosts.conftest import needed

# As Ardour 7.3 wrote it: one action with its compiled factory, in the bytes that Lua's %q makes of it.
THEIRS = (
    b'scripts = {} scripts[2] = {} scripts[2]["n"] = "theirs" '
    b'scripts[2]["s"] = "ardour {\\\n scripts[7] = {} \\"x\\" }"'
    b' scripts[2]["f"] = "\\27LuaS\\0\x93\\13\\\n\xff" scripts[2]["c"] = true scripts[2]["a"] = {} '
    b'scripts[2]["a"]["x-script-origin"] = "/usr/share/x.lua"   '
)
LIST = f"""<?xml version="1.0" encoding="UTF-8"?>
<UIScripts>
  <ActionScript lua="Lua 5.3">{base64.b64encode(THEIRS).decode()}</ActionScript>
  <ActionHooks>
    <LuaCallback lua="Lua 5.3" id="394" name="mine" signals="01{47 * "0"}">cyA9IHt9</LuaCallback>
  </ActionHooks>
</UIScripts>
"""


def run(folder: Path, *options: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["install", "ardour", "--resource-path", str(folder), *options])
    assert result.exit_code == status, result.output
    return result.output


def registered(folder: Path) -> bytes:
    packed = re.search(r"<ActionScript[^>]*>(.*)</ActionScript>", (folder / "ui_scripts").read_text())
    assert packed is not None
    return base64.b64decode(packed[1])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "ardour7"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("content", [None, LIST], ids=["no list", "a list"])
def test_twice_is_once_and_uninstall_leaves_what_was_there(content: str | None, config: Path) -> None:
    if content is not None:
        (config / "ui_scripts").write_text(content)
        (config / "scripts").mkdir()
        (config / "scripts" / "mine.lua").write_text("-- mine")
    before = tree(config)
    run(config)
    once = tree(config)
    assert "registered already" in run(config)
    assert tree(config) == once
    names = re.findall(rb'scripts\[(\d+)\]\["n"\] = "([^"]+)"', registered(config))
    assert [name for _, name in names if name != b"theirs"] == [
        b"DAP: Separate selected regions",
        b"DAP: Separate selected regions (options)",
        b"DAP: Separate like selected examples",
        b"DAP: Separate: this sound alone in range",
        b"DAP: Separate this stem further",
        b"DAP: Redraw chosen alternative",
        b"DAP: Denoise selected regions",
        b"DAP: Denoise selected regions (options)",
        b"DAP: Learn noise from range",
        b"DAP: Co-separate selected regions",
        b"DAP: Co-separate selected regions (options)",
        b"DAP: Extend texture to range",
        b"DAP: Extend texture to range (options)",
        b"DAP: Deactivate mask in range",
        b"DAP: Activate mask in range",
        b"DAP: Open mask editor",
        b"DAP: Undo last mask edit",
        b"DAP: Cancel jobs",
        b"DAP: Status",
    ]
    assert len({slot for slot, _ in names}) == len(names)
    run(config, "--uninstall")
    assert tree(config) == before
    assert "Nothing" in run(config, "--uninstall")


def test_a_module_that_a_later_version_has_not_goes(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(config)
    once = tree(config)
    run(config, "--uninstall")
    shipped = ardour._files
    with monkeypatch.context() as patch:
        patch.setattr(ardour, "_files", lambda settings: shipped(settings) | {"dap-bridge/old.lua": b"-- old"})
        run(config)
        assert (config / "dap-bridge" / "old.lua").exists()
    run(config)
    assert tree(config) == once


def test_what_others_registered_stays_as_it_is(config: Path) -> None:
    (config / "ui_scripts").write_text(LIST)
    run(config)
    theirs = THEIRS.split(b'scripts[2]["f"] = ')[1].split(b' scripts[2]["c"]')[0]
    assert theirs in registered(config)
    assert 'name="mine"' in (config / "ui_scripts").read_text()
    (config / "ui_scripts").write_text((config / "ui_scripts").read_text().replace('name="mine"', 'name="renamed"'))
    run(config, "--uninstall")
    assert b"DAP" not in registered(config)
    assert theirs in registered(config)
    assert 'name="renamed"' in (config / "ui_scripts").read_text()


def test_what_was_written_is_lua_that_builds_the_table(config: Path, tmp_path: Path) -> None:
    run(config)
    (tmp_path / "list.lua").write_bytes(
        registered(config)
        + b'for _, s in pairs(scripts) do assert(load(s.f)) assert(s.s:find("factory")) print(s.n) end'
    )
    result = subprocess.run([needed("lua5.3"), str(tmp_path / "list.lua")], capture_output=True, text=True, check=True)
    assert len(result.stdout.splitlines()) == 19


@pytest.mark.parametrize("content", ["<UIScripts>", "<Other/>", LIST.replace("c2NyaXB0", "c2NyaXBU", 1)])
def test_a_list_that_is_not_understood_is_left_alone(content: str, config: Path) -> None:
    (config / "ui_scripts").write_text(content)
    assert "Script Manager" in run(config, status=1)
    assert (config / "ui_scripts").read_text() == content


def test_no_slot_is_left(config: Path) -> None:
    full = "scripts = {} " + "".join(f'scripts[{n}] = {{}} scripts[{n}]["n"] = "x" ' for n in range(1, 33))
    packed = base64.b64encode(full.encode()).decode()
    (config / "ui_scripts").write_text(LIST.replace(base64.b64encode(THEIRS).decode(), packed))
    assert "in use" in run(config, status=1)


def test_another_version_is_registered_by_hand(tmp_path: Path) -> None:
    folder = tmp_path / "ardour8"
    folder.mkdir()
    assert "Script Manager" in run(folder)
    assert not (folder / "ui_scripts").exists()
    run(folder, "--uninstall")
    assert tree(folder) == {}


def test_what_is_not_ours_is_not_written_over(config: Path) -> None:
    (config / "dap-bridge").mkdir()
    assert "not ours" in run(config, status=1)
    (config / "dap-bridge").rmdir()
    (config / "scripts").mkdir()
    (config / "scripts" / "DAP_Status.lua").write_text("-- mine")
    before = tree(config)
    assert "not ours" in run(config, status=1)
    assert tree(config) == before


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".config/ardour7"),
        ("darwin", "Library/Preferences/Ardour7"),
        ("win32", "AppData/Local/Ardour7"),
    ],
)
def test_the_configuration_folder_of_each_system(
    platform: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    with pytest.raises(InstallFailed, match="Ardour"):
        ardour.config_path()
    (home / place).mkdir(parents=True)
    (home / place).with_name("ardour6").mkdir()
    assert ardour.config_path() == home / place


def test_a_script_without_a_factory_is_refused() -> None:
    with pytest.raises(InstallFailed, match="factory"):
        ui_scripts.register(None, [ui_scripts.Script("x", "x.lua", "ardour {}", hook=False)])
