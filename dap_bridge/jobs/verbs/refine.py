"""Verbs `refine` and `undo`: a separation corrected by a user's boxes, from its fit or, without one, the clip."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio.files import ClipReader
from ...audio.plan import Chunk
from ...audio.silence import Fill, original
from ...audio.stems import NULL_FLOOR_DB, bits
from ...domain import MAX_BOXES, Box, Clip, Format, Op
from ...engine.events import Fit
from ...engine.recipe import ConsensusRecipe
from ...engine.refinement import Region
from ...engine.refinement import refine as refine_chunks
from ...errors import BadClip, BadRequest, ClipUnreadable, DapError, UnknownSession
from .. import fits
from ..run import MANIFEST, Run
from ..sessions import NAME, Session, Sessions, stamp
from .clips import RunReader
from .separate import Separation, SeparationPreset, Task, fingerprint


def refine(run: Run, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    places = _find(request["session"], request["clip"], run.sessions)
    session = places[0]
    drawn = tuple(Box.parse(text) for text in request["box"])
    boxes = (session.boxes if request["keep"] else ()) + drawn
    if len(boxes) > MAX_BOXES:
        raise BadRequest(f"A session holds {MAX_BOXES} boxes at most; these would be {len(boxes)}.")
    return _correct(run, results, places, boxes, redraw=request["fit"], carry=request["carry"])


def undo(run: Run, results: Path) -> Path:
    """Returns the path of the manifest."""
    places = _find(run.job.request["session"], run.job.request["clip"], run.sessions)
    session = places[0]
    if not session.boxes:
        raise BadRequest(f"Session {session.id} has no box that could be taken back.")
    return _correct(run, results, places, session.boxes[:-1], redraw=True, carry=session.carry)


def _find(name: str, clip: str | None, sessions: Sessions | None) -> list[Session]:
    """The session of that name, or of the manifest at that path; more than once where its clip may lie in more places.

    The likeliest place is the first. `clip` names another one. Raises UnknownSession, BadRequest.
    """
    if NAME.fullmatch(name):
        if sessions is None:
            raise UnknownSession(f"There is no session {name!r}.")
        places = [sessions.get(name)]
    else:
        places = _at(Path(name), sessions)
    return places if clip is None else [_with_clip(places[0], Path(clip))]


def _with_clip(session: Session, clip: Path) -> Session:
    """The session with its clip at `clip`, or the files of its clip in that folder."""
    if clip.is_dir():
        return session.elsewhere(lambda path: str(clip / Path(path).name))
    if len(session.files) > 1:
        raise BadRequest(
            f"The clip of session {session.id} lies in {len(session.files)} files.", "Name the folder that holds them."
        )
    return session.elsewhere(lambda _: str(clip))


def _at(path: Path, sessions: Sessions | None) -> list[Session]:
    """As `_find`, by a manifest or its folder, which may have been moved with all that belongs to it."""
    try:
        path = path / MANIFEST if path.is_dir() else path
        manifest = json.loads(path.read_text(encoding="utf-8"))
        stated = [_of_manifest(path, manifest, key) for key in ("relative", "path") if _names(manifest, key)]
    except (OSError, ValueError, RecursionError) as error:
        raise UnknownSession(f"{path} is no manifest that can be read.") from error
    if not stated:
        raise UnknownSession(f"{path} is not a manifest of this version.")
    if sessions is not None:
        with contextlib.suppress(UnknownSession):
            known = sessions.get(stated[0].id)
            if Path(known.manifest) == path:
                return [known]
            if _is_of(known, stated[-1]):
                return [known.moved(path), known]
    return stated


def _names(manifest: Any, key: str) -> bool:
    """Whether a manifest says by `key` where each of its inputs lies."""
    try:
        return all(isinstance(entry[key], str) for entry in manifest["inputs"])
    except (KeyError, TypeError):
        return False


def _is_of(known: Session, stated: Session) -> bool:
    """Whether a session that is known by the same name is the one that a manifest tells of."""
    keys = ("seed", "preset", "sources", "start")
    return (known.files, known.boxes) == (stated.files, stated.boxes) and all(
        known.request.get(key) == stated.request[key] for key in keys
    )


def _of_manifest(path: Path, manifest: dict[str, Any], key: str) -> Session:
    """What a manifest alone says of its session: all but the fit; `key`: where it says the clip lies.

    Raises UnknownSession.
    """
    try:
        if manifest["verb"] not in ("separate", "refine", "undo"):
            raise UnknownSession(f"{path} tells of {manifest['verb']!r}, which cannot be corrected.")
        inputs = manifest["inputs"]
        files = [one[key] if key == "path" else os.path.normpath(path.parent / one[key]) for one in inputs]
        channels = [f"{channel}:{file}" for one, file in zip(inputs, files, strict=True) for channel in one["channels"]]
        request = {
            "clip": None,
            "channel": channels,
            "start": int(inputs[0]["start"]),
            "frames": int(manifest["frames"]),
            "rate": int(manifest["rate"]),
            "sources": len(manifest["stems"]),
            "preset": str(manifest["preset"]),
            "seed": int(manifest["seed"]),
            "format": Format(manifest.get("format", Format.FLOAT32)),
        }
        boxes = tuple(Box(**{**box, "op": Op(box["op"])}) for box in manifest["boxes"])
        carry = manifest.get("carry") is not False
        label = manifest["stems"][0]["name"].removesuffix(" - stem 1")
        return Session(str(manifest["session"]), request, "", label, str(path), boxes=boxes, carry=carry)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UnknownSession(f"{path} is not a manifest of this version.") from error


def _open(
    run: Run, stack: contextlib.ExitStack, places: Sequence[Session], preset: SeparationPreset
) -> tuple[ClipReader, Session]:
    """The clip, and the session with it in its place: where it is the one that was separated, else where there is one.

    Raises ClipUnreadable or BadClip.
    """
    found: list[tuple[ClipReader, Session]] = []
    refused: list[DapError] = []
    for place in places:
        try:
            reader = stack.enter_context(RunReader(Clip.from_request(place.request), run))
        except (ClipUnreadable, BadClip) as error:
            refused.append(error)
            continue
        if fingerprint(reader, preset) == place.source:
            return reader, place
        found.append((reader, place))
    if found:
        return found[0]
    if all(Path(file).exists() for file in places[-1].files):
        raise refused[-1]
    raise ClipUnreadable(
        refused[-1].message,
        "If its folder was moved, name the manifest.json where it lies now; if the clip was, name that: --clip PATH.",
    ) from refused[-1]


def _correct(
    run: Run, results: Path, places: Sequence[Session], boxes: tuple[Box, ...], *, redraw: bool, carry: bool
) -> Path:
    preset: presets.Preset[ConsensusRecipe] = presets.load_one_of(places[0].request["preset"], ConsensusRecipe)
    if preset.recipe.boxes is None:
        raise BadRequest(f"What the preset {preset.name!r} makes cannot be corrected.", "Separate with another preset.")
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as scratch:
        reader, session = _open(run, stack, places, presets.Preset(preset.name, preset.about, preset.recipe))
        seed = session.request["seed"] if run.job.request["seed"] is None else run.job.request["seed"]
        form = run.format(session.request)
        original = session.request | {"seed": seed, "format": form}
        _require_inside(boxes, reader, original["sources"])
        task = Task(run, reader, presets.Preset(preset.name, preset.about, preset.recipe), original["sources"], form)
        sessions = run.sessions or Sessions(Path(scratch), most_bytes=math.inf, most_days=math.inf)
        source = fingerprint(reader, task.preset)
        correction = Correction(task, preset.recipe, boxes, sessions, seed, redraw, carry)
        if seed == session.request["seed"] and source == session.source:
            correction.kept, correction.separated = session.fits, session.separated
        elif session.source and source != session.source:
            run.notes.append("The clip or the preset has changed since: it was separated again.")
        label = run.job.request["label"] or session.label
        manifest = task.publish(
            results,
            label,
            correction.write_stems,
            lambda: {
                "seed": seed,
                "parent": session.id,
                "boxes": tuple(map(asdict, boxes)),
                "carry": carry,
                "changes": correction.changes,
            },
        )
        kept, separated = correction.kept, correction.separated
        task.remember(
            Session(
                run.job.id, original, source, label, str(manifest), kept, boxes, carry, session.id, separated=separated
            )
        )
        return manifest


def _require_inside(boxes: Sequence[Box], reader: ClipReader, sources: int) -> None:
    for number, box in enumerate(boxes, 1):
        try:
            box.require_inside(reader.frames / reader.rate, reader.rate, sources)
        except ValueError as error:
            raise BadRequest(f"Box {number}: {error}.") from error


@dataclass
class Correction:
    """A correction under way. carry, kept, separated: as in `Session`, the last two empty until they are known."""

    task: Task
    recipe: ConsensusRecipe
    boxes: tuple[Box, ...]
    sessions: Sessions
    seed: int
    redraw: bool
    carry: bool
    kept: tuple[str, ...] = ()
    separated: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._change = [0.0] * self.task.sources
        self._level = [0.0] * self.task.sources
        # the boxes as chunks know them, who know nothing of silence
        self._heard = [self._of_signal(box) for box in self.boxes]

    @property
    def changes(self) -> tuple[dict[str, Any], ...]:
        """For the manifest."""
        pairs = zip(self._change, self._level, strict=True)
        return tuple({"stem": k, "outside_db": _ratio_db(*pair)} for k, pair in enumerate(pairs, 1))

    @property
    def order(self) -> tuple[int, ...]:
        """The chunks that teach the others, in the order in which they were drawn into; none: nothing is carried.

        Of a box over several, the one with most of it comes first: one that a box only touches is taught.
        """
        if not (self.carry and self.redraw and self.recipe.carries and len(self.task.chunks) > 1):
            return ()
        rate = self.task.reader.rate

        def missed(box: Box, chunk: Chunk) -> float:
            return max(box.start, chunk.start / rate) - min(box.end, chunk.end / rate)

        heard = (
            chunk.index
            for box in self._heard
            for chunk in sorted(self.task.chunks, key=partial(missed, box))
            if self._region(box, chunk.start, chunk.frames)
        )
        return tuple(dict.fromkeys(heard))

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """One stem to each of `paths`, from the fits that were kept, or after separating the clip again.

        Where no box is near and nothing is carried, the stems are those of the separation: they are copied, as long as
        nobody changed them.
        """
        self._change, self._level = [0.0] * self.task.sources, [0.0] * self.task.sources
        regions = {chunk.index: self._regions(self._heard, chunk.start, chunk.frames) for chunk in self.task.chunks}
        beside = partial(self._regions, self.boxes)
        wanted, order = regions, self.order
        if not order and self._has_stems():
            # the neighbours, too, which are cross-faded with what is new
            near = {index + step for index, inside in regions.items() if inside for step in (-1, 0, 1)}
            wanted = {index: inside for index, inside in regions.items() if index in near}
        if not self._has_fits(wanted):
            self._separate(device)
            wanted = regions
        events = refine_chunks(
            self.task.view,
            self._fits(device),
            wanted,
            self.recipe,
            redraw=self.redraw,
            carry=order,
            device=device,
        )
        answers = self.task.run.follow(events)
        originals = [Path(path) for path in self.separated]
        with self.task.writer(paths) as writer:
            for chunk in self.task.chunks:
                if chunk.index not in wanted:
                    self.task.run.stop_if_cancelled()
                    writer.fill = self._copied(originals, beside, device)
                    writer.copy(chunk, originals)
                    continue
                answer = next(answers)
                if order or regions[chunk.index]:
                    self._change = [a + b for a, b in zip(self._change, answer.change, strict=True)]
                    self._level = [a + b for a, b in zip(self._level, answer.level, strict=True)]
                self.task.write(writer, answer, device, regions[chunk.index], beside)

    def _copied(
        self, originals: Sequence[Path], beside: Callable[[int, int], Sequence[Region]], device: torch.device
    ) -> Fill:
        """Silence beside chunks that are copied is copied, too, but where boxes are in it."""
        front = self.recipe.front
        even = torch.full((self.task.sources, front.n_fft // 2 + 1, 1), 1 / self.task.sources)

        def fill(start: int, audio: NDArray[np.float32]) -> NDArray[np.float32]:
            inside = beside(start, audio.shape[1])
            if inside:
                return self.task.stems(audio, even, device, inside)
            return original(originals, start, audio.shape[1])

        return fill

    def _has_stems(self) -> bool:
        """Whether the separation's own stems are there, as it wrote them, and as fine as what is to be written."""
        try:
            return bool(self.separated) and all(
                stamp(Path(path)) == seen and bits(Path(path)) >= self.task.form.bits
                for path, seen in self.separated.items()
            )
        except OSError:
            return False

    def _has_fits(self, chunks: Iterable[int]) -> bool:
        return len(self.kept) == len(self.task.chunks) and all(
            self.sessions.read_fit(self.kept[index]) is not None for index in chunks
        )

    def _separate(self, device: torch.device) -> None:
        self.task.run.notes.append("The fit was not kept: the clip was separated again first.")
        again = Separation(self.task, self.seed, self.sessions)
        for _ in again.answers(device):
            pass
        self.kept, self.separated = tuple(again.kept), {}

    def _fits(self, device: torch.device) -> Callable[[int], Sequence[Fit]]:
        def read(index: int) -> Sequence[Fit]:
            content = self.sessions.read_fit(self.kept[index])
            assert content is not None, "it was there a moment ago"
            return fits.restore(content, device)

        return read

    def _of_signal(self, box: Box) -> Box:
        """A box in the signal's time; one that holds silence alone has no length there."""
        if not self.task.signal.padded:
            return box
        rate, position = self.task.reader.rate, self.task.signal.position
        return replace(box, start=position(box.start * rate) / rate, end=position(box.end * rate) / rate)

    def _regions(self, boxes: Sequence[Box], start: int, frames: int) -> list[Region]:
        """The boxes that so many frames from a start hear of, in whose time they are."""
        return [region for box in boxes if (region := self._region(box, start, frames)) is not None]

    def _region(self, box: Box, start: int, frames: int) -> Region | None:
        """A box as these frames hear of it; None where they do not."""
        assert self.recipe.boxes is not None
        rate = self.task.reader.rate
        first, last = start / rate, (start + frames) / rate
        feather = self.recipe.boxes.feather_s if box.feather is None else box.feather
        if not box.strength or box.start == box.end:
            return None
        if box.start - feather >= last or box.end + feather <= first:
            return None
        return Region(
            source=box.stem - 1,
            active=box.op is Op.ACTIVATE,
            start=box.start - first,
            end=box.end - first,
            low=box.low,
            high=box.high,
            strength=box.strength,
            feather=feather,
        )


def _ratio_db(change: float, level: float) -> float:
    if change <= 0 or level <= 0:
        return NULL_FLOOR_DB if change <= 0 else 0.0
    return round(max(NULL_FLOOR_DB, 10 * math.log10(change / level)), 1)
