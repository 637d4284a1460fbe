"""The table of jobs: what was written survives, a name means one request, order is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dap_bridge.domain import State
from dap_bridge.errors import JobConflict, UnknownJob
from dap_bridge.jobs.store import Store

REQUEST = {"clip": "/é.wav", "sources": 2}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data" / "jobs.sqlite")
    yield store
    store.close()


def test_every_change_is_there_for_whoever_opens_the_file_next(tmp_path: Path, store: Store) -> None:
    error = {"code": "bad_clip", "message": "m", "hint": "h"}
    store.add("a", "separate", REQUEST)
    store.end("a", State.DONE, manifest="/m.json")
    store.add("b", "separate", REQUEST)
    store.end("b", State.FAILED, error=error)
    store.add("c", "separate", REQUEST)
    store.start("c")
    other = Store(tmp_path / "data" / "jobs.sqlite")
    done, failed, running = (other.get(name) for name in "abc")
    other.close()
    assert (done.state, done.manifest, done.request) == (State.DONE, "/m.json", REQUEST)
    assert (failed.state, failed.error) == (State.FAILED, error)
    assert running.state is State.RUNNING


def test_a_repeated_request_is_the_same_job(store: Store) -> None:
    first, new = store.add("a", "separate", REQUEST)
    assert new
    assert store.add("a", "separate", REQUEST) == (first, False)


def test_a_name_belongs_to_one_request(store: Store) -> None:
    store.add("a", "separate", REQUEST)
    with pytest.raises(JobConflict):
        store.add("a", "separate", {**REQUEST, "sources": 3})
    assert store.get("a").request == REQUEST


def test_an_unknown_name_is_said_so(store: Store) -> None:
    with pytest.raises(UnknownJob):
        store.get("a")


def test_jobs_come_out_in_the_order_they_went_in_and_a_resumed_one_goes_last(store: Store) -> None:
    for name in "cab":
        store.add(name, "separate", REQUEST)
    store.end("c", State.CANCELLED)
    store.resume("c")
    order = []
    while job := store.next_queued():
        order.append(job.id)
        store.start(job.id)
    assert order == ["a", "b", "c"]
    assert [job.id for job in store.active()] == ["a", "b", "c"]


def test_a_requeued_job_keeps_its_place_and_its_count_and_a_resumed_one_starts_anew(store: Store) -> None:
    store.add("a", "separate", REQUEST)
    store.add("b", "separate", REQUEST)
    assert store.start("a") == 1
    store.requeue("a")
    first = store.next_queued()
    assert first is not None and first.id == "a"
    assert store.start("a") == 2
    store.end("a", State.FAILED, error={})
    store.resume("a")
    assert store.get("a").error is None
    assert store.start("a") == 1


def test_history_is_bounded_and_active_jobs_are_never_forgotten(store: Store) -> None:
    for number in range(6):
        store.add(f"j{number}", "separate", REQUEST)
    for number in range(4):
        store.end(f"j{number}", State.DONE)
    assert sorted(job.id for job in store.outlived(2, Path("/data/jobs"), before=0)) == ["j0", "j1"]
    for name in ("j0", "j1"):
        store.forget(name)
    assert store.outlived(2, Path("/data/jobs"), before=0) == []
    assert [job.id for job in store.active()] == ["j4", "j5"]
    assert store.get("j3").state is State.DONE
