"""Jobs by workers against jobs without: what one costs, what two gain, and what a long clip gains of two."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .... import config
from ....domain import Lane
from ....errors import MissingExtra
from ....jobs.workers import kinds
from ....jobs.workers.local import process
from ...methods import jobs
from ...methods.ours import preset_digest
from ...store import Row
from ..speed import write_clip
from . import ways

LENGTHS_S = (3.0, 12.0, 120.0)
REPETITIONS = 5
# By workers; HERE stands for a warm process that does the job itself.
HERE, WAYS = "no worker", ("1", "dask:local:1")
CLIPS, CLIP_S, ROUNDS = 12, 12.0, 3
LONG_S = 1200.0


@dataclass(frozen=True)
class _Trial:
    preset: str
    seconds: float
    seed: int
    device: str

    def identity(self) -> dict[str, Any]:
        return {"recipe": preset_digest(self.preset), "seed": self.seed, "device": self.device}

    def _fields(self, place: Path) -> dict[str, Any]:
        clip = place / "clip.wav"
        write_clip(clip, self.seconds)
        common = {"preset": self.preset, "seed": self.seed, "device": self.device, "alternatives": 1}
        return common | {"clip": str(clip)}

    def _row(self, kind: str, **measured: Any) -> Row:
        about = {"preset": self.preset, "seconds": self.seconds, "seed": self.seed, "device": self.device}
        return {"kind": kind, **about, **measured, "load": ways.load()}


class Overhead(_Trial):
    """The same job REPETITIONS times by each way in turn, after one that warms it up."""

    @property
    def key(self) -> str:
        return f"overhead.{self.preset}.{self.seconds:05.0f}.{self.seed}"

    def run(self, folder: Path) -> Row:
        with jobs.scratch() as place, process.pool(Lane.BATCH) as pool:
            took = asyncio.run(self._rounds(place, self._fields(place), pool))
        return self._row("overhead", took={way: [asdict(one) for one in all_of] for way, all_of in took.items()})

    async def _rounds(self, place: Path, fields: dict[str, Any], pool: Any) -> dict[str, list[ways.Took]]:
        took: dict[str, list[ways.Took]] = {HERE: []}
        async with contextlib.AsyncExitStack() as stack:
            asked: dict[str, ways.Ways] = {}
            for way in WAYS:
                with contextlib.suppress(MissingExtra):
                    found = ways.by(way, place / way.replace(":", "-"), fields)
                    asked[way] = await stack.enter_async_context(found)
                    took[way] = []
            for number in range(REPETITIONS + 1):
                alone = pool.submit(ways.here, place / f"here-{number}", fields)
                took[HERE].append(await asyncio.wrap_future(alone))
                for way, one in asked.items():
                    took[way].append(await one.do(f"job-{number}"))
        return {way: all_of[1:] for way, all_of in took.items()}


class Throughput(_Trial):
    """CLIPS clips by one worker and by two, of one thread each, in turn."""

    @property
    def key(self) -> str:
        return f"throughput.{self.preset}.{self.seconds:05.0f}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"clips": CLIPS, "rounds": ROUNDS}

    def run(self, folder: Path) -> Row:
        with jobs.scratch() as place, ways.single_threads():
            rounds = asyncio.run(self._rounds(place, self._fields(place)))
        ratios = [one["1"]["whole_s"] / one["2"]["whole_s"] for one in rounds]
        return self._row("throughput", rounds=rounds, ratio=round(float(np.median(ratios)), 3))

    async def _rounds(self, place: Path, fields: dict[str, Any]) -> list[dict[str, Any]]:
        async with ways.by("1", place / "1", fields) as one, ways.by("2", place / "2", fields) as two:
            counted = {"1": one, "2": two}
            for count, those in counted.items():
                await asyncio.gather(*(those.do(f"warm-{number}") for number in range(int(count))))
            return [{count: await _all(those, number) for count, those in counted.items()} for number in range(ROUNDS)]


async def _all(those: ways.Ways, number: int) -> dict[str, Any]:
    clock = asyncio.get_running_loop().time
    began = clock()
    took = await asyncio.gather(*(those.do(f"clip-{number}-{clip}") for clip in range(CLIPS)))
    return {"whole_s": round(clock() - began, 3), "own_s": [one.own_s for one in took]}


class Long(_Trial):
    """One long clip by a process of one thread alone, and by one that two others compute chunks for."""

    @property
    def key(self) -> str:
        return f"long.{self.preset}.{self.seconds:05.0f}.{self.seed}"

    def run(self, folder: Path) -> Row:
        with jobs.scratch() as place, ways.single_threads():
            fields = self._fields(place)
            took = {}
            for workers in ("1", "2"):
                with process.pool(Lane.BATCH) as pool:
                    took[workers] = pool.submit(_long, place / workers, fields, workers).result()
        return self._row("long", took_s=took, ratio=round(took["1"] / took["2"], 3))


def _long(place: Path, fields: dict[str, Any], workers: str) -> float:
    with kinds.executor(workers, config.load()) as executor:
        return jobs.do(place, "separate", fields, executor=executor).manifest.elapsed_s


def median(values: Sequence[float]) -> float:
    return float(np.median(values))
