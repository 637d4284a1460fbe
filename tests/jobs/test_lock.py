"""One daemon a folder, and no folder locked for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dap_bridge.errors import AlreadyRunning
from dap_bridge.jobs.lock import FolderLock

HOLD = """
import pathlib, sys, time
from dap_bridge.jobs.lock import FolderLock
lock = FolderLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_held_folder_is_refused_by_the_name_of_its_holder(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "new")
    lock.describe(osc_port=9377)
    with pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}, osc_port 9377"):
        FolderLock(tmp_path / "new")
    lock.release()
    FolderLock(tmp_path / "new").release()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(AlreadyRunning, match=f"pid {holder.pid}"):
        FolderLock(tmp_path)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    FolderLock(tmp_path).release()
