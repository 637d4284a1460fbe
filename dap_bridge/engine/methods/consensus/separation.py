"""K sources from one mixture: components -> groups -> models -> anchored fit -> masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import torch
from torch import Tensor

from ...events import ChunkMasks, Event, Fit, Note, Step, Work, relay
from ...nets.optimise import chance
from ...recipe import Confidence, ConsensusRecipe, Counting, Front, Models, Panel, PaperRecipe, Refinement
from ..paper.separation import separate_paper
from .components import (
    Factorisation,
    agreed,
    component_activations,
    component_islands,
    component_spectra,
    factorise,
    magnitude,
    member_masks,
    spectral_islands,
)
from .counting import chances, evidence
from .grouping import Description, concatenate, describe, group_members, separability, settle
from .models import blend, model_members
from .redraw import Decoders, refine


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
    panels = recipe.panels
    descriptions: list[list[Description]] = []
    seen: list[Tensor] = []
    pools: list[list[Factorisation]] = []
    islands: Tensor | None = None
    silent = True
    found: list[dict[str, float]] = []
    for index in range(chunks):
        seen = _seen(read(index).to(device), panels)
        silent = silent and not bool(seen[0].any())
        islands = _islands(seen[0], recipe, sources)
        looks = yield from _factorise(seen, recipe, islands, chance(seed, index), recipe.grouping.looks, work)
        descriptions.append([_described(look, recipe, len(seen[0])) for look in looks])
        pools = looks[-1]
        if recipe.counting and islands is None and _tells(seen[0], recipe.front, recipe.counting):
            first, generator = pools[0][: len(recipe.pool)], chance(seed, chunks + index)
            said = evidence(first, len(seen[0]), recipe, recipe.counting, generator)
            found.append((yield from relay(said, lambda done: work.step("grouping", *done, units=0))))
    if silent:
        yield Note("The clip is silent: every stem is silence.")

    described = [concatenate(list(parts)) for parts in zip(*descriptions, strict=True)]
    counts = [len(looks[-1].energy) for looks in descriptions]
    size = len(recipe.members)
    members = torch.cat([torch.arange(size).repeat_interleave(total // size) for total in counts])
    generator = chance(seed, -1)
    grouping = group_members(described, members, recipe.features, recipe.grouping, sources=sources, generator=generator)
    groups = yield from relay(grouping, lambda done: work.step("grouping", *done, units=0))
    evident = groups.agreement + separability(described[-1], groups.labels, recipe.features)
    confidence = _chance(evident, recipe.confidence)
    counted = chances(found, recipe.counting) if recipe.counting and found else None
    for index, labels in enumerate(groups.labels.split(counts)):
        generator = chance(seed, index)
        if chunks > 1:
            seen = _seen(read(index).to(device), panels)
            islands = _islands(seen[0], recipe, sources)
            (pools,) = yield from _factorise(seen, recipe, islands, generator, (1.0,), work)
        if islands is not None:
            inside = component_islands([part for pool in pools for part in pool], sources)
            labels = settle(labels, descriptions[index][-1].energy, inside)
        answers: list[Tensor] = []
        fits: list[Fit] = []
        shares = labels.split([len(labels) // size * panel.members for panel in panels])
        # silence between islands leaves nothing to model and nothing to redraw
        steps = recipe if islands is None else replace(recipe, models=None, refinement=None)
        for own, pool, share, panel in zip(seen, pools, shares, panels, strict=True):
            masks, fit = yield from _answer(own, pool, share, panel.members, steps, generator, work)
            answers.append(masks)
            fits.append(fit)
        masks = agreed(answers, recipe.mask_exponent)
        yield ChunkMasks(index, masks.cpu(), confidence if islands is None else 1.0, tuple(fits), counted)


def _answer(
    seen: Tensor,
    pool: list[Factorisation],
    labels: Tensor,
    members: int,
    recipe: ConsensusRecipe,
    generator: torch.Generator,
    work: Work,
) -> Generator[Step, None, tuple[Tensor, Fit]]:
    """The masks of a panel's members for one chunk, (members, sources, bins, frames), and what they learned of it."""
    masks = member_masks(pool, labels.to(seen.device), len(seen), members)
    models: list[Factorisation] = []
    decoders = None
    if recipe.models is not None:
        models = yield from _model(seen, masks, recipe.models, generator, work)
        masks = blend(masks, models, seen, recipe.models)
    if recipe.refinement is not None:
        masks, decoders = yield from _refine(seen, masks, recipe.refinement, generator, work)
    return masks, Fit(pool, labels, decoders, models)


