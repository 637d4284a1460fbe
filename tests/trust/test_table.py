"""The table counts rightly: what it looks for is seen where it is there, and ends the command with status 1."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from dap_bridge.errors import BadClip
from tests.trust import pooled, table
from tests.trust.harness import Lab, NotTried, Tally
from tests.trust.table import Check


def right(lab: Lab, tally: Tally) -> None:
    tally.watch("lost")
    tally.tried = lab.times(50)


def wrong(lab: Lab, tally: Tally) -> None:
    tally.watch("lost")
    tally.check(False, "lost", lab.folder)


def stumbles(lab: Lab, tally: Tally) -> None:
    raise KeyError("nobody")


def cannot(lab: Lab, tally: Tally) -> None:
    raise NotTried("needs two moons")


@pytest.mark.parametrize(
    ("check", "status", "cells"),
    [
        (right, 0, "5 | lost 0 |"),
        (wrong, 1, "lost 1 |"),
        (stumbles, 1, "not finished 1 |"),
        (cannot, 0, "needs two moons |"),
    ],
)
def test_a_row_is_written_and_decides_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: object, status: int, cells: str
) -> None:
    monkeypatch.setattr(table, "CHECKS", [Check("one", "what is done", check)])  # type: ignore[arg-type]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = CliRunner().invoke(table.main, ["--quick", "--out", str(tmp_path / "table.md")])
    assert done.exit_code == status, done.output
    assert cells in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("dap-trust-*"))


def trials(folder: Path) -> pooled.Trial:
    """Each goes wrong in another way; how many have been is kept in a file, for the process does not outlive them."""
    count = folder / "count"

    def trial(_: random.Random) -> None:
        number = len(count.read_bytes()) if count.exists() else 0
        count.write_bytes(bytes(number + 1))
        match number:
            case 0:
                raise BadClip("foreseen")
            case 1:
                os.abort()
            case 2:
                time.sleep(600)
            case 3:
                raise KeyError("nobody")
            case 4:
                bytearray(2 * pooled.MEMORY)
            case 5:
                raise pooled.Seen("believed", "it was told so")

    return trial


def test_a_trial_may_crash_hang_or_eat_memory_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooled, "PROCESSES", 1)
    monkeypatch.setattr(pooled, "TRIAL_S", 3.0)
    tally = Tally()
    pooled.run(tally, "tests.trust.test_table:trials", tmp_path, 0, 7, {})
    assert tally.tried == 7
    assert tally.wrong == {"crashed": 1, "hung": 1, "internal": 2, "believed": 1}
