"""Jobs on disk (sqlite): every change of state is written before anybody is told of it."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from .. import atomic
from ..domain import Job, State
from ..errors import BadSettings, JobConflict, StoreUnavailable, UnknownJob

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    verb TEXT NOT NULL,
    request TEXT NOT NULL,     -- JSON
    state TEXT NOT NULL,
    manifest TEXT,
    error TEXT,                -- JSON
    created REAL NOT NULL,     -- seconds since the epoch
    updated REAL NOT NULL,
    place INTEGER NOT NULL,    -- in the queue: lower runs earlier
    attempts INTEGER NOT NULL, -- runs begun since the job was last asked for
    stems TEXT,                -- JSON; of results
    about TEXT,                -- JSON; of results
    title TEXT                 -- what a person has called the result
);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, place);
CREATE INDEX IF NOT EXISTS by_verb ON jobs (state, verb, place);
CREATE INDEX IF NOT EXISTS by_place ON jobs (place);
"""
COLUMNS = "id, verb, request, state, manifest, error, created, updated, stems, about, title"
# Of tables that an earlier version made.
ADDED = {"stems": "TEXT", "about": "TEXT", "title": "TEXT"}
# The event loop stands still for as long as the file is locked, so what takes longer is tried again by the queue.
BUSY_S = 0.05
ACTIVE = tuple(state.value for state in State if not state.ended)
ENDED = tuple(state.value for state in State if state.ended)
# Of those that ended, what a person hears of: a cancelled one left nothing, as was asked for.
TOLD = tuple(state for state in ENDED if state != State.CANCELLED)
# What goes by its clip, or will.
NEEDING = (*ACTIVE, State.DONE.value)
_JOB = TypeAdapter(Job)


