"""A DAWproject as a file: its tree of tracks and clips, and the audio that goes along."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .. import __version__
from ..errors import BadRequest, OutputUnwritable
from ..names import file_name
from . import SUFFIX

PROJECT, METADATA, AUDIO = "project.xml", "metadata.xml", "audio"
VERSION = "1.0"
# Of a project.xml; a long film's has a few.
MOST_BYTES = 1 << 28
# What a damaged or an encrypted zip is told of by.
DAMAGE = (ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError)
# What a project has whose tempo nobody asked for: hosts want one.
TEMPO, METER = 120.0, 4


class Project:
    """A project that is put together. tree: the element `Project`; `origin`: the file whose other members go along."""

    def __init__(self, tree: Element, origin: Path | None = None) -> None:
        self.tree, self._origin = tree, origin
        self._audio: dict[str, Path] = {}
        self._ids = {element.get("id") for element in tree.iter()}

    @classmethod
    def new(cls) -> Project:
        """An empty one, with a master track."""
        project = cls(Element("Project", version=VERSION))
        SubElement(project.tree, "Application", name="dap-bridge", version=__version__)
        transport = SubElement(project.tree, "Transport")
        tempo = {"min": "20", "max": "666", "unit": "bpm", "value": f"{TEMPO}"}
        SubElement(transport, "Tempo", tempo | project.named("Tempo"))
        meter = {"numerator": f"{METER}", "denominator": f"{METER}"}
        SubElement(transport, "TimeSignature", meter | project.named(None))
        structure = SubElement(project.tree, "Structure")
        master = {"contentType": "audio", "loaded": "true"} | project.named("Master")
        project.channel(SubElement(structure, "Track", master), role="master", channels=2)
        arrangement = SubElement(project.tree, "Arrangement", project.named(None))
        SubElement(arrangement, "Lanes", {"timeUnit": "seconds"} | project.named(None))
        return project

    @classmethod
    def read(cls, path: Path) -> Project:
        """Raises BadRequest where there is none at `path`."""
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(PROJECT).file_size > MOST_BYTES:
                    raise ValueError("its project.xml is too long")
                tree = ElementTree.fromstring(archive.read(PROJECT))
            if tree.tag != "Project" or tree.find("Structure") is None or tree.find("Arrangement/Lanes") is None:
                raise ValueError("it has no tracks or no arrangement")
        except (OSError, KeyError, ElementTree.ParseError, *DAMAGE) as error:
            raise BadRequest(f"{path} is no DAWproject that can be read: {error}.", "Export it again.") from error
        return cls(tree, path)

    @property
    def structure(self) -> Element:
        return _found(self.tree, "Structure")

    @property
    def lanes(self) -> Element:
        """The arrangement's, where each track has a timeline."""
        return _found(self.tree, "Arrangement/Lanes")

    @property
    def tempo(self) -> float:
        """Beats a minute."""
        tempo = self.tree.find("Transport/Tempo")
        return float(tempo.get("value", TEMPO)) if tempo is not None else TEMPO

    @property
    def master(self) -> str | None:
        """The master channel's id."""
        channels = self.structure.iter("Channel")
        return next((channel.get("id") for channel in channels if channel.get("role") == "master"), None)

    def place_for(self, beside: Element | None) -> tuple[Element, int]:
        """Where a new track goes: what it stands in, and at which place. None: to the end, before the master."""
        for parent in self.structure.iter():
            if beside is not None and beside in list(parent):
                return parent, list(parent).index(beside) + 1
        tracks = list(self.structure)
        last = next((track for track in tracks if track.find("Channel[@role='master']") is not None), None)
        return self.structure, len(tracks) if last is None else tracks.index(last)

    def named(self, name: str | None, color: str | None = None) -> dict[str, str]:
        """Attributes of an element: a new id, and its name and color where it has them."""
        number = len(self._ids)
        while (found := f"dap-{number}") in self._ids:
            number += 1
        self._ids.add(found)
        return {"id": found} | {key: value for key, value in (("name", name), ("color", color)) if value is not None}

    def channel(self, track: Element, *, role: str, channels: int, to: str | None = None, muted: bool = False) -> str:
        """Give a track its channel, which goes to the channel `to`; returns its id."""
        about = self.named(None) | {"audioChannels": f"{channels}", "role": role, "solo": "false"}
        made = SubElement(track, "Channel", about | ({"destination": to} if to else {}))
        SubElement(made, "Mute", {"value": "true" if muted else "false"} | self.named("Mute"))
        pan = {"min": "0.0", "max": "1.0", "unit": "normalized", "value": "0.5"}
        SubElement(made, "Pan", pan | self.named("Pan"))
        volume = {"min": "0.0", "max": "2.0", "unit": "linear", "value": "1.0"}
        SubElement(made, "Volume", volume | self.named("Volume"))
        return about["id"]

    def mute(self, track: Element) -> None:
        """Where it has a channel."""
        channel = track.find("Channel")
        if channel is None:
            return
        mute = channel.find("Mute")
        if mute is None:
            mute = Element("Mute", self.named("Mute"))
            devices = channel.find("Devices")
            channel.insert(0 if devices is None else list(channel).index(devices) + 1, mute)
        mute.set("value", "true")

    def embed(self, audio: Path, name: str) -> str:
        """Have an audio file go along, called `name` or, where that is taken, numbered; returns its path inside."""
        taken = {*self._audio, *self.members()}
        numbered = (f"{AUDIO}/{name}{end}{audio.suffix}" for end in ("", *(f" {n}" for n in range(2, len(taken) + 3))))
        path = next(path for path in numbered if path not in taken)
        self._audio[path] = audio
        return path

    def members(self) -> list[str]:
        """The paths of what the file it was read from holds."""
        if self._origin is None:
            return []
        with zipfile.ZipFile(self._origin) as archive:
            return archive.namelist()

    def write(self, path: Path, title: str) -> None:
        """Write it to `path`, where nothing may be yet; all of it appears at once. Raises OutputUnwritable."""
        if path.exists():
            raise OutputUnwritable(f"{path} is there already, and is not written over.", "Choose another name.")
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".dap-", suffix=SUFFIX, delete=False) as file:
                part = Path(file.name)
                try:
                    self._pack(file, title)
                except BaseException:
                    part.unlink(missing_ok=True)
                    raise
            part.replace(path)
        except OSError as error:
            raise OutputUnwritable.because(path, error) from error

    def _pack(self, file: IO[bytes], title: str) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(PROJECT, _text(self.tree), zipfile.ZIP_DEFLATED)
            if METADATA not in self.members():
                metadata = Element("MetaData")
                SubElement(metadata, "Title").text = title
                archive.writestr(METADATA, _text(metadata), zipfile.ZIP_DEFLATED)
            for name, audio in self._audio.items():
                archive.write(audio, name, zipfile.ZIP_STORED)
            if self._origin is not None:
                _copy(self._origin, archive, {PROJECT})


