"""A display of its own for a host under test, and pictures of it."""

from __future__ import annotations

import os
import select
import struct
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np

from tests.hosts.conftest import needed
from tests.processes import CHECKOUT, until

ARTEFACTS = CHECKOUT / "test-artefacts"
START_S = 30.0
SIZE = (1360, 800)


class Display:
    """Xvfb on a free number; `name` is what goes into DISPLAY."""

    def __init__(self, folder: Path) -> None:
        self._buffer = folder / "Xvfb_screen0"
        reading, writing = os.pipe()
        screen = ["-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-fbdir", str(folder), "-nolisten", "tcp", "-noreset"]
        with (folder / "Xvfb.log").open("wb") as log:
            self._process = subprocess.Popen(
                [needed("Xvfb"), "-displayfd", str(writing), *screen], pass_fds=[writing], stderr=log
            )
        os.close(writing)
        number = b""
        while not number.endswith(b"\n") and select.select([reading], [], [], START_S)[0]:
            number += os.read(reading, 16) or b"\n"
        os.close(reading)
        self.name = f":{number.decode().strip()}"
        until(self._answers, START_S)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "Xvfb ended while it started"
        return self._xdotool("getmouselocation").returncode == 0

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)

    def picture(self, name: str) -> Path:
        """The screen as test-artefacts/NAME.png."""
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        matplotlib.image.imsave(path, self._pixels())
        return path

    def _pixels(self) -> np.ndarray:
        """(height, width, 3), from the XWD file that the server keeps its screen in."""
        content = self._buffer.read_bytes()
        header = struct.unpack(">25I", content[:100])
        width, height, stride, colours = header[4], header[5], header[12], header[19]
        rows = np.frombuffer(content, np.uint8, height * stride, header[0] + 12 * colours).reshape(height, stride)
        return rows.reshape(height, -1, 4)[:, :width, 2::-1]

    def windows(self, title: str) -> list[str]:
        """Ids of the windows in view whose title holds this."""
        found = self._xdotool("search", "--onlyvisible", "--name", title)
        return found.stdout.split()

    def press(self, *keys: str) -> None:
        self._xdotool("key", *keys)

    def click(self, x: int, y: int) -> None:
        self._xdotool("mousemove", str(x), str(y), "click", "1")

    def _xdotool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DISPLAY": self.name}
        return subprocess.run(
            [needed("xdotool"), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=30
        )
