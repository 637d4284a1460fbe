"""K sources from one mixture: its components are described, grouped, and answered for with masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import seeds
from ...events import ChunkMasks, Event, Guidance, Note, Step, StepCounter, relay
from ...recipe import Front
from ...signal.rows import Heard, bins, seconds, see
from ..method import Known
from .components import (
    Factorisation,
    agreed,
    component_activations,
    component_islands,
    component_spectra,
    factorise,
    spectral_islands,
)
from .counting import evidence, probabilities
from .drawing import answered, drawing_units
from .examples import BLIND, GUIDED, Guide, allowed, guides
from .grouping import Description, concatenate, describe, separability
from .guidance import DOUBTED, Named, compare, inform, name
from .learned import Learned, differing, dump
from .members import group_members
from .priors import Prior, informed, settle
from .recipe import Alternatives, ConsensusRecipe, Features
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
) -> Iterator[Event]:
    """Component consensus of a clip that is read chunk by chunk; yields the events of engine/events.py.

    read(i): chunk i. Every chunk is factorised on its own, then all components
    of all chunks are grouped at once, by each member its own ones, which is why source k is the same sound everywhere.
    Between the two only the components' descriptions are kept: a clip of several chunks is factorised again, from the
    same random start, when its masks are made. A chunk whose spectrum falls apart into as many islands as there are
    sources is divided by them. All answers share the components; those after the first are not redrawn.
    """
    separation = _Separation(read, chunks, recipe, sources, seed, device, known or Known())
    described = yield from separation.describe()
    grouped = yield from separation.group(described)
    sounds = separation.sounds(described)
    for index in range(chunks):
        generator = seeds.generator(seed, index)
        chunk = yield from separation.again(index, generator)
        several = len(grouped.takes) > 1
        for number, take in enumerate(grouped.takes, 1):
            own = generator if number == 1 else seeds.generator(seed, number * chunks + index)
            confidence = take.confidence if chunk.islands is None else 1.0
            masks, learned = yield from separation.answer(index, chunk, take, confidence, own, draws=number == 1)
            if number == 1:
                masks = yield from separation.claimed(index, chunk, masks, grouped, confidence)
            yield ChunkMasks(
                index,
                masks,
                confidence if number == 1 else None,
                dump(learned) if number == 1 else differing(learned),
                sounds,
                alternative=number,
                what=take.what if several else "",
                guidance=grouped.guidance,
            )


@dataclass(frozen=True)
class _Chunk:
    """A chunk taken apart.

    seen: what each window sees, (views, its rows, frames); islands: of every bin of the first window, None where there
    are not as many as sources; snapshots: at each, the pools of all windows, each the parts of its members one after
    the other.
    """

    seen: list[Tensor]
    islands: Tensor | None
    snapshots: list[list[list[Factorisation]]]

    @property
    def pools(self) -> list[list[Factorisation]]:
        """Those of the end."""
        return self.snapshots[-1]


@dataclass(frozen=True)
class _Described:
    """What is kept of a chunk until all chunks are grouped.

    snapshots: its components, of all windows, at each; islands: (components,), which each keeps to, None where there
    are not as many as sources; evidence: of the number of sounds, see counting.py, None where there is none; compared:
    to examples, None where there are none.
    """

    snapshots: list[Description]
    islands: Tensor | None
    evidence: dict[str, float] | None
    compared: list[Description] | None


@dataclass(frozen=True)
class _Grouping:
    """An answer.

    labels: of every chunk's components, (components, sources), rows summing to one; distance: the same, from what is
    known of sounds, by which labels are yet to be informed; None where it goes by nothing of it. what: see Take;
    confidence: see ChunkMasks.
    """

    labels: tuple[Tensor, ...]
    what: str
    confidence: float
    distance: tuple[Tensor, ...] | None = None


@dataclass(frozen=True)
class _Grouped:
    """takes: all answers, the first one first; beside: those that the first is compared with for a residual, none where
    none is asked for; guidance: see ChunkMasks.
    """

    takes: list[_Grouping]
    beside: list[_Grouping]
    guidance: tuple[Guidance, ...]


@dataclass
class _Separation:
    """A separation under way; the fields as `separate` has them. only: the chunk of a clip that has no other."""

    read: Callable[[int], Heard]
    chunks: int
    recipe: ConsensusRecipe
    sources: int
    seed: int
    device: torch.device
    known: Known
    only: _Chunk | None = field(default=None, init=False)
    guides: list[Guide] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        rules = self.recipe.alternatives
        beside = len(rules.residual) if rules and self.known.residual else 0
        self.counter = StepCounter(_units(self.recipe, self.sources, self.chunks, self._wanted(0.0) - 1 + beside))

    def _wanted(self, confidence: float) -> int:
        """How many answers at the most; those with and without examples are two."""
        rules = self.recipe.alternatives
        if rules is None:
            return 1
        offered = rules.offered if confidence < rules.offered_below else 2 if self.guides else 1
        return offered if self.known.alternatives is None else self.known.alternatives

    def describe(self) -> Generator[Step | Note, None, list[_Described]]:
        """What the components of every chunk are like."""
        described: list[_Described] = []
        silent = True
        yield from self._listen()
        for index in range(self.chunks):
            generator = seeds.generator(self.seed, index)
            chunk = yield from self._take_apart(index, generator, self.recipe.grouping.looks)
            silent = silent and not bool(chunk.seen[0].any())
            described.append((yield from self._describe(index, chunk)))
            self.only = chunk if self.chunks == 1 else None
        if silent:
            yield Note("The clip is silent: every stem is silence.")
        return described

    def _listen(self) -> Generator[Step]:
        """Learn of examples and spans."""
        known = self.known
        if self.recipe.examples is None or not (known.examples or known.spans):
            return
        generator = seeds.generator(self.seed, -2)
        run = guides(known.examples, known.spans, self.read, self.recipe, self.sources, generator, self.device)
        self.guides = yield from relay(run, lambda done: self.counter.step("listening", done, units=0))

    def group(self, described: Sequence[_Described]) -> Generator[Step | Note, None, _Grouped]:
        """Which components belong together: by their clustering, and by what is known beside it."""
        recipe = self.recipe
        everyone = [concatenate(list(parts)) for parts in zip(*(one.snapshots for one in described), strict=True)]
        counts = [len(one.snapshots[-1].energy) for one in described]
        size = len(recipe.members)
        members = torch.cat([torch.arange(size).repeat_interleave(total // size) for total in counts])
        generator = seeds.generator(self.seed, -1)
        run = group_members(
            everyone, members, recipe.features, recipe.grouping, sources=self.sources, generator=generator
        )
        groups = yield from relay(run, lambda done: self.counter.step("grouping", *done, units=0))
        evident = separability(everyone[-1], groups.labels, recipe.features)
        confidence = recipe.confidence.probability(evident)

        def settled(labels: Tensor) -> Tensor:
            return torch.cat(
                [informed(own, _priors(one)) for own, one in zip(labels.split(counts), described, strict=True)]
            )

        named = self._name(described, groups.labels.split(counts))
        if named is not None and not named.holds:
            yield Note(DOUBTED)
        first = settled(groups.labels if named is None else torch.cat(named.labels))
        told = [_Grouping(first.split(counts), FIRST if named is None else BLIND, confidence)]
        if named is not None and recipe.examples is not None:
            sure = max(confidence, recipe.examples.confidence)
            guided = _Grouping(first.split(counts), GUIDED, sure, named.distance)
            told.insert(0 if named.trusted else 1, guided)

        def further(rules: Alternatives, wanted: int) -> Generator[Step, None, list[_Grouping]]:
            making = takes(
                everyone,
                members,
                first,
                recipe,
                rules,
                wanted=wanted,
                inform=settled,
                generator=lambda: seeds.generator(self.seed, -1),
            )
            found = yield from relay(making, lambda done: self.counter.step("grouping", done, units=0))
            return [_Grouping(one.labels.split(counts), one.what, confidence) for one in found]

        wanted, beside = self._wanted(confidence), list[_Grouping]()
        told = told[:wanted]
        if (rules := recipe.alternatives) is not None:
            told += yield from further(rules, wanted - len(told))
            compared = replace(rules, order=rules.residual if self.known.residual else (), same=math.inf)
            beside = yield from further(compared, len(compared.order))
        more = len(told) - 1 + len(beside)
        self.counter.total = self.counter.done + _answering(recipe, self.sources, self.chunks, more)
        return _Grouped(told, beside, () if named is None else named.guidance)

    def _name(self, described: Sequence[_Described], labels: Sequence[Tensor]) -> Named | None:
        """The groups called after the sounds that are known; None where there are none."""
        compared = [one.compared for one in described if one.compared is not None]
        return name(self.guides, compared, labels) if compared else None

    def sounds(self, described: Sequence[_Described]) -> tuple[float, ...] | None:
        """How many sounds the clip may hold, see ChunkMasks."""
        found = [one.evidence for one in described if one.evidence is not None]
        return probabilities(found, self.recipe.counting) if self.recipe.counting and found else None

    def again(self, index: int, generator: torch.Generator) -> Generator[Step, None, _Chunk]:
        """A chunk taken apart as it was described."""
        return self.only or (yield from self._take_apart(index, generator, (1.0,)))

    def answer(
        self,
        index: int,
        chunk: _Chunk,
        take: _Grouping,
        confidence: float,
        generator: torch.Generator,
        *,
        draws: bool = True,
    ) -> Generator[Step, None, tuple[Tensor, list[Learned]]]:
        """A chunk's masks (sources, rows, frames) on the CPU, and what each window learned of it."""
        recipe, windows = self.recipe, self.recipe.windows
        # silence between islands leaves nothing to model and nothing to redraw
        steps = recipe if chunk.islands is None else replace(recipe, models=None, refinement=None)
        steps = steps if draws else replace(steps, refinement=None)
        belief = recipe.caution.belief(confidence)
        labels = take.labels[index]
        sizes = [len(labels) // len(recipe.members) * window.members for window in windows]
        by = self.guides if take.distance is not None and chunk.islands is None else [None] * len(windows)
        far = labels if take.distance is None else take.distance[index]
        answers: list[Tensor] = []
        learned: list[Learned] = []
        for seen, pool, own, near, guide, window in zip(
            chunk.seen, chunk.pools, labels.split(sizes), far.split(sizes), by, windows, strict=True
        ):
            inside = allowed(self.known.spans.get(index, ()), self.sources, seconds(window.front, seen))
            if guide is not None:
                own = inform(guide, pool, seen, own, near, inside, window.members, generator)
            masks, kept = yield from answered(
                seen, pool, own, window.members, steps, generator, self.counter, guide, inside
            )
            answers.append(masks)
            learned.append(replace(kept, belief=belief))
        fronts = [window.front for window in windows]
        return agreed(answers, fronts, recipe.mask_exponent, belief).cpu(), learned

    def claimed(
        self, index: int, chunk: _Chunk, masks: Tensor, grouped: _Grouped, confidence: float
    ) -> Generator[Step, None, Tensor]:
        """The masks (sources, rows, frames) of the first answer, as far as those that it is compared with say the same,
        and what is left, as one more; as they are, where it is compared with none.
        """
        least = masks
        for number, take in enumerate(grouped.beside, 2):
            own = seeds.generator(self.seed, number * self.chunks + index)
            others, _ = yield from self.answer(index, chunk, take, confidence, own, draws=False)
            least = torch.minimum(least, others)
        return torch.cat([least, 1 - least.sum(0, keepdim=True)]) if grouped.beside else masks

    def _take_apart(
        self, index: int, generator: torch.Generator, snapshots: Sequence[float]
    ) -> Generator[Step, None, _Chunk]:
        recipe = self.recipe
        heard = self.read(index).to(self.device)
        seen = [see(heard, window.front) for window in recipe.windows]
        islands: Tensor | None = spectral_islands(seen[0][:, : bins(recipe.front)], recipe.islands)
        if islands is not None and int(islands.max()) + 1 != self.sources:
            islands = None
        pools: list[list[list[Factorisation]]] = []
        updates = count(1)
        total = len(recipe.members) * sum(part.updates for part in recipe.pool)

        def told(units: int, _: int) -> Step:
            return self.counter.step("factorising", next(updates), total, units=units)

        for own, window in zip(seen, recipe.windows, strict=True):
            parts: list[list[Factorisation]] = []
            inside = None if islands is None else _on_rows(islands, window.front, own.shape[1])
            for part in recipe.pool * window.members:
                run = factorise(own, part, generator, inside, snapshots)
                parts.append((yield from relay(run, partial(told, part.runs))))
            pools.append([list(pool) for pool in zip(*parts, strict=True)])
        return _Chunk(seen, islands, [list(at_once) for at_once in zip(*pools, strict=True)])

    def _describe(self, index: int, chunk: _Chunk) -> Generator[Step, None, _Described]:
        views = len(chunk.seen[0])
        early = replace(self.recipe.features, kinship=None)  # what is learned is learned of spectra that are settled
        snapshots = [self._described(pools, views, early) for pools in chunk.snapshots[:-1]]
        snapshots.append(self._described(chunk.pools, views, self.recipe.features))
        beside = compare(self.guides, chunk.pools, views) if self.guides else None
        if chunk.islands is not None:
            parts = [part for pool in chunk.pools for part in pool]
            return _Described(snapshots, component_islands(parts, self.sources), None, beside)
        said = yield from self._evidence(index, chunk)
        return _Described(snapshots, None, said, beside)

    def _described(self, pools: Sequence[list[Factorisation]], views: int, features: Features) -> Description:
        """The components of all windows, one window after the other."""
        return concatenate(
            [
                describe(component_spectra(pool, views), component_activations(pool), features, window.front)
                for pool, window in zip(pools, self.recipe.windows, strict=True)
            ]
        )

    def _evidence(self, index: int, chunk: _Chunk) -> Generator[Step, None, dict[str, float] | None]:
        """What a chunk that is long enough, and not silent, says of the number of sounds, by the first member."""
        recipe, counting, seen = self.recipe, self.recipe.counting, chunk.seen[0]
        if counting is None or seen.shape[2] * recipe.front.hop < counting.least_s * recipe.front.rate:
            return None
        if not bool(seen.any()):
            return None
        generator = seeds.generator(self.seed, self.chunks + index)
        run = evidence(chunk.pools[0][: len(recipe.pool)], len(seen), recipe, counting, generator)
        return (yield from relay(run, lambda done: self.counter.step("grouping", *done, units=0)))


def _priors(described: _Described) -> list[Prior]:
    """What is known of a chunk's components beside how they were clustered."""
    if described.islands is None:
        return []
    return [partial(settle, energy=described.snapshots[-1].energy, islands=described.islands)]


def _units(recipe: ConsensusRecipe, sources: int, chunks: int, further: int) -> int:
    """Of all; further: answers beyond the first."""
    return chunks * _factorising(recipe) + _answering(recipe, sources, chunks, further)


def _answering(recipe: ConsensusRecipe, sources: int, chunks: int, further: int) -> int:
    """Of all that comes after the grouping: a clip of several chunks is taken apart again."""
    own = recipe.models
    modelling = len(recipe.members) * (own.alone + own.together) * own.runs * sources if own else 0
    again = 0 if chunks == 1 else _factorising(recipe)
    return chunks * (again + modelling * (1 + further) + drawing_units(recipe, sources))


def _factorising(recipe: ConsensusRecipe) -> int:
    return len(recipe.members) * sum(part.runs * part.updates for part in recipe.pool)


def _on_rows(islands: Tensor, front: Front, rows: int) -> Tensor:
    """The islands (bins,) of the first window on another's rows, by the nearest bin: bands go with the last one."""
    nearest = torch.linspace(0, len(islands) - 1, bins(front)).round().long()
    return islands[F.pad(nearest, (0, rows - bins(front)), value=len(islands) - 1)]