def _chance(evidence: float, recipe: Confidence) -> float:
    return 1 / (1 + math.exp(-(evidence - recipe.half) / recipe.width))


# What an iteration of one decoder costs, in updates of one factorisation: for the progress bar alone.
_UNITS_PER_DECODER = 5


def _units(recipe: ConsensusRecipe, sources: int, chunks: int) -> int:
    members = len(recipe.members)
    factorising = members * sum(part.runs * part.updates for part in recipe.pool)
    fit = recipe.refinement
    refining = members * fit.iterations * sources * _UNITS_PER_DECODER if fit else 0
    own = recipe.models
    modelling = members * (own.alone + own.together) * own.runs * sources if own else 0
    return chunks * (factorising * (1 if chunks == 1 else 2) + modelling + refining)


def _seen(audio: Tensor, panels: Sequence[Panel]) -> list[Tensor]:
    """What each panel of the committee sees of `audio`: (views, its bins, frames)."""
    return [magnitude(audio, panel.front) for panel in panels]


def _islands(seen: Tensor, recipe: ConsensusRecipe, sources: int) -> Tensor | None:
    """The island of every bin where there are as many as sources."""
    islands = spectral_islands(seen, recipe.islands)
    return islands if int(islands.max()) + 1 == sources else None


def _tells(seen: Tensor, front: Front, recipe: Counting) -> bool:
    """Whether a chunk (views, bins, frames) is long enough to tell how many sounds it holds, and not silent."""
    return seen.shape[2] * front.hop >= recipe.least_s * front.rate and bool(seen.any())


def _described(pools: Sequence[list[Factorisation]], recipe: ConsensusRecipe, views: int) -> Description:
    """The components of all panels, one panel after the other."""
    return concatenate(
        [
            describe(component_spectra(pool, views), component_activations(pool), recipe.features, panel.front)
            for pool, panel in zip(pools, recipe.panels, strict=True)
        ]
    )


def _factorise(
    seen: Sequence[Tensor],
    recipe: ConsensusRecipe,
    islands: Tensor | None,
    generator: torch.Generator,
    looks: Sequence[float],
    work: Work,
) -> Generator[Step, None, list[list[list[Factorisation]]]]:
    """The pools of all panels, each the parts of its members one after the other, at every look, in their order.

    seen: of every panel, (views, bins, frames); islands: of every bin of the first.
    """
    pools: list[list[list[Factorisation]]] = []
    updates = count(1)
    total = len(recipe.members) * sum(part.updates for part in recipe.pool)
    for own, panel in zip(seen, recipe.panels, strict=True):
        parts: list[list[Factorisation]] = []
        inside = None if islands is None else islands[_nearest(len(islands), own.shape[1])]
        for part in recipe.pool * panel.members:
            tell = partial(_factorised, work, updates, total, part.runs)
            parts.append((yield from relay(factorise(own, part, generator, inside, looks), tell)))
        pools.append([list(pool) for pool in zip(*parts, strict=True)])
    return [list(look) for look in zip(*pools, strict=True)]


def _nearest(bins: int, others: int) -> Tensor:
    """Which of `bins` is nearest to each of so many others, all of them from zero to half the rate."""
    return torch.linspace(0, bins - 1, others).round().long()


def _model(
    seen: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator, work: Work
) -> Generator[Step, None, list[Factorisation]]:
    """The models of every member of a panel, each from its own masks (members, sources, bins, frames)."""
    members, sources = masks.shape[:2]
    total = members * (recipe.alone + recipe.together)
    run = model_members(seen, masks, recipe, generator)
    return (yield from relay(run, lambda done: work.step("modelling", done, total, units=recipe.runs * sources)))


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
