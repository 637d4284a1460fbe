"""The ReaPack index, made from the scripts' headers and held against what ReaPack reads."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from dap_bridge import __version__
from dap_bridge.errors import InstallFailed
from dap_bridge.install import reapack, reaper
from tests.hosts.reaper.host import COMMON, SCRIPTS

URL = "https://example.org/raw/daw_scripts/"


def test_the_index_names_every_file_once(tmp_path: Path) -> None:
    out = tmp_path / "index.xml"
    result = CliRunner().invoke(reapack.main, ["--url", URL, "--out", str(out)])
    assert result.exit_code == 0, result.output
    root = ElementTree.parse(out).getroot()
    assert (root.tag, root.get("version"), root.get("name")) == ("index", "1", reapack.NAME)
    (category,) = root
    (package,) = category
    assert (category.tag, package.tag, package.get("type")) == ("category", "reapack", "script")
    metadata, version = package
    about = metadata.findtext("description") or ""
    assert about.startswith("{\\rtf1")
    assert about.count("{") == about.count("}")
    assert "dap-bridge daemon" in about
    assert re.fullmatch(r"\d+\.\d+\.\d+", version.get("name", ""))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", version.get("time", ""))
    assert version.get("author")
    sources = version.findall("source")
    named = {source.get("file", package.get("name")): source for source in sources}
    assert len(named) == len(sources)
    files = {
        path.relative_to(SCRIPTS).as_posix(): f"reaper/{path.relative_to(SCRIPTS)}" for path in SCRIPTS.rglob("*.lua")
    }
    files |= {f"dap/{path.name}": f"common/{path.name}" for path in COMMON.glob("*.lua")}
    assert set(named) == set(files)
    for name, source in named.items():
        assert name
        assert (source.get("main") == "main") == name.startswith("DAP_"), "a library makes no action"
        assert unquote(source.text or "") == URL + files[name]
        assert " " not in (source.text or "")


def test_reapack_and_the_command_use_folders_of_their_own() -> None:
    """ReaPack installs to Scripts/NAME/CATEGORY; the command takes back all of its own folder."""
    assert reapack.NAME.lower() != reaper.FOLDER.name.lower()


def test_signs_beyond_ascii_and_braces_in_rich_text() -> None:
    assert reapack.rtf("# a\nü {\\} 🥁") == "{\\rtf1\\ansi {\\b a}\\par\n\\u252? \\{\\\\\\} \\u-10178?\\u-8895?\\par}"


def test_an_address_is_needed(tmp_path: Path) -> None:
    result = CliRunner().invoke(reapack.main, ["--url", "", "--out", str(tmp_path / "index.xml")])
    assert result.exit_code == 2
    assert not (tmp_path / "index.xml").exists()


def test_the_packages_version_is_ours() -> None:
    package = reapack.read(SCRIPTS / "DAP_Separate selected items.lua")
    assert package.tags["version"] == __version__
    assert package.tags["about"].startswith("# ")


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("DAP_*.lua")), ids=lambda path: path.name)
def test_headers_start_at_the_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(("-- @description ", "-- @noindex"))


def test_a_header_without_a_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lua"
    path.write_text("-- @description x\n-- @author y\n")
    with pytest.raises(InstallFailed, match="@version"):
        reapack.read(path)
