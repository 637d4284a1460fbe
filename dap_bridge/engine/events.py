"""What the engine tells its caller while it runs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torch import Tensor

Item = TypeVar("Item")
Told = TypeVar("Told")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Step:
    """One unit of work done. fraction: of the whole, 0..1; iteration counts within `stage`."""

    stage: str
    iteration: int
    iterations: int
    fraction: float
    loss: float | None = None


@dataclass(frozen=True)
class Note:
    """Something the user should know; ends up in the manifest's warnings."""

    message: str


@dataclass(frozen=True)
class Alive:
    """A sign of life: others compute, and there is nothing to tell of it."""


@dataclass(frozen=True)
class Guidance:
    """What an example of a source, from 0, is worth. distance: by kinship, squared, from what is the source's in the
    clip; trusted: whether that is little enough.
    """

    source: int
    distance: float
    trusted: bool


@dataclass(frozen=True)
class ChunkMasks:
    """The answer for one chunk. masks: (sources, bins, frames) on the recipe's front grid, summing to one over sources.

    Yielded in the order of the chunks; source k is the same sound in every chunk. confidence: how sure the method is of
    its answer, 0..1, without any reference; None where it cannot say. learned: what a correction goes on from, tensors
    by names that stay the same from version to version; empty where there is nothing of the kind. sounds: the
    probability that the clip holds 1, 2 ... of them, the same in every chunk; None where the method cannot say.
    restarts: which start was kept, 0 the first, the same in every chunk from the first one that was not silent; None
    before, and where a method starts but once.

    alternative: which of several answers to the same clip it is a part of, from 1; those of a chunk come one after the
    other, in their order, the same ones in every chunk. what: how this one differs from the others, in a person's
    words, the same in every chunk; empty where there are no others. What is `learned` of one after the first are the
    tensors that are others than the first's: with those of the first beneath them, by their names, all of it is there.
    Where a residual is asked for, the masks of the first have one more, the last: what no source claims. guidance: of
    each source with an example, the same in every chunk.
    """

    index: int
    masks: Tensor
    confidence: float | None = None
    learned: Mapping[str, Tensor] = field(default_factory=dict)
    sounds: tuple[float, ...] | None = None
    restarts: int | None = None
    alternative: int = 1
    what: str = ""
    guidance: tuple[Guidance, ...] = ()


@dataclass(frozen=True)
class Corrected(ChunkMasks):
    """The corrected answer for one chunk.

    change: energy of each source's change outside the boxes, in the front's band; level: its energy there before.
    """

    change: tuple[float, ...] = ()
    level: tuple[float, ...] = ()


@dataclass(frozen=True)
class Speech:
    """The speech of one chunk. audio: (channels, frames), as long as the chunk."""

    index: int
    audio: Tensor


@dataclass(frozen=True)
class Made:
    """A piece of new audio (channels, samples) of result `index`; the pieces of a result follow one another."""

    index: int
    audio: Tensor


Event = Step | Note | Alive | ChunkMasks


@dataclass
class StepCounter:
    """How much is done, in units of the caller's choice."""

    total: int
    done: int = 0

    def part(self, units: int) -> StepCounter:
        """What counts so many units that follow, which are done from here on as far as this one knows."""
        own = replace(self)
        self.done += units
        return own

    def step(
        self,
        stage: str,
        iteration: int | None = None,
        iterations: int | None = None,
        *,
        units: int = 1,
        loss: float | None = None,
    ) -> Step:
        """So many units more are done. iteration, of iterations: left out, the units of the whole."""
        self.done += units
        return Step(
            stage,
            self.done if iteration is None else iteration,
            self.total if iterations is None else iterations,
            min(1.0, self.done / self.total),
            loss,
        )


def within(start: float, share: float) -> Callable[[Any], Any]:
    """What `relay` tells of a part of the whole: a Step's fraction is brought into start .. start + share, and whatever
    else is said is passed on as it is.
    """
    return lambda event: replace(event, fraction=start + share * event.fraction) if isinstance(event, Step) else event


def relay(run: Generator[Item, None, Result], tell: Callable[[Item], Told]) -> Generator[Told, None, Result]:
    """Run to the end and return its result; each thing it yields is told in other words, mostly as a Step."""
    while True:
        try:
            item = next(run)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield tell(item)
