"""What is learned of given stems and their clip, and kept for corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...engine.events import Alive, Listened, Moved, Note, Step
from ...engine.methods.method import Adopter
from ...engine.recipe import Section
from ...engine.signal.rows import Heard
from ...engine.signal.stems import move_stems
from ...jobs import learned
from ...jobs.sessions import Sessions
from ..chunked import ChunkedClip, heard

Follow = Callable[[Iterable[Step | Alive | Note | Listened]], Iterator[Listened]]


@dataclass
class Listening:
    """A clip and its stems as a method hears them. read(i): chunk i of all stems, (stems, channels, frames); parts: how
    many of these are sounds; kept: the names in `sessions` of what was learned of each chunk, none where that was not
    kept.
    """

    clip: ChunkedClip
    method: Adopter[Section]
    read: Callable[[int], NDArray[np.float32]]
    parts: int
    sessions: Sessions
    seed: int
    kept: tuple[str, ...] = ()

    def listen(self, follow: Follow, device: torch.device) -> None:
        """Learn of all chunks, and keep it. Where that cannot be kept, a note tells of it."""
        events = self.method.listen(
            self.whole, self.stems, len(self.clip.chunks), parts=self.parts, seed=self.seed, device=device
        )
        kept = []
        try:
            for event in follow(events):
                kept.append(self.sessions.put_learned(learned.dump(event.learned)))
            self.kept = tuple(kept)
        except OSError as error:
            self.kept = ()
            self.clip.run.notes.append(
                f"What was learned could not be kept ({error.strerror}): boxes hold for themselves, and teach nothing."
            )

    def has_learned(self, chunks: Iterable[int]) -> bool:
        """Whether what was learned of these chunks, and of the last, is there."""
        count = len(self.clip.chunks)
        return len(self.kept) == count and all(
            self.sessions.read_learned(self.kept[index]) is not None for index in {*chunks, count - 1}
        )

    def learned(self, index: int) -> Mapping[str, Tensor]:
        """What was learned of a chunk, which is there."""
        content = self.sessions.read_learned(self.kept[index])
        assert content is not None, "it was there a moment ago"
        return learned.restore(content)

    def whole(self, index: int) -> Heard:
        """A chunk of the clip."""
        return self.clip.heard(index, self.method.front.rate)

    def stems(self, index: int) -> list[Heard]:
        """The same chunk of every stem."""
        return [heard(part, self.clip.reader.rate, self.method.front.rate) for part in self.read(index)]

    def move(self, parts: NDArray[np.float32], change: Moved | None, device: torch.device) -> NDArray[np.float32]:
        """A chunk's stems with what changes moved between them."""
        if change is None:
            return parts
        stems, _ = self.method.moving
        before, after = change.before.to(device), change.after.to(device)
        own, rate, front = torch.from_numpy(parts).to(device), self.clip.reader.rate, self.method.front
        return move_stems(own, rate, before, after, front, stems).cpu().numpy()
