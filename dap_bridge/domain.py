"""The words everyone shares: frozen, no I/O, standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class ChannelRef:
    """One channel of a file; `channel` None stands for all of them, in the file's order."""

    path: str
    channel: int | None = None


@dataclass(frozen=True)
class Clip:
    """A stretch of audio, named and never carried: which channels, from where, how long.

    start and frames count sample frames at the file's own rate; frames None means to the end. `rate` is what the sender
    believes the rate to be; a mismatch is refused rather than played at the wrong speed.
    """

    channels: tuple[ChannelRef, ...]
    start: int = 0
    frames: int | None = None
    rate: int | None = None

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> Clip:
        """The clip a request names, either as `clip` (a path) or as `channel` (a list of INDEX:PATH)."""
        if request.get("clip") is not None:
            channels: tuple[ChannelRef, ...] = (ChannelRef(request["clip"]),)
        else:
            pairs = (entry.split(":", 1) for entry in request["channel"])
            channels = tuple(ChannelRef(path, int(index)) for index, path in pairs)
        return cls(channels, request["start"], request["frames"], request["rate"])


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
class Job:
    """A request and what became of it. `request` is what the protocol validated, as plain JSON values."""

    id: str
    verb: str
    request: dict[str, Any]
    state: State = State.QUEUED
    manifest: str | None = None
    error: dict[str, str] | None = None
    created: float = 0.0
    updated: float = 0.0


@dataclass(frozen=True)
class Stem:
    """One result: `path` is relative to the manifest's folder."""

    index: int
    name: str
    role: str
    path: str


@dataclass(frozen=True)
class Manifest:
    """What a job made, as written to manifest.json (the last file to appear)."""

    job: str
    verb: str
    preset: str
    seed: int
    device: str
    device_reason: str
    rate: int
    channels: int
    frames: int
    elapsed_s: float
    iterations: int
    null_db: float
    session: str
    inputs: tuple[dict[str, Any], ...]
    stems: tuple[Stem, ...]
    boxes: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; `extra` (per-verb additions) is laid flat beside the common keys."""
        values = asdict(self)
        extra = values.pop("extra")
        return {"version": values.pop("version"), **values, **extra}
