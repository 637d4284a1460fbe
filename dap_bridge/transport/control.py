"""What is asked of the daemon itself: the verbs that make no job."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..messages import JobId
from ..verbs.request import Verb


class Hello(Verb):
    """Are you there? Answered with `welcome`; `reply_port` given here holds for later messages from the same port."""

    name = "hello"


class Status(Verb):
    """The state of one job, with its latest event, or (without `job`) of the jobs that have not ended.

    Whoever asks for one job is told of its further events too: this is how to go on after a lost packet.
    """

    name = "status"
    job: JobId | None = None


class Cancel(Verb):
    """Stop a job. Answered with `cancelled` within a second; nothing of the job's output remains.

    A job that has ended already is answered with how it ended.
    """

    name = "cancel"
    job: JobId


class Resume(Verb):
    """Run an interrupted, failed or cancelled job again, as it was first asked for."""

    name = "resume"
    job: JobId


class Import(Verb):
    """Name the result that the host is to import: what "Send to DAW" on the mask editor's page says.

    Answered with `chosen`, which also stands in the drop folder, where the host that opened the page finds it.
    """

    name = "import"
    job: Annotated[JobId, Field(description="The session that the page was opened with.")]
    session: Annotated[JobId, Field(description="The result: that session itself, or one refined from it.")]


class ListSessions(Verb):
    """The results that can be corrected, the latest first."""

    name = "sessions"
