"""A model of its own for every source: what the groups of components say, explained once more by each source alone."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from ...events import relay
from ...tiny import TINY
from .components import Factorisation, descend, member_masks, uniform
from .recipe import Factorisations, Models


@dataclass(frozen=True)
class Alone:
    """Where it is known what sounds.

    seen: of every source, magnitudes (views, bins, frames) of that source alone, None where there are none; weight: of
    these beside the mixture; inside: (sources, frames) of the mixture, 1 where a source may sound and 0 where not.
    """

    seen: Sequence[Tensor | None]
    weight: float
    inside: Tensor


def model(
    spectrogram: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator, alone: Alone | None = None
) -> Generator[int, None, Factorisation]:
    """Explain the mixture by sources that each have recipe.components spectra of their own.

    spectrogram: magnitudes (views, bins, frames); masks: (sources, bins, frames), summing to one. V = A^c / mean. First
    V m_k ~ W_k H_k, every source for itself, then V ~ sum_k W_k H_k, all together, from there: multiplicative updates
    both (`components.descend`). Components of the pool belong to several sources at once and carry soft labels; these
    belong to one, so that the second step may decide what a soft label left open. What is known of sources alone is
    explained as well, as more frames, in which the others keep silent. Yields the index of every update, returns the
    runs, whose components lie one source after the other.
    """
    sources, views, length = len(masks), len(spectrogram), spectrogram.shape[2]
    v, masks, inside = _beside(compress(spectrogram, recipe), masks, recipe, alone)
    rows, frames = v.shape
    batch = recipe.runs * sources
    w = uniform(batch, rows, recipe.components, generator=generator).to(v.device)
    h = uniform(batch, recipe.components, frames, generator=generator).to(v.device)
    w /= w.sum(1, keepdim=True)
    floor = v.new_full((rows, recipe.components), TINY)
    apart = (masks.repeat(1, views, 1) * v).repeat(recipe.runs, 1, 1)
    within = None if inside is None else inside.repeat(recipe.runs, 1)[:, None].expand_as(h)
    yield from descend(apart, w, h, floor, recipe.alone, recipe.relaxation, within)
    w = w.unflatten(0, (recipe.runs, sources)).transpose(1, 2).flatten(2)
    h = h.unflatten(0, (recipe.runs, sources)).flatten(1, 2)
    floor = floor.repeat(1, sources)
    within = None if inside is None else inside.repeat_interleave(recipe.components, 0).expand_as(h)
    for update in descend(v, w, h, floor, recipe.together, recipe.relaxation, within):
        yield recipe.alone + update
    return Factorisation(recipe.compression, w, (h * (v.sum(0) > 0))[..., -length:])


def _beside(v: Tensor, masks: Tensor, recipe: Models, alone: Alone | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """v (rows, frames) with the frames of sources alone before it; their masks; and where each source may sound."""
    if alone is None:
        return v, masks, None
    known = [(k, alone.weight * compress(seen, recipe)) for k, seen in enumerate(alone.seen) if seen is not None]
    own = torch.eye(len(masks), device=v.device)
    there = [own[:, [k]].expand(-1, lesson.shape[1]) for k, lesson in known]
    bins = masks.shape[1]
    alike = [each[:, None].expand(-1, bins, -1) for each in there]
    return (
        torch.cat([*(lesson for _, lesson in known), v], 1),
        torch.cat([*alike, masks], 2),
        torch.cat([*there, alone.inside.to(v)], 1),
    )


def compress(spectrogram: Tensor, recipe: Models | Factorisations) -> Tensor:
    """What a model explains of magnitudes (views, bins, frames): V = A^c / mean, (views x bins, frames)."""
    compressed = spectrogram.flatten(0, 1) ** recipe.compression
    return compressed / compressed.mean().clamp(min=TINY)


def model_members(
    spectrogram: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator, alone: Alone | None = None
) -> Generator[int, None, list[Factorisation]]:
    """`model` for every member, each from its own masks (members, sources, bins, frames).

    Yields how many updates are done, those of all members counted on.
    """
    models: list[Factorisation] = []
    updates = count(1)
    for own in masks:
        models.append((yield from relay(model(spectrogram, own, recipe, generator, alone), lambda _: next(updates))))
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
