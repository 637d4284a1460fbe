"""The words everyone shares: frozen, no I/O, standard library only. What users say of places in a clip is in boxes.py,
and is known from here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from .boxes import LEAST_EXAMPLE_S as LEAST_EXAMPLE_S
from .boxes import MAX_BOX_TEXT as MAX_BOX_TEXT
from .boxes import MAX_BOXES as MAX_BOXES
from .boxes import MAX_EXAMPLES as MAX_EXAMPLES
from .boxes import MAX_RUNS as MAX_RUNS
from .boxes import MAX_SIDE as MAX_SIDE
from .boxes import MAX_SPANS as MAX_SPANS
from .boxes import Axis as Axis
from .boxes import Box as Box
from .boxes import Mask as Mask
from .boxes import Op as Op
from .boxes import Span as Span
from .boxes import fields_of as fields_of
from .boxes import number_of as number_of

# Answers to one clip: more than an ear compares.
MAX_ALTERNATIVES = 4

# What a job, and so a session, may be called: a regular expression for the whole of its name.
JOB_NAME = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"


@dataclass(frozen=True)
class ChannelRef:
    """One channel of a file; `channel` None stands for all of them, in the file's order."""

    path: str
    channel: int | None = None


@dataclass(frozen=True)
class ClipRef:
    """A stretch of audio, named and never carried: which channels, from where, how long.

    start and frames count sample frames at the file's own rate; frames None means to the end. `rate` is what the sender
    believes the rate to be; a mismatch is refused rather than played at the wrong speed.
    """

    channels: tuple[ChannelRef, ...]
    start: int = 0
    frames: int | None = None
    rate: int | None = None

    @classmethod
    def of(cls, path: str) -> ClipRef:
        """A file, whole."""
        return cls((ChannelRef(path),))

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> ClipRef:
        """The clip a request names, either as `clip` (a path) or as `channel` (a list of INDEX:PATH)."""
        if request.get("clip") is not None:
            channels: tuple[ChannelRef, ...] = (ChannelRef(request["clip"]),)
        else:
            pairs = (entry.split(":", 1) for entry in request["channel"])
            channels = tuple(ChannelRef(path, int(index)) for index, path in pairs)
        return cls(channels, request["start"], request["frames"], request["rate"])

    @classmethod
    def several(cls, items: Sequence[str], channels_of: Sequence[str]) -> list[ClipRef]:
        """Clips as requests name several: START:FRAMES:RATE:PATH each; ITEM:INDEX:PATH each channel that lies apart."""
        channels = [entry.split(":", 2) for entry in channels_of]
        clips = []
        for number, item in enumerate(items, 1):
            start, frames, rate, path = item.split(":", 3)
            refs = [ChannelRef(path)] if path else []
            refs += [ChannelRef(file, int(index)) for owner, index, file in channels if int(owner) == number]
            length = int(frames) if frames else None
            clips.append(cls(tuple(refs), int(start), length, int(rate) if rate else None))
        return clips

    def as_item(self, number: int) -> tuple[str, list[str]]:
        """What `several` reads, where this is the clip of that number: its item, and its channels that lie apart."""
        whole = self.channels[0].channel is None
        head = f"{self.start}:{'' if self.frames is None else self.frames}:{self.rate or ''}"
        apart = [] if whole else [f"{number}:{ref.channel}:{ref.path}" for ref in self.channels]
        return f"{head}:{self.channels[0].path if whole else ''}", apart

    @property
    def files(self) -> tuple[str, ...]:
        """Those that it lies in."""
        return tuple(dict.fromkeys(ref.path for ref in self.channels))

    def elsewhere(self, where: Callable[[str], str]) -> ClipRef:
        """The same with each of its files at where(file)."""
        return replace(self, channels=tuple(replace(ref, path=where(ref.path)) for ref in self.channels))

    def as_request(self) -> dict[str, Any]:
        """What `from_request` reads."""
        whole = self.channels[0].path if self.channels[0].channel is None else None
        channel = [] if whole else [f"{ref.channel}:{ref.path}" for ref in self.channels]
        return {"clip": whole, "channel": channel, "start": self.start, "frames": self.frames, "rate": self.rate}


