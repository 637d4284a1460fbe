"""K sources from one mixture: components -> groups -> models -> anchored fit -> masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import count

import torch
from torch import Tensor

from .anchored import Decoders, refine
from .components import (
    Factorisation,
    component_activations,
    component_islands,
    component_spectra,
    factorise,
    magnitude,
    member_masks,
    sharpen,
    spectral_islands,
)
from .counting import chances, evidence
from .events import ChunkMasks, Event, Fit, Note, Step, Work, relay
from .fit import chance
from .grouping import Description, concatenate, describe, group_members, separability, settle
from .models import blend, model
from .paper import separate_paper
from .recipe import Confidence, ConsensusRecipe, Counting, Front, Models, PaperRecipe, Refinement


def separate(
    read: Callable[[int], Tensor],
    chunks: int,
    recipe: ConsensusRecipe | PaperRecipe,
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
    of all chunks are grouped at once, by each member of the committee its own ones, which is why source k is the same
    sound everywhere. Between the two only the components' descriptions are kept: a clip of several chunks is factorised
    again, from the same random start, when its masks are made. A chunk whose spectrum falls apart into as many islands
    as there are sources is divided by them.
    """
    work = Work(total=_units(recipe, sources, chunks))
    descriptions: list[list[Description]] = []
    pool: list[Factorisation] = []
    islands: Tensor | None = None
    silent = True
    found: list[dict[str, float]] = []
    for index in range(chunks):
        seen = magnitude(read(index).to(device), recipe.front)
        silent = silent and not bool(seen.any())
        islands = _islands(seen, recipe, sources)
        looks = yield from _factorise(seen, recipe, islands, chance(seed, index), recipe.grouping.looks, work)
        descriptions.append([_described(look, recipe, len(seen)) for look in looks])
        pool = looks[-1]
        if recipe.counting and islands is None and _tells(seen, recipe.front, recipe.counting):
            said = evidence(pool[: len(recipe.pool)], len(seen), recipe, recipe.counting, chance(seed, chunks + index))
            found.append((yield from relay(said, lambda done: work.step("grouping", *done, units=0))))
    if silent:
        yield Note("The clip is silent: every stem is silence.")

    described = [concatenate(list(parts)) for parts in zip(*descriptions, strict=True)]
    counts = [len(looks[-1].energy) for looks in descriptions]
    members = torch.cat([torch.arange(recipe.members).repeat_interleave(size // recipe.members) for size in counts])
    generator = chance(seed, -1)
    grouping = group_members(described, members, recipe.features, recipe.grouping, sources=sources, generator=generator)
    groups = yield from relay(grouping, lambda done: work.step("grouping", *done, units=0))
    evident = groups.agreement + separability(described[-1], groups.labels, recipe.features)
    confidence = _chance(evident, recipe.confidence)
    counted = chances(found, recipe.counting) if recipe.counting and found else None
    for index, labels in enumerate(groups.labels.split(counts)):
        generator = chance(seed, index)
        if chunks > 1:
            seen = magnitude(read(index).to(device), recipe.front)
            islands = _islands(seen, recipe, sources)
            (pool,) = yield from _factorise(seen, recipe, islands, generator, (1.0,), work)
        if islands is not None:
            labels = settle(labels, descriptions[index][-1].energy, component_islands(pool, sources))
        masks = member_masks(pool, labels.to(device), len(seen), recipe.members)
        models: list[Factorisation] = []
        decoders = None
        # silence between islands leaves nothing to model and nothing to redraw
        if recipe.models is not None and islands is None:
            models = yield from _model(seen, masks, recipe.models, generator, work)
            masks = blend(masks, models, seen, recipe.models)
        if recipe.refinement is not None and islands is None:
            masks, decoders = yield from _refine(seen, masks, recipe.refinement, generator, work)
        masks = sharpen(masks.mean(0), recipe.mask_exponent)
        yield ChunkMasks(
            index, masks.cpu(), confidence if islands is None else 1.0, Fit(pool, labels, decoders, models), counted
        )


def _chance(evidence: float, recipe: Confidence) -> float:
    return 1 / (1 + math.exp(-(evidence - recipe.half) / recipe.width))


# What an iteration of one decoder costs, in updates of one factorisation: for the progress bar alone.
_UNITS_PER_DECODER = 5


def _units(recipe: ConsensusRecipe, sources: int, chunks: int) -> int:
    factorising = recipe.members * sum(part.runs * part.updates for part in recipe.pool)
    fit = recipe.refinement
    refining = recipe.members * fit.iterations * sources * _UNITS_PER_DECODER if fit else 0
    own = recipe.models
    modelling = recipe.members * (own.alone + own.together) * own.runs * sources if own else 0
    return chunks * (factorising * (1 if chunks == 1 else 2) + modelling + refining)


def _islands(seen: Tensor, recipe: ConsensusRecipe, sources: int) -> Tensor | None:
    """The island of every bin where there are as many as sources."""
    islands = spectral_islands(seen, recipe.islands)
    return islands if int(islands.max()) + 1 == sources else None


def _tells(seen: Tensor, front: Front, recipe: Counting) -> bool:
    """Whether a chunk (views, bins, frames) is long enough to tell how many sounds it holds, and not silent."""
    return seen.shape[2] * front.hop >= recipe.least_s * front.rate and bool(seen.any())


def _described(pool: list[Factorisation], recipe: ConsensusRecipe, views: int) -> Description:
    return describe(component_spectra(pool, views), component_activations(pool), recipe.features, recipe.front)


def _factorise(
    seen: Tensor,
    recipe: ConsensusRecipe,
    islands: Tensor | None,
    generator: torch.Generator,
    looks: Sequence[float],
    work: Work,
) -> Generator[Step, None, list[list[Factorisation]]]:
    """The pools of all members, one after the other, at every look, in the order of `looks`."""
    parts: list[list[Factorisation]] = []
    updates = count(1)
    total = recipe.members * sum(part.updates for part in recipe.pool)
    for part in recipe.pool * recipe.members:
        tell = partial(_factorised, work, updates, total, part.runs)
        parts.append((yield from relay(factorise(seen, part, generator, islands, looks), tell)))
    return [list(pool) for pool in zip(*parts, strict=True)]


def _model(
    seen: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator, work: Work
) -> Generator[Step, None, list[Factorisation]]:
    """The models of every member, each from its own masks (members, sources, bins, frames)."""
    models: list[Factorisation] = []
    updates = recipe.alone + recipe.together
    for member, own in enumerate(masks):

        def tell(at: int, done: int = member * updates, units: int = recipe.runs * len(own)) -> Step:
            return work.step("modelling", done + at + 1, len(masks) * updates, units=units)

        models.append((yield from relay(model(seen, own, recipe, generator), tell)))
    return models


def _refine(
    seen: Tensor, masks: Tensor, recipe: Refinement, generator: torch.Generator, work: Work
) -> Generator[Step, None, tuple[Tensor, Decoders | None]]:
    """One mask for all views: the fit looks at the root of their mean power."""
    units = masks.shape[:2].numel() * _UNITS_PER_DECODER
    run = refine(seen.square().mean(0).sqrt(), masks, recipe, generator)
    return (
        yield from relay(
            run, lambda at: work.step("refining", at.index + 1, recipe.iterations, units=units, loss=float(at.loss))
        )
    )


def _factorised(work: Work, updates: Iterator[int], total: int, runs: int, _: int) -> Step:
    return work.step("factorising", next(updates), total, units=runs)
