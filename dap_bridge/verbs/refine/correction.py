"""A correction under way: the stems, chunk by chunk, by what a session learned and a user's boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...audio.plan import Chunk
from ...audio.silence import Fill, original
from ...audio.stems import NULL_FLOOR_DB, bits
from ...domain import Box
from ...engine.events import within
from ...engine.methods.method import Corrector
from ...engine.signal.boxes import ChunkBox, whole
from ...errors import BadRequest
from ...jobs import learned
from ...jobs.sessions import Sessions, stamp
from ..separate.job import Separation, told
from ..separate.masked import MaskedClip
from ..separate.placed import Placed

# Of the time that an alternative takes which is drawn; to write it takes the rest.
_DRAWING = 0.9


@dataclass
class Correction:
    """A correction under way. alternative: which of the separation's answers it corrects. kept: the names of what its
    first answer learned; carry, separated, alternatives, drawn: as in `Session`, all but the first of these empty until
    they are known.
    """

    clip: MaskedClip
    corrector: Corrector
    boxes: tuple[Box, ...]
    request: Mapping[str, Any]
    spans: Sequence[Box]
    sessions: Sessions
    seed: int
    redraw: bool
    carry: bool
    alternative: int = 1
    kept: tuple[str, ...] = ()
    separated: dict[str, str] = field(default_factory=dict)
    alternatives: tuple[tuple[str, ...], ...] = ()
    drawn: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._change = [0.0] * self.clip.sources
        self._level = [0.0] * self.clip.sources
        # the boxes as chunks know them, who know nothing of silence
        self._heard = self.clip.on_signal(self.boxes)

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
        if not (self.carry and self.redraw and self.corrector.carries and len(self.clip.chunks) > 1):
            return ()
        rate = self.clip.reader.rate

        def missed(box: Placed, chunk: Chunk) -> float:
            return max(box.start, chunk.start / rate) - min(box.end, chunk.end / rate)

        heard = (
            chunk.index
            for box in self._heard
            for chunk in sorted(self.clip.chunks, key=partial(missed, box))
            if self.clip.within([box], chunk.start, chunk.frames)
        )
        return tuple(dict.fromkeys(heard))

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """One stem to each of `paths`, from what was learned then and kept, or after separating the clip again.

        Where no box is near and nothing is carried, the stems are those of the separation: they are copied, as long as
        nobody changed them.
        """
        self._change, self._level = [0.0] * self.clip.sources, [0.0] * self.clip.sources
        boxes = {chunk.index: self.clip.within(self._heard, chunk.start, chunk.frames) for chunk in self.clip.chunks}
        beside = partial(self.clip.within, self.clip.on_clip(self.boxes))
        wanted, order = boxes, self.order
        # what is said of all that sounds at a time is said of the whole clip
        everywhere = any(whole(box, self.clip.reader.rate) for inside in boxes.values() for box in inside)
        if not order and not everywhere and self._has_stems():
            # the neighbours, too, which are cross-faded with what is new
            near = {index + step for index, inside in boxes.items() if inside for step in (-1, 0, 1)}
            wanted = {index: inside for index, inside in boxes.items() if index in near}
        if not self._has_learned(wanted):
            self._separate(device)
            wanted = boxes
        if self.alternative > 1 and not self.drawn:
            self._draw(device)
        events = self.corrector.correct(
            self.clip.seen, self._learned, wanted, redraw=self.redraw, carry=order, device=device
        )
        answers = self.clip.run.follow(events)
        originals = [Path(path) for path in self.separated]
        with self.clip.writer(paths) as writer:
            for chunk in self.clip.chunks:
                if chunk.index not in wanted:
                    self.clip.run.stop_if_cancelled()
                    writer.fill = self._copied(originals, beside, device)
                    writer.copy(chunk, originals)
                    continue
                answer = next(answers)
                if order or everywhere or boxes[chunk.index]:
                    self._change = [a + b for a, b in zip(self._change, answer.change, strict=True)]
                    self._level = [a + b for a, b in zip(self._level, answer.level, strict=True)]
                self.clip.write_masked(writer, answer, device, boxes[chunk.index], beside)

    def _copied(
        self, originals: Sequence[Path], beside: Callable[[int, int], Sequence[ChunkBox]], device: torch.device
    ) -> Fill:
        """Silence beside chunks that are copied is copied, too, but where boxes are in it."""
        front = self.clip.preset.recipe.front
        even = torch.full((self.clip.sources, front.n_fft // 2 + 1, 1), 1 / self.clip.sources)

        def fill(start: int, audio: NDArray[np.float32]) -> NDArray[np.float32]:
            inside = beside(start, audio.shape[1])
            if inside:
                return self.clip.masked(audio, even, device, inside)
            return original(originals, start, audio.shape[1])

        return fill

    def _has_stems(self) -> bool:
        """Whether the separation's own stems are there, as it wrote them, and as fine as what is to be written."""
        try:
            return bool(self.separated) and all(
                stamp(Path(path)) == seen and bits(Path(path)) >= self.clip.form.bits
                for path, seen in self.separated.items()
            )
        except OSError:
            return False

    def _has_learned(self, chunks: Iterable[int]) -> bool:
        return all(len(names) == len(self.clip.chunks) for names in self._layers) and all(
            self.sessions.read_learned(names[index]) is not None for index in chunks for names in self._layers
        )

    @property
    def _layers(self) -> list[tuple[str, ...]]:
        """The names of what was learned of each chunk: by the first answer, and over it by the one that is meant."""
        if self.alternative == 1:
            return [self.kept]
        known = self.alternatives[self.alternative - 2 : self.alternative - 1]
        return [self.kept, self.drawn or next(iter(known), ())]

    def _separate(self, device: torch.device) -> None:
        self.clip.run.notes.append("What was learned was not kept: the clip was separated again first.")
        known = replace(told(self.request, self.clip, self.spans), alternatives=self.alternative)
        again = Separation(self.clip, self.seed, self.sessions, known)
        for _ in again.answers(device):
            pass
        self.kept, *further = (tuple(names) for names in again.kept)
        self.separated, self.alternatives, self.drawn = {}, tuple(further), ()
        if self.alternative > len(again.kept):
            raise BadRequest(
                f"The clip has no alternative {self.alternative}.", "What would be another one's likeness is left out."
            )

    def _draw(self, device: torch.device) -> None:
        """The alternative that is meant, in full."""
        clip = self.clip
        events = self.corrector.draw(
            clip.seen, self._learned, len(clip.chunks), alternative=self.alternative, seed=self.seed, device=device
        )
        answers = clip.run.follow(map(within(0, _DRAWING), events))
        self.drawn = tuple(self.sessions.put_learned(learned.dump(answer.learned)) for answer in answers)

    def _learned(self, index: int) -> Mapping[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for names in self._layers:
            content = self.sessions.read_learned(names[index])
            assert content is not None, "it was there a moment ago"
            tensors |= learned.restore(content)
        return tensors


def _ratio_db(change: float, level: float) -> float:
    if change <= 0 or level <= 0:
        return NULL_FLOOR_DB if change <= 0 else 0.0
    return round(max(NULL_FLOOR_DB, 10 * math.log10(change / level)), 1)
