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
from ...events import ChunkMasks, Event, Note, Step, StepCounter, relay
from ...recipe import Front
from ...signal.rows import Heard, bins, see
from .components import (
    Factorisation,
    agreed,
    component_activations,
    component_islands,
    component_spectra,
    factorise,
    member_masks,
    spectral_islands,
)
from .counting import evidence, probabilities
from .drawing import drawing_units, redrawn
from .grouping import Description, concatenate, describe, separability
from .learned import Learned, differing, dump
from .members import group_members
from .models import blend, model_members
from .priors import Prior, informed, settle
from .recipe import Confidence, ConsensusRecipe, Features, Models
from .takes import FIRST, Take, takes


def separate(
    read: Callable[[int], Heard],
    chunks: int,
    recipe: ConsensusRecipe,
    *,
    sources: int,
    seed: int,
    device: torch.device,
    alternatives: int | None = 1,
) -> Iterator[Event]:
    """Component consensus of a clip that is read chunk by chunk; yields the events of engine/events.py.

    read(i): chunk i. Every chunk is factorised on its own, then all components
    of all chunks are grouped at once, by each member its own ones, which is why source k is the same sound everywhere.
    Between the two only the components' descriptions are kept: a clip of several chunks is factorised again, from the
    same random start, when its masks are made. A chunk whose spectrum falls apart into as many islands as there are
    sources is divided by them. alternatives: see `Known`. All answers share the components; those after the first are
    not redrawn.
    """
    separation = _Separation(read, chunks, recipe, sources, seed, device, alternatives)
    described = yield from separation.describe()
    grouped = yield from separation.group(described)
    sounds = separation.sounds(described)
    for index in range(chunks):
        generator = seeds.generator(seed, index)
        chunk = yield from separation.again(index, generator)
        first, *further = grouped.takes
        confidence = grouped.confidence if chunk.islands is None else 1.0
        masks, learned = yield from separation.answer(chunk, first.labels[index], confidence, generator)
        yield ChunkMasks(index, masks, confidence, dump(learned), sounds, what=first.what if further else "")
        for number, take in enumerate(further, 2):
            own = seeds.generator(seed, number * chunks + index)
            masks, learned = yield from separation.answer(chunk, take.labels[index], confidence, own, draws=False)
            told = differing(learned)
            yield ChunkMasks(index, masks, None, told, sounds, alternative=number, what=take.what)


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
    are not as many as sources; evidence: of the number of sounds, see counting.py, None where there is none.
    """

    snapshots: list[Description]
    islands: Tensor | None
    evidence: dict[str, float] | None


@dataclass(frozen=True)
class _Grouping:
    """An answer. labels: of every chunk's components, (components, sources), rows summing to one; what: see Take."""

    labels: tuple[Tensor, ...]
    what: str


@dataclass(frozen=True)
class _Grouped:
    """takes: all answers, the first one first; confidence: of that, see ChunkMasks."""

    takes: list[_Grouping]
    confidence: float


