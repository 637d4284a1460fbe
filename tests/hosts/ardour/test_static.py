"""What can be seen in the scripts without running them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dap_bridge import assets
from tests.hosts.conftest import needed

SCRIPTS = assets.folder("daw_scripts") / "ardour"
COMMON = assets.folder("daw_scripts") / "common"
OFFERED = (
    "ARDOUR",
    "C",
    "Editor",
    "Editing",
    "LuaDialog",
    "LuaSignal",
    "PBD",
    "Session",
    "Temporal",
    "ardour",
    "require",
)
CALLED_BY_ARDOUR = ("factory", "signals")


def test_luacheck_is_content(tmp_path: Path) -> None:
    config = tmp_path / "luacheckrc"
    names = ", ".join(f'"{name}"' for name in OFFERED)
    called = ", ".join(f'"{name}"' for name in CALLED_BY_ARDOUR)
    config.write_text(
        f'std = "lua53"\nmax_line_length = 130\nglobals = {{ {called} }}\n'
        f'read_globals = {{ {names}, os = {{ fields = {{ "forkexec" }} }} }}\n'
        'ignore = { "131" }\n'
    )
    check = [needed("luacheck"), "--config", str(config), "--no-color", "--codes", "-q", str(SCRIPTS), str(COMMON)]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_nothing_can_wait() -> None:
    for path in [*SCRIPTS.rglob("*.lua"), *COMMON.glob("*.lua")]:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("os.execute", "io.popen", "usleep", "io.read") if word in text], path
