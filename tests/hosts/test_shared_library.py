"""The Lua that REAPER and Ardour share: with a host's own it is one library, and all of it serves both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dap_bridge import assets

SCRIPTS = assets.folder("daw_scripts")
HOSTS = ("reaper", "ardour")
LONGEST = 400


def modules(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*.lua")}


COMMON = modules(SCRIPTS / "common")


def needs(path: Path) -> set[str]:
    """The modules of the library that a script asks for."""
    return set(re.findall(r'require\("dap\.(\w+)"\)', path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("host", HOSTS)
def test_a_name_is_one_modules_and_every_name_is_there(host: str) -> None:
    own = modules(SCRIPTS / host / "dap")
    assert not own.keys() & COMMON.keys(), "in one folder, one would hide the other"
    library = own | COMMON
    for path in [*library.values(), *(SCRIPTS / host).glob("DAP_*.lua")]:
        assert needs(path) <= library.keys(), path


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_shared_serves_each_host(host: str) -> None:
    found, looked_at = set(), [*(SCRIPTS / host).rglob("*.lua")]
    while looked_at:
        new = (needs(looked_at.pop()) & COMMON.keys()) - found
        found |= new
        looked_at += [COMMON[name] for name in new]
    assert found == COMMON.keys()


def test_what_is_shared_knows_no_host() -> None:
    for path in COMMON.values():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(reaper\.|gfx\.|ARDOUR\.|Session\b|Editor\b|LuaDialog\b)", text), path


def test_no_file_is_long() -> None:
    paths = [path for path in SCRIPTS.rglob("*.lua") if path.name != "constants.lua"]
    assert [path.name for path in paths if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST] == []
