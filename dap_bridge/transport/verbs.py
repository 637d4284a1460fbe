"""The verbs: what a client may ask, with every field, its type and its limits.

A verb that makes a job is a JobVerb; what it does is a module of the same name in dap_bridge/jobs/verbs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .messages import (
    BoxTexts,
    ChannelText,
    FormatName,
    Frames,
    ItemChannelText,
    ItemText,
    JobId,
    Message,
    NewJobId,
    PathText,
    PresetName,
    SessionName,
)

AGAIN = "Separate again with this seed, and then correct; left out: the session's."


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

    format: Annotated[
        FormatName | None,
        Field(
            description="What results are written as: WAV of 32-bit floats, of 24-bit or of 16-bit integers, or FLAC "
            "of 24 bits; left out: as the session that is corrected, else as the setting `format` says."
        ),
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


class Choose(Verb):
    """Mark a result as the one that the host is to import: what "Send to DAW" on the mask editor's page says.

    Answered with `chosen`, which also stands in the drop folder, where the host that opened the page finds it.
    """

    name = "choose"
    job: Annotated[JobId, Field(description="The session that the page was opened with.")]
    session: Annotated[JobId, Field(description="The result: that session itself, or one refined from it.")]


class Separate(ClipVerb):
    """Split a clip into `sources` stems that sum to it."""

    name = "separate"
    sources: Annotated[int, Field(ge=2, le=8, description="Number of sources.")] = 2
    preset: PresetName = "default"


class Coseparate(JobVerb):
    """Split each of several clips into the sound that they share and a rest of its own; a clip's two stems sum to it.

    Clips may differ in length, rate and channels. A stem says by `input` which clip it belongs to, counted from 1 in
    the order of `item`; the one without is the shared sound by itself, which `label` names.
    """

    name = "coseparate"
    item: Annotated[
        tuple[ItemText, ...],
        Field(
            min_length=2,
            max_length=64,
            description="A clip as `START:FRAMES:RATE:PATH`: its first frame and its length at the file's rate, that "
            "rate in Hz, the file's absolute path. FRAMES empty: to the end; RATE empty: whatever the file's is; PATH "
            "empty: the clip's channels stand in `channel`.",
        ),
    ]
    channel: Annotated[
        tuple[ItemChannelText, ...],
        Field(
            max_length=256,
            description="A channel of an item without a path as `ITEM:INDEX:PATH`, in order: ITEM counts the items "
            "from 1, INDEX the file's channels from 0.",
        ),
    ] = ()
    labels: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...],
        Field(
            max_length=64,
            description="What each item's stems are named after, in the order of `item`; left out or empty: the file's "
            "name.",
        ),
    ] = ()
    preset: PresetName = "coseparate"

    @model_validator(mode="after")
    def _every_item_named_once(self) -> Self:
        apart = {int(channel.split(":", 1)[0]) for channel in self.channel}
        for number, item in enumerate(self.item, 1):
            if bool(item.split(":", 3)[3]) == (number in apart):
                raise ValueError(f"give either a path or channels for item {number}")
        if apart and max(apart) > len(self.item):
            raise ValueError(f"there is no item {max(apart)} for a channel to belong to")
        if len(self.labels) > len(self.item):
            raise ValueError("there are more labels than items")
        return self


class Denoise(ClipVerb):
    """Split a clip into speech, or whatever else is wanted, and noise, which sum to it; the stems' roles say which."""

    name = "denoise"
    strength: Annotated[
        float, Field(ge=0, le=1, description="How much of the noise is taken out of the speech: 1 all, 0 none of it.")
    ] = 1.0
    swap: Annotated[bool, Field(description="The other one of the two is the speech.")] = False
    preset: PresetName = "denoise"


