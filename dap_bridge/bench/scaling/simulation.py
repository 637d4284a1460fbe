"""Many equal clips on many workers, event by event: what a daemon, a network and deaths leave of their speed.

A job takes the daemon's time, its way in over the network, a worker's time, its way out, time to publish it, and the
daemon's time again; its worker has no other job meanwhile. Daemon, disk and each direction of the network serve one
after another, first come, first served. A worker dies at any moment of its computing with the same probability; the
job is done again by whoever is next, and the worker is back after a while.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

HOUR_S = 3600.0


@dataclass(frozen=True)
class Costs:
    """service_s: what a worker computes a clip, one of these after another; start_s, conclude_s: of the daemon's time a
    job; publish_s: of its disk's; bytes_in, bytes_out: of a clip and its stems, over a network of bytes_s in each
    direction (infinite: none between them); deaths_h: of a worker, an hour of computing; back_s: until it is there
    again.
    """

    service_s: Sequence[float]
    start_s: float = 0.0
    conclude_s: float = 0.0
    publish_s: float = 0.0
    bytes_in: float = 0.0
    bytes_out: float = 0.0
    bytes_s: float = float("inf")
    deaths_h: float = 0.0
    back_s: float = 0.0


@dataclass
class Outcome:
    """elapsed_s: until the last clip was done; done: how often each was; deaths; lost_s: of computing that came to
    nothing; used: the share of the time that each was busy, by its name.
    """

    elapsed_s: float
    done: list[int]
    deaths: int
    lost_s: float
    used: dict[str, float]

    @property
    def bound_by(self) -> str:
        """What was busy for the largest part of the time."""
        return max(self.used, key=lambda name: self.used[name])


@dataclass
class _Server:
    """Serves one after another."""

    free_at: float = 0.0
    busy_s: float = 0.0

    def until(self, now: float, seconds: float) -> float:
        """When what comes now will have been served."""
        self.free_at = max(now, self.free_at) + seconds
        self.busy_s += seconds
        return self.free_at


@dataclass
class _Play:
    """events: (when, number, what happens then)."""

    events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self.events, (when, next(self.numbers), what))

    def run(self) -> None:
        while self.events:
            now, _, what = heapq.heappop(self.events)
            what(now)


def simulate(clips: int, workers: int, costs: Costs, seed: int = 0) -> Outcome:
    """Until all clips are done."""
    generator = random.Random(seed)
    play = _Play()
    daemon, into, out, disk = _Server(), _Server(), _Server(), _Server()
    left = deque(range(clips))
    done = [0] * clips
    idle = 0
    elapsed = computed = lost = 0.0
    deaths = 0

    def next_job(now: float) -> None:
        """A worker is free."""
        nonlocal idle
        if not left:
            idle += 1
            return
        job = left.popleft()
        play.at(daemon.until(now, costs.start_s), lambda now: send(now, job))

    def send(now: float, job: int) -> None:
        play.at(into.until(now, costs.bytes_in / costs.bytes_s), lambda now: compute(now, job))

    def compute(now: float, job: int) -> None:
        nonlocal computed
        service = costs.service_s[job % len(costs.service_s)]
        dies_after = generator.expovariate(costs.deaths_h / HOUR_S) if costs.deaths_h else float("inf")
        computed += min(service, dies_after)
        if dies_after < service:
            play.at(now + dies_after, lambda now: die(now, job, dies_after))
        else:
            play.at(now + service, lambda now: fetch(now, job))

    def die(now: float, job: int, after: float) -> None:
        nonlocal deaths, lost, idle
        deaths, lost = deaths + 1, lost + after
        left.appendleft(job)
        play.at(now + costs.back_s, next_job)
        if idle:
            idle -= 1
            next_job(now)

    def fetch(now: float, job: int) -> None:
        play.at(out.until(now, costs.bytes_out / costs.bytes_s), publish_of(job))

    def publish_of(job: int) -> Callable[[float], None]:
        return lambda now: play.at(disk.until(now, costs.publish_s), lambda now: conclude(now, job))

    def conclude(now: float, job: int) -> None:
        play.at(daemon.until(now, costs.conclude_s), lambda now: end(now, job))

    def end(now: float, job: int) -> None:
        nonlocal elapsed
        done[job] += 1
        elapsed = max(elapsed, now)
        next_job(now)

    for _ in range(workers):
        play.at(0.0, next_job)
    play.run()
    busy = {"workers": computed / workers, "daemon": daemon.busy_s, "network in": into.busy_s}
    busy |= {"network out": out.busy_s, "disk": disk.busy_s}
    used = {name: seconds / elapsed if elapsed else 0.0 for name, seconds in busy.items()}
    return Outcome(elapsed, done, deaths, lost, used)
