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
from ...recipe import Front, Refinement
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
from .grouping import Description, concatenate, describe, group_members, separability
from .learned import Decoders, Learned, dump
from .models import blend, model_members
from .priors import Prior, informed, settle
from .recipe import Confidence, ConsensusRecipe, Features, Models
from .redraw import redraw


def separate(
    read: Callable[[int], Heard],
    chunks: int,
    recipe: ConsensusRecipe,
    *,
    sources: int,
    seed: int,
    device: torch.device,
) -> Iterator[Event]:
    """Component consensus of a clip that is read chunk by chunk; yields the events of engine/events.py.

    read(i): chunk i. Every chunk is factorised on its own, then all components
    of all chunks are grouped at once, by each member its own ones, which is why source k is the same sound everywhere.
    Between the two only the components' descriptions are kept: a clip of several chunks is factorised again, from the
    same random start, when its masks are made. A chunk whose spectrum falls apart into as many islands as there are
    sources is divided by them.
    """
    separation = _Separation(read, chunks, recipe, sources, seed, device)
    described = yield from separation.describe()
    grouped = yield from separation.group(described)
    sounds = separation.sounds(described)
    for index, labels in enumerate(grouped.labels):
        masks, learned, confidence = yield from separation.answer(index, labels, grouped.confidence)
        yield ChunkMasks(index, masks.cpu(), confidence, dump(learned), sounds)


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
class _Grouped:
    """labels: of every chunk's components, (components, sources), rows summing to one; confidence: see ChunkMasks."""

    labels: list[Tensor]
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
    only: _Chunk | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.counter = StepCounter(_units(self.recipe, self.sources, self.chunks))

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
        evident = separability(everyone[-1], groups.labels, recipe.features)
        labels = [informed(own, _priors(one)) for own, one in zip(groups.labels.split(counts), described, strict=True)]
        return _Grouped(labels, _probability(evident, recipe.confidence))

    def sounds(self, described: Sequence[_Described]) -> tuple[float, ...] | None:
        """How many sounds the clip may hold, see ChunkMasks."""
        found = [one.evidence for one in described if one.evidence is not None]
        return probabilities(found, self.recipe.counting) if self.recipe.counting and found else None

    def answer(
        self, index: int, labels: Tensor, confidence: float
    ) -> Generator[Step, None, tuple[Tensor, list[Learned], float]]:
        """A chunk's masks (sources, rows, frames), what each window learned of it, and how sure that is: as sure as the
        grouping is, or quite, where islands part it.
        """
        recipe, windows = self.recipe, self.recipe.windows
        generator = seeds.generator(self.seed, index)
        chunk = self.only or (yield from self._take_apart(index, generator, (1.0,)))
        # silence between islands leaves nothing to model and nothing to redraw
        steps = recipe if chunk.islands is None else replace(recipe, models=None, refinement=None)
        confidence = confidence if chunk.islands is None else 1.0
        belief = recipe.caution.belief(confidence)
        shares = labels.split([len(labels) // len(recipe.members) * window.members for window in windows])
        answers: list[Tensor] = []
        learned: list[Learned] = []
        for seen, pool, share, window in zip(chunk.seen, chunk.pools, shares, windows, strict=True):
            masks, own = yield from _answer(seen, pool, share, window.members, steps, generator, self.counter)
            answers.append(masks)
            learned.append(replace(own, belief=belief))
        fronts = [window.front for window in windows]
        return agreed(answers, fronts, recipe.mask_exponent, belief), learned, confidence

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
        masks, decoders = yield from _redraw(seen, masks, recipe.refinement, generator, counter)
    return masks, Learned(pool, labels, decoders, models)


def _probability(evidence: float, recipe: Confidence) -> float:
    return 1 / (1 + math.exp(-(evidence - recipe.half) / recipe.width))


# What an iteration of one decoder costs, in updates of one factorisation: for the progress bar alone.
_UNITS_PER_DECODER = 5


def _units(recipe: ConsensusRecipe, sources: int, chunks: int) -> int:
    members = len(recipe.members)
    factorising = members * sum(part.runs * part.updates for part in recipe.pool)
    decoders = recipe.refinement
    redrawing = members * decoders.iterations * sources * _UNITS_PER_DECODER if decoders else 0
    own = recipe.models
    modelling = members * (own.alone + own.together) * own.runs * sources if own else 0
    return chunks * (factorising * (1 if chunks == 1 else 2) + modelling + redrawing)


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


def _redraw(
    seen: Tensor, masks: Tensor, recipe: Refinement, generator: torch.Generator, counter: StepCounter
) -> Generator[Step, None, tuple[Tensor, Decoders | None]]:
    """One mask for all views: the decoders look at the root of their mean power."""
    units = masks.shape[:2].numel() * _UNITS_PER_DECODER
    run = redraw(seen.square().mean(0).sqrt(), masks, recipe, generator)
    return (
        yield from relay(
            run, lambda at: counter.step("redrawing", at.index + 1, recipe.iterations, units=units, loss=float(at.loss))
        )
    )
