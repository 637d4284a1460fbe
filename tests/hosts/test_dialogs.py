"""What the dialogs of REAPER and Ardour show: the declaration, as a user meets it. Audacity's are in its plug-ins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dap_bridge.install import ardour, dialogs, reaper
from dap_bridge.install.constants import fields_of
from tests.hosts.conftest import needed

DEVICE = "Device (auto / cpu / cuda)"
PLACING = ("Mute the item (yes / no)", "Several items: one undo step (yes / no)")
IN_REAPER = {
    "separate": ("Preset", "Sounds (2 to 8)", "The rest apart (yes / no)", "Seed", DEVICE, *PLACING),
    "denoise": ("Preset", "Strength (0 to 1)", "Swap the two (yes / no)", "Seed", DEVICE, *PLACING),
    "coseparate": ("Preset", "Seed", DEVICE, PLACING[0]),
    "texture": ("Preset", "Variation (0 to 1)", "Results (1 to 16)", "Seed", DEVICE),
    "refine": (
        "Lowest frequency (Hz)",
        "Highest frequency (Hz)",
        "Take it out or bring it in (out / in)",
        "Strength (0 to 1)",
        "Correct all of a long clip (yes / no)",
    ),
}
PRESET = "entry Preset (see `dap-bridge presets`)"
LAST = ("entry Seed 0", "dropdown Device auto", "checkbox Mute the region once the result is there true")
IN_ARDOUR = {
    "separate": (
        "number Sounds 2 2 8 1 0",
        "checkbox A stem of what no sound claims false",
        f"{PRESET} default",
        *LAST,
    ),
    "denoise": (
        "number How much of the noise to take out 1.0 0 1 0.05 2",
        "checkbox The other one of the two is the speech false",
        f"{PRESET} denoise",
        *LAST,
    ),
    "coseparate": (f"{PRESET} coseparate", *LAST),
    "texture": ("number Variation 0.5 0 1 0.05 2", "number Results 1 1 16 1 0", f"{PRESET} texture", *LAST),
    "refine": (
        "dropdown Stem 1: bell",
        "number Lowest frequency (Hz) 0 0 24000.0 10 0",
        "number Highest frequency (Hz) 20000 0 24000.0 10 0",
        "number Strength (0 to 1) 1 0 1 0.05 2",
        "checkbox Correct all of a long clip true",
    ),
}
# A REAPER that knows of no answers, and whose user goes back.
REAPER = """
reaper = {
  GetExtState = function() return "" end,
  GetUserInputs = function(_, _, captions) print((captions:gsub(",", "\\n"))) return false end,
}
assert(not require("dap.options").of(arg[2]):wanted(true))
"""
ARDOUR = """
local function shown(row)
  local parts = { row.type, row.title, tostring(row.default), row.min, row.max, row.step, row.digits }
  return table.concat(parts, " ")
end
LuaDialog = { Dialog = function(_, rows)
  for _, row in ipairs(rows) do print(shown(row)) end
  return { run = function() return nil end }
end }
require("dap.settings").load("/nowhere/")
local now = { low = { high = 24000.0 }, high = { high = 24000.0 } }
now.stem = { one_of = { "1: bell" }, default = "1: bell" }
assert(not require("dap.options").of(arg[2], now):wanted(true))
"""


def shown(script: str, library: list[Path], lua: str, verb: str, folder: Path) -> tuple[str, ...]:
    """The lines that a script prints which runs with a host's library."""
    (folder / "dap").mkdir()
    for path in library:
        shutil.copy(path, folder / "dap")
    (folder / "main.lua").write_text(f'package.path = arg[1] .. "/?.lua"\n{script}', encoding="utf-8")
    run = [needed(lua), str(folder / "main.lua"), str(folder), verb]
    return tuple(subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines())


@pytest.mark.parametrize("verb", IN_REAPER)
def test_reaper_asks(verb: str, tmp_path: Path) -> None:
    library = [path for name, path in reaper.sources().items() if name.startswith("dap/")]
    assert shown(REAPER, library, "lua5.4", verb, tmp_path) == IN_REAPER[verb]


@pytest.mark.parametrize("verb", IN_ARDOUR)
def test_ardour_asks(verb: str, tmp_path: Path) -> None:
    assert shown(ARDOUR, ardour.library(), "lua5.3", verb, tmp_path) == IN_ARDOUR[verb]


@pytest.mark.parametrize("host", dialogs.ASKS)
def test_every_question_has_words_and_a_default(host: str) -> None:
    for verb, names in dialogs.ASKS[host].items():
        for name in names:
            asked = dialogs.PLACING.get(name) or dialogs.asked(verb, name, fields_of(verb))
            assert asked["caption"], (verb, name)
            assert "default" in asked or name == "stem", "which stems there are is known to Ardour alone"


def test_no_words_are_left_over() -> None:
    asked = {name for verbs in dialogs.ASKS.values() for names in verbs.values() for name in names}
    own = {name for names in dialogs.OWN.values() for name in names}
    assert asked == {*dialogs.WORDS, *own, *dialogs.PLACING}
    assert dialogs.CHOICES.keys() <= asked
