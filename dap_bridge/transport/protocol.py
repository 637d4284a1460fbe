"""The one protocol table: verbs, events, their fields, types and limits.

OSC addresses, the drop folder's JSON, the command line's checks and docs/protocol.md all come from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..domain import State
from ..errors import BadRequest

VERSION = 1
OSC_PREFIX = "/dap/"
# python-osc receives at most this many bytes in one datagram; what does not fit goes through the drop folder.
MAX_DATAGRAM = 8192
# Jobs that one `status` lists.
MAX_LISTED = 200

JOB_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"

JobId = Annotated[str, Field(pattern=JOB_ID, description="Name of the job: letters, digits, `-` and `_`.")]
NewJobId = Annotated[
    JobId | None,
    Field(description="Name of the job, chosen by the sender: letters, digits, `-` and `_`; left out: a new one."),
]


def _absolute(text: str) -> str:
    if not Path(text).is_absolute():
        raise ValueError("the path must be absolute")
    if "\0" in text:
        raise ValueError("a path holds no zero character")
    return text


def _channel(text: str) -> str:
    _absolute(text.partition(":")[2])
    return text


PathText = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_absolute)]
Frames = Annotated[int, Field(ge=0, le=2**53)]


class Message(BaseModel):
    """Common to everything on the wire: unknown fields are refused, so that a misspelt option is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: ClassVar[str]


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

    def request(self) -> dict[str, Any]:
        """What the job is, apart from who asked and by what name: plain JSON values."""
        return self.model_dump(mode="json", exclude={"job", "reply_port"})


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


class Separate(JobVerb):
    """Split a clip into `sources` stems that sum to it."""

    name = "separate"
    clip: Annotated[PathText | None, Field(description="Audio file, absolute path. Either this or `channel`.")] = None
    channel: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9]{1,4}:.+$", max_length=4101), AfterValidator(_channel)], ...],
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
    sources: Annotated[int, Field(ge=2, le=8, description="Number of sources.")] = 2
    preset: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="A preset's name, see `dap-bridge presets`.")
    ] = "default"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Seed of every random number of the job.")] = 0
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="Where to compute.")] = "auto"
    label: Annotated[
        str | None, Field(max_length=200, description="What stems are named after; left out: the file's name.")
    ] = None
    out: Annotated[
        PathText | None,
        Field(description="Folder for manifest and stems, absolute path; left out: a folder of the daemon's."),
    ] = None

    @model_validator(mode="after")
    def _one_clip(self) -> Separate:
        if (self.clip is None) == (not self.channel):
            raise ValueError("give either clip or channel")
        return self


class Denoise(JobVerb):
    """Split a clip into speech (stem 1) and noise (stem 2), which sum to it.

    The manifest's roles say which is which: `speech`, `noise`.
    """

    name = "denoise"
    clip: Annotated[PathText | None, Field(description="Audio file, absolute path. Either this or `channel`.")] = None
    channel: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9]{1,4}:.+$", max_length=4101), AfterValidator(_channel)], ...],
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
    strength: Annotated[
        float,
        Field(ge=0, le=1, description="How much of the noise leaves the speech: 1 all that was found, 0 nothing."),
    ] = 1.0
    swap: Annotated[bool, Field(description="Exchange the two, where the wrong one was taken for speech.")] = False
    preset: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="A preset's name, see `dap-bridge presets`.")
    ] = "denoise"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Seed of every random number of the job.")] = 0
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="Where to compute.")] = "auto"
    label: Annotated[
        str | None, Field(max_length=200, description="What stems are named after; left out: the file's name.")
    ] = None
    out: Annotated[
        PathText | None,
        Field(description="Folder for manifest and stems, absolute path; left out: a folder of the daemon's."),
    ] = None

    @model_validator(mode="after")
    def _one_clip(self) -> Denoise:
        if (self.clip is None) == (not self.channel):
            raise ValueError("give either clip or channel")
        return self


def _item(text: str) -> str:
    path = text.split(":", 3)[3]
    if path:
        _absolute(path)
    return text


def _item_channel(text: str) -> str:
    _absolute(text.split(":", 2)[2])
    return text


class Coseparate(JobVerb):
    """Split every one of some clips into the sound that they share and its own rest; each clip's two stems sum to it.

    Clips may differ in length, rate and channels. The manifest's stems say by `input` which clip they belong to,
    counted from 1 in the order of `item`; the stem without one is the shared sound by itself.
    """

    name = "coseparate"
    item: Annotated[
        tuple[
            Annotated[str, Field(pattern=r"^[0-9]{1,16}:[0-9]{0,16}:[0-9]{0,8}:", max_length=4200), AfterValidator(_item)],
            ...,
        ],
        Field(
            min_length=2,
            max_length=64,
            description="One clip as `START:FRAMES:RATE:PATH`, repeated: first frame and length at the file's rate, that "
            "rate in Hz, absolute path. FRAMES empty: to the end; RATE empty: whatever the file's is; PATH empty: the "
            "clip's channels are given by `channel`.",
        ),
    ]
    channel: Annotated[
        tuple[
            Annotated[
                str, Field(pattern=r"^[1-9][0-9]{0,3}:[0-9]{1,4}:.+$", max_length=4110), AfterValidator(_item_channel)
            ],
            ...,
        ],
        Field(
            max_length=256,
            description="One channel of a clip without a path as `ITEM:INDEX:PATH`, repeated, in order: ITEM counts "
            "the clips from 1, INDEX the file's channels from 0.",
        ),
    ] = ()
    preset: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="A preset's name, see `dap-bridge presets`.")
    ] = "coseparate"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Seed of every random number of the job.")] = 0
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="Where to compute.")] = "auto"
    label: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...],
        Field(
            max_length=64,
            description="What the stems of each clip are named after, repeated in the order of `item`; left out or "
            "empty: the file's name.",
        ),
    ] = ()
    out: Annotated[
        PathText | None,
        Field(description="Folder for manifest and stems, absolute path; left out: a folder of the daemon's."),
    ] = None

    @model_validator(mode="after")
    def _every_clip_named(self) -> Coseparate:
        for number, item in enumerate(self.item, 1):
            named = bool(item.split(":", 3)[3])
            apart = any(int(entry.split(":", 1)[0]) == number for entry in self.channel)
            if named == apart:
                raise ValueError(f"item {number}: give either its path or its channels")
        if any(int(entry.split(":", 1)[0]) > len(self.item) for entry in self.channel):
            raise ValueError("channel: there is no such item")
        if len(self.label) > len(self.item):
            raise ValueError("label: more labels than items")
        return self


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


