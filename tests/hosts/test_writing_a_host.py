"""The clients of docs/writing-a-host.md, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.hosts.conftest import needed, serving
from tests.processes import CHECKOUT, Process

Run = Callable[..., subprocess.CompletedProcess[str]]
PAGE = CHECKOUT / "docs" / "writing-a-host.md"
LANGUAGES = {"python": "client.py", "supercollider": "client.scd"}
# sclang has a browser in it, which root may start without its sandbox alone.
NO_SCREEN = {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1", "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, quick_presets: Path) -> Iterator[Process]:
    with serving(tmp_path_factory.mktemp("home"), quick_presets) as process:
        yield process


@pytest.fixture(params=LANGUAGES)
def client(request: pytest.FixtureRequest, daemon: Process, tmp_path: Path) -> Run:
    """client(*arguments): of a user whose drop folder is the daemon's."""
    language = request.param
    program = sys.executable if language == "python" else needed("sclang")
    (script,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / LANGUAGES[language]
    path.write_text(script, encoding="utf-8")
    (tmp_path / ".dap-bridge").mkdir()
    (tmp_path / ".dap-bridge" / "spool").symlink_to(daemon.spool)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        typed = [program, str(path), *map(str, arguments)]
        return subprocess.run(
            typed, env={"HOME": str(tmp_path), **NO_SCREEN}, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_it_separates_a_clip_and_finds_the_stems(
    client: Run,
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
) -> None:
    clip = write_clip(noise(1, 22_050), 22_050, name="a clip: ü 🎹.wav")
    done = client(clip, "quick")
    assert done.returncode == 0, done.stderr
    # sclang says much else
    told = [line.split("\t") for line in done.stdout.splitlines() if " - stem " in line]
    names, paths = zip(*told, strict=True)
    assert names == ("a clip: ü 🎹 - stem 1", "a clip: ü 🎹 - stem 2")
    whole = sum(soundfile.read(path, dtype="float32")[0] for path in paths)
    np.testing.assert_allclose(whole, soundfile.read(clip, dtype="float32")[0], atol=1e-5)


def test_it_shows_why_there_are_none(client: Run, tmp_path: Path) -> None:
    failed = client(tmp_path / "absent.wav", "quick")
    assert failed.returncode == 1
    assert re.search(r"^failed There is no file .*absent\.wav.*\. \S", failed.stdout + failed.stderr, re.MULTILINE)
