"""The command line as a user's script sees it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from dap_bridge.cli import main

ENDINGS = [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)]


def program(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`dap-bridge` as a process."""
    command = [sys.executable, "-m", "dap_bridge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def dap(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What `program` gives, done in this process, which has loaded already what that would load."""
    command = ["dap-bridge", *map(str, arguments)]
    handlers = {number: signal.getsignal(number) for number in ENDINGS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command)
        done = CliRunner().invoke(main, command[1:], prog_name="dap-bridge")
    for number, handler in handlers.items():
        signal.signal(number, handler)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)
