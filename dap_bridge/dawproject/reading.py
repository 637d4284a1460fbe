"""The audio on a track of a project: which stretch of which file is heard when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from xml.etree.ElementTree import Element

from ..errors import BadClip, BadRequest
from .project import Project, extracted, tracks

# Two readings of a clip's speed that differ by less than this share are the same: hosts write beats with some digits.
SAME_SPEED = 1e-4


@dataclass(frozen=True)
class Event:
    """A stretch of an audio file. at: where it begins in the project, in seconds; start, frames: in the file, at
    `rate`; file: its path, in the project unless `external`.
    """

    name: str
    file: str
    external: bool
    at: float
    start: int
    frames: int
    rate: int

    def path(self, origin: Path, folder: Path) -> Path:
        """Where the file is found, after it has been brought into `folder` if it lies in the project `origin`."""
        return origin.parent / self.file if self.external else extracted(origin, self.file, folder)


@dataclass(frozen=True)
class _Frame:
    """How times of a timeline become the project's: zero lies at `origin` s; only first..last s are heard."""

    tempo: float
    unit: str
    origin: float = 0.0
    first: float = 0.0
    last: float = float("inf")

    def seconds(self, text: str | None, unit: str | None = None) -> float:
        value = float(text or 0)
        if not isfinite(value):
            raise ValueError(f"{text!r}")
        return value if (unit or self.unit) == "seconds" else value * 60 / self.tempo

    def within(self, element: Element) -> _Frame:
        """The same, for what stands in a timeline with a unit of its own."""
        return replace(self, unit=element.get("timeUnit", self.unit))


def track_named(project: Project, name: str) -> Element:
    """The track of that name, whatever its case. Raises BadRequest where there is none or more than one."""
    found = [track for track in tracks(project) if track.get("name", "").casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(track.get("name")) for track in tracks(project))
    many = f"{len(found)} tracks are called {name!r}." if found else f"There is no track {name!r}."
    raise BadRequest(many, f"Its tracks are {names}." if not found else "Give them names that differ.")


def with_audio(project: Project) -> list[str]:
    """The names of the tracks that have any."""
    files = {lane.get("track") for lane in project.lanes.iter() if lane.find(".//Audio") is not None}
    return [str(track.get("name")) for track in tracks(project) if track.get("id") in files]


def events(project: Project, track: Element) -> list[Event]:
    """What is heard on a track, in order. Raises BadClip where that is no plain audio."""
    try:
        return _events(project, track)
    except (ValueError, ArithmeticError) as error:
        raise BadClip(f"The project holds a time or a rate that is none: {error}.", "Export it again.") from error


def _events(project: Project, track: Element) -> list[Event]:
    if project.tree.find("Arrangement/TempoAutomation") is not None and _in_beats(project):
        raise BadClip("The project's tempo changes.", "Export it with times in seconds, or from a copy at one tempo.")
    whole = _Frame(project.tempo, project.lanes.get("timeUnit", "beats"))
    of_track = [lane for lane in project.lanes.iter() if lane.get("track") == track.get("id")]
    found = [event for lane in of_track for event in _heard(lane, whole, str(track.get("name")))]
    if not found:
        raise BadClip(f"There is no audio on the track {track.get('name')!r}.", "Choose another track.")
    return sorted(found, key=lambda event: event.at)


def _in_beats(project: Project) -> bool:
    return any(element.get("timeUnit") == "beats" for element in project.lanes.iter())


def _heard(timeline: Element, frame: _Frame, name: str) -> Iterator[Event]:
    """The events of a timeline: of clips, lanes of these, or an audio file itself."""
    frame = frame.within(timeline)
    if timeline.tag == "Audio":
        yield from _audio(timeline, frame, name)
    elif timeline.tag == "Warps":
        yield from _warped(timeline, frame, name)
    elif timeline.tag in ("Lanes", "Clips"):
        for child in timeline:
            if child.tag == "Clip":
                yield from _clip(child, frame, name)
            else:
                yield from _heard(child, frame, name)


def _clip(clip: Element, frame: _Frame, name: str) -> Iterator[Event]:
    if clip.get("enable") == "false":
        return
    name = clip.get("name") or name
    if clip.get("loopEnd") is not None:
        raise BadClip(f"{name!r} is looped.", "Consolidate (bounce) it in the host first.")
    begin = frame.origin + frame.seconds(clip.get("time"))
    length = frame.seconds(clip.get("duration")) if clip.get("duration") else float("inf")
    unit = clip.get("contentTimeUnit", frame.unit)
    inner = replace(
        frame,
        unit=unit,
        origin=begin - frame.seconds(clip.get("playStart"), unit),
        first=max(frame.first, begin),
        last=min(frame.last, begin + length),
    )
    for content in clip:
        yield from _heard(content, inner, name)


def _warped(warps: Element, frame: _Frame, name: str) -> Iterator[Event]:
    """Audio that is laid out by pairs of times; it must be heard at its own speed."""
    points = [
        (frame.seconds(warp.get("time")), frame.seconds(warp.get("contentTime"), warps.get("contentTimeUnit")))
        for warp in warps.findall("Warp")
    ]
    (first, content), *others = points
    for time, inside in others:
        if abs((inside - content) - (time - first)) > SAME_SPEED * max(time - first, 1e-3):
            raise BadClip(f"{name!r} is stretched in time.", "Bounce it in the host first.")
    for audio in warps.findall("Audio"):
        yield from _audio(audio, replace(frame, origin=frame.origin + first - content), name)


def _audio(audio: Element, frame: _Frame, name: str) -> Iterator[Event]:
    """A file whose first sample lies at the frame's origin."""
    file, rate = audio.find("File"), int(audio.get("sampleRate", 0))
    if file is None or rate <= 0:
        raise BadClip(f"{name!r} names no audio file.", "Export the project again.")
    length = float(audio.get("duration", 0))  # of a file, always seconds
    begin, end = max(frame.first, frame.origin), min(frame.last, frame.origin + length)
    start, stop = (round((edge - frame.origin) * rate) for edge in (begin, end))
    if stop > start:
        external = file.get("external") == "true"
        yield Event(name, file.get("path", ""), external, begin, start, stop - start, rate)
