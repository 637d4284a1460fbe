"""Settings: which source wins, and what a bad value is answered with."""

import os
from pathlib import Path

import pytest

from dap_bridge import config
from dap_bridge.errors import BadSettings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("DAP_BRIDGE_CONFIG", str(path))
    return path


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.load().osc_port == config.load(osc_port=None).osc_port == 9377
    file.write_text("osc_port = 1001\nhistory = 5\n")
    assert config.load().osc_port == 1001
    monkeypatch.setenv("DAP_BRIDGE_OSC_PORT", "1002")
    assert config.load().osc_port == 1002
    assert config.load(osc_port=1003).osc_port == 1003
    assert config.load(osc_port=1003).history == 5


@pytest.mark.parametrize("text", ["24", "'24'"])
def test_a_format_may_be_a_number(file: Path, text: str) -> None:
    assert config.load().format == "float32"
    file.write_text(f"format = {text}")
    assert config.load().format == "24"


def test_shared_folders_are_a_list_in_the_file_and_go_by_what_path_does_in_the_environment(
    file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.load().workers_shared == ()
    file.write_text(r"workers_shared = ['/srv', '~/takes=\\nas\takes', '/a=/b=c']")
    assert config.load().workers_shared == (
        (Path("/srv"), "/srv"),
        (home / "takes", r"\\nas\takes"),
        (Path("/a"), "/b=c"),
    )
    monkeypatch.setenv("DAP_BRIDGE_WORKERS_SHARED", os.pathsep.join(["/one=/two", "/three"]))
    assert config.load().workers_shared == ((Path("/one"), "/two"), (Path("/three"), "/three"))


def test_the_configuration_folder_is_looked_into(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAP_BRIDGE_CONFIG", raising=False)
    path = config.config_file()
    assert path.is_relative_to(home)
    path.parent.mkdir(parents=True)
    path.write_text("history = 7")
    assert config.load().history == 7


def test_folders_lie_in_the_home_folder_and_are_absolute(home: Path) -> None:
    settings = config.load(data="~/data")
    assert settings.spool == home / ".dap-bridge" / "spool"
    assert settings.data == home / "data"
    assert config.load(data=Path("relative")).data == Path.cwd() / "relative"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("osc_port = 70000", "osc_port"),
        ("osc_prot = 1", "osc_prot"),
        ("rescan_s = 0", "rescan_s"),
        ("device = 'tpu'", "device"),
        ("format = 'mp3'", "format"),
        ("osc_host = '0.0.0.0'", "osc_host"),
        ("workers_shared = ['here=/there']", "workers_shared: the path 'here' must be absolute"),
        ("workers_shared = ['/here=there']", "workers_shared: the path 'there' must be absolute"),
        ("workers_shared = 7", "workers_shared"),
        ("not toml", "config.toml"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(file: Path, text: str, name: str) -> None:
    file.write_text(text)
    with pytest.raises(BadSettings, match=name):
        config.load()
