"""Given stems corrected by boxes: what these say is moved where they are, and what follows from it elsewhere."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio.silence import original
from ...domain import Box, ClipRef
from ...engine.events import Moved, within
from ...engine.methods import ADOPTERS, adopter
from ...engine.signal.boxes import ChunkBox
from ...engine.signal.stems import fill_stems
from ...jobs.run import JobRun
from ...jobs.sessions import Session, Sessions
from ..adopt.adoption import REMAINDER, AdoptionPreset, named, sounds
from ..adopt.listening import Listening
from ..chunked import ChunkedClip
from ..reader import JobClipReader
from ..separate.placed import Placed
from .filling import all_boxes, as_written

# Of the time that a correction takes which has to learn of the clip first.
_LEARNING = 0.8


def correct_adopted(
    run: JobRun, results: Path, places: Sequence[Session], boxes: tuple[Box, ...], *, redraw: bool, carry: bool
) -> Path:
    """The session's stems, corrected by these boxes and no others; returns the path of the manifest.

    redraw, carry: as for `correct`. Raises UnknownSession where the stems are not as they were written.
    """
    preset: AdoptionPreset = presets.load_one_of(places[0].request["preset"], *ADOPTERS)
    session = as_written(places, "Adopt the stems again.")
    with JobClipReader(ClipRef.from_request(session.request), run) as reader, tempfile.TemporaryDirectory() as scratch:
        clip = ChunkedClip(run, reader, preset, len(session.separated), run.format(session.request))
        boxes = all_boxes(run, boxes, reader, clip.sources)
        sessions = run.sessions or Sessions(Path(scratch), most_bytes=math.inf, most_days=math.inf)
        moving = Moving(clip, session, sessions, boxes, redraw, carry)
        manifest = clip.publish(
            results,
            named(run, session.titles, clip.form),
            moving.write_stems,
            lambda: {
                "seed": session.request["seed"],
                "parent": session.id,
                "correctable": True,
                "boxes": boxes,
                "carry": carry,
                "chunks": len(clip.chunks),
            },
        )
        corrected = Session(
            run.job.id,
            session.request,
            session.source,
            session.label,
            str(manifest),
            moving.listening.kept,
            boxes,
            carry,
            session.id,
            separated=session.separated,
            titles=session.titles,
            verb=session.verb,
        )
        clip.remember(corrected)
        return manifest


class Moving:
    """A session's stems on their way to being corrected."""

    def __init__(
        self, clip: ChunkedClip, session: Session, sessions: Sessions, boxes: Sequence[Box], redraw: bool, carry: bool
    ) -> None:
        self._clip, self._redraw, self._carry = clip, redraw, carry
        self._paths = [Path(path) for path in session.separated]
        self._placed = [Placed.at(box) for box in boxes]
        self._method = adopter(clip.preset.recipe)
        # its user may have called it something else: then it is a sound like the others
        rest = session.titles.get(clip.sources) == REMAINDER
        parts, seed = sounds(clip.sources, rest), session.request["seed"]
        self.listening = Listening(clip, self._method, self._read, parts, sessions, seed, session.fits)

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """One stem to each of `paths`; where no box reaches, and nothing is carried to, they are as they were."""
        clip, rate = self._clip, self._clip.reader.rate
        stems, holding = self._method.moving
        inside = {chunk.index: self._within(chunk.start / rate, chunk.end / rate) for chunk in clip.chunks}
        teaching = [index for index, boxes in inside.items() if boxes]
        order = teaching if self._carry and self._redraw and len(clip.chunks) > 1 else []
        wanted = {index: boxes for index, boxes in inside.items() if order or boxes}
        moved = self._moved(wanted, order, device)
        with clip.writer(paths) as writer:
            for chunk in clip.chunks:
                clip.run.stop_if_cancelled()
                parts = self._read(chunk.index)
                if chunk.index in wanted:
                    parts = self.listening.move(parts, next(moved, None), device)
                if inside[chunk.index]:
                    whole = torch.from_numpy(parts).to(device)
                    parts = fill_stems(whole, rate, inside[chunk.index], stems, holding).cpu().numpy()
                clip.write(writer, chunk.index, parts)

    def _within(self, first: float, last: float) -> list[ChunkBox]:
        """The boxes that lie between two seconds."""
        _, holding = self._method.moving
        found = (placed.heard(first, last, holding) for placed in self._placed)
        return [box for box in found if box is not None]

    def _moved(
        self, wanted: Mapping[int, Sequence[ChunkBox]], order: Sequence[int], device: torch.device
    ) -> Iterator[Moved]:
        """What boxes move around them, in the chunks that are wanted, in order."""
        listening, run, done = self.listening, self._clip.run, 0.0
        if not wanted:
            return
        if not listening.has_learned(wanted):
            run.notes.append("What was learned was not kept: the clip was separated again first.")
            done = _LEARNING
            listening.listen(lambda events: run.follow(map(within(0.0, done), events)), device)
        if not listening.kept:
            return
        events = self._method.correct(
            listening.whole,
            listening.stems,
            listening.learned,
            len(self._clip.chunks),
            wanted,
            redraw=self._redraw,
            carry=order,
            device=device,
        )
        yield from run.follow(map(within(done, 1 - done), events))

    def _read(self, index: int) -> NDArray[np.float32]:
        """A chunk of all stems: (stems, channels, frames)."""
        chunk = self._clip.chunks[index]
        return original(self._paths, chunk.start, chunk.frames)
