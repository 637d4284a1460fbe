"""Jobs on disk (sqlite): every change of state is written before anybody is told of it."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..domain import Job, State
from ..errors import BadSettings, JobConflict, StoreUnavailable, UnknownJob

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
    attempts INTEGER NOT NULL  -- runs begun since the job was last asked for
);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, place);
"""
COLUMNS = "id, verb, request, state, manifest, error, created, updated"
# The event loop stands still for as long as the file is locked, so what takes longer is tried again by the queue.
BUSY_S = 0.05
ACTIVE = tuple(state.value for state in State if not state.ended)
ENDED = tuple(state.value for state in State if state.ended)


class Store:
    """The table of jobs. To be used from one thread.

    Every method raises StoreUnavailable, and has changed nothing, where the file cannot be read or written for now.
    """

    def __init__(self, path: Path) -> None:
        """Raises BadSettings when the file is no such table."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        try:
            # With a write-ahead log a killed process loses nothing; only a power cut may lose the last moment.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise BadSettings(f"{path} cannot be used: {error}.", "Move it away; a new one will be made.") from error

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

    def end(self, job_id: str, state: State, manifest: str | None = None, error: dict[str, str] | None = None) -> Job:
        return self._set(job_id, state, manifest, error)

    def next_queued(self) -> Job | None:
        """The queued job that is first in line."""
        rows = self._select("WHERE state = ? ORDER BY place LIMIT 1", (State.QUEUED,))
        return rows[0] if rows else None

    def active(self, limit: int = -1) -> list[Job]:
        """Those that are queued or running, in order; the first `limit` of them, or all."""
        return self._select("WHERE state IN (?, ?) ORDER BY place LIMIT ?", (*ACTIVE, limit))

    def count_active(self) -> int:
        return int(self._execute("SELECT count(*) FROM jobs WHERE state IN (?, ?)", ACTIVE)[0][0])

    def outlived(self, keep: int, below: Path, before: float) -> list[Job]:
        """Ended jobs beyond the latest `keep`, and those with a result below that folder that ended before then."""
        marks, prefix = ", ".join("?" * len(ENDED)), f"{below}{os.sep}"
        return self._select(
            f"WHERE state IN ({marks}) AND (updated < ? AND substr(manifest, 1, ?) = ? OR id IN "
            f"(SELECT id FROM jobs WHERE state IN ({marks}) ORDER BY updated DESC, place DESC LIMIT -1 OFFSET ?))",
            (*ENDED, before, len(prefix), prefix, *ENDED, keep),
        )

    def forget(self, job_id: str) -> None:
        """The name is free again."""
        self._execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def _set(
        self,
        job_id: str,
        state: State,
        manifest: str | None = None,
        error: dict[str, str] | None = None,
        more: str = "",
    ) -> Job:
        job = replace(self.get(job_id), state=state, manifest=manifest, error=error, updated=time.time())
        self._execute(
            f"UPDATE jobs SET state = ?, manifest = ?, error = ?, updated = ?{more} WHERE id = ?",
            (state, manifest, None if error is None else json.dumps(error), job.updated, job_id),
        )
        return job

    def _find(self, job_id: str) -> Job | None:
        rows = self._select("WHERE id = ?", (job_id,))
        return rows[0] if rows else None

    def _select(self, condition: str, values: Sequence[str | float]) -> list[Job]:
        rows = self._execute(f"SELECT {COLUMNS} FROM jobs {condition}", values)
        return [
            Job(name, verb, json.loads(request), State(state), manifest, error and json.loads(error), created, updated)
            for name, verb, request, state, manifest, error, created, updated in rows
        ]

    def _execute(self, statement: str, values: Sequence[Any]) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The table of jobs cannot be used: {error}.") from error
