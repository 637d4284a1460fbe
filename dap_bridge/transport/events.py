"""The events: what the daemon says."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..domain import State
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


EVENTS: dict[str, type[Event]] = {
    event.name: event
    for event in (
        Welcome,
        Accepted,
        Progressed,
        Done,
        Failed,
        CancelledEvent,
        Interrupted,
        Chosen,
        Renamed,
        StatusEvent,
        SessionEvent,
    )
}
