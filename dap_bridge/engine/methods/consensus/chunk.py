"""What is done with one chunk of a clip, and needs no other: it is taken apart and described, and, later, answered.

All of it is made of what it is called with, which can be pickled, so that it is the same wherever a chunk is computed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import seeds
from ...events import ChunkMasks, Guidance, Step, StepCounter, relay
from ...recipe import Front
from ...signal.boxes import ChunkBox
from ...signal.rows import Heard, bins, seconds, see
from .components import (
    Factorisation,
    agreed,
    component_activations,
    component_islands,
    component_spectra,
    factorise,
    spectral_islands,
)
from .counting import evidence
from .drawing import answered, drawing_units
from .examples import Guide, allowed
from .grouping import Description, concatenate, describe
from .guidance import compare, inform
from .learned import Learned, differing, dump
from .recipe import ConsensusRecipe, Features


@dataclass(frozen=True)
class Clip:
    """What all chunks of a clip share; the fields as `separation.separate` has them. guides: of each window, what is
    known of sounds alone; none where nothing is.
    """

    chunks: int
    recipe: ConsensusRecipe
    sources: int
    seed: int
    device: torch.device
    guides: Sequence[Guide] = ()

    def generator(self, index: int, number: int = 0) -> torch.Generator:
        """Random numbers of a chunk's own, by what they are for: 0 its components and the first answer, 1 the number of
        its sounds, from 2 up further answers.
        """
        return seeds.generator(self.seed, number * self.chunks + index)


@dataclass(frozen=True)
class Chunk:
    """What is heard of chunk `index`, and the spans that lie in it."""

    index: int
    heard: Heard
    spans: Sequence[ChunkBox] = ()


@dataclass(frozen=True)
class Apart:
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
class Described:
    """What is kept of a chunk until all chunks are grouped.

    snapshots: its components, of all windows, at each; islands: (components,), which each keeps to, None where there
    are not as many as sources; evidence: of the number of sounds, see counting.py, None where there is none; compared:
    to examples, None where there are none; silent: nothing is heard in it.
    """

    snapshots: list[Description]
    islands: Tensor | None
    evidence: dict[str, float] | None
    compared: list[Description] | None
    silent: bool


@dataclass(frozen=True)
class Grouping:
    """An answer, as far as it is decided for all chunks at once.

    labels: (components, sources), rows summing to one; distance: the same, from what is known of sounds, by which
    labels are yet to be informed; None where it goes by nothing of it. what: see Take; confidence: see ChunkMasks.
    """

    labels: Tensor
    what: str
    confidence: float
    distance: Tensor | None = None

    def of(self, own: slice) -> Grouping:
        """Of some of the components, and no memory of the others."""
        return replace(
            self,
            labels=self.labels[own].clone(),
            distance=None if self.distance is None else self.distance[own].clone(),
        )


@dataclass(frozen=True)
class Grouped:
    """takes: all answers, the first one first; beside: those that the first is compared with for a residual, none where
    none is asked for; guidance, sounds: see ChunkMasks.
    """

    takes: list[Grouping]
    beside: list[Grouping]
    guidance: tuple[Guidance, ...]
    sounds: tuple[float, ...] | None

    def of(self, own: slice) -> Grouped:
        """Of some of the components."""
        return replace(self, takes=[one.of(own) for one in self.takes], beside=[one.of(own) for one in self.beside])


def take_apart(
    clip: Clip, chunk: Chunk, generator: torch.Generator, counter: StepCounter, snapshots: Sequence[float] = (1.0,)
) -> Generator[Step, None, Apart]:
    """A chunk's components; from the same generator the same ones, whatever the snapshots."""
    recipe = clip.recipe
    heard = chunk.heard.to(clip.device)
    seen = [see(heard, window.front) for window in recipe.windows]
    islands: Tensor | None = spectral_islands(seen[0][:, : bins(recipe.front)], recipe.islands)
    if islands is not None and int(islands.max()) + 1 != clip.sources:
        islands = None
    pools: list[list[list[Factorisation]]] = []
    updates = count(1)
    total = len(recipe.members) * sum(part.updates for part in recipe.pool)

    def told(units: int, _: int) -> Step:
        return counter.step("factorising", next(updates), total, units=units)

    for own, window in zip(seen, recipe.windows, strict=True):
        parts: list[list[Factorisation]] = []
        inside = None if islands is None else _on_rows(islands, window.front, own.shape[1])
        for part in recipe.pool * window.members:
            run = factorise(own, part, generator, inside, snapshots)
            parts.append((yield from relay(run, partial(told, part.runs))))
        pools.append([list(pool) for pool in zip(*parts, strict=True)])
    return Apart(seen, islands, [list(at_once) for at_once in zip(*pools, strict=True)])


def describe_chunk(clip: Clip, chunk: Chunk, counter: StepCounter) -> Generator[Step, None, Described]:
    """What the components of a chunk are like."""
    looks = clip.recipe.grouping.looks
    apart = yield from take_apart(clip, chunk, clip.generator(chunk.index), counter, looks)
    return (yield from described(clip, chunk.index, apart, counter))


def described(clip: Clip, index: int, apart: Apart, counter: StepCounter) -> Generator[Step, None, Described]:
    """The same, of a chunk that is taken apart already."""
    recipe, views = clip.recipe, len(apart.seen[0])
    early = replace(recipe.features, kinship=None)  # what is learned is learned of spectra that are settled
    snapshots = [_description(recipe, pools, views, early) for pools in apart.snapshots[:-1]]
    snapshots.append(_description(recipe, apart.pools, views, recipe.features))
    compared = compare(clip.guides, apart.pools, views) if clip.guides else None
    silent = not bool(apart.seen[0].any())
    if apart.islands is not None:
        parts = [part for pool in apart.pools for part in pool]
        return Described(snapshots, component_islands(parts, clip.sources), None, compared, silent)
    said = None if silent else (yield from _evidence(clip, index, apart, counter))
    return Described(snapshots, None, said, compared, silent)