class Format(StrEnum):
    """How results are written: WAV of 32-bit floats, of 24-bit or of 16-bit integers, or FLAC of 24 bits."""

    FLOAT32 = "float32"
    PCM24 = "24"
    PCM16 = "16"
    FLAC = "flac"

    @property
    def bits(self) -> int:
        """Of a sample. FLAC: 24, whatever the clip has, for stems are computed and lie on no clip's grid."""
        return {Format.FLOAT32: 32, Format.PCM16: 16}.get(self, 24)

    @property
    def suffix(self) -> str:
        """Of the files' names."""
        return ".flac" if self is Format.FLAC else ".wav"


class State(StrEnum):
    """Life of a job. `interrupted`: the daemon ended in mid-job; the job can be resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self not in (State.QUEUED, State.RUNNING)


class Lane(StrEnum):
    """A line of jobs. `interactive`: those that a person waits for at the screen; `batch`: all others."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


@dataclass(frozen=True)
class Progress:
    """Where a running job stands: fraction 0..1 of the whole job, seconds_left None until it can be estimated."""

    fraction: float = 0.0
    stage: str = "waiting"
    iteration: int = 0
    iterations: int = 0
    seconds_left: float | None = None
    device: str = ""
    device_reason: str = ""


@dataclass(frozen=True)
class Waiting:
    """Where a queued job stands: its place in its lane, from 1; the running or waiting job that has to end first, and
    the verb of that, both empty while a worker starts; seconds until it begins, None where they cannot be estimated.
    """

    place: int
    behind: str = ""
    behind_verb: str = ""
    seconds: float | None = None

    @property
    def sentence(self) -> str:
        """For a person."""
        place = "waiting" if self.place == 1 else f"waiting, number {self.place} in line"
        behind = f" behind {self.behind_verb} {self.behind}" if self.behind else ""
        left = "" if self.seconds is None else f", {_about(self.seconds)}"
        return f"{place}{behind}{left}"


def _about(seconds: float) -> str:
    """So coarse that it is not another one each second."""
    return f"about {10 * math.ceil(seconds / 10)} s" if seconds <= 90 else f"about {math.ceil(seconds / 60)} min"


# How a job stands that has not ended, where more is known than its state.
Standing = Progress | Waiting


@dataclass(frozen=True)
class Job:
    """A request and what became of it. `request` is what the protocol validated, as plain JSON values.

    stems: those that the manifest tells of, each as `Stem.as_text`; about: what a list of results says of them, see
    `results.Told`. title: what a person has called the result. notes: what its manifest is to tell of the way there,
    beside what comes up in the making.
    """

    id: str
    verb: str
    request: dict[str, Any]
    state: State = State.QUEUED
    manifest: str | None = None
    error: dict[str, str] | None = None
    created: float = 0.0
    updated: float = 0.0
    stems: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    title: str | None = None
    notes: tuple[str, ...] = ()


def _means(text: str, **options: Any) -> Any:
    """A field of the manifest, with what docs/protocol.md says of it."""
    return field(metadata={"meaning": text}, **options)


@dataclass(frozen=True)
class Stem:
    """One result of a job."""

    index: int = _means("Counts from 1.")
    name: str = _means("For the track: the label or the file's name, and the number.")
    role: str = _means("`source`, `residual`, `shared`, `texture`, `speech` or `noise`.")
    path: str = _means("Relative to the manifest's folder; ends with `.wav` or `.flac`.")
    input: int | None = _means(
        "`coseparate`: which clip the stem is a part of, from 1; null for the shared sound by itself, which has the "
        "highest of the clips' rates and a length of its own. Null for verbs of one clip.",
        default=None,
    )

    def as_text(self) -> str:
        """INDEX:ROLE:INPUT:PATH:NAME, INPUT empty where there is none."""
        return f"{self.index}:{self.role}:{'' if self.input is None else self.input}:{self.path}:{self.name}"


@dataclass(frozen=True)
class Alternative:
    """One of several answers to the same clip. The stems of each sum to the clip."""

    index: int = _means("Counts from 1, which is the answer that `stems` are.")
    what: str = _means("How it differs from the others, in a person's words.")
    confidence: float | None = _means("As `confidence` of the manifest; null where the method cannot say.")
    stems: tuple[Stem, ...] = _means("As `stems`; from the second on in a folder of their own, `alternative-2/`.")


@dataclass(frozen=True)
class Guided:
    """What an example is worth to a separation."""

    stem: int = _means("Which stem's.")
    distance: float = _means(
        "How far what is this stem's lies from its examples, by kinship, squared: about 20 for another take of a sound."
    )
    trusted: bool = _means(
        "Whether that is little enough; where it is not for any, the answer without examples is the first."
    )


