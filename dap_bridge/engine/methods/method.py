"""The contracts: what verbs ask of a method, by the kind of thing that it does.

A method is made of its recipe and answers with the events of engine/events.py; whoever asks stops it by not asking on.
read(i): chunk i of a clip, float32, its view at the rate of the method's front. What is not abstract is the answer of a
method that has none of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from ..events import Alive, ChunkMasks, Corrected, Event, Note, Speech, Step
from ..recipe import Front, Holding, MaskRecipe, Section, Stems
from ..signal.boxes import ChunkBox
from ..signal.rows import Heard
from ..spread import Executor

Read = Callable[[int], Heard]
M = TypeVar("M", bound=MaskRecipe, covariant=True)
R = TypeVar("R", bound=Section, covariant=True)


class Corrector(Protocol):
    """Boxes that a user draws correct what was separated, from what the method learned then."""

    @property
    def holding(self) -> Holding:
        """How boxes hold in the stems."""

    @property
    def carries(self) -> bool:
        """Whether what boxes teach of one chunk can be carried to the others."""

    def correct(
        self,
        read: Read,
        learned: Callable[[int], Mapping[str, Tensor]],
        boxes: Mapping[int, Sequence[ChunkBox]],
        *,
        redraw: bool,
        carry: Sequence[int],
        device: torch.device,
    ) -> Iterator[Step | Corrected]:
        """The masks of every chunk in `boxes`, in order, around its boxes, as they were drawn one after the other.

        learned(i): what `separate` told of chunk i. redraw False: the answer is there at once. carry: the chunks that
        teach the others, in the order in which they were first drawn into; empty, a chunk without boxes is left as it
        was.
        """

    def draw(
        self,
        read: Read,
        learned: Callable[[int], Mapping[str, Tensor]],
        chunks: int,
        *,
        alternative: int,
        seed: int,
        device: torch.device,
    ) -> Iterator[Step | ChunkMasks]:
        """An alternative after the first in full, chunk by chunk: `separate` leaves out of it what takes long.

        learned(i): what `separate` told of chunk i, the alternative's over the first's. What is told of it now are the
        tensors that are others than the first's, again.
        """


@dataclass(frozen=True)
class Known:
    """What whoever asks for a separation knows, or wants, beyond the clip.

    alternatives: how many answers at the most, the first of them included; None: as many as the method thinks worth
    hearing. The first is the same, however many there are. residual: whether what no sound claims for itself is told
    apart, in the first answer. examples: by source, from 0: clips in which it is heard alone. spans: by chunk: boxes as
    high as the clip, in which but one source sounds, or one does not.
    """

    alternatives: int | None = 1
    residual: bool = False
    examples: Mapping[int, Sequence[Heard]] = field(default_factory=dict)
    spans: Mapping[int, Sequence[ChunkBox]] = field(default_factory=dict)


@dataclass(frozen=True)
class Separator(ABC, Generic[M]):
    """K sounds from one mixture, as masks that sum to one."""

    recipe: M

    @abstractmethod
    def separate(
        self,
        read: Read,
        chunks: int,
        *,
        sources: int,
        seed: int,
        device: torch.device,
        known: Known,
        executor: Executor | None = None,
    ) -> Iterator[Event]:
        """One ChunkMasks a chunk and alternative; source k is the same sound in all chunks of one.

        executor: who may compute chunks in this process's place, with the same result.
        """

    @property
    def basis(self) -> str:
        """What of the recipe an answer depends on, as text that is the same from version to version."""
        return repr(self.recipe)

    @property
    def corrector(self) -> Corrector | None:
        """None where what it makes cannot be corrected."""
        return None

    @property
    def takes_examples(self) -> bool:
        """Whether it goes by examples and spans."""
        return False

    @property
    def has_alternatives(self) -> bool:
        """Whether it has more than one answer to a clip, and can tell where they disagree."""
        return False

    def advice(self, sources: int, sounds: Sequence[float] | None, confidence: float | None) -> list[str]:
        """What to tell whoever asked for so many sources; sounds, confidence: of the whole clip, see ChunkMasks."""
        return []


class Shelf(Protocol):
    """Where the tensors of a clip's chunks wait, and take no memory."""

    def __setitem__(self, index: int, kept: Tensor, /) -> None: ...

    def __getitem__(self, index: int, /) -> Tensor: ...


@dataclass(frozen=True)
class Alone:
    """One of two stems is alone in frames `first` to `last` of a chunk, at the clip's rate; stem: 0 speech, 1 noise."""

    stem: int
    first: int
    last: int


@dataclass(frozen=True)
class Example:
    """The noise alone, at the clip's rate, of as many channels as the clip.

    own: it is of the same recording, so that its level is the clip's; top: Hz, up to where it can say anything.
    """

    heard: Heard
    own: bool
    top: float


@dataclass(frozen=True)
class Hints:
    """What a user knows of a clip's noise. examples: from elsewhere; alone: spans of the clip, by their chunks."""

    examples: Sequence[Example] = ()
    alone: Mapping[int, Sequence[Alone]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.examples or self.alone)


@dataclass(frozen=True)
class Denoiser(ABC, Generic[R]):
    """Speech and noise."""

    recipe: R

    @property
    @abstractmethod
    def front(self) -> Front:
        """What it listens to."""

    @property
    @abstractmethod
    def residue(self) -> float:
        """What stays of noise at the least, a gain."""

    @abstractmethod
    def denoise(
        self,
        read: Read,
        chunks: int,
        *,
        shelf: Shelf,
        seed: int,
        device: torch.device,
        check: Callable[[], None],
        hints: Hints,
        executor: Executor | None = None,
    ) -> Iterator[Step | Note | Alive | Speech]:
        """The speech of every chunk, in order. check: called often; what it raises ends the work. hints: nothing for a
        method that takes none. executor: as for a separation.
        """

    @property
    def takes_hints(self) -> bool:
        """Whether it can make use of what is known of the noise."""
        return False

    @property
    def filling(self) -> tuple[Stems, Holding] | None:
        """How boxes hold in its stems, which they alone correct; None where none can."""
        return None

    def floats(self, samples: int) -> int:
        """How many numbers it holds for so many samples of a chunk at the front's rate, beyond copies of the audio."""
        return 0
