"""A model of its own for every source: what the groups of components say, explained once more by each source alone."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count

import torch
from torch import Tensor

from ...events import relay
from ...tiny import TINY
from .components import Factorisation, descend, member_masks, uniform
from .recipe import Models


def model(
    spectrogram: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator
) -> Generator[int, None, Factorisation]:
    """Explain the mixture by sources that each have recipe.components spectra of their own.

    spectrogram: magnitudes (views, bins, frames); masks: (sources, bins, frames), summing to one. V = A^c / mean. First
    V m_k ~ W_k H_k, every source for itself, then V ~ sum_k W_k H_k, all together, from there: multiplicative updates
    both (`components.descend`). Components of the pool belong to several sources at once and carry soft labels; these
    belong to one, so that the second step may decide what a soft label left open. Yields the index of every update,
    returns the runs, whose components lie one source after the other.
    """
    sources, views = len(masks), len(spectrogram)
    v = compress(spectrogram, recipe)
    rows, frames = v.shape
    batch = recipe.runs * sources
    w = uniform(batch, rows, recipe.components, generator=generator).to(v.device)
    h = uniform(batch, recipe.components, frames, generator=generator).to(v.device)
    w /= w.sum(1, keepdim=True)
    floor = v.new_full((rows, recipe.components), TINY)
    apart = (masks.repeat(1, views, 1) * v).repeat(recipe.runs, 1, 1)
    yield from descend(apart, w, h, floor, recipe.alone, relaxation=recipe.relaxation)
    w = w.unflatten(0, (recipe.runs, sources)).transpose(1, 2).flatten(2)
    h = h.unflatten(0, (recipe.runs, sources)).flatten(1, 2)
    floor = floor.repeat(1, sources)
    for update in descend(v, w, h, floor, recipe.together, relaxation=recipe.relaxation):
        yield recipe.alone + update
    return Factorisation(recipe.compression, w, h * (v.sum(0) > 0))


def compress(spectrogram: Tensor, recipe: Models) -> Tensor:
    """What a model explains of magnitudes (views, bins, frames): V = A^c / mean, (views x bins, frames)."""
    compressed = spectrogram.flatten(0, 1) ** recipe.compression
    return compressed / compressed.mean().clamp(min=TINY)


def model_members(
    spectrogram: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator
) -> Generator[int, None, list[Factorisation]]:
    """`model` for every member, each from its own masks (members, sources, bins, frames).

    Yields how many updates are done, those of all members counted on.
    """
    models: list[Factorisation] = []
    updates = count(1)
    for own in masks:
        models.append((yield from relay(model(spectrogram, own, recipe, generator), lambda _: next(updates))))
    return models


def blend(masks: Tensor, models: Sequence[Factorisation], spectrogram: Tensor, recipe: Models) -> Tensor:
    """The masks of each member (members, sources, bins, frames) moved toward those of its models, by
    recipe.share at most.

    A source that is far fainter than the others can explain their rests better than itself, and then takes them: its
    energy grows. Where the energy of any source has grown by more than the first number of recipe.growth, in nats, the
    models count less, from the second on not at all. spectrogram: magnitudes (views, bins, frames).
    """
    drawn = source_masks(models, masks.shape[1], len(spectrogram))
    power = (spectrogram / spectrogram.max().clamp(min=TINY)).square().sum(0)
    before, after = ((each.square() * power).sum((2, 3)).clamp(min=TINY) for each in (masks, drawn))
    growth = (after / before).log().amax(1)
    earliest, latest = recipe.growth
    trust = ((latest - growth) / (latest - earliest)).clamp(0, 1)
    return torch.lerp(masks, drawn, recipe.share * trust[:, None, None, None])


def source_masks(models: Sequence[Factorisation], sources: int, views: int) -> Tensor:
    """The masks that each member's model gives: (members, sources, bins, frames)."""
    runs, _, components = models[0].spectra.shape
    own = torch.eye(sources, device=models[0].spectra.device).repeat_interleave(components // sources, 0)
    return member_masks(models, own.repeat(len(models) * runs, 1), views, len(models))
