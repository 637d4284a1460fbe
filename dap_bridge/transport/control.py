"""What is asked of the daemon itself: the verbs that make no job."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

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


def _cleaned(text: str) -> str:
    """On one line, without what cannot be seen. Raises ValueError where nothing is left."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if not shown:
        raise ValueError("a name has at least one letter")
    return shown


StemName = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_cleaned)]


class RenameStem(Verb):
    """Give a stem of a result another name, for tracks and for files that are saved; its file keeps its path.

    What is corrected from the result has the name, too. Answered with `renamed`.
    """

    name = "rename_stem"
    session: Annotated[JobId, Field(description="The result: the name of its job.")]
    stem: Annotated[int, Field(ge=1, le=129, description="Its index in the manifest.")]
    to: Annotated[StemName, Field(description="The new name.")]


class ListSessions(Verb):
    """The results that can be corrected, the latest first."""

    name = "sessions"


class ListResults(Verb):
    """What became of the jobs that ended, the latest first: results, and failures. Cancelled jobs are left out."""

    name = "results"


class Rename(Verb):
    """Call a result by another name, in lists and in what is saved of it. Answered with `result`."""

    name = "rename"
    job: JobId
    title: Annotated[str, Field(min_length=1, max_length=200, description="What it is called from now on.")]


class Remove(Verb):
    """Forget a job that has ended, and its session. Answered with `removed`.

    Its result goes with it where it lies in a folder of the daemon's, and so does the file that was uploaded for it,
    unless another result needs it. Files in a folder that the request named stay.
    """

    name = "remove"
    job: JobId
