"""`dap-bridge install audacity`: the same twice, and taken back byte for byte."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dap_bridge.cli import main
from dap_bridge.domain import Op
from dap_bridge.errors import InstallFailed
from dap_bridge.install import audacity
from dap_bridge.transport import protocol, schema
from tests.hosts.ardour.test_install import tree

VERBS = {
    "separate": "DAP_Separate selection.ny",
    "denoise": "DAP_Denoise selection.ny",
    "texture": "DAP_Extend texture.ny",
    "coseparate": "DAP_Co-separate selected tracks.ny",
}


NOTES = {
    "alone": "DAP_Sound alone in selection.ny",
    "noise": "DAP_Learn noise from selection.ny",
}
MASKS = {
    "deactivate": "DAP_Deactivate mask in selection.ny",
    "activate": "DAP_Activate mask in selection.ny",
    "undo": "DAP_Undo last mask edit.ny",
    "redraw": "DAP_Redraw chosen alternative.ny",
    "edit": "DAP_Open mask editor.ny",
}
OTHERS = ("DAP_Read stems.ny", "DAP_Replace stems.ny", "DAP_Next stem.ny", "DAP_Stems that wait.ny")
SHIPPED = {*VERBS.values(), *NOTES.values(), *MASKS.values(), *OTHERS}


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
    assert {source.name for source in audacity.sources()} == SHIPPED
    for source in audacity.sources():
        written = (plugins / source.name).read_text(encoding="utf-8")
        assert f'(setf dap-spool "{(tmp_path / "drop folder 🎹").as_posix()}")' in written
        assert written.count("\n") == source.read_text(encoding="utf-8").count("\n")
    run(plugins, "--uninstall")
    assert tree(plugins) == before
    assert "Nothing" in run(plugins, "--uninstall")


def test_what_is_not_ours_is_not_written_over(tmp_path: Path) -> None:
    taken = tmp_path / VERBS["separate"]
    taken.write_text("mine")
    assert "not ours" in run(tmp_path, status=1)
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".local/share/audacity/Plug-Ins"),
        ("linux", ".audacity-data/Plug-Ins"),
        ("linux", ".var/app/org.audacityteam.Audacity/data/audacity/Plug-Ins"),
        ("darwin", "Library/Application Support/audacity/Plug-Ins"),
        ("win32", "AppData/Roaming/audacity/Plug-Ins"),
        ("linux", ".local/share/audacity4/Plug-Ins"),
        ("linux", ".var/app/org.audacityteam.Audacity/data/audacity4/Plug-Ins"),
        ("darwin", "Library/Application Support/Audacity/Audacity4/Plug-Ins"),
        ("win32", "AppData/Roaming/Audacity/Audacity4/Plug-Ins"),
    ],
)
def test_the_folder_of_each_system(platform: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("APPDATA", raising=False)
    with pytest.raises(InstallFailed, match="Audacity"):
        audacity.plugin_paths()
    (home / place).parent.mkdir(parents=True)
    assert audacity.plugin_paths() == [home / place]


SETTINGS = "[Version]\nMajor=3\nMinor=7\nMicro=5\n[Module]\nmod-script-pipe={}\n[NewKeys/x\\ y]\nMajor=9\n"
PLACED, BROUGHT = "`dap-bridge audacity` places the stems", "Generate > DAP Next stem brings the stems"


@pytest.mark.parametrize(
    ("pipe", "newer", "told"),
    [
        ("1", False, [f"Audacity 3.7.5, scripting pipe on: {PLACED}"]),
        ("0", False, [f"Audacity 3.7.5, no scripting pipe: {BROUGHT}"]),
        (None, False, [f"Audacity 3, no scripting pipe: {BROUGHT}"]),
        (None, True, [f"Audacity 4, no scripting pipe: {BROUGHT}"]),
        ("1", True, [f"Audacity 3.7.5, scripting pipe on: {PLACED}", f"Audacity 4, no scripting pipe: {BROUGHT}"]),
    ],
)
def test_it_says_how_stems_come_into_which_audacity(
    pipe: str | None, newer: bool, told: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    places = [home / ".local" / "share" / name for name in ("audacity", "audacity4")[: 1 + newer]]
    for place in places:
        place.mkdir(parents=True)
    if pipe is not None:
        (home / ".config" / "audacity").mkdir(parents=True)
        (home / ".config" / "audacity" / "audacity.cfg").write_text(SETTINGS.format(pipe))
    checks = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)["checks"]
    assert next(check["found"] for check in checks if check["name"] == "Audacity") == "; ".join(told)
    done = CliRunner().invoke(main, ["install", "audacity"])
    assert done.exit_code == 0, done.output
    assert [f"{sentence}." in done.stdout for sentence in told] == [True] * len(told)
    used = places if pipe else places[-1:]
    assert [(place / "Plug-Ins" / "DAP_Next stem.ny").exists() for place in places] == [p in used for p in places]
    assert CliRunner().invoke(main, ["install", "audacity", "--uninstall"]).exit_code == 0
    assert not list(home.rglob("*.ny"))


@pytest.mark.parametrize("verb", VERBS)
def test_a_plugin_asks_within_the_protocols_limits(verb: str) -> None:
    (source,) = (source for source in audacity.sources() if source.name == VERBS[verb])
    text = source.read_text(encoding="utf-8")
    controls = dict(re.findall(r'^;control (\w+) "[^"]+" [\w-]+ "\w*" (.+)$', text, re.M))
    fields = {field.name: field for field in schema.fields(protocol.VERBS[verb])}
    assert controls.pop("preset") == f'"{fields["preset"].default}"'
    if verb == "texture":
        assert controls.pop("seconds")  # becomes frames
    for name, given in controls.items():
        kind = fields[name].kind
        limits = [float(limit) for limit in (fields[name].default, kind["minimum"], kind["maximum"])]
        assert [float(number) for number in given.split()] == limits
    asked = set(re.findall(r'\\"(\w+)\\":', text))
    named = {"item", "labels"} if verb == "coseparate" else {"clip", "label"}
    assert {"verb", "job", "preset", "seed"} | named <= asked <= {"verb", *fields}


@pytest.mark.parametrize("sound", NOTES)
def test_a_note_is_of_a_sound_that_can_be_asked_for(sound: str) -> None:
    text = next(source for source in audacity.sources() if source.name == NOTES[sound]).read_text(encoding="utf-8")
    controls = re.findall(r"^;control (.+)$", text, re.M)
    most = next(field for field in schema.fields(protocol.VERBS["separate"]) if field.name == "sources").kind["maximum"]
    assert controls == ([f'sound "Sound" int "" 1 1 {most}'] if sound == "alone" else [])
    asking = "separate" if sound == "alone" else "denoise"
    (source,) = (source for source in audacity.sources() if source.name == VERBS[asking])
    fields = {field.name for field in schema.fields(protocol.VERBS[asking])}
    assert {"only", *re.findall(r'\(setf dap-like "(\w+)"\)', source.read_text(encoding="utf-8"))} <= fields
    known = re.findall(r'"(\w+)"', re.findall(r"\(setf dap-sounds '(.+)\)", source.read_text(encoding="utf-8"))[0])
    assert known == ([str(number) for number in range(1, most + 1)] if sound == "alone" else [sound])


@pytest.mark.parametrize("op", MASKS)
def test_a_mask_edit_asks_for_no_more_than_a_box_has(op: str) -> None:
    (source,) = (source for source in audacity.sources() if source.name == MASKS[op])
    text = source.read_text(encoding="utf-8")
    controls = re.findall(r"^;control (.+)$", text, re.M)
    asked = ['strength "Strength" float "" 1 0 1', 'carry "Correct all of a long clip" choice "Yes,No" 0']
    assert controls == (asked if op in list(Op) else [])
    assert f'(setf dap-verb "{op}")' in text
