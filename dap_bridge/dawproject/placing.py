"""A result on the tracks of a project: a folder with the clip, muted, and its stems, each where the clip lies."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, groupby
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import soundfile

from ..audio.files import ClipReader
from ..domain import ClipRef, Manifest, Stem
from ..errors import BadClip, ClipUnreadable
from ..jobs import results
from ..names import file_name
from .project import Project

# Of the stems, told apart also by who sees few colours (Okabe and Ito).
COLORS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")
# Frames that are copied at a time.
BLOCK = 1 << 18
# Where a clip is looked for, the likelier way first: nobody moves a result that was made a moment ago.
PLACES: tuple[results.By, ...] = ("path", "relative")


@dataclass(frozen=True)
class _Sound:
    """An audio file that becomes a track with one clip on it. at: seconds from the project's beginning."""

    name: str
    path: Path
    at: float
    muted: bool = False
    color: str | None = None


def write(place: Path, target: Path) -> None:
    """The result whose manifest lies at `place` as a project of its own at `target`.

    Raises NoResultError, ClipUnreadable, OutputUnwritable.
    """
    manifest = results.read(place)
    project = Project.new()
    with tempfile.TemporaryDirectory() as folder:
        put(project, results.manifest_of(place), manifest, Path(folder))
        project.write(target, _title(manifest))


def put(
    project: Project,
    place: Path,
    manifest: Manifest,
    scratch: Path,
    *,
    at: float | None = None,
    beside: Element | None = None,
) -> None:
    """Put a result onto tracks of `project`.

    at: where its clip lies, in seconds, of a project that holds the clip; None: as far in as it lies in its file, and
    the clip comes along. beside: the track below which the folder comes; None: the last but the master's. scratch: a
    folder that stays until the project is written.
    """
    clips = dict(_clips(place, manifest)) if at is None else {}
    starts = {number: ref.start / ref.rate for number, ref in clips.items() if ref.rate}
    folder = _folder(project, _title(manifest), project.place_for(beside), project.master)
    for number, ref in clips.items():
        rendered = _rendered(ref, scratch / f"clip-{number}.wav")
        if rendered is not None:
            _add(project, folder, _Sound(Path(ref.files[0]).stem, rendered, starts[number], muted=True))
    answers = [(folder, manifest.stems)]
    for one in manifest.alternatives[1:]:
        inner = (folder, len(folder))
        answers.append((_folder(project, f"{one.index}: {one.what}", inner, _channel(folder)), one.stems))
    for index, (tracks, stems) in enumerate(answers):
        for stem, color in zip(stems, cycle(COLORS), strict=False):
            # what several clips share has a length and a place of its own
            start = at if at is not None else 0.0 if _apart(stem, manifest) else starts.get(stem.input or 1, 0.0)
            _add(project, tracks, _Sound(stem.name, place.parent / stem.path, start, muted=index > 0, color=color))


def _apart(stem: Stem, manifest: Manifest) -> bool:
    """Whether a stem is of none of several clips."""
    return stem.input is None and any(other.input is not None for other in manifest.stems)


def _title(manifest: Manifest) -> str:
    return Path(manifest.inputs[0]["path"]).stem if manifest.inputs else manifest.stems[0].name


def _folder(project: Project, name: str, where: tuple[Element, int], to: str | None) -> Element:
    """A track that holds tracks, at a place in what it stands in, and sounds through the channel `to`."""
    parent, index = where
    folder = Element("Track", {"contentType": "tracks", "loaded": "true"} | project.named(name))
    parent.insert(index, folder)
    project.channel(folder, role="submix", channels=2, to=to)
    return folder


def _channel(track: Element) -> str | None:
    channel = track.find("Channel")
    return None if channel is None else channel.get("id")


def _add(project: Project, folder: Element, sound: _Sound) -> None:
    """A track in the folder, and its clip in the arrangement. Raises ClipUnreadable where its file is gone."""
    with ClipReader(ClipRef.of(str(sound.path))) as reader:
        rate, channels, frames = reader.rate, reader.channels, reader.frames
    about = {"contentType": "audio", "loaded": "true"} | project.named(sound.name, sound.color)
    track = SubElement(folder, "Track", about)
    project.channel(track, role="regular", channels=channels, to=_channel(folder), muted=sound.muted)
    seconds = repr(frames / rate)
    lanes = SubElement(project.lanes, "Lanes", {"track": about["id"], "timeUnit": "seconds"} | project.named(None))
    clips = SubElement(lanes, "Clips", project.named(None))
    where = {"time": repr(sound.at), "duration": seconds, "contentTimeUnit": "seconds", "playStart": "0.0"}
    fades = {"fadeTimeUnit": "seconds", "fadeInTime": "0.0", "fadeOutTime": "0.0"}
    clip = SubElement(clips, "Clip", {"name": sound.name} | where | fades)
    kind = {"algorithm": "raw", "channels": f"{channels}", "sampleRate": f"{rate}"}
    audio = SubElement(clip, "Audio", {"duration": seconds} | kind | project.named(None))
    SubElement(audio, "File", path=project.embed(sound.path, file_name(sound.name)))


def _clips(place: Path, manifest: Manifest) -> Iterator[tuple[int, ClipRef]]:
    """The clips that a result was made of, by their numbers, those that are found where the manifest says."""
    for number, several in groupby(manifest.inputs, key=lambda file: file.get("input", 1)):
        files = list(several)
        first, rate = files[0], files[0].get("rate", manifest.rate)
        for by in PLACES:
            ref = ClipRef(results.channels(place, files, by), first["start"], first["frames"], rate)
            if all(Path(file).is_file() for file in ref.files):
                yield number, ref
                break


def _rendered(ref: ClipRef, path: Path) -> Path | None:
    """The clip alone, as a file of 32-bit floats; None where it cannot be read any more."""
    with contextlib.suppress(ClipUnreadable, BadClip), ClipReader(ref) as reader:
        with soundfile.SoundFile(path, "w", reader.rate, reader.channels, "FLOAT") as file:
            for start in range(0, reader.frames, BLOCK):
                file.write(reader.read(start, min(BLOCK, reader.frames - start)).T)
        return path
    return None