def _description(
    recipe: ConsensusRecipe, pools: Sequence[list[Factorisation]], views: int, features: Features
) -> Description:
    """The components of all windows, one window after the other."""
    return concatenate(
        [
            describe(component_spectra(pool, views), component_activations(pool), features, window.front)
            for pool, window in zip(pools, recipe.windows, strict=True)
        ]
    )


def _evidence(
    clip: Clip, index: int, apart: Apart, counter: StepCounter
) -> Generator[Step, None, dict[str, float] | None]:
    """What a chunk that is long enough says of the number of sounds, by the first member."""
    recipe, counting, seen = clip.recipe, clip.recipe.counting, apart.seen[0]
    if counting is None or seen.shape[2] * recipe.front.hop < counting.least_s * recipe.front.rate:
        return None
    run = evidence(apart.pools[0][: len(recipe.pool)], len(seen), recipe, counting, clip.generator(index, 1))
    return (yield from relay(run, lambda done: counter.step("grouping", *done, units=0)))


def answer_chunk(
    clip: Clip, chunk: Chunk, grouped: Grouped, counter: StepCounter, apart: Apart | None = None
) -> Generator[Step | ChunkMasks, None, None]:
    """All answers of a chunk, one after the other; grouped: its own part. It is taken apart as it was described, from
    the same random start, unless it is still `apart`.
    """
    generator = clip.generator(chunk.index)
    if apart is None:
        apart = yield from take_apart(clip, chunk, generator, counter)
    of_chunk = _Answering(clip, chunk, apart, counter)
    several = len(grouped.takes) > 1
    for number, take in enumerate(grouped.takes, 1):
        own = generator if number == 1 else clip.generator(chunk.index, number)
        confidence = take.confidence if apart.islands is None else 1.0
        masks, learned = yield from of_chunk.answer(take, confidence, own, draws=number == 1)
        if number == 1:
            masks = yield from of_chunk.claimed(masks, grouped.beside, confidence)
        yield ChunkMasks(
            chunk.index,
            masks,
            confidence if number == 1 else None,
            dump(learned) if number == 1 else differing(learned),
            grouped.sounds,
            alternative=number,
            what=take.what if several else "",
            guidance=grouped.guidance,
        )


@dataclass(frozen=True)
class _Answering:
    """A chunk whose answers are made."""

    clip: Clip
    chunk: Chunk
    apart: Apart
    counter: StepCounter

    def answer(
        self, take: Grouping, confidence: float, generator: torch.Generator, *, draws: bool = True
    ) -> Generator[Step, None, tuple[Tensor, list[Learned]]]:
        """A chunk's masks (sources, rows, frames) on the CPU, and what each window learned of it."""
        clip, apart = self.clip, self.apart
        recipe, windows = clip.recipe, clip.recipe.windows
        # silence between islands leaves nothing to model and nothing to redraw
        steps = recipe if apart.islands is None else replace(recipe, models=None, refinement=None)
        steps = steps if draws else replace(steps, refinement=None)
        belief = recipe.caution.belief(confidence)
        labels = take.labels
        sizes = [len(labels) // len(recipe.members) * window.members for window in windows]
        by = clip.guides if take.distance is not None and apart.islands is None else [None] * len(windows)
        far = labels if take.distance is None else take.distance
        answers: list[Tensor] = []
        learned: list[Learned] = []
        for seen, pool, own, near, guide, window in zip(
            apart.seen, apart.pools, labels.split(sizes), far.split(sizes), by, windows, strict=True
        ):
            inside = allowed(self.chunk.spans, clip.sources, seconds(window.front, seen))
            if guide is not None:
                own = inform(guide, pool, seen, own, near, inside, window.members, generator)
            masks, kept = yield from answered(
                seen, pool, own, window.members, steps, generator, self.counter, guide, inside
            )
            answers.append(masks)
            learned.append(replace(kept, belief=belief))
        fronts = [window.front for window in windows]
        return agreed(answers, fronts, recipe.mask_exponent, belief).cpu(), learned

    def claimed(self, masks: Tensor, beside: Sequence[Grouping], confidence: float) -> Generator[Step, None, Tensor]:
        """The masks (sources, rows, frames) of the first answer, as far as those that it is compared with say the same,
        and what is left, as one more; as they are, where it is compared with none.
        """
        least = masks
        for number, take in enumerate(beside, 2):
            own = self.clip.generator(self.chunk.index, number)
            others, _ = yield from self.answer(take, confidence, own, draws=False)
            least = torch.minimum(least, others)
        return torch.cat([least, 1 - least.sum(0, keepdim=True)]) if beside else masks


def describing_units(recipe: ConsensusRecipe) -> int:
    """Of taking a chunk apart."""
    return len(recipe.members) * sum(part.runs * part.updates for part in recipe.pool)


def answering_units(recipe: ConsensusRecipe, sources: int, answers: int) -> int:
    """Of answering a chunk that is taken apart."""
    own = recipe.models
    modelling = len(recipe.members) * (own.alone + own.together) * own.runs * sources if own else 0
    return modelling * answers + drawing_units(recipe, sources)


def _on_rows(islands: Tensor, front: Front, rows: int) -> Tensor:
    """The islands (bins,) of the first window on another's rows, by the nearest bin: bands go with the last one."""
    nearest = torch.linspace(0, len(islands) - 1, bins(front)).round().long()
    return islands[F.pad(nearest, (0, rows - bins(front)), value=len(islands) - 1)]
