"""Workers measured, and many simulated: clips are kept, and what queueing theory says of simple cases comes out."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from dap_bridge.bench.benchmarks import scale
from dap_bridge.bench.benchmarks.scale import capacity, simulated, workers
from dap_bridge.bench.scaling.simulation import Costs, simulate
from dap_bridge.cli import main

CLIPS = 1000


@pytest.mark.parametrize(("clips", "workers"), [(1, 1), (7, 3), (12, 2), (1000, 10), (5, 100)])
def test_equal_jobs_that_cost_nothing_else_take_as_many_rounds_as_there_are(clips: int, workers: int) -> None:
    outcome = simulate(clips, workers, Costs([3.0]))
    assert outcome.elapsed_s == pytest.approx(3.0 * math.ceil(clips / workers))
    assert outcome.used["workers"] == pytest.approx(clips / workers / math.ceil(clips / workers))
    assert outcome.bound_by == "workers"


@pytest.mark.parametrize(("workers", "deaths_h"), list(product([1, 7, 2000], [0.0, 60.0])))
def test_every_clip_is_done_once_however_many_workers_die(workers: int, deaths_h: float) -> None:
    costs = Costs([5.0, 9.0], 0.01, 0.02, 0.03, 1e6, 4e6, 125e6, deaths_h, back_s=20.0)
    outcome = simulate(CLIPS, workers, costs, seed=1)
    assert outcome.done == [1] * CLIPS
    assert (outcome.deaths > 0) == (deaths_h > 0)
    assert all(0 <= share <= 1 + 1e-9 for share in outcome.used.values())


def test_deaths_cost_what_the_exponential_law_says() -> None:
    """A job of s seconds that is begun anew at each death, of rate r, computes (exp(r s) - 1) / r seconds."""
    rate_s, service_s, clips = 1 / 60, 30.0, 20_000
    outcome = simulate(clips, 100, Costs([service_s], deaths_h=3600 * rate_s))
    computed = (clips * service_s + outcome.lost_s) / clips
    law = math.expm1(rate_s * service_s) / rate_s
    spread = math.sqrt(math.exp(2 * rate_s * service_s) / rate_s**2 / clips)  # more than its standard error
    assert abs(computed - law) < 5 * spread


@pytest.mark.parametrize(
    ("costs", "bound_by", "each_s"),
    [
        (Costs([1.0], start_s=0.01, conclude_s=0.03), "daemon", 0.04),
        (Costs([1.0], bytes_in=1e6, bytes_out=5e6, bytes_s=1e8), "network out", 0.05),
        (Costs([1.0], bytes_in=7e6, bytes_out=5e6, bytes_s=1e8), "network in", 0.07),
        (Costs([1.0], publish_s=0.06), "disk", 0.06),
    ],
)
def test_with_workers_enough_what_serves_one_at_a_time_is_always_busy_and_sets_the_pace(
    costs: Costs, bound_by: str, each_s: float
) -> None:
    outcome = simulate(CLIPS, 200, costs)
    assert outcome.bound_by == bound_by
    assert outcome.used[bound_by] > 0.97
    assert outcome.elapsed_s == pytest.approx(CLIPS * each_s, rel=0.04)
    few = simulate(CLIPS, 4, costs)
    beside = costs.start_s + costs.conclude_s + costs.publish_s + (costs.bytes_in + costs.bytes_out) / costs.bytes_s
    assert few.bound_by == "workers"
    assert few.used["workers"] == pytest.approx(1 / (1 + beside), rel=0.02)


def test_scale_measures_workers_and_a_daemon_and_simulates_more_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {"LENGTHS_S": (0.5,), "REPETITIONS": 1, "WAYS": ("1",), "CLIPS": 2, "CLIP_S": 0.5, "ROUNDS": 1}
    for name, value in tiny.items():
        monkeypatch.setattr(workers, name, value)
    long = {"kind": "long", "preset": "quick", "seconds": 9.0, "seed": 0, "device": "cpu", "load": 0.0}
    took = {"took_s": {"1": 8.0, "2": 5.0}, "ratio": 1.6}
    monkeypatch.setattr(workers.Long, "run", lambda *_: long | took)
    monkeypatch.setattr(capacity, "SENT", 20)
    monkeypatch.setattr(scale, "BACKLOGS", (0,))
    monkeypatch.setattr(scale, "COUNTS", (1, 10))
    monkeypatch.setattr(simulated, "CLIPS", 100)
    run = CliRunner().invoke(main, ["bench", "scale", "--preset", "quick", "--out", str(tmp_path), "--json"])
    assert run.exit_code == 0, (run.output, run.exception)
    overhead, throughput, whole, daemon, many = json.loads(run.stdout)["tables"]
    assert [line["by"] for line in overhead] == ["no worker", "1 local process"]
    assert float(overhead[1]["s"]) >= float(overhead[1]["of which its own"]) > 0
    assert float(throughput[0]["times as fast"]) > 0
    assert [line["times as fast"] for line in whole] == ["1.60"]
    assert [line["MB of stems"] for line in daemon] == ["0.0", "8.5"]
    assert all(float(line["jobs a second"]) > 0 for line in daemon)
    assert len(many) == 4
    rows = json.loads((tmp_path / "scale" / "results.json").read_text())["rows"]
    played = [row for row in rows if row["kind"] == "simulated"]
    assert [row["workers"] for row in played] == [1, 10] * 2
    assert all(row["elapsed_s"] >= 100 / row["workers"] for row in played), "a clip takes its worker a second"