def _copy(origin: Path, archive: zipfile.ZipFile, but: set[str]) -> None:
    """All members of a zip but those."""
    with zipfile.ZipFile(origin) as source:
        for info in source.infolist():
            if info.filename not in but and not info.is_dir():
                with source.open(info) as member, archive.open(info.filename, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(member, copy)


def _text(tree: Element) -> bytes:
    ElementTree.indent(tree)
    content: bytes = ElementTree.tostring(tree, encoding="UTF-8", xml_declaration=True)
    return content


def _found(tree: Element, path: str) -> Element:
    found = tree.find(path)
    assert found is not None, "every project has one"
    return found


def extracted(origin: Path, member: str, folder: Path) -> Path:
    """An audio file of a project, brought into a folder, whole or not at all; one that is there already stays.

    Raises BadRequest where the project does not hold it, OutputUnwritable.
    """
    target = folder / file_name(member.removeprefix(f"{AUDIO}/"))
    part = target.with_name(f".dap-{target.name}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(origin) as archive:
            if target.exists() and target.stat().st_size == archive.getinfo(member).file_size:
                return target
            with archive.open(member) as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy)
        if target.exists():
            raise OutputUnwritable(f"{target} is there already, and is another file.", "Choose another folder.")
        part.replace(target)
    except KeyError as error:
        raise BadRequest(f"{origin} names {member!r}, and does not hold it.", "Export it again.") from error
    except DAMAGE as error:
        raise BadRequest(f"{origin} is damaged at {member!r}: {error}.", "Export it again.") from error
    except OSError as error:
        raise OutputUnwritable.because(target, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return target


def tracks(project: Project) -> Iterator[Element]:
    """All that have a name, in their order."""
    return (track for track in project.structure.iter("Track") if track.get("name"))