class StatusEvent(JobEvent):
    """Answer to `status`: one message a job, 200 at most; a message with an empty `job` ends the list."""

    name = "status"
    verb: str = ""
    state: Annotated[str, Field(description=" | ".join(f"`{s}`" for s in State))] = ""
    jobs: Annotated[int, Field(description="In the closing message: how many there are.")] = 0


VERBS: dict[str, type[Verb]] = {verb.name: verb for verb in (Hello, Status, Separate, Cancel, Resume)}
EVENTS: dict[str, type[Event]] = {
    event.name: event
    for event in (Welcome, Accepted, Progressed, Done, Failed, CancelledEvent, Interrupted, StatusEvent)
}


def parse(verb: str, fields: Mapping[str, Any]) -> Verb:
    """Check a message against the table. Raises BadRequest with the field, what is wrong, and what is allowed."""
    model = VERBS.get(verb)
    if model is None:
        raise BadRequest(f"There is no verb {shorten(verb)!r}.", f"Verbs: {', '.join(VERBS)}.")
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        reason = first["msg"].removeprefix("Value error, ")
        known = ", ".join(model.model_fields)
        raise BadRequest(f"{verb}: {shorten(where) or 'message'}: {reason}.", f"Fields of {verb}: {known}.") from error


def parse_object(value: Any) -> Verb:
    """A drop file's content: one JSON object with `verb` and its fields."""
    if not isinstance(value, dict):
        raise BadRequest("The file must hold one JSON object.")
    fields = dict(value)
    verb = fields.pop("verb", None)
    if not isinstance(verb, str):
        raise BadRequest("The object has no `verb`.", f"Verbs: {', '.join(VERBS)}.")
    return parse(verb, fields)


def osc_fields(address: str, arguments: Iterable[Any]) -> tuple[str, dict[str, Any]]:
    """Name and fields of an OSC message: address /dap/NAME, arguments as key, value, key, value …

    A key that may be given several times makes a list. Raises BadRequest.
    """
    if not address.startswith(OSC_PREFIX):
        raise BadRequest(f"Addresses start with {OSC_PREFIX}, not {shorten(address)!r}.")
    name = address.removeprefix(OSC_PREFIX)
    items = list(arguments)
    if len(items) % 2:
        raise BadRequest("Arguments come in pairs: key, value.")
    repeated = _repeated_fields(VERBS[name]) if name in VERBS else frozenset()
    fields: dict[str, Any] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str):
            raise BadRequest("Every key is a string.")
        if key in repeated:
            fields.setdefault(key, []).append(value)
        elif key in fields:
            raise BadRequest(f"{shorten(name)}: {shorten(key)} is given twice.")
        else:
            fields[key] = value
    return name, fields


def parse_event(address: str, arguments: Iterable[Any]) -> Event:
    """What a daemon said, as an OSC message. Raises BadRequest where it is no event of this protocol."""
    name, fields = osc_fields(address, arguments)
    model = EVENTS.get(name)
    if model is None:
        raise BadRequest(f"There is no event {shorten(name)!r}.")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise BadRequest(f"The event {name} is not of this version of the protocol.") from error


def job_named(fields: Mapping[str, Any]) -> str:
    """The job that a refused message meant, for its answer; empty where it named none that could be."""
    job = fields.get("job")
    return job if isinstance(job, str) and re.fullmatch(JOB_ID, job) else ""


def port_named(fields: Mapping[str, Any]) -> int | None:
    """Where the sender of a refused message wanted its answer."""
    port = fields.get("reply_port")
    return int(port) if isinstance(port, int | float) and 1 <= port <= 65535 else None


def osc_arguments(message: Message) -> tuple[str, list[Any]]:
    """The OSC form of a message: address and alternating keys and values; what is None is left out."""
    arguments: list[Any] = []
    for key, value in message.model_dump(mode="json").items():
        for single in value if isinstance(value, list) else [value]:
            if single is not None:
                arguments += [key, single]
    return OSC_PREFIX + message.name, arguments


def as_lines(message: Message) -> str:
    """The drop folder's form of an event: `key<TAB>value` lines, so that hosts need no JSON parser.

    Backslash, tab, newline and carriage return inside a value are written as `\\\\`, `\\t`, `\\n`, `\\r`.
    """
    return lines({"event": message.name, **message.model_dump(mode="json")})


def lines(pairs: Mapping[str, Any]) -> str:
    """`key<TAB>value` lines of whatever is not None."""
    return "".join(f"{key}\t{_escape(str(value))}\n" for key, value in pairs.items() if value is not None)


def json_schema() -> dict[str, Any]:
    """JSON schema of every verb, by name."""
    return {name: model.model_json_schema() for name, model in VERBS.items()}


def shorten(text: str, limit: int = 60) -> str:
    """A stranger's text, made fit for an error message."""
    clean = re.sub(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\U0010ffff]", "?", text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


@cache
def _repeated_fields(model: type[Message]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) is tuple)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