class Correction(JobVerb):
    """A job on a result that is there already. What it makes is a session of its own, and the other one stays."""

    session: SessionName
    clip: Annotated[
        PathText | None,
        Field(
            description="Where the clip lies now, absolute path: the file, or a folder that holds its files; left out: "
            "where it was, or as it lay to a manifest that was moved with it."
        ),
    ] = None
    # here "not given" means something
    seed: Annotated[int | None, Field(ge=0, le=2**31 - 1, description=AGAIN)] = None  # type: ignore[assignment]


class Refine(Correction):
    """Correct a result where its masks are wrong, by boxes of time and frequency.

    A box of full strength holds exactly; it is also evidence of what belongs together, so that the correction goes
    beyond it, through the clip. The stems still sum to the clip. The result is a session of its own, and the other one
    stays.
    """

    name = "refine"
    box: Annotated[
        BoxTexts,
        Field(
            description="`stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000,strength=1,feather=0.02`. stem: "
            "from 1; op: `deactivate` or `activate`; start, end: seconds from the clip's beginning; low, high: Hz; "
            "strength: 0 to 1, left out: 1; feather: seconds, left out: the preset's.",
        ),
    ] = ()
    keep: Annotated[
        bool, Field(description="Add the boxes to those of the session; else they are all there are from now on.")
    ] = True
    fit: Annotated[bool, Field(description="Refit the networks; else answer at once, without them.")] = True
    carry: Annotated[
        bool,
        Field(
            description="After a refit, of a clip of several chunks: carry what the boxes taught to the chunks without "
            "any; else these stay as they are."
        ),
    ] = True


class Undo(Correction):
    """A session without the last of its boxes. The result is a session of its own, and the other one stays."""

    name = "undo"


class ListSessions(Verb):
    """The results that can be corrected, the latest first."""

    name = "sessions"


class Texture(ClipVerb):
    """More of a texture than was recorded: rain, applause, a drum roll, room tone.

    `extend` goes on after the clip, which stands untouched at the start; `loop` does so and leads back into its start,
    sample by sample; `fill` makes what belongs into a gap, between two clips or within one, and nothing else.
    """

    name = "texture"
    mode: Annotated[Literal["extend", "fill", "loop"], Field(description="What to make.")] = "extend"
    length: Annotated[
        int,
        Field(
            ge=1,
            le=2**30,
            description="Frames of every result: the clip and what follows it (`extend`, `loop`), "
            "or the gap alone (`fill`).",
        ),
    ]
    after: Annotated[
        PathText | None,
        Field(description="`fill`: the file after the gap, absolute path; rate and channels as in the clip."),
    ] = None
    after_channel: Annotated[
        tuple[ChannelText, ...],
        Field(max_length=64, description="The same, channel by channel, as in `channel`."),
    ] = ()
    after_start: Annotated[Frames, Field(description="First frame of what comes after the gap.")] = 0
    after_frames: Annotated[
        int | None, Field(ge=1, le=2**53, description="Its length in frames; left out: to the end.")
    ] = None
    gap_start: Annotated[
        int | None,
        Field(ge=1, le=2**53, description="`fill` within one clip: first frame of the gap, from the clip's start."),
    ] = None
    variation: Annotated[
        float,
        Field(
            ge=0, le=1, description="0 stays between the latents of neighbouring segments of the clip, 1 forgets them."
        ),
    ] = 0.5
    variations: Annotated[int, Field(ge=1, le=16, description="How many results, each different.")] = 1
    preset: PresetName = "texture"

    @model_validator(mode="after")
    def _one_gap(self) -> Self:
        ends = (self.after is not None) + bool(self.after_channel) + (self.gap_start is not None)
        if self.mode == "fill" and ends != 1:
            raise ValueError("fill needs one of after, after_channel and gap_start")
        if self.mode != "fill" and ends:
            raise ValueError("after, after_channel and gap_start belong to the mode fill")
        return self


VERBS: dict[str, type[Verb]] = {
    verb.name: verb
    for verb in (
        Hello,
        Status,
        Separate,
        Coseparate,
        Denoise,
        Refine,
        Undo,
        ListSessions,
        Texture,
        Cancel,
        Resume,
        Choose,
    )
}
