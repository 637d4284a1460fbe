"""Results as a person meets them: found by a name, listed, renamed, and removed with all that was kept for them."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from ..domain import Job, State
from ..errors import BadRequest, ClipUnreadable, StoreUnavailable, UnknownJob, UnknownSession
from . import results
from .queue import JobQueue
from .results import NoResultError
from .sessions import DAY_S, Sessions
from .store import Store
from .uploads import Uploads


class Shelf:
    """The results that a daemon knows, and what they were made from."""

    def __init__(
        self, store: Store, queue: JobQueue, sessions: Sessions, uploads: Uploads, results_days: float
    ) -> None:
        self._store, self._queue, self._sessions, self._uploads = store, queue, sessions, uploads
        self._oldest_s = results_days * DAY_S

    def manifest(self, session: str) -> Path:
        """The manifest of a finished job, or of a session that was made without a daemon or long ago.

        Raises UnknownSession, or BadRequest for a job that has no result.
        """
        try:
            job = self._queue.get(session)
        except UnknownJob:
            return Path(self._sessions.get(session).manifest)
        if job.state is not State.DONE or job.manifest is None:
            raise BadRequest(f"Job {job.id} has no result: it is {job.state}.", "Wait until it is done.")
        return Path(job.manifest)

    def shown(self, session: str) -> Path:
        """The same of one that a page shows: it may be corrected soon."""
        self._queue.expect_correction()
        return self.manifest(session)

    def told(self, limit: int) -> list[Job]:
        """The latest `limit` jobs that ended, but for the cancelled, the latest first."""
        return self._store.told(limit)

    def count_told(self) -> int:
        return self._store.count_told()

    def rename(self, job_id: str, title: str) -> Job:
        """Raises UnknownJob."""
        return self._store.rename(job_id, title)

    def rename_stem(self, session: str, stem: int, to: str) -> None:
        """In the manifest, in what is told of the job, and for whatever corrects the result later.

        Raises UnknownSession, BadRequest, or ClipUnreadable where the manifest cannot be written anew.
        """
        path = self.manifest(session)
        try:
            results.rename_stem(path, stem, to)
        except (OSError, NoResultError) as error:
            raise ClipUnreadable(f"The manifest of {session} cannot be written anew: {error}.") from error
        with contextlib.suppress(UnknownSession):
            self._sessions.rename_stem(session, stem, to)
        self._store.tell(session, results.told(path).stems)

    def title(self, session: str) -> str:
        """What a person calls a job, or a session: by the name that it was given, else by its clip's."""
        try:
            return self.title_of(self._queue.get(session))
        except UnknownJob:
            try:
                return self._sessions.get(session).label or session
            except UnknownSession:
                return session

    def title_of(self, job: Job) -> str:
        named = job.title or job.about.get("name") or job.request.get("label")
        if named:
            return str(named)
        parent = job.request.get("session")
        if parent is not None:
            return self.title(parent)
        clips = _clips(job)
        return Path(clips[0]).stem if clips else job.id

    def uploads_of(self, job: Job) -> list[str]:
        """The uploads that a job, or its result, goes by."""
        return self._uploads.named_in(json.dumps([job.request, job.about.get("clips")]))

    def remove(self, name: str) -> None:
        """Forget a job that has ended, with its session; what lies in a folder of the daemon's goes with it, and so do
        the uploads that no other result needs.

        Raises UnknownJob, or BadRequest where something is under way with it.
        """
        job = self._queue.get(name)
        folder = None if job.manifest is None else str(Path(job.manifest).parent)
        for other in self._store.active():
            texts = other.request.values()
            if other.request.get("session") == name or (folder and folder in json.dumps(list(texts))):
                raise BadRequest(f"Job {other.id} needs {name}.", "Wait until it has ended, or cancel it.")
        self._queue.remove(name)
        self._sessions.remove(name)
        for upload in self.uploads_of(job):
            if not self._store.needs(upload):
                self._uploads.remove(upload)

    def trim_uploads(self) -> None:
        """Remove uploads that are old and that no result needs."""
        before = time.time() - self._oldest_s
        with contextlib.suppress(StoreUnavailable):  # then another time
            for upload in self._uploads.all():
                if upload.created < before and not self._store.needs(upload.id):
                    self._uploads.remove(upload.id)


def _clips(job: Job) -> list[str]:
    """The paths that a request names its clips by."""
    request = job.request
    one = [request["clip"]] if request.get("clip") else []
    channels = [text.split(":", 1)[1] for text in request.get("channel", ()) if job.verb != "coseparate"]
    return [*one, *channels, *(text.split(":", 3)[3] for text in request.get("item", ()))]
