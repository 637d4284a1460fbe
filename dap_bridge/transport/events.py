"""The events: what the daemon says."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from ..domain import Job, State, Waiting
from ..messages import Message

VERSION = 1


class Event(Message):
    """What the daemon says."""


class Welcome(Event):
    """Answer to `hello`."""

    name = "welcome"
    protocol: int = VERSION
    version: str
    pid: int
    device: Annotated[str, Field(description="`cpu`, `cuda`, or empty while the probe runs.")]
    device_reason: str
    spool: Annotated[str, Field(description="The drop folder.")]
    jobs: Annotated[int, Field(description="Jobs queued or running.")]


class JobEvent(Event):
    job: str


class Accepted(JobEvent):
    """The job is on disk and will run."""

    name = "accepted"
    verb: str


class Queued(JobEvent):
    """The job waits for another: said again, once a second at most, as its place or the estimate changes.

    Corrections (`refine`, `undo`, `choose`) stand in a line of their own, so that none waits for a long job of another
    verb: a second worker does them meanwhile (setting `interactive`).
    """

    name = "queued"
    place: Annotated[int, Field(description="In its line, from 1.")]
    behind: Annotated[str, Field(description="The job that has to end first; empty while a worker starts.")] = ""
    behind_verb: Annotated[str, Field(description="What that does.")] = ""
    seconds: Annotated[float, Field(description="Estimate of when the job begins; -1 while unknown.")] = -1.0


class Progressed(JobEvent):
    """A running job, a few times a second at most."""

    name = "progress"
    fraction: Annotated[float, Field(ge=0, le=1)]
    stage: str
    iteration: int
    iterations: int
    seconds_left: Annotated[float, Field(description="Estimate; -1 while unknown.")]
    device: str
    device_reason: str


class Done(JobEvent):
    """The result is complete; every stem named by the manifest is in place."""

    name = "done"
    manifest: Annotated[str, Field(description="Absolute path of manifest.json.")]
    stem: Annotated[
        tuple[str, ...],
        Field(
            max_length=129,
            description="Each stem as `INDEX:ROLE:INPUT:PATH:NAME`, in the manifest's words: INPUT empty where it is "
            "null, PATH relative to the manifest's folder, NAME all that is left. Left out over OSC where they do not "
            "fit into one datagram, and of a job that an earlier version did: the manifest has them.",
        ),
    ] = ()


class Failed(JobEvent):
    """The job, or a message that never became one (then `job` is empty), failed."""

    name = "failed"
    code: str
    message: str
    hint: str


class CancelledEvent(JobEvent):
    """The job was stopped at the user's wish."""

    name = "cancelled"


class Interrupted(JobEvent):
    """The daemon ended while the job ran; send `resume` to run it again."""

    name = "interrupted"


class Chosen(JobEvent):
    """The user has sent a result of the mask editor to the host; `job` is the session that the page was opened with."""

    name = "chosen"
    session: str
    manifest: Annotated[str, Field(description="Absolute path of manifest.json.")]


class Renamed(Event):
    """A stem of a result has another name."""

    name = "renamed"
    session: str
    stem: int
    to: Annotated[str, Field(description="As it stands in the manifest now.")]


class StatusEvent(JobEvent):
    """Answer to `status`: one message a job, 200 at most; a message with an empty `job` ends the list."""

    name = "status"
    verb: str = ""
    state: Annotated[str, Field(description=" | ".join(f"`{s}`" for s in State))] = ""
    place: Annotated[int, Field(description="Of a job that waits for another: as in `queued`; else 0.")] = 0
    behind: Annotated[str, Field(description="The same.")] = ""
    behind_verb: Annotated[str, Field(description="The same.")] = ""
    seconds: Annotated[float, Field(description="The same.")] = -1.0
    title: Annotated[str, Field(description="What a person calls it: by its clip.")] = ""
    jobs: Annotated[int, Field(description="In the closing message: how many there are.")] = 0


class SessionEvent(Event):
    """Answer to `sessions`: one message a session, 200 at most; a message with an empty `session` ends the list."""

    name = "session"
    session: str
    label: str = ""
    clip: Annotated[str, Field(description="The file, or the first of them.")] = ""
    boxes: Annotated[int, Field(description="How many are in force.")] = 0
    stored: Annotated[
        bool, Field(description="Whether what was learned is kept; else a correction separates the clip again.")
    ] = False
    manifest: str = ""
    sessions: Annotated[int, Field(description="In the closing message: how many there are.")] = 0


def waiting(event: Queued | StatusEvent) -> Waiting:
    """Where it says that the job stands."""
    return Waiting(event.place, event.behind, event.behind_verb, None if event.seconds < 0 else event.seconds)


class ResultEvent(Event):
    """Answer to `results`: one message a job, 200 at most; a message with an empty `result` ends the list. And to
    `rename`.
    """

    name = "result"
    result: Annotated[str, Field(description="The job's name.")]
    verb: str = ""
    state: Annotated[str, Field(description="`done`, `failed` or `interrupted`.")] = ""
    title: Annotated[str, Field(description="What a person calls it: by its clip, or as it was renamed.")] = ""
    preset: str = ""
    seconds: Annotated[float, Field(description="Length; -1 where it is not known.")] = -1.0
    confidence: Annotated[float, Field(description="As the manifest has it; -1 where the method cannot say.")] = -1.0
    boxes: Annotated[int, Field(description="How many are in force.")] = 0
    parent: Annotated[str, Field(description="The session that it corrects.")] = ""
    ended: Annotated[int, Field(description="When: seconds since 1970.")] = 0
    kept: Annotated[bool, Field(description="Whether it lies in a folder of the daemon's, and goes with its job.")] = (
        False
    )
    upload: Annotated[bool, Field(description="Whether its clip was uploaded on the page.")] = False
    message: Annotated[str, Field(description="Of one that failed.")] = ""
    hint: str = ""
    results: Annotated[int, Field(description="In the closing message: how many there are.")] = 0

    @classmethod
    def of(cls, job: Job, *, title: str, kept: bool, upload: bool) -> Self:
        about, error = job.about, job.error or {}
        return cls(
            result=job.id,
            verb=job.verb,
            state=job.state,
            title=title,
            preset=about.get("preset", ""),
            seconds=about.get("seconds", -1.0),
            confidence=_or_unknown(about.get("confidence")),
            boxes=about.get("boxes", 0),
            parent=about.get("parent") or "",
            ended=int(job.updated),
            kept=kept,
            upload=upload,
            message=error.get("message", ""),
            hint=error.get("hint", ""),
        )


def _or_unknown(value: float | None) -> float:
    return -1.0 if value is None else value


class Removed(JobEvent):
    """The job is forgotten."""

    name = "removed"


EVENTS: dict[str, type[Event]] = {
    event.name: event
    for event in (
        Welcome,
        Accepted,
        Queued,
        Progressed,
        Done,
        Failed,
        CancelledEvent,
        Interrupted,
        Chosen,
        Renamed,
        StatusEvent,
        SessionEvent,
        ResultEvent,
        Removed,
    )
}
