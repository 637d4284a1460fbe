"""A network of a test's own, which nobody else on this machine notices: namespaces, and a bridge as the wire between.

Elsewhere a bridge that comes or goes would break off what browsers are just being told.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.hosts.conftest import missing
from tests.processes import CHECKOUT

# <sched.h>; from Python 3.12 on in os
CLONE_NEWNET = 0x40000000
WIRE, NET, OTHER = "wire", "10.99.0", "10.99.1"
IP = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "ip"


def ip(*words: str) -> None:
    subprocess.run([IP, *words], check=True, capture_output=True, text=True)


def move(call: str, *arguments: int) -> None:
    """This thread, and the processes that it begins from now on, to another namespace. Raises OSError."""
    if getattr(ctypes.CDLL(None, use_errno=True), call)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{call}: {os.strerror(ctypes.get_errno())}")


class Machine:
    """One on the wire, with a home folder of its own. address: there."""

    def __init__(self, name: str, address: str, home: Path) -> None:
        self.name, self.address, self.home = name, address, home
        self.processes: list[subprocess.Popen[bytes]] = []
        home.mkdir()

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """A Python program on it; what it says is added to `log` in its home folder."""
        own = {"HOME": str(self.home), "TMPDIR": str(self.home), "OMP_NUM_THREADS": "1"}
        with (self.home / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    [IP, "netns", "exec", self.name, sys.executable, *arguments],
                    env=os.environ | own | environment,
                    cwd=CHECKOUT,
                    stdout=log,
                    stderr=log,
                )
            )
        return self.processes[-1]

    @property
    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")


class Network:
    """`count` machines, and this thread with what it begins meanwhile, which has the first address."""

    def __init__(self, folder: Path, count: int) -> None:
        self.machines = [
            Machine(f"dap{os.getpid()}-{index}", f"{NET}.{index + 1}", folder / f"machine-{index}")
            for index in range(1, count + 1)
        ]
        self._outside: int | None = None

    def __enter__(self) -> Network:
        try:
            self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            move("unshare", CLONE_NEWNET)
            ip("link", "set", "lo", "up")
            ip("link", "add", WIRE, "type", "bridge")
            ip("addr", "add", f"{NET}.1/24", "dev", WIRE)
            ip("link", "set", WIRE, "up")
            for index, machine in enumerate(self.machines):
                ip("netns", "add", machine.name)
                ip("link", "add", f"end{index}", "type", "veth", "peer", "name", WIRE, "netns", machine.name)
                ip("link", "set", f"end{index}", "master", WIRE, "up")
                for words in (
                    ("addr", "add", f"{machine.address}/24", "dev", WIRE),
                    ("link", "set", WIRE, "up"),
                    ("link", "set", "lo", "up"),
                ):
                    ip("-n", machine.name, *words)
                ip("netns", "exec", machine.name, "true")
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            missing(f"what makes networks ({getattr(error, 'stderr', None) or error})")
        return self

    def change(self) -> None:
        """As when another Wi-Fi is found, or a VPN comes and goes."""
        for word in ("add", "del"):
            ip("addr", word, f"{OTHER}.1/24", "dev", WIRE)

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            for process in machine.processes:
                if process.poll() is None:
                    process.send_signal(signal.SIGCONT)
                    process.kill()
                    process.wait()
        for machine in self.machines:
            subprocess.run([IP, "netns", "del", machine.name], check=False, capture_output=True)
        if self._outside is not None:
            move("setns", self._outside, CLONE_NEWNET)
            os.close(self._outside)
