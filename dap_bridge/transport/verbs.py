"""The verbs: what a client may ask, with every field, its type and its limits.

A verb that makes a job is a JobVerb; what it does is a module of the same name in dap_bridge/jobs/verbs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .messages import ChannelText, Frames, JobId, Message, NewJobId, PathText, PresetName


class Verb(Message):
    """What a client may ask."""

    reply_port: Annotated[
        int | None,
        Field(ge=1, le=65535, description="UDP port that answers go to; left out: the port the message came from."),
    ] = None


class JobVerb(Verb):
    """A verb that makes a job.

    Answered with `accepted` once the job is on disk, and then with all that happens to it. A repeated message is
    answered, not run twice.
    """

    job: NewJobId = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Seed of every random number of the job.")] = 0
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="Where to compute.")] = "auto"
    label: Annotated[
        str | None, Field(max_length=200, description="What stems are named after; left out: the file's name.")
    ] = None
    out: Annotated[
        PathText | None,
        Field(description="Folder for manifest and stems, absolute path; left out: a folder of the daemon's."),
    ] = None

    def request(self) -> dict[str, Any]:
        """What the job is, apart from who asked and by what name: plain JSON values."""
        return self.model_dump(mode="json", exclude={"job", "reply_port"})


class ClipVerb(JobVerb):
    """A job on one clip: a stretch of a file, or of as many files as it has channels."""

    clip: Annotated[PathText | None, Field(description="Audio file, absolute path. Either this or `channel`.")] = None
    channel: Annotated[
        tuple[ChannelText, ...],
        Field(
            max_length=64,
            description="One channel of the clip as `INDEX:PATH` (index from 0); repeated, in order, for clips whose "
            "channels lie in several files.",
        ),
    ] = ()
    start: Annotated[Frames, Field(description="First frame of the clip, at the file's rate.")] = 0
    frames: Annotated[int | None, Field(ge=1, le=2**53, description="Length in frames; left out: to the end.")] = None
    rate: Annotated[
        int | None,
        Field(ge=1, le=10_000_000, description="Rate in Hz that `start` and `frames` count at; must be the file's."),
    ] = None

    @model_validator(mode="after")
    def _one_clip(self) -> Self:
        if (self.clip is None) == (not self.channel):
            raise ValueError("give either clip or channel")
        return self


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


class Separate(ClipVerb):
    """Split a clip into `sources` stems that sum to it."""

    name = "separate"
    sources: Annotated[int, Field(ge=2, le=8, description="Number of sources.")] = 2
    preset: PresetName = "default"


VERBS: dict[str, type[Verb]] = {
    verb.name: verb
    for verb in (
        Hello,
        Status,
        Separate,
        Cancel,
        Resume,
    )
}
