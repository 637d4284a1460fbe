"""A daemon's beginning and end: one a folder and a port, light at the start, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dap_bridge.errors import (
    DaemonUnreachable,
)
from tests.conftest import Start
from tests.processes import CHECKOUT, STUB, until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
def test_ending_leaves_nothing_behind(start: Start, number: int) -> None:
    daemon = start()
    until((daemon.spool / "daemon.status").exists)
    daemon.client.send(daemon.separate("a", "stubborn 60"))
    daemon.running("a")
    children = psutil.Process(daemon.process.pid).children(recursive=True)
    assert daemon.end(number) == 0
    until(lambda: not any(child.is_running() for child in children))
    assert daemon.left() == []
    assert not (daemon.spool / "daemon.status").exists()
    assert daemon.status_file("a")["event"] == "interrupted"
    assert "Traceback" not in daemon.log.read_text()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", daemon.port))
    with pytest.raises(DaemonUnreachable):
        daemon.client.hello(0.3)


def test_a_worker_that_nothing_can_end_does_not_keep_the_daemon_from_ending(start: Start) -> None:
    """One that waits in the kernel: here the daemon's means to end it do nothing."""
    unkillable = "from multiprocessing.process import BaseProcess as P; P.kill = P.terminate = lambda _: None"
    daemon = start("home", "-c", f"{unkillable}; import runpy; runpy.run_module('{STUB}', run_name='__main__')")
    daemon.client.send(daemon.separate("a", "silent 60"))
    until(lambda: daemon.runs("a"))
    assert daemon.end() == 0
    assert daemon.status_file("a")["event"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)])
def test_what_a_terminal_sends_reaches_the_whole_group_and_is_still_clean(start: Start, number: int) -> None:
    daemon = start("home", "-c", f"import os, runpy; os.setsid(); runpy.run_module('{STUB}', run_name='__main__')")
    daemon.client.send(daemon.separate("a", "sleep 60"))
    daemon.running("a")
    os.killpg(daemon.process.pid, number)
    assert daemon.process.wait(timeout=60) == 0
    assert "Traceback" not in daemon.log.read_text()
    assert daemon.status_file("a")["event"] == "interrupted"


def serve(*, spool: Path, data: Path, osc_port: int) -> subprocess.CompletedProcess[str]:
    """A daemon that is expected to give up at once."""
    settings = {"SPOOL": spool, "DATA": data, "OSC_PORT": osc_port}
    return subprocess.run(
        [sys.executable, "-m", "dap_bridge", "serve"],
        env=os.environ | {f"DAP_BRIDGE_{name}": str(value) for name, value in settings.items()},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_one_daemon_a_folder_until_that_one_is_killed(start: Start) -> None:
    daemon = start()
    other = daemon.home / "other"
    for spool, data in ((other, daemon.data), (daemon.spool, other)):
        second = serve(spool=spool, data=data, osc_port=0)
        assert second.returncode == 1
        for word in ("already_running", f"pid {daemon.process.pid}", f"osc_port {daemon.port}"):
            assert word in second.stderr
    daemon.client.hello()
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()


def test_a_taken_port_is_said_so(start: Start) -> None:
    daemon = start()
    second = serve(spool=daemon.home / "other", data=daemon.home / "another", osc_port=daemon.port)
    assert second.returncode == 1
    assert "port_taken" in second.stderr and str(daemon.port) in second.stderr
    assert "Traceback" not in second.stderr


def test_a_folder_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    second = serve(spool=tmp_path / "file" / "spool", data=tmp_path / "data", osc_port=0)
    assert second.returncode != 0
    assert "bad_settings" in second.stderr and str(tmp_path / "file") in second.stderr
    assert "Traceback" not in second.stderr


def test_the_daemon_loads_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "librosa", "soundfile", "pedalboard", "scipy"}
    program = f"import sys, dap_bridge.cli, dap_bridge.daemon; sys.exit(str(sorted({heavy} & set(sys.modules))))"
    result = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "[]"