@dataclass
class _Separation:
    """A separation under way; the fields as `separate` has them. only: the chunk of a clip that has no other."""

    read: Callable[[int], Heard]
    chunks: int
    recipe: ConsensusRecipe
    sources: int
    seed: int
    device: torch.device
    alternatives: int | None = 1
    only: _Chunk | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.counter = StepCounter(_units(self.recipe, self.sources, self.chunks, self._most - 1))

    @property
    def _most(self) -> int:
        """How many answers there may be, before it is known how many there are."""
        rules = self.recipe.alternatives
        return (rules.offered if rules else 1) if self.alternatives is None else self.alternatives

    def describe(self) -> Generator[Step | Note, None, list[_Described]]:
        """What the components of every chunk are like."""
        described: list[_Described] = []
        silent = True
        for index in range(self.chunks):
            generator = seeds.generator(self.seed, index)
            chunk = yield from self._take_apart(index, generator, self.recipe.grouping.looks)
            silent = silent and not bool(chunk.seen[0].any())
            described.append((yield from self._describe(index, chunk)))
            self.only = chunk if self.chunks == 1 else None
        if silent:
            yield Note("The clip is silent: every stem is silence.")
        return described

    def group(self, described: Sequence[_Described]) -> Generator[Step, None, _Grouped]:
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
        evident = groups.agreement + separability(everyone[-1], groups.labels, recipe.features)
        confidence = _probability(evident, recipe.confidence)

        def inform(labels: Tensor) -> Tensor:
            return torch.cat(
                [informed(own, _priors(one)) for own, one in zip(labels.split(counts), described, strict=True)]
            )

        found = [Take(inform(groups.labels), FIRST)]
        rules = recipe.alternatives
        doubtful = rules is not None and confidence < rules.offered_below
        wanted = self._most if self.alternatives is not None or doubtful else 1
        if rules is not None and wanted > 1:
            making = takes(
                everyone,
                members,
                found[0].labels,
                recipe,
                rules,
                wanted=wanted - 1,
                inform=inform,
                generator=lambda: seeds.generator(self.seed, -1),
            )
            found += yield from relay(making, lambda done: self.counter.step("grouping", done, units=0))
        self.counter.total = self.counter.done + _answering(recipe, self.sources, self.chunks, len(found) - 1)
        return _Grouped([_Grouping(one.labels.split(counts), one.what) for one in found], confidence)

    def sounds(self, described: Sequence[_Described]) -> tuple[float, ...] | None:
        """How many sounds the clip may hold, see ChunkMasks."""
        found = [one.evidence for one in described if one.evidence is not None]
        return probabilities(found, self.recipe.counting) if self.recipe.counting and found else None

    def again(self, index: int, generator: torch.Generator) -> Generator[Step, None, _Chunk]:
        """A chunk taken apart as it was described."""
        return self.only or (yield from self._take_apart(index, generator, (1.0,)))

    def answer(
        self, chunk: _Chunk, labels: Tensor, confidence: float, generator: torch.Generator, *, draws: bool = True
    ) -> Generator[Step, None, tuple[Tensor, list[Learned]]]:
        """A chunk's masks (sources, rows, frames) on the CPU, and what each window learned of it."""
        recipe, windows = self.recipe, self.recipe.windows
        # silence between islands leaves nothing to model and nothing to redraw
        steps = recipe if chunk.islands is None else replace(recipe, models=None, refinement=None)
        steps = steps if draws else replace(steps, refinement=None)
        belief = recipe.caution.belief(confidence)
        shares = labels.split([len(labels) // len(recipe.members) * window.members for window in windows])
        answers: list[Tensor] = []
        learned: list[Learned] = []
        for seen, pool, share, window in zip(chunk.seen, chunk.pools, shares, windows, strict=True):
            masks, own = yield from _answer(seen, pool, share, window.members, steps, generator, self.counter)
            answers.append(masks)
            learned.append(replace(own, belief=belief))
        fronts = [window.front for window in windows]
        return agreed(answers, fronts, recipe.mask_exponent, belief).cpu(), learned

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
        if chunk.islands is not None:
            parts = [part for pool in chunk.pools for part in pool]
            return _Described(snapshots, component_islands(parts, self.sources), None)
        said = yield from self._evidence(index, chunk)
        return _Described(snapshots, None, said)

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


def _answer(
    seen: Tensor,
    pool: list[Factorisation],
    labels: Tensor,
    members: int,
    recipe: ConsensusRecipe,
    generator: torch.Generator,
    counter: StepCounter,
) -> Generator[Step, None, tuple[Tensor, Learned]]:
    """The masks of a window's members for one chunk, (members, sources, bins, frames), and what they learned of it."""
    masks = member_masks(pool, labels.to(seen.device), len(seen), members)
    models: list[Factorisation] = []
    decoders = None
    if recipe.models is not None:
        models = yield from _model(seen, masks, recipe.models, generator, counter)
        masks = blend(masks, models, seen, recipe.models)
    if recipe.refinement is not None:
        masks, decoders = yield from redrawn(seen, masks, recipe.refinement, generator, counter)
    return masks, Learned(pool, labels, decoders, models)


def _probability(evidence: float, recipe: Confidence) -> float:
    return 1 / (1 + math.exp(-(evidence - recipe.half) / recipe.width))


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


def _model(
    seen: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator, counter: StepCounter
) -> Generator[Step, None, list[Factorisation]]:
    """The models of every member of a window, each from its own masks (members, sources, bins, frames)."""
    members, sources = masks.shape[:2]
    total = members * (recipe.alone + recipe.together)
    run = model_members(seen, masks, recipe, generator)
    return (yield from relay(run, lambda done: counter.step("modelling", done, total, units=recipe.runs * sources)))