@dataclass(frozen=True)
class Manifest:
    """What a job made, as written to manifest.json, the last file to appear."""

    version: int = _means("Of this table.", default=1, kw_only=True)
    job: str = _means("The job's name.")
    verb: str = _means("What was asked.")
    preset: str = _means("The preset's name.")
    seed: int = _means("The same seed gives the same stems, to the byte, on the CPU of one machine.")
    device: str = _means("`cpu` or `cuda`.")
    device_reason: str = _means("Why that one, in a sentence.")
    rate: int = _means("Of the clip and of every stem, in Hz; of several clips: of the first, see `inputs`.")
    channels: int = _means("Of the clip and of every stem.")
    frames: int = _means("Length of every stem, at `rate`; of the clip too where stems are parts of it.")
    elapsed_s: float = _means("Seconds from the start of the job to the writing of this file.")
    iterations: int = _means("Steps of all optimisations and factorisations together.")
    null_db: float | None = _means(
        "How far the stems' sum is from the clip: 20 log10 of the ratio of root mean squares, at least -200; null "
        "where the results are no parts of the clip."
    )
    session: str = _means("The job's name; where masks can be corrected, what `refine` and `undo` call this result.")
    inputs: tuple[dict[str, Any], ...] = _means(
        "Per file: `path`, `start` and `frames` at `rate`, `channels` from 0, and `relative`: the way to it from the "
        "manifest's folder, for folders that are moved together; null to another drive. `coseparate` adds of the clip "
        "that the file belongs to: its number `input` from 1, its `rate`, which its two stems have too, its `null_db`, "
        "`shared_db` (level of its shared stem against the clip; null: silence) and `places` of the shared sound "
        "(`start`, `gain_db`)."
    )
    stems: tuple[Stem, ...] = _means("See below.")
    format: str = _means("How the stems are written: `float32`, `24`, `16` or `flac`.", default="float32")
    parent: str | None = _means("The session that this one corrects, null for a separation.", default=None)
    boxes: tuple[Box, ...] = _means(
        "All corrections of the masks in force, in order: the fields of `refine`'s `box`, each by its name.", default=()
    )
    chunks: int = _means("Stretches that a long clip was cut into, each with networks of its own.", default=1)
    carry: bool | None = _means(
        "As asked for: whether a correction, by a preset that can, carries what the boxes teach to chunks that they do "
        "not lie in; null for a separation.",
        default=None,
    )
    changes: tuple[dict[str, Any], ...] = _means(
        "Per stem, by `stem`: `outside_db`, how much it differs outside of all boxes from what the separation gave, "
        "relative to itself, in dB, at least -200; where nothing is carried, over the chunks that boxes lie in.",
        default=(),
    )
    warnings: tuple[str, ...] = _means("What the user should know, in sentences.", default=())
    confidence: float | None = _means(
        "0 to 1: of two sounds, the probability that the stems are 5 dB better than the mixture, judged by how far "
        "apart the groups lie of which they are made; null where the method cannot say. Orders jobs, "
        "judges none.",
        default=None,
    )
    suggested_sources: Mapping[str, float] | None = _means(
        "`separate`: how many sounds the clip seems to hold: the probability of `1`, of `2`, and of `3` or more, where "
        "each is as likely beforehand; a warning says so where another number than the one used is clearly ahead. Null "
        "where the method cannot say (`paper`; clips under four seconds; spectra that silence parts).",
        default=None,
    )
    alternatives: tuple[Alternative, ...] = _means(
        "All answers to the clip, the first one among them; empty where there is but one. `choose` draws one of the "
        "others in full.",
        default=(),
    )
    guidance: tuple[Guided, ...] = _means("`separate`: of each stem with examples.", default=())
    examples: tuple[dict[str, Any], ...] = _means(
        "`separate`: per file of each example: `example`, its number from 1, the `stem` that it is of, and `path`, "
        "`relative`, `start`, `frames` (null: to the end), `rate` and `channels` as in `inputs` (null: all).",
        default=(),
    )
    alternative: int = _means(
        "Which of the separation's answers `stems` are: 1 but for a result of `choose`, and what goes on from it.",
        default=1,
    )
    correctable: bool | None = _means(
        "Whether boxes can correct it, by `refine` and `undo`; null in results of earlier versions.", default=None
    )
    restarts: int | None = _means(
        "`paper`: which start of the optimisation was kept, 0 for the first: one whose stems are not told apart starts "
        "again from other random numbers. Null for other methods, and of silence.",
        default=None,
    )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
