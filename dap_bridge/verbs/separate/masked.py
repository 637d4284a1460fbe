"""A clip that masks part into its sources: what a separation and its corrections share."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio.silence import PaddedWriter
from ...domain import Box, Op, Stem
from ...engine.events import ChunkMasks
from ...engine.methods import separator
from ...engine.recipe import MaskRecipe
from ...engine.signal.boxes import ChunkBox
from ...engine.signal.rows import Heard
from ...engine.signal.stems import apply_masks
from ...jobs import device as devices
from ...jobs.results import folder
from ...jobs.sessions import Session, stamp
from ..chunked import ChunkedClip, WriteStems

log = logging.getLogger(__name__)

# A chunk is held as samples and as spectrograms, the mixture and each stem, in several copies at the worst moment.
WORKING_COPIES = 6

SeparationPreset = presets.Preset[MaskRecipe]


def titled(label: str, alternative: int, what: str) -> str:
    """What the stems of an answer are named after, where there are several."""
    return label if alternative == 1 else f"{label}, {what}"


@dataclass
class MaskedClip(ChunkedClip):
    """residual: whether what no source claims is a stem of its own. method: what makes the masks; corrector: what
    corrects them, None where nothing does. titles: what a user has called stems, by their indices.
    """

    preset: SeparationPreset
    residual: bool = False
    titles: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.method = separator(self.preset.recipe)
        self.corrector = self.method.corrector
        devices.require_memory(self.longest * self.reader.channels * (self.sources + 1) * WORKING_COPIES * 4)

    def seen(self, index: int) -> Heard:
        """What the method hears of a chunk."""
        return self.heard(index, self.preset.recipe.front.rate)

    def write_masked(
        self,
        writer: PaddedWriter,
        answer: ChunkMasks,
        device: torch.device,
        boxes: Sequence[ChunkBox] = (),
        beside: Callable[[int, int], Sequence[ChunkBox]] = lambda start, frames: (),
    ) -> None:
        """Write a chunk's stems; boxes: those that are kept exactly; beside: those in so many frames of silence
        from a frame of the clip.
        """
        chunk, front = self.chunks[answer.index], self.preset.recipe.front

        def fill(start: int, audio: NDArray[np.float32]) -> NDArray[np.float32]:
            """Silence has the masks of what sounded last: what dies away goes on as it was."""
            at = int((self.signal.position(start) - chunk.start) / self.reader.rate * front.rate / front.hop)
            near = answer.masks[..., : at + 1][..., -1:]
            return self.masked(audio, near, device, beside(start, audio.shape[1]))

        writer.fill = fill
        self.write(writer, answer.index, self.masked(self.read(chunk), answer.masks, device, boxes))

    def masked(
        self, audio: NDArray[np.float32], masks: torch.Tensor, device: torch.device, boxes: Sequence[ChunkBox]
    ) -> NDArray[np.float32]:
        """What masks on the front's grid make of audio (channels, frames): (sources, channels, frames)."""
        stems = apply_masks(
            torch.from_numpy(audio).to(device),
            self.reader.rate,
            masks.to(device),
            self.preset.recipe.front,
            self.preset.recipe.stems,
            boxes,
            self.corrector.holding if self.corrector else None,
        )
        return stems.cpu().numpy()

    def on_signal(self, boxes: Sequence[Box]) -> list[Box]:
        """Boxes in the signal's time, in which methods know them; one that holds silence alone has no length there."""
        if not self.signal.padded:
            return list(boxes)
        rate, position = self.reader.rate, self.signal.position
        return [
            replace(box, start=position(box.start * rate) / rate, end=position(box.end * rate) / rate) for box in boxes
        ]

    def within(self, boxes: Sequence[Box], start: int, frames: int) -> list[ChunkBox]:
        """The boxes that so many frames from a start hear of, in whose time they are."""
        return [heard for box in boxes if (heard := self._within(box, start, frames)) is not None]

    def _within(self, box: Box, start: int, frames: int) -> ChunkBox | None:
        rate = self.reader.rate
        first, last = start / rate, (start + frames) / rate
        own = self.corrector.holding.feather_s if self.corrector else 0.0
        feather = own if box.feather is None else box.feather
        if not box.strength or box.start == box.end:
            return None
        if box.start - feather >= last or box.end + feather <= first:
            return None
        return ChunkBox(
            source=box.stem - 1,
            active=box.op is Op.ACTIVATE,
            start=box.start - first,
            end=box.end - first,
            low=box.low,
            high=box.high,
            strength=box.strength,
            feather=feather,
        )

    def stems(self, label: str, alternative: int = 1) -> tuple[Stem, ...]:
        """Those of one answer, named after the label. The first alone has a residual."""
        places = [posixpath.join(folder(alternative), name) for name in self.names]
        titles = {i: f"{label} - stem {i}" for i in range(1, len(places) + 1)} | dict(self.titles)
        found = [Stem(i, titles[i], "source", place) for i, place in enumerate(places, 1)]
        if self.residual and alternative == 1:
            name = f"residual{self.form.suffix}"
            found.append(Stem(self.sources + 1, f"{label} - residual", "residual", name))
        return tuple(found)

    def publish_sources(
        self,
        results: Path,
        label: str,
        write_stems: WriteStems,
        more: Callable[[], dict[str, Any]],
        beside: Iterable[str] = (),
    ) -> Path:
        """Have the stems written, and the manifest with what `more` then says; returns the manifest's path.

        beside: names of folders that may be made, too.
        """

        def told() -> dict[str, Any]:
            return {"chunks": len(self.chunks), **more()}

        return self.publish(results, self.stems(label), write_stems, told, beside)

    def stamps(self, manifest: Path) -> dict[str, str]:
        """The stems beside `manifest`, for `Session.separated`; none where effects or clipping changed them."""
        if self.effects or self.clipped:
            return {}
        if self.residual:  # which corrections do not have
            return {}
        paths = [manifest.with_name(name) for name in self.names]
        try:
            return {str(path): stamp(path) for path in paths}
        except OSError:  # somebody was quick to take them away
            return {}

    def remember(self, session: Session) -> None:
        """A result that cannot be remembered is a result all the same: it can be corrected by its manifest."""
        try:
            if self.run.sessions is not None:
                self.run.sessions.add(session)
        except OSError as error:
            log.warning("session %s cannot be kept: %s", session.id, error)
