"""K sources from one mixture: components -> groups -> anchored fit -> masks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .components import (
    Factorisation,
    component_activations,
    component_spectra,
    factorise,
    group_masks,
    magnitude,
)
from .events import ChunkMasks, Event, Note, Step
from .grouping import Description, Groups, concatenate, describe, group
from .paper import separate_paper
from .recipe import ConsensusRecipe, PaperRecipe, Recipe


@dataclass
class _Work:
    """How much of the separation is done, in units of one factorised run and update."""

    total: int
    done: int = 0

    def step(self, stage: str, iteration: int, iterations: int, units: int = 0, loss: float | None = None) -> Step:
        self.done += units
        return Step(stage, iteration, iterations, min(1.0, self.done / self.total), loss)


def separate(
    read: Callable[[int], Tensor],
    chunks: int,
    recipe: Recipe,
    *,
    sources: int,
    seed: int,
    device: torch.device,
) -> Iterator[Event]:
    """Separate a clip that is read chunk by chunk, by the method the recipe stands for.

    read(i): (channels, samples) float32 at recipe.front.rate. Yields the events of engine/events.py.
    """
    if isinstance(recipe, PaperRecipe):
        return separate_paper(read, chunks, recipe, sources=sources, seed=seed, device=device)
    return _separate_by_consensus(read, chunks, recipe, sources=sources, seed=seed, device=device)


def _separate_by_consensus(
    read: Callable[[int], Tensor],
    chunks: int,
    recipe: ConsensusRecipe,
    *,
    sources: int,
    seed: int,
    device: torch.device,
) -> Iterator[Event]:
    """Component consensus, chunk by chunk.

    read(i): (channels, samples) float32 at recipe.front.rate. Every chunk is factorised on its own, then all components
    of all chunks are grouped at once, which is why source k is the same sound everywhere. Between the two only the
    components' descriptions are kept: a clip of several chunks is factorised again, from the same random start, when
    its masks are made.
    """
    units = sum(part.runs * part.updates for part in recipe.pool)
    work = _Work(total=chunks * units * (1 if chunks == 1 else 2))
    descriptions: list[Description] = []
    pool: list[Factorisation] = []
    silent = True
    for index in range(chunks):
        seen = magnitude(read(index).to(device), recipe.front)
        silent = silent and not bool(seen.any())
        pool = yield from _factorise(seen, recipe, seed, index, work)
        spectra, activations = component_spectra(pool, len(seen)), component_activations(pool)
        descriptions.append(describe(spectra, activations, recipe.features, recipe.front))
        yield work.step("describing", index + 1, chunks)
    if silent:
        yield Note("The clip is silent: every stem is silence.")

    counts = [len(part.energy) for part in descriptions]
    groups = yield from _group(concatenate(descriptions), recipe, sources, seed, work)
    for index, labels in enumerate(groups.labels.split(counts)):
        if chunks > 1:
            seen = magnitude(read(index).to(device), recipe.front)
            pool = yield from _factorise(seen, recipe, seed, index, work)
        masks = group_masks(pool, labels.to(device), len(seen))
        yield ChunkMasks(index, masks.cpu(), groups.agreement)


def _factorise(
    seen: Tensor, recipe: ConsensusRecipe, seed: int, index: int, work: _Work
) -> Generator[Step, None, list[Factorisation]]:
    generator = torch.Generator().manual_seed(_seed_of(seed, index))
    pool: list[Factorisation] = []
    updates, before = sum(part.updates for part in recipe.pool), 0
    for part in recipe.pool:
        run = factorise(seen, part, generator)
        while True:
            try:
                update = next(run)
            except StopIteration as end:
                pool.append(end.value)
                break
            yield work.step("factorising", before + update + 1, updates, part.runs)
        before += part.updates
    return pool


def _group(
    description: Description, recipe: ConsensusRecipe, sources: int, seed: int, work: _Work
) -> Generator[Step, None, Groups]:
    generator = torch.Generator().manual_seed(_seed_of(seed, -1))
    run = group(description, recipe.features, recipe.grouping, sources=sources, generator=generator)
    count = 0
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value
        count += 1
        yield work.step("grouping", count, count)


def _seed_of(seed: int, index: int) -> int:
    """A seed of its own for every chunk, the same whenever the chunk is seen."""
    return (seed * 1_000_003 + index + 1) % 2**63
