"""The daemon at login: what systemd, launchd or Windows reads to start `dap-bridge serve`.

The three files are written for each system's own schema. Only what starts programs here, systemd, has been tried.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import plistlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import platformdirs

from .. import atomic
from ..config import APP
from ..errors import InstallFailed
from .folders import explained

ABOUT = "dap-bridge: separates the sounds of a clip, for DAWs and the browser"
UNIT = f"{APP}.service"
LABEL = f"local.{APP}"
WINDOWS_SCHEMA = "http://schemas.microsoft.com/windows/2004/02/mit/task"
# A manager that has not answered for so long does not.
ANSWER_S = 60.0
BY_HAND = "Have `dap-bridge serve` started by whatever starts your programs at login."

Command = tuple[str, ...]


@dataclass(frozen=True)
class Manager:
    """What starts a user's programs at login.

    file: where it finds `content`. ready: fails where it does not run. begin: has it read the file, and start the
    daemon now and at every login; end: the contrary; forget: has it see that the file is gone. running: fails where the
    daemon does not run by it.
    """

    name: str
    file: Path
    content: bytes
    ready: Command
    begin: tuple[Command, ...]
    end: tuple[Command, ...]
    running: Command
    forget: tuple[Command, ...] = ()


def manager(program: str) -> Manager:
    """That of this system; program: the command `dap-bridge`, by its path."""
    if sys.platform == "darwin":
        return launchd(program)
    if sys.platform == "win32":
        return windows(program)
    return systemd(program)


def systemd(program: str) -> Manager:
    """Of a user's session on Linux. A daemon that was killed is started again; one that ended by itself is not.

    By `env`, for systemd starts nothing whose own path has quotes in it; the colon keeps its dollars as they are.
    """
    quoted = program.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    unit = f"""\
[Unit]
Description={ABOUT}

[Service]
ExecStart=:/usr/bin/env "{quoted}" serve
Restart=on-abnormal
RestartSec=5

[Install]
WantedBy=default.target
"""
    call = ("systemctl", "--user")
    return Manager(
        "systemd",
        _config_home() / "systemd" / "user" / UNIT,
        unit.encode(),
        ready=(*call, "show-environment"),
        begin=((*call, "daemon-reload"), (*call, "enable", UNIT), (*call, "restart", UNIT)),
        end=((*call, "disable", "--now", UNIT),),
        running=(*call, "is-active", "--quiet", UNIT),
        forget=((*call, "daemon-reload"),),
    )


def launchd(program: str) -> Manager:
    """Of a user's session on macOS."""
    about = {
        "Label": LABEL,
        "ProgramArguments": [program, "serve"],
        "RunAtLoad": True,
        "KeepAlive": {"Crashed": True},
        "ProcessType": "Interactive",
    }
    file = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{os.getuid()}" if hasattr(os, "getuid") else "gui"
    return Manager(
        "launchd",
        file,
        plistlib.dumps(about),
        ready=("launchctl", "print", domain),
        begin=(("launchctl", "bootstrap", domain, str(file)),),
        end=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        running=("launchctl", "print", f"{domain}/{LABEL}"),
    )


def windows(program: str) -> Manager:
    """Of Windows: what the user's own logon triggers, without time limit, on batteries too."""
    user = "\\".join(filter(None, [os.environ.get("USERDOMAIN"), getpass.getuser()]))
    always = {"DisallowStartIfOnBatteries": "false", "StopIfGoingOnBatteries": "false", "ExecutionTimeLimit": "PT0S"}
    parts = {
        "RegistrationInfo": {"Description": ABOUT},
        "Triggers": {"LogonTrigger": {"Enabled": "true", "UserId": user}},
        "Principals": {"Principal": {"UserId": user, "LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"}},
        "Settings": {"MultipleInstancesPolicy": "IgnoreNew", **always},
        "Actions": {"Exec": {"Command": program, "Arguments": "serve"}},
    }
    root = ElementTree.Element("Task", {"version": "1.2", "xmlns": WINDOWS_SCHEMA})
    _fill(root, parts)
    file = platformdirs.user_config_path(APP) / "login-task.xml"
    call = ("schtasks", "/TN", APP)
    return Manager(
        "Task Scheduler",
        file,
        ElementTree.tostring(root, "utf-16", xml_declaration=True),
        ready=("schtasks", "/Query"),
        begin=((*call, "/Create", "/F", "/XML", str(file)), (*call, "/Run")),
        end=((*call, "/End"), (*call, "/Delete", "/F")),
        running=(*call, "/Query"),
    )


def install(by: Manager) -> list[str]:
    """Have the daemon started at login, and now; what was done, in sentences. Again where it is so already.

    Raises InstallFailed where there is no such manager or it refuses; nothing is left behind then.
    """
    _require(by)
    if by.file.is_file() and by.file.read_bytes() == by.content and _answers(by.running):
        return [f"{by.file} is there already, and the daemon runs."]
    with explained(by.file):
        by.file.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(by.file, by.content)
    try:
        for command in by.begin:
            _do(command)
    except InstallFailed:
        uninstall(by)
        raise
    return [f"Wrote {by.file}.", f"{by.name} starts the daemon at every login, and has now, unless one runs already."]


def uninstall(by: Manager) -> list[str]:
    """End the daemon that was started so, and have it started no more; what was done, in sentences."""
    if not by.file.exists():
        return ["The daemon is not started at login: nothing to take back."]
    for command in by.end:
        _answers(command)
    with explained(by.file):
        by.file.unlink()
    with contextlib.suppress(OSError):  # something else lies in one
        for folder in takewhile(Path.home().__ne__, by.file.parents):
            folder.rmdir()
    for command in by.forget:
        _answers(command)
    return [f"Removed {by.file}.", "The daemon is started at login no more."]


def status(by: Manager) -> tuple[bool, bool]:
    """Whether it is installed, and whether the daemon runs by it."""
    return by.file.is_file(), by.file.is_file() and _answers(by.running)


def _config_home() -> Path:
    """Where systemd finds units, which is no application's folder."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _fill(element: ElementTree.Element, parts: Mapping[str, Any]) -> None:
    for name, value in parts.items():
        below = ElementTree.SubElement(element, name)
        if isinstance(value, str):
            below.text = value
        else:
            _fill(below, value)


def _require(by: Manager) -> None:
    if not _answers(by.ready):
        raise InstallFailed(f"{by.name} does not start programs for you here (`{' '.join(by.ready)}` fails).", BY_HAND)


def _answers(command: Command) -> bool:
    try:
        _do(command)
    except InstallFailed:
        return False
    return True


def _do(command: Command) -> None:
    """Raises InstallFailed, with the last line that was said."""
    called = " ".join(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=ANSWER_S, check=False)
    except OSError as error:
        raise InstallFailed(f"`{called}` cannot be run: {error.strerror}.", BY_HAND) from error
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"`{called}` has not answered for {ANSWER_S:g} s.", BY_HAND) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise InstallFailed(f"`{called}` failed: {said[0]}", BY_HAND)
