"""Verbs `refine` and `undo`: a separation corrected by a user's boxes, from its fit or, without one, the clip."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ... import presets
from ...audio.files import ClipReader
from ...audio.plan import Chunk
from ...audio.stems import NULL_FLOOR_DB
from ...domain import MAX_BOXES, Box, Clip, Op
from ...engine.events import Fit
from ...engine.recipe import ConsensusRecipe
from ...engine.refinement import Region
from ...engine.refinement import refine as refine_chunks
from ...errors import BadRequest, UnknownSession
from .. import fits
from ..run import MANIFEST, Run
from ..sessions import NAME, Session, Sessions, stamp
from .reading import RunReader
from .separate import Separation, Task, fingerprint


def refine(run: Run, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    session = _find(request["session"], run.sessions)
    drawn = tuple(Box.parse(text) for text in request["box"])
    boxes = (session.boxes if request["keep"] else ()) + drawn
    if len(boxes) > MAX_BOXES:
        raise BadRequest(f"A session holds {MAX_BOXES} boxes at most; these would be {len(boxes)}.")
    return _correct(run, results, session, boxes, redraw=request["fit"], carry=request["carry"])


def undo(run: Run, results: Path) -> Path:
    """Returns the path of the manifest."""
    session = _find(run.job.request["session"], run.sessions)
    if not session.boxes:
        raise BadRequest(f"Session {session.id} has no box that could be taken back.")
    return _correct(run, results, session, session.boxes[:-1], redraw=True, carry=session.carry)


def _find(name: str, sessions: Sessions | None) -> Session:
    """The session of that name, or of the manifest at that path. Raises UnknownSession."""
    if NAME.fullmatch(name):
        if sessions is None:
            raise UnknownSession(f"There is no session {name!r}.")
        return sessions.get(name)
    path = Path(name) / MANIFEST if Path(name).is_dir() else Path(name)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if sessions is not None:
            known = sessions.get(manifest["session"])
            if Path(known.manifest) == path:
                return known
    except UnknownSession:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnknownSession(f"{path} is no manifest that can be read.") from error
    return _of_manifest(path, manifest)


def _of_manifest(path: Path, manifest: dict[str, Any]) -> Session:
    """What a manifest alone says of its session: all but the fit. Raises UnknownSession."""
    try:
        if manifest["verb"] not in ("separate", "refine", "undo"):
            raise UnknownSession(f"{path} tells of {manifest['verb']!r}, which cannot be corrected.")
        inputs = manifest["inputs"]
        channels = [f"{channel}:{one['path']}" for one in inputs for channel in one["channels"]]
        request = {
            "clip": None,
            "channel": channels,
            "start": int(inputs[0]["start"]),
            "frames": int(manifest["frames"]),
            "rate": int(manifest["rate"]),
            "sources": len(manifest["stems"]),
            "preset": str(manifest["preset"]),
            "seed": int(manifest["seed"]),
        }
        boxes = tuple(Box(**{**box, "op": Op(box["op"])}) for box in manifest["boxes"])
        carry = manifest.get("carry") is not False
        label = manifest["stems"][0]["name"].removesuffix(" - stem 1")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UnknownSession(f"{path} is not a manifest of this version.") from error
    return Session(manifest["session"], request, "", label, str(path), boxes=boxes, carry=carry)


def _correct(run: Run, results: Path, session: Session, boxes: tuple[Box, ...], *, redraw: bool, carry: bool) -> Path:
    preset: presets.Preset[ConsensusRecipe] = presets.load_one_of(session.request["preset"], ConsensusRecipe)
    if preset.recipe.boxes is None:
        raise BadRequest(f"What the preset {preset.name!r} makes cannot be corrected.", "Separate with another preset.")
    seed = session.request["seed"] if run.job.request["seed"] is None else run.job.request["seed"]
    original = session.request | {"seed": seed}
    with RunReader(Clip.from_request(original), run) as reader, tempfile.TemporaryDirectory() as scratch:
        _require_inside(boxes, reader, original["sources"])
        task = Task(run, reader, presets.Preset(preset.name, preset.about, preset.recipe), original["sources"])
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
            for box in self.boxes
            for chunk in sorted(self.task.chunks, key=partial(missed, box))
            if self._region(box, chunk)
        )
        return tuple(dict.fromkeys(heard))

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """One stem to each of `paths`, from the fits that were kept, or after separating the clip again.

        Where no box is near and nothing is carried, the stems are those of the separation: they are copied, as long as
        nobody changed them.
        """
        self._change, self._level = [0.0] * self.task.sources, [0.0] * self.task.sources
        regions = {chunk.index: self._regions(chunk) for chunk in self.task.chunks}
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
                    writer.copy(chunk, originals)
                    continue
                answer = next(answers)
                if order or regions[chunk.index]:
                    self._change = [a + b for a, b in zip(self._change, answer.change, strict=True)]
                    self._level = [a + b for a, b in zip(self._level, answer.level, strict=True)]
                self.task.write(writer, answer, device, regions[chunk.index])

    def _has_stems(self) -> bool:
        """Whether the separation's own stems are there, as it wrote them."""
        try:
            return bool(self.separated) and all(stamp(Path(path)) == seen for path, seen in self.separated.items())
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

    def _regions(self, chunk: Chunk) -> list[Region]:
        """The boxes that a chunk hears of."""
        return [region for box in self.boxes if (region := self._region(box, chunk)) is not None]

    def _region(self, box: Box, chunk: Chunk) -> Region | None:
        """A box as a chunk hears of it; None where it does not."""
        assert self.recipe.boxes is not None
        rate = self.task.reader.rate
        first, last = chunk.start / rate, chunk.end / rate
        feather = self.recipe.boxes.feather_s if box.feather is None else box.feather
        if not box.strength or box.start - feather >= last or box.end + feather <= first:
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