class Store:
    """The table of jobs. To be used from one thread.

    Every method raises StoreUnavailable, and has changed nothing, where the file cannot be read or written for now.
    """

    def __init__(self, path: Path) -> None:
        """Raises BadSettings when the table cannot be used. One that is damaged is set aside, and a new one begun."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(path)
        except sqlite3.DatabaseError as error:
            if not _is_damaged(path, error):
                raise _unusable(path, error) from error
            for part in _parts(path):
                if os.path.lexists(part):
                    atomic.set_aside(part, f"is damaged ({error})", "the jobs in it are forgotten, their results stay")
            try:
                self._open(path)
            except sqlite3.DatabaseError as again:
                raise _unusable(path, again) from again
        try:
            self._set_aside_damaged_rows()
            self._db.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise _unusable(path, error) from error

    def _open(self, path: Path) -> None:
        """Raises sqlite3.DatabaseError, and leaves nothing open then."""
        if path.is_file() and path.stat().st_size == 0:
            log.warning("%s is empty: whatever jobs there were are forgotten", path)
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            # With a write-ahead log a killed process loses nothing; only a power cut may lose the last moment.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(SCHEMA)
            self._add_columns()
            found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            self._db.execute(f"SELECT {COLUMNS}, place, attempts FROM jobs LIMIT 0")
        except BaseException:
            self._db.close()
            raise

    def _add_columns(self) -> None:
        for table in ("jobs", "damaged"):
            known = {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
            for column in (ADDED.keys() - known) if known else ():
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {ADDED[column]}")

    def _set_aside_damaged_rows(self) -> None:
        """One row that cannot be read must not keep the others from being served."""
        rows = self._db.execute(f"SELECT rowid, {COLUMNS} FROM jobs").fetchall()
        for number, *row in rows:
            try:
                _JOB.validate_python(vars(_job(*row)))
            except (ValueError, TypeError) as error:
                why = " ".join(str(error).split())[:200]
                log.warning("job %r is damaged (%s) and was put into the table `damaged`: it is forgotten", row[0], why)
                self._db.executescript(
                    "CREATE TABLE IF NOT EXISTS damaged AS SELECT * FROM jobs LIMIT 0;"
                    f"INSERT INTO damaged SELECT * FROM jobs WHERE rowid = {number};"
                    f"DELETE FROM jobs WHERE rowid = {number};"
                )

    def close(self) -> None:
        self._db.close()

    def add(self, job_id: str, verb: str, request: dict[str, Any]) -> tuple[Job, bool]:
        """The job of that name and whether it is new. Raises JobConflict when the name belongs to another request."""
        known = self._find(job_id)
        if known is not None:
            if (known.verb, known.request) != (verb, request):
                raise JobConflict(f"Job {job_id} exists already, with another request.")
            return known, False
        now = time.time()
        self._execute(
            "INSERT INTO jobs (id, verb, request, state, created, updated, place, attempts) "
            "SELECT ?, ?, ?, ?, ?, ?, coalesce(max(place), 0) + 1, 0 FROM jobs",
            (job_id, verb, json.dumps(request), State.QUEUED, now, now),
        )
        return Job(job_id, verb, request, created=now, updated=now), True

    def get(self, job_id: str) -> Job:
        """Raises UnknownJob."""
        job = self._find(job_id)
        if job is None:
            raise UnknownJob(f"There is no job {job_id}.")
        return job

    def start(self, job_id: str) -> int:
        """The job runs; returns how often it has by now, this time included."""
        attempt = int(self._execute("SELECT attempts FROM jobs WHERE id = ?", (job_id,))[0][0]) + 1
        self._execute(
            "UPDATE jobs SET state = ?, attempts = ?, updated = ? WHERE id = ?",
            (State.RUNNING, attempt, time.time(), job_id),
        )
        return attempt

    def requeue(self, job_id: str) -> Job:
        """The job is to run again, at its old place in the queue."""
        return self._set(job_id, State.QUEUED)

    def resume(self, job_id: str) -> Job:
        """An ended job is to run again, after all that wait, as if it were new."""
        return self._set(job_id, State.QUEUED, more=", attempts = 0, place = (SELECT max(place) + 1 FROM jobs)")

    def end(
        self,
        job_id: str,
        state: State,
        manifest: str | None = None,
        error: dict[str, str] | None = None,
        stems: tuple[str, ...] = (),
        about: dict[str, Any] | None = None,
    ) -> Job:
        return self._set(job_id, state, manifest, error, stems, about)

    def tell(self, job_id: str, stems: tuple[str, ...]) -> None:
        """Its stems are told of anew."""
        self._execute("UPDATE jobs SET stems = ? WHERE id = ?", (json.dumps(stems), job_id))

    def next_queued(self, but: Sequence[str] = ()) -> Job | None:
        """The queued job that is first in line, of all verbs but these."""
        slots = ", ".join("?" * len(but))
        rows = self._select(f"WHERE state = ? AND verb NOT IN ({slots}) ORDER BY place LIMIT 1", (State.QUEUED, *but))
        return rows[0] if rows else None

    def queued(self, verbs: Sequence[str]) -> list[Job]:
        """The queued jobs of these verbs, in order."""
        slots = ", ".join("?" * len(verbs))
        # +: by the verbs' index, not through all that wait
        return self._select(f"WHERE state = ? AND verb IN ({slots}) ORDER BY +place", (State.QUEUED, *verbs))

    def active(self, limit: int = -1) -> list[Job]:
        """Those that are queued or running, in order; the first `limit` of them, or all."""
        return self._select("WHERE state IN (?, ?) ORDER BY place LIMIT ?", (*ACTIVE, limit))

    def count_active(self) -> int:
        return int(self._execute("SELECT count(*) FROM jobs WHERE state IN (?, ?)", ACTIVE)[0][0])

    def outlived(self, keep: int, below: Path, before: float) -> list[Job]:
        """Ended jobs beyond the latest `keep`, and those with a result below that folder that ended before then."""
        slots, prefix = ", ".join("?" * len(ENDED)), f"{below}{os.sep}"
        return self._select(
            f"WHERE state IN ({slots}) AND (updated < ? AND substr(manifest, 1, ?) = ? OR id IN "
            f"(SELECT id FROM jobs WHERE state IN ({slots}) ORDER BY updated DESC, place DESC LIMIT -1 OFFSET ?))",
            (*ENDED, before, len(prefix), prefix, *ENDED, keep),
        )

    def told(self, limit: int = -1) -> list[Job]:
        """Those that ended, but for the cancelled, the latest first."""
        slots = ", ".join("?" * len(TOLD))
        return self._select(f"WHERE state IN ({slots}) ORDER BY updated DESC, place DESC LIMIT ?", (*TOLD, limit))

    def count_told(self) -> int:
        slots = ", ".join("?" * len(TOLD))
        return int(self._execute(f"SELECT count(*) FROM jobs WHERE state IN ({slots})", TOLD)[0][0])

    def rename(self, job_id: str, title: str) -> Job:
        """Raises UnknownJob."""
        job = replace(self.get(job_id), title=title)
        self._execute("UPDATE jobs SET title = ? WHERE id = ?", (title, job_id))
        return job

    def needs(self, text: str) -> bool:
        """Whether a result, or a job that is to have one, names `text` among its clips."""
        slots = ", ".join("?" * len(NEEDING))
        found = self._execute(
            f"SELECT 1 FROM jobs WHERE state IN ({slots}) AND (instr(request, ?) OR instr(about, ?)) LIMIT 1",
            (*NEEDING, text, text),
        )
        return bool(found)

    def forget(self, job_id: str) -> None:
        """The name is free again."""
        self._execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def _set(
        self,
        job_id: str,
        state: State,
        manifest: str | None = None,
        error: dict[str, str] | None = None,
        stems: tuple[str, ...] = (),
        about: dict[str, Any] | None = None,
        more: str = "",
    ) -> Job:
        job = replace(self.get(job_id), state=state, manifest=manifest, error=error, stems=stems, about=about or {})
        job = replace(job, updated=time.time())
        texts = (None if error is None else json.dumps(error), json.dumps(stems), json.dumps(job.about))
        self._execute(
            f"UPDATE jobs SET state = ?, manifest = ?, error = ?, stems = ?, about = ?, updated = ?{more} WHERE id = ?",
            (state, manifest, *texts, job.updated, job_id),
        )
        return job

    def _find(self, job_id: str) -> Job | None:
        rows = self._select("WHERE id = ?", (job_id,))
        return rows[0] if rows else None

    def _select(self, condition: str, values: Sequence[str | float]) -> list[Job]:
        rows = self._execute(f"SELECT {COLUMNS} FROM jobs {condition}", values)
        return [_job(*row) for row in rows]

    def _execute(self, statement: str, values: Sequence[Any]) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The table of jobs cannot be used: {error}.") from error


def _job(
    name: str,
    verb: str,
    request: str,
    state: str,
    manifest: str | None,
    error: str | None,
    created: float,
    updated: float,
    stems: str | None,
    about: str | None,
    title: str | None,
) -> Job:
    """A row as a job. Raises ValueError or TypeError where it is none."""
    failure = None if error is None else json.loads(error)
    told = tuple(json.loads(stems or "[]")), json.loads(about or "{}")
    return Job(name, verb, json.loads(request), State(state), manifest, failure, created, updated, *told, title)


def _is_damaged(path: Path, error: sqlite3.DatabaseError) -> bool:
    """Whether it is the file's fault, and not that it is locked, forbidden, or on a full disk."""
    # without a code: what the check found; SQLITE_ERROR: a table of other columns
    codes = (None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    code = getattr(error, "sqlite_errorcode", None)
    return code in codes or any(part.is_dir() for part in _parts(path))


def _parts(path: Path) -> list[Path]:
    """The table and what sqlite keeps beside it."""
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]


def _unusable(path: Path, error: sqlite3.DatabaseError) -> BadSettings:
    return BadSettings(f"{path} cannot be used: {error}.", "Free the disk, or name another folder: --data DIR.")
