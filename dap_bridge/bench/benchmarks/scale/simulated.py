"""100 000 clips on 1 to 1000 workers: simulated from what was measured, and from what is assumed where nothing was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ....errors import BadRequest
from ...scaling.simulation import Costs, simulate
from ...store import Row, Store
from .workers import median

CLIPS = 100_000
# Of the clips: seconds, stereo, 44.1 kHz, 16 bits; of their stems: two, float32.
SECONDS = 12.0
FRAME_BYTES, STEM_FRAME_BYTES, RATE = 4, 16, 44_100
BYTES_IN, BYTES_OUT = round(SECONDS * RATE * FRAME_BYTES), round(SECONDS * RATE * STEM_FRAME_BYTES)
# Assumed of every worker: it dies once in an hour of computing, and is there again after five minutes.
DEATHS_H, BACK_S = 1.0, 300.0
GIGABIT_BYTES_S = 125e6
# What a result of next to nothing consists of.
LEAST_BYTES = 1000


@dataclass(frozen=True)
class Simulated:
    """So many workers that take `service_s` a clip, at the end of a network of so many Gbit/s."""

    workers: int
    gigabits: float
    service_s: float
    seed: int = 0

    @property
    def key(self) -> str:
        return f"simulated.{self.service_s:g}.{self.gigabits:g}.{self.workers:05}"

    def identity(self) -> dict[str, Any]:
        return {"clips": CLIPS, "deaths_h": DEATHS_H, "back_s": BACK_S, "seed": self.seed}

    def run(self, folder: Path) -> Row:
        """Raises BadRequest where the daemon was not measured before."""
        costs = replace(
            of_daemon(Store(folder).rows()),
            service_s=[self.service_s],
            bytes_in=BYTES_IN,
            bytes_out=BYTES_OUT,
            bytes_s=self.gigabits * GIGABIT_BYTES_S,
            deaths_h=DEATHS_H,
            back_s=BACK_S,
        )
        outcome = simulate(CLIPS, self.workers, costs, self.seed)
        return {
            "kind": "simulated",
            "seed": self.seed,
            "device": "simulated",
            "workers": self.workers,
            "gigabits": self.gigabits,
            "costs": asdict(costs),
            "elapsed_s": round(outcome.elapsed_s, 1),
            "deaths": outcome.deaths,
            "used": {name: round(share, 4) for name, share in outcome.used.items()},
            "bound_by": outcome.bound_by,
        }


def of_daemon(rows: Mapping[str, Row]) -> Costs:
    """What it takes of a job: of its own time what it computed, of its disk what publishing stems took longer."""
    measured = [row for row in rows.values() if row["kind"] == "capacity" and row["backlog"] == 0]
    small = next((row for row in measured if row["bytes"] == LEAST_BYTES), None)
    large = next((row for row in measured if row["bytes"] == BYTES_OUT), None)
    if small is None or large is None:
        raise BadRequest("The simulation goes by what a daemon takes a job, which has not been measured.")
    publish_s = max(0.0, large["conclude_s"] - small["conclude_s"])
    return Costs([], small["accept_cpu_s"], small["conclude_cpu_s"], publish_s)


def foretold(row: Row) -> dict[str, float]:
    """Seconds that the simulation gives a measured throughput on two workers: by what the jobs themselves took, and by
    what they had taken with one worker. What one worker took beside is what each job costs.
    """
    one, two = ([each[count] for each in row["rounds"]] for count in ("1", "2"))
    beside = median([(each["whole_s"] - sum(each["own_s"])) / len(each["own_s"]) for each in one])
    by_two, by_one = ([_whole(each["own_s"], beside) for each in rounds] for rounds in (two, one))
    return {"measured": median([each["whole_s"] for each in two]), "own": median(by_two), "one": median(by_one)}


def _whole(own_s: list[float], beside_s: float) -> float:
    clips = len(own_s)
    # a worker is kept for as long as a job takes beside, but keeps nobody else
    return simulate(clips, 2, Costs([seconds + beside_s for seconds in own_s])).elapsed_s
