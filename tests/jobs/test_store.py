"""The table of jobs: what was written survives, a name means one request, order is kept."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dap_bridge.domain import State
from dap_bridge.errors import BadSettings, JobConflict, UnknownJob
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
    store.end("a", State.DONE, manifest="/m.json", stems=("1:source::s.wav:é",))
    store.add("b", "separate", REQUEST)
    store.end("b", State.FAILED, error=error)
    store.add("c", "separate", REQUEST)
    store.start("c")
    other = Store(tmp_path / "data" / "jobs.sqlite")
    done, failed, running = (other.get(name) for name in "abc")
    other.close()
    assert (done.state, done.manifest, done.request) == (State.DONE, "/m.json", REQUEST)
    assert done.stems == ("1:source::s.wav:é",)
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


def damage(path: Path, change: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()


@pytest.mark.parametrize(
    "change",
    [
        "state = 'sleeping'",
        "state = x'80'",
        "request = '{'",
        "request = ''",
        "request = '[]'",
        "error = '{'",
        "error = '3'",
        "created = 'yesterday'",
        "manifest = x'ff'",
    ],
)
def test_a_damaged_row_is_set_aside_and_hides_no_other(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    for name in "abc":
        store.add(name, "separate", REQUEST)
    store.close()
    path = tmp_path / "data" / "jobs.sqlite"
    damage(path, f"UPDATE jobs SET {change} WHERE id = 'b'")
    store = Store(path)
    assert [job.id for job in store.active()] == ["a", "c"]
    assert "'b' is damaged" in caplog.text
    assert store.add("b", "separate", REQUEST)[1], "its name can be used again"
    store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT id FROM damaged").fetchall() == [("b",)]
    db.close()


@pytest.mark.parametrize("kind", ["garbage", "empty", "half", "one page lost", "folder", "log is a folder", "other"])
def test_a_damaged_table_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    for number in range(300):
        store.add(f"j{number}", "separate", REQUEST)
    store.close()
    path = tmp_path / "data" / "jobs.sqlite"
    content = path.read_bytes()
    if kind == "log is a folder":
        path.with_name("jobs.sqlite-wal").mkdir()
    else:
        path.unlink()
    match kind:
        case "garbage":
            path.write_bytes(bytes(range(256)) * 100)
        case "empty":
            path.touch()
        case "half":
            path.write_bytes(content[: len(content) // 2])
        case "one page lost":
            path.write_bytes(content[:4096] + bytes(4096) + content[8192:])
        case "folder":
            path.mkdir()
        case "other":
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE jobs (title TEXT)")
            db.close()
    store = Store(path)
    assert store.add("a", "separate", REQUEST)[1]
    assert [job.id for job in store.active()] == ["a"]
    store.close()
    assert "forgotten" in caplog.text
    if kind not in ("empty", "log is a folder"):
        aside = path.with_name("jobs.sqlite.damaged-1")
        assert aside.is_dir() or aside.stat().st_size > 0


def test_a_table_that_another_uses_is_not_damaged(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "data" / "jobs.sqlite"
    store.add("a", "separate", REQUEST)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    store.close()
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BadSettings, match="locked"):
        Store(path)
    holder.close()
    assert Store(path).get("a").state is State.QUEUED


def test_the_table_of_an_earlier_version_is_read_and_written_on(tmp_path: Path) -> None:
    """As it was before results named their stems; so may be the table of damaged rows beside it."""
    path = tmp_path / "jobs.sqlite"
    table = sqlite3.connect(path)
    columns = "id TEXT PRIMARY KEY, verb TEXT, request TEXT, state TEXT, manifest TEXT, error TEXT, created REAL, "
    table.execute(f"CREATE TABLE jobs ({columns} updated REAL, place INTEGER, attempts INTEGER)")
    table.execute("CREATE TABLE damaged AS SELECT * FROM jobs LIMIT 0")
    table.execute("INSERT INTO jobs VALUES ('a', 'separate', '{}', 'done', '/m.json', NULL, 1, 1, 1, 1)")
    table.execute("INSERT INTO jobs VALUES ('b', 'separate', '{', 'done', '/m.json', NULL, 1, 1, 2, 1)")
    table.commit()
    table.close()
    store = Store(path)
    assert (store.get("a").manifest, store.get("a").stems) == ("/m.json", ())
    store.add("c", "separate", REQUEST)
    assert store.end("c", State.DONE, "/n.json", None, ("x",)) == store.get("c")
    with pytest.raises(UnknownJob):
        store.get("b")
    store.close()
