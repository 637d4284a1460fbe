"""Memory and descriptors of daemon and worker, before and after many real jobs of all verbs."""

from __future__ import annotations

import psutil

from tests.processes import Process
from tests.trust import harness
from tests.trust.harness import Lab, Tally, every_verb

JOBS, WARM_UP = 200, 20
# Growth that is no leak: caches that fill up once, an allocator's rounding.
MOST_MIB = {"daemon": 30.0, "worker": 60.0}
FAILED, OPEN = "failed", "more descriptors"
GREW = {who: f"{who} +{most:g} MiB" for who, most in MOST_MIB.items()}


def check(lab: Lab, tally: Tally) -> None:
    """As many jobs of each verb, one after the other."""
    tally.watch(FAILED, OPEN, *GREW.values())
    daemon = lab.daemon()
    messages = every_verb(lab.clip(), "0", "1")
    messages[1] = messages[1].model_copy(update={"fit": False})  # half of the time would be the networks'

    def run(first: int, count: int) -> None:
        for number in range(first, first + count):
            message = messages[number % len(messages)].model_copy(update={"job": str(number)})
            event = daemon.client.last_event(message)
            tally.check(event.name == "done", FAILED, event)

    run(0, WARM_UP)
    before = _measured(daemon)
    tally.tried = lab.times(JOBS)
    run(WARM_UP, tally.tried)
    after = _measured(daemon)
    for who in MOST_MIB:
        grown = after[who][0] - before[who][0]
        tally.check(grown <= MOST_MIB[who], GREW[who], f"{grown:.1f} MiB")
        more = after[who][1] - before[who][1]
        tally.check(more <= 0, OPEN, f"{who}: {more}")
    tally.figures = "; ".join(_told(who, before[who], after[who]) for who in MOST_MIB)


def _measured(daemon: Process) -> dict[str, tuple[float, int]]:
    """MiB and descriptors of each, with nothing under way."""
    (worker,) = harness.workers(daemon)
    processes = {"daemon": psutil.Process(daemon.process.pid), "worker": worker}
    return {who: (process.memory_info().rss / 2**20, process.num_fds()) for who, process in processes.items()}


def _told(who: str, before: tuple[float, int], after: tuple[float, int]) -> str:
    return f"{who} {before[0]:.0f} → {after[0]:.0f} MiB, {before[1]} → {after[1]} descriptors"
