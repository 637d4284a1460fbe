"""What can be seen in the scripts without running them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from dap_bridge.install import constants
from tests.hosts.conftest import needed
from tests.hosts.reaper.host import COMMON, SCRIPTS, api_counts
from tests.hosts.reaper.lua_calls import Use, uses

FILES = sorted([*SCRIPTS.rglob("*.lua"), *COMMON.glob("*.lua")])
GFX = ("init", "set", "rect", "drawstr", "setfont", "getchar", "update", "quit", "texth", "w", "h", "x", "y")
MOUSE = ("mouse_x", "mouse_y", "mouse_cap")


def wrong(text: str) -> list[str]:
    """What is wrong with the calls of `reaper` in a Lua text."""
    counts, found = api_counts(), []
    for use in uses(text):
        if use.name not in counts:
            found.append(f"line {use.line}: reaper has no function {use.name}")
        elif use.arguments is not None and not counts[use.name][0] <= use.arguments <= counts[use.name][1]:
            found.append(f"line {use.line}: {use.name} takes {counts[use.name]} arguments, not {use.arguments}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_call_exists_and_has_a_legal_count(path: Path) -> None:
    assert wrong(path.read_text(encoding="utf-8")) == []


def test_the_reader_of_calls_reads() -> None:
    text = """
    -- reaper.Comment(1)
    local find = reaper.CountTracks
    if false then reaper.Nonsense() end
    reaper.GetTrack({1, 2}, f(1, 2), "a, b)")
    reaper.defer(function() return 1, 2 end)
    x = reaper.EnumProjects()
    """
    assert list(uses(text)) == [
        Use("CountTracks", None, 3),
        Use("Nonsense", 0, 4),
        Use("GetTrack", 3, 5),
        Use("defer", 1, 6),
        Use("EnumProjects", 0, 7),
    ]
    assert len(wrong(text)) == 3
    assert len(list(uses("".join(path.read_text() for path in FILES)))) > 70


def test_luacheck_is_content(tmp_path: Path) -> None:
    config = tmp_path / "luacheckrc"
    names = ", ".join(f"{name} = {{}}" for name in api_counts())
    drawing = ", ".join(f"{name} = {{ read_only = false }}" for name in GFX + MOUSE)
    config.write_text(
        f'std = "lua53"\nmax_line_length = 130\nread_globals = {{ reaper = {{ fields = {{ {names} }} }} }}\n'
        f"globals = {{ gfx = {{ fields = {{ {drawing} }} }} }}\n"
    )
    check = [needed("luacheck"), "--config", str(config), "--no-color", "--codes", "-q", str(SCRIPTS), str(COMMON)]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_scripts_know_the_protocol_as_it_is() -> None:
    for path, text in constants.files().items():
        assert path.read_text(encoding="utf-8") == text, "stale: run `make docs`"


def test_every_kind_of_value_can_be_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"a": {"b": True, "c": False, "d": 1.5, "e": ["x", 'quote " and ü']}, "f": {}, "g": -1}
    monkeypatch.setattr(constants, "constants", lambda: told)
    module: dict[str, Any] = {}
    exec(constants.python(), module)
    assert {name: module[name.upper()] for name in told} == told
    code = f"""local told = (function() {constants.lua()} end)()
    assert(told.a.b == true and told.a.c == false and told.a.d == 1.5 and told.a.e[2] == 'quote " and ü')
    assert(next(told.f) == nil and told.g == -1)"""
    assert subprocess.run([needed("lua5.4"), "-"], input=code, text=True, check=False).returncode == 0


def test_nothing_can_wait() -> None:
    """The simulator would refuse these too, where it comes by them."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("os.execute", "io.popen", "socket.sleep", "io.read") if word in text], path
