"""A clip that masks part into its sources: what a separation and its corrections share."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio.silence import PaddedWriter
from ...audio.stems import file_name
from ...domain import Box, Stem
from ...engine.events import ChunkMasks
from ...engine.methods import separator
from ...engine.recipe import MaskRecipe
from ...engine.signal.boxes import ChunkBox
from ...engine.signal.rows import Heard
from ...engine.signal.stems import apply_masks
from ...jobs import device as devices
from ...jobs.results import folder
from ..chunked import ChunkedClip, WriteStems
from .placed import Placed

# A chunk is held as samples and as spectrograms, the mixture and each stem, in several copies at the worst moment.
WORKING_COPIES = 6

SeparationPreset = presets.Preset[MaskRecipe]


def titled(label: str, alternative: int, what: str) -> str:
    """What the stems of an answer are named after, where there are several."""
    return label if alternative == 1 else f"{label}, {what}"


@dataclass
class MaskedClip(ChunkedClip):
    """label: what stems are named after; titles: what a user has called some, by their indices. residual: whether what
    no source claims is a stem of its own. method: what makes the masks; corrector: what corrects them, None where
    nothing does.
    """

    preset: SeparationPreset
    label: str = ""
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

    def on_clip(self, boxes: Sequence[Box]) -> list[Placed]:
        """Boxes in the clip's own time."""
        return [Placed.at(box) for box in boxes]

    def on_signal(self, boxes: Sequence[Box]) -> list[Placed]:
        """Boxes in the signal's time, in which methods know them; one that holds silence alone has no length there."""
        if not self.signal.padded:
            return self.on_clip(boxes)
        rate, position = self.reader.rate, self.signal.position
        return [Placed.at(box, lambda seconds: position(seconds * rate) / rate) for box in boxes]

    def within(self, boxes: Sequence[Placed], start: int, frames: int) -> list[ChunkBox]:
        """The boxes that so many frames from a start hear of, in whose time they are."""
        holding, rate = self.corrector.holding if self.corrector else None, self.reader.rate
        found = (box.heard(start / rate, (start + frames) / rate, holding) for box in boxes)
        return [heard for heard in found if heard is not None]

    @property
    def names(self) -> list[str]:
        """Of the files of an answer's stems, and of the residual, which the first alone has."""
        titles = {file_name(i, self.form): f"{self.label} - stem {i}" for i in range(1, self.sources + 1)}
        if self.residual:
            titles[f"residual{self.form.suffix}"] = f"{self.label} - residual"
        return self.run.file_names(titles, self.form)

    def stems(self, alternative: int = 1, what: str = "") -> tuple[Stem, ...]:
        """Those of one answer; what: how it differs from the first."""
        label = titled(self.label, alternative, what)
        places = [posixpath.join(folder(alternative), name) for name in self.names]
        titles = {i: f"{label} - stem {i}" for i in range(1, self.sources + 1)} | dict(self.titles)
        found = [Stem(i, titles[i], "source", places[i - 1]) for i in range(1, self.sources + 1)]
        if self.residual and alternative == 1:
            found.append(Stem(self.sources + 1, f"{label} - residual", "residual", places[-1]))
        return tuple(found)

    def publish_sources(
        self,
        results: Path,
        write_stems: WriteStems,
        more: Callable[[], dict[str, Any]],
        beside: Iterable[str] = (),
    ) -> Path:
        """Have the stems written, and the manifest with what `more` then says; returns the manifest's path.

        beside: names of folders that may be made, too.
        """

        def told() -> dict[str, Any]:
            return {"chunks": len(self.chunks), **more()}

        return self.publish(results, self.stems(), write_stems, told, beside)

    def stamps(self, manifest: Path) -> dict[str, str]:
        """The stems beside `manifest`, for `Session.separated`; none where effects or clipping changed them."""
        if self.residual:  # which corrections do not have
            return {}
        return self.as_written([manifest.with_name(name) for name in self.names])
