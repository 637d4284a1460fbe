"""Who is told where it stands, of many that wait."""

from __future__ import annotations

from dap_bridge.domain import Job, Waiting
from dap_bridge.jobs.line import MOST_NEW, MOST_TOLD, Told


def line(first: int, last: int) -> list[tuple[Job, Waiting]]:
    """The jobs of these numbers, from the first place on."""
    return [(Job(f"{number}", "separate", {}), Waiting(place)) for place, number in enumerate(range(first, last), 1)]


def test_every_job_is_told_once_not_too_many_at_a_time_and_the_first_whenever_their_place_changes() -> None:
    told = Told()
    assert [job.id for job, _ in told.news(line(0, 120))] == [f"{number}" for number in range(MOST_NEW)]
    assert [job.id for job, _ in told.news(line(0, 120))] == [f"{number}" for number in range(MOST_NEW, 2 * MOST_NEW)]
    assert len(told.news(line(0, 120))) == 120 - 2 * MOST_NEW
    assert told.news(line(0, 120)) == []
    moved = told.news(line(1, 120))
    assert [(job.id, waiting.place) for job, waiting in moved] == [(f"{n}", n) for n in range(1, MOST_TOLD + 1)]
    assert [job.id for job, _ in told.news(line(1, 121))] == ["120"]
