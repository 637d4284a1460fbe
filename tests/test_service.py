"""The daemon at login: files that their systems read, written and taken back without a trace, and honest refusals."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dap_bridge.install import service
from tests.terminal import dap

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd is Linux's")

# Writes down what it is asked, and knows whether the unit has been started.
SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> "$SYSTEMCTL_LOG"
case "$*" in
  *restart*) touch "$SYSTEMCTL_LOG.runs" ;;
  *disable*) rm -f "$SYSTEMCTL_LOG.runs" ;;
  *is-active*) test -e "$SYSTEMCTL_LOG.runs" || exit 3 ;;
esac
[ -z "$SYSTEMCTL_REFUSES" ] || case "$*" in *$SYSTEMCTL_REFUSES*) echo "Access denied" >&2; exit 1 ;; esac
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl of the test's own, and where it writes down what it was asked."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("SYSTEMCTL_LOG", str(tmp_path / "asked"))
    return tmp_path / "asked"


def everything(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))


@LINUX
def test_it_is_installed_once_and_taken_back_without_a_trace(asked: Path, home: Path) -> None:
    before = everything(home)
    said = dap("service", "install")
    assert said.returncode == 0, said.stderr
    unit = home / ".config" / "systemd" / "user" / "dap-bridge.service"
    assert "serve" in unit.read_text()
    assert json.loads(dap("service", "status", "--json").stdout) == {
        "installed": True,
        "running": True,
        "file": str(unit),
    }
    assert asked.read_text().count("restart") == 1
    assert "is there already" in dap("service", "install").stdout
    assert asked.read_text().count("restart") == 1, "a daemon that runs is left alone"
    assert dap("service", "uninstall").returncode == 0
    assert "disable --now dap-bridge.service" in asked.read_text()
    assert everything(home) == before
    assert "nothing to take back" in dap("service", "uninstall").stdout
    assert "not started at login" in dap("service", "status").stdout


@LINUX
@pytest.mark.parametrize("refused", ["show-environment", "enable"])
def test_where_systemd_refuses_it_says_so_and_leaves_nothing(
    asked: Path, home: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    monkeypatch.setenv("SYSTEMCTL_REFUSES", refused)
    before = everything(home)
    said = dap("service", "install")
    assert said.returncode == 1
    assert "systemctl" in said.stderr
    assert "dap-bridge serve" in said.stderr
    assert everything(home) == before


@LINUX
def test_where_there_is_no_systemd_it_says_so(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = dap("service", "install")
    assert (said.returncode, "does not start programs" in said.stderr) == (1, True)


@LINUX
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    program = tmp_path / 'a "studio\'s" $HOME %h' / "dap-bridge"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "dap-bridge.service"
    unit.write_bytes(service.systemd(str(program)).content)
    command = ["systemd-analyze", "verify", "--user", str(unit)]
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "dap-bridge" in done.stderr) == (0, False), done.stderr


def test_launchd_is_told_to_start_it_at_login() -> None:
    about = plistlib.loads(service.launchd("/Users/Jö & Co/dap-bridge").content)
    assert about["ProgramArguments"] == ["/Users/Jö & Co/dap-bridge", "serve"]
    assert about["RunAtLoad"] is True
    by = service.launchd("/dap-bridge")
    assert by.file == Path.home() / "Library" / "LaunchAgents" / f"{about['Label']}.plist"


def test_windows_is_told_to_start_it_at_logon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERDOMAIN", "STUDIO")
    by = service.windows("C:\\Jö & Co\\dap-bridge.exe")
    task = ElementTree.fromstring(by.content)

    def text(path: str) -> str | None:
        return task.findtext(path, namespaces={"": service.WINDOWS_SCHEMA})

    assert (text("Actions/Exec/Command"), text("Actions/Exec/Arguments")) == ("C:\\Jö & Co\\dap-bridge.exe", "serve")
    assert (text("Triggers/LogonTrigger/UserId") or "").startswith("STUDIO\\")
    assert text("Settings/ExecutionTimeLimit") == "PT0S"
