"""K sources from one mixture: its components are described, grouped, and answered for with masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from ... import seeds
from ...events import Alive, ChunkMasks, Event, Note, Step, StepCounter, relay
from ...signal.rows import Heard
from ...spread import Executor, Spread
from ..method import Known
from .chunk import (
    Apart,
    Chunk,
    Clip,
    Described,
    Grouped,
    Grouping,
    answer_chunk,
    answering_units,
    describe_chunk,
    described,
    describing_units,
    take_apart,
)
from .counting import probabilities
from .examples import BLIND, GUIDED, guides
from .grouping import concatenate, separability
from .guidance import DOUBTED, Named, name
from .members import group_members
from .priors import Prior, informed, settle
from .recipe import Alternatives, ConsensusRecipe
from .takes import FIRST, takes


def separate(
    read: Callable[[int], Heard],
    chunks: int,
    recipe: ConsensusRecipe,
    *,
    sources: int,
    seed: int,
    device: torch.device,
    known: Known | None = None,
    executor: Executor | None = None,
) -> Iterator[Event]:
    """Component consensus of a clip that is read chunk by chunk; yields the events of engine/events.py.

    read(i): chunk i. Every chunk is factorised on its own, then all components
    of all chunks are grouped at once, by each member its own ones, which is why source k is the same sound everywhere.
    Between the two only the components' descriptions are kept: a clip of several chunks is factorised again, from the
    same random start, when its masks are made. A chunk whose spectrum falls apart into as many islands as there are
    sources is divided by them. All answers share the components; those after the first are not redrawn. executor: who
    computes the chunks of a clip that has several; None: this process.
    """
    clip = Clip(chunks, recipe, sources, seed, device)
    spread = Spread(executor if chunks > 1 else None)
    separation = _Separation(read, clip, known or Known(), spread)
    with spread.alike():
        everything = yield from separation.describe()
        grouped = yield from separation.group(everything)
        yield from separation.answer(everything, grouped)


@dataclass
class _Separation:
    """A separation under way; the fields as `separate` has them. only: the chunk of a clip that has no other."""

    read: Callable[[int], Heard]
    clip: Clip
    known: Known
    spread: Spread
    only: tuple[Chunk, Apart] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        rules = self.clip.recipe.alternatives
        beside = len(rules.residual) if rules and self.known.residual else 0
        describing = self.clip.chunks * describing_units(self.clip.recipe)
        self.counter = StepCounter(describing + self.clip.chunks * self._answering(self._wanted(0.0) + beside))

    def _answering(self, answers: int) -> int:
        """Units a chunk: one of several is taken apart again."""
        again = 0 if self.clip.chunks == 1 else describing_units(self.clip.recipe)
        return again + answering_units(self.clip.recipe, self.clip.sources, answers)

    def _wanted(self, confidence: float) -> int:
        """How many answers at the most; those with and without examples are two."""
        rules = self.clip.recipe.alternatives
        if rules is None:
            return 1
        offered = rules.offered if confidence < rules.offered_below else 2 if self.clip.guides else 1
        return offered if self.known.alternatives is None else self.known.alternatives

    def _chunk(self, index: int) -> Chunk:
        return Chunk(index, self.read(index), self.known.spans.get(index, ()))

    def describe(self) -> Generator[Step | Alive | Note, None, list[Described]]:
        """What the components of every chunk are like."""
        yield from self._listen()
        units = describing_units(self.clip.recipe)
        if self.clip.chunks == 1:
            chunk, counter = self._chunk(0), self.counter.part(units)
            looks = self.clip.recipe.grouping.looks
            apart = yield from take_apart(self.clip, chunk, self.clip.generator(0), counter, looks)
            self.only = chunk, apart
            found = [(yield from described(self.clip, 0, apart, counter))]
        else:
            calls = ((self.clip, self._chunk(index), self.counter.part(units)) for index in range(self.clip.chunks))
            found = yield from self.spread.map(describe_chunk, calls)
        if all(one.silent for one in found):
            yield Note("The clip is silent: every stem is silence.")
        return found

    def answer(
        self, everything: Sequence[Described], grouped: Grouped
    ) -> Generator[Step | Alive | Note | ChunkMasks, None, None]:
        """All answers, chunk by chunk."""
        units = self._answering(len(grouped.takes) + len(grouped.beside))
        if self.only is not None:
            chunk, apart = self.only
            yield from answer_chunk(self.clip, chunk, grouped, self.counter.part(units), apart)
            return
        ends = torch.tensor(_counts(everything)).cumsum(0).tolist()
        own = [slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
        calls = (
            (self.clip, self._chunk(index), grouped.of(own[index]), self.counter.part(units))
            for index in range(self.clip.chunks)
        )
        yield from self.spread.map(answer_chunk, calls)

    def _listen(self) -> Generator[Step]:
        """Learn of examples and spans."""
        known, clip = self.known, self.clip
        if clip.recipe.examples is None or not (known.examples or known.spans):
            return
        generator = seeds.generator(clip.seed, -2)
        run = guides(known.examples, known.spans, self.read, clip.recipe, clip.sources, generator, clip.device)
        found = yield from relay(run, lambda done: self.counter.step("listening", done, units=0))
        self.clip = replace(clip, guides=found)

    def group(self, everything: Sequence[Described]) -> Generator[Step | Note, None, Grouped]:
        """Which components belong together: by their clustering, and by what is known beside it."""
        recipe, sources = self.clip.recipe, self.clip.sources
        everyone = [concatenate(list(parts)) for parts in zip(*(one.snapshots for one in everything), strict=True)]
        counts = _counts(everything)
        size = len(recipe.members)
        members = torch.cat([torch.arange(size).repeat_interleave(total // size) for total in counts])
        run = group_members(
            everyone, members, recipe.features, recipe.grouping, sources=sources, generator=self._grouping()
        )
        groups = yield from relay(run, lambda done: self.counter.step("grouping", *done, units=0))
        evident = separability(everyone[-1], groups.labels, recipe.features)
        confidence = recipe.confidence.probability(evident)

        def settled(labels: Tensor) -> Tensor:
            return torch.cat(
                [informed(own, _priors(one)) for own, one in zip(labels.split(counts), everything, strict=True)]
            )

        named = self._name(everything, groups.labels.split(counts))
        if named is not None and not named.holds:
            yield Note(DOUBTED)
        first = settled(groups.labels if named is None else torch.cat(named.labels))
        told = [Grouping(first, FIRST if named is None else BLIND, confidence)]
        if named is not None and recipe.examples is not None:
            sure = max(confidence, recipe.examples.confidence)
            guided = Grouping(first, GUIDED, sure, torch.cat(named.distance))
            told.insert(0 if named.trusted else 1, guided)

        def further(rules: Alternatives, wanted: int) -> Generator[Step, None, list[Grouping]]:
            making = takes(
                everyone, members, first, recipe, rules, wanted=wanted, inform=settled, generator=self._grouping
            )
            found = yield from relay(making, lambda done: self.counter.step("grouping", done, units=0))
            return [Grouping(one.labels, one.what, confidence) for one in found]

        wanted, beside = self._wanted(confidence), list[Grouping]()
        told = told[:wanted]
        if (rules := recipe.alternatives) is not None:
            told += yield from further(rules, wanted - len(told))
            compared = replace(rules, order=rules.residual if self.known.residual else (), same=math.inf)
            beside = yield from further(compared, len(compared.order))
        units = self.clip.chunks * self._answering(len(told) + len(beside))
        self.counter.total = self.counter.done + units
        return Grouped(told, beside, () if named is None else named.guidance, self._sounds(everything))

    def _grouping(self) -> torch.Generator:
        """Random numbers of what is done once for all chunks."""
        return seeds.generator(self.clip.seed, -1)

    def _name(self, everything: Sequence[Described], labels: Sequence[Tensor]) -> Named | None:
        """The groups called after the sounds that are known; None where there are none."""
        compared = [one.compared for one in everything if one.compared is not None]
        return name(self.clip.guides, compared, labels) if compared else None

    def _sounds(self, everything: Sequence[Described]) -> tuple[float, ...] | None:
        """How many sounds the clip may hold, see ChunkMasks."""
        found, counting = [one.evidence for one in everything if one.evidence is not None], self.clip.recipe.counting
        return probabilities(found, counting) if counting and found else None


def _counts(everything: Sequence[Described]) -> list[int]:
    """Of every chunk's components."""
    return [len(one.snapshots[-1].energy) for one in everything]


def _priors(chunk: Described) -> list[Prior]:
    """What is known of a chunk's components beside how they were clustered."""
    if chunk.islands is None:
        return []
    return [partial(settle, energy=chunk.snapshots[-1].energy, islands=chunk.islands)]
