"""Machines that share nothing but a wire: network namespaces on a bridge, each with a home folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.hosts.conftest import missing
from tests.processes import CHECKOUT

IP = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "ip"


def ip(*words: str) -> None:
    subprocess.run([IP, *words], check=True, capture_output=True, text=True)


class Machine:
    """One of them. address: its own on the wire."""

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
    """`count` machines, and this one, which has the first address."""

    def __init__(self, folder: Path, count: int) -> None:
        number = os.getpid()
        self._bridge, self._count = f"dapbr{number}"[:15], count
        self._net = f"10.{200 + number // 250 % 50}.{number % 250}"
        self.here = f"{self._net}.1"
        self.machines = [
            Machine(f"dap{number}-{index}", f"{self._net}.{index + 1}", folder / f"machine-{index}")
            for index in range(1, count + 1)
        ]

    def __enter__(self) -> Network:
        try:
            ip("link", "add", self._bridge, "type", "bridge")
            ip("addr", "add", f"{self.here}/24", "dev", self._bridge)
            ip("link", "set", self._bridge, "up")
            for index, machine in enumerate(self.machines):
                wire, inside = f"{self._bridge[:12]}v{index}", f"e{os.getpid()}-{index}"[:15]
                ip("netns", "add", machine.name)
                ip("link", "add", wire, "type", "veth", "peer", "name", inside)
                ip("link", "set", wire, "master", self._bridge, "up")
                ip("link", "set", inside, "netns", machine.name)
                for words in (
                    ("addr", "add", f"{machine.address}/24", "dev", inside),
                    ("link", "set", inside, "up"),
                    ("link", "set", "lo", "up"),
                ):
                    ip("-n", machine.name, *words)
                ip("netns", "exec", machine.name, "true")
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            missing(f"what makes networks ({getattr(error, 'stderr', None) or error})")
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            for process in machine.processes:
                if process.poll() is None:
                    process.send_signal(signal.SIGCONT)
                    process.kill()
                    process.wait()
        for words in (*(("netns", "del", one.name) for one in self.machines), ("link", "del", self._bridge)):
            subprocess.run([IP, *words], check=False, capture_output=True)
