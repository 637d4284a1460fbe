"""A benchmark that is stopped goes on where it was; one that failed tries again; nothing runs twice."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dap_bridge.bench import runner
from dap_bridge.bench.store import CODE, PACKAGE, Row, Store, environment
from dap_bridge.domain import Progress
from dap_bridge.errors import BadClip, WorkerDied
from tests.conftest import CHECKOUT

Run = Callable[..., runner.Outcome]


@dataclass(frozen=True)
class Count:
    """Counts its runs in a file, and may fail, stop everything, or die."""

    name: str
    log: Path
    seed: int = 0
    mishap: type[BaseException] | None = None

    @property
    def key(self) -> str:
        return self.name

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def run(self, folder: Path) -> Row:
        with self.log.open("a") as file:
            file.write(f"{self.name}\n")
        if self.mishap is SystemExit:
            os._exit(1)
        if self.mishap:
            raise self.mishap("no good")
        return {
            "item": self.name,
            "si_sdri": 1.5,
            "device": "cpu",
            "each": {"si_sdri": [1.0, 2.0]},
            "process": os.getpid(),
        }


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    reports: list[Progress] = []

    def start(trials: list[Count], jobs: int = 1) -> runner.Outcome:
        reports.clear()
        outcome = runner.run(trials, Store(tmp_path / "bench"), jobs, reports.append)
        assert [r.fraction for r in reports] == sorted(r.fraction for r in reports)
        assert all(r.seconds_left is not None and r.seconds_left >= 0 for r in reports[1:])
        return outcome

    return start


def test_what_is_finished_is_not_run_again(run: Run, log: Path) -> None:
    assert run([Count("a", log), Count("b", log)]).finished == 2
    outcome = run([Count("a", log), Count("b", log), Count("c", log)])
    assert (outcome.reused, outcome.finished) == (2, 1)
    assert log.read_text().split() == ["a", "b", "c"]


def test_a_result_of_another_recipe_is_made_again(run: Run, log: Path) -> None:
    run([Count("a", log), Count("b", log)])
    run([Count("a", log, seed=1), Count("b", log)])
    assert log.read_text().split() == ["a", "b", "a"]


def test_a_stopped_run_keeps_what_it_has_finished(run: Run, log: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run([Count("a", log), Count("b", log, mishap=KeyboardInterrupt), Count("c", log)])
    run([Count("a", log), Count("b", log), Count("c", log)])
    assert log.read_text().split() == ["a", "b", "b", "c"]


def test_an_item_that_fails_is_named_and_tried_again(run: Run, log: Path) -> None:
    outcome = run([Count("a", log, mishap=BadClip), Count("b", log)])
    assert outcome.failed == {"a": "no good"}
    assert outcome.finished == 1
    assert run([Count("a", log), Count("b", log)]).finished == 1


def test_several_processes_give_the_same_rows(run: Run, log: Path, tmp_path: Path) -> None:
    outcome = run([Count("a", log), Count("b", log, mishap=BadClip), Count("c", log), Count("d", log)], jobs=2)
    assert (outcome.finished, set(outcome.failed)) == (3, {"b"})
    rows = Store(tmp_path / "bench").rows()
    assert sorted(rows) == ["a", "c", "d"]
    assert os.getpid() not in {row["process"] for row in rows.values()}


def test_a_process_that_dies_is_reported(run: Run, log: Path) -> None:
    with pytest.raises(WorkerDied):
        run([Count("a", log, mishap=SystemExit), Count("b", log, mishap=SystemExit)], jobs=2)


def test_the_gathered_file_is_all_that_is_needed(run: Run, log: Path, tmp_path: Path) -> None:
    run([Count("a", log), Count("b", log)])
    store = Store(tmp_path / "bench")
    rows = store.gather()
    shutil.rmtree(store.folder / "items")
    assert store.gather() == rows
    assert [row["environment"] for row in rows] == [environment()] * 2
    assert {"dap-bridge", "torch", "numpy", "code", "python"} <= environment().keys()
    run([Count("a", log), Count("b", log)])
    assert log.read_text().split() == ["a", "b"]
    with (store.folder / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(line["item"], line["si_sdri"], line["each.si_sdri"]) for line in table] == [
        ("a", "1.5", "[1.0, 2.0]"),
        ("b", "1.5", "[1.0, 2.0]"),
    ]
    assert json.loads((store.folder / "results.json").read_text())["rows"][0]["key"] == "a"


def test_the_code_that_results_depend_on_is_there() -> None:
    assert all(any(PACKAGE.glob(pattern)) for pattern in CODE)


@dataclass(frozen=True)
class Endless:
    """Says that it has begun, and does not end by itself."""

    key: str
    place: Path

    def identity(self) -> dict[str, Any]:
        return {}

    def run(self, folder: Path) -> Row:
        (self.place / self.key).touch()
        time.sleep(600)
        return {}


STOP = """
import sys
from pathlib import Path
from dap_bridge.bench import runner
from dap_bridge.bench.store import Store
from tests.bench.test_runner import Endless
if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        runner.run([Endless(name, place) for name in "abcdef"], Store(place / "bench"), 2, lambda progress: None)
    except KeyboardInterrupt:
        print("stopped")
"""


@pytest.mark.skipif(os.name == "nt", reason="sends the signal of ctrl-C to a process group")
def test_ctrl_c_stops_every_process_at_once(tmp_path: Path) -> None:
    script = tmp_path / "stop.py"
    script.write_text(STOP)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # what runs in a shell's background is deaf to ctrl-C, and so would be its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not ((tmp_path / "a").exists() and (tmp_path / "b").exists()):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "stopped\n"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert not (tmp_path / "d").exists()
