"""Boxes -> evidence and targets -> regroup -> warm restart: what a user knows corrects a separation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import torch
from torch import Tensor

from ...events import ChunkMasks, Fit, Step, Work, relay
from ...nets.optimise import Iteration, chance
from ...recipe import Boxes, ConsensusRecipe, Front, Panel, Refinement
from .carry import Example, Lesson, carried, learn, thinned
from .components import (
    agreed,
    component_activations,
    component_spectra,
    magnitude,
    member_masks,
    resampled,
    sharpen,
)
from .models import blend, model_members
from .redraw import Decoders, restart
from .redraw import refine as draw

_TINY = 1e-12
_LOWEST = 1e-3  # Hz: what stands for zero where octaves are counted


@dataclass(frozen=True)
class Region:
    """A box as the engine sees it: in it, `source` (from 0) has all of the mixture, or nothing of it.

    start, end, feather: seconds from the beginning of the chunk, which the region may begin before or outlast; low,
    high: Hz. strength: 0..1, how far masks are moved there.
    """

    source: int
    active: bool
    start: float
    end: float
    low: float
    high: float
    strength: float
    feather: float


def membership(region: Region, hertz: Tensor, seconds: Tensor, octaves: float) -> Tensor:
    """How far each point of a grid belongs to the region, 0..1: (len(hertz), len(seconds)).

    One in the box; beyond it falls as a raised cosine over `octaves` and over region.feather seconds.
    """
    f = hertz.clamp(min=_LOWEST)
    beyond = torch.maximum((max(region.low, _LOWEST) / f).log2(), (f / region.high).log2())
    before = torch.maximum(region.start - seconds, seconds - region.end)
    return _fall(beyond, octaves)[:, None] * _fall(before, region.feather)


def _fall(distance: Tensor, width: float) -> Tensor:
    """1 where distance <= 0, 0 from `width` on, a raised cosine between."""
    if width <= 0:
        return (distance <= 0).to(distance.dtype)
    return 0.5 + 0.5 * (torch.pi * (distance / width).clamp(0, 1)).cos()


def fill(masks: Tensor, regions: Sequence[Region], belonging: Sequence[Tensor]) -> Tensor:
    """Masks (sources, bins, frames) with the regions filled in, the later over the earlier; they still sum to one.

    belonging: each region's `membership`. What is taken from a source goes to the others in their own proportion.
    """
    for region, belongs in zip(regions, belonging, strict=True):
        only = torch.zeros_like(masks)
        if region.active:
            only[region.source] = 1.0
        else:
            only += masks + _TINY
            only[region.source] = 0.0
            only = only / only.sum(0)
        masks = torch.lerp(masks, only, region.strength * belongs)
    return masks


def grid(front: Front, bins: int, frames: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The front's grid: the bins' centres in Hz, the frames' in seconds."""
    hertz = torch.arange(bins, device=device) * (front.rate / front.n_fft)
    return hertz, torch.arange(frames, device=device) * (front.hop / front.rate)


def on_front(regions: Sequence[Region], masks: Tensor, front: Front, recipe: Boxes) -> list[Tensor]:
    """Each region's membership on the front's grid, which `masks` (sources, bins, frames) lie on."""
    hertz, seconds = grid(front, masks.shape[1], masks.shape[2], masks.device)
    return [membership(region, hertz, seconds, recipe.feather_octaves) for region in regions]


@dataclass(frozen=True)
class Evidence:
    """What boxes say of components. shares: (components, sources), of a component's own energy, for each source;
    against: (components, sources), the same, for any source but this one.
    """

    shares: Tensor
    against: Tensor


def weigh(
    fit: Fit,
    masks: Tensor,
    seen: Tensor,
    regions: Sequence[Region],
    belonging: Sequence[Tensor],
    recipe: Boxes,
) -> Evidence:
    """The evidence that regions of one chunk are about its components.

    A user draws where a mask is wrong. So a point of a box counts by how far the box moves the mask there, and by
    recipe.confirmation where it leaves it as it was: a component that sounds in a box, but where the masks were right
    already, says little. A box around most of the clip is an example of nothing; it counts by (1 - its share of the
    clip's magnitude)^recipe.locality. masks: (sources, bins, frames), those that the user saw; seen: (views, bins,
    frames), magnitudes.
    """
    sources = len(masks)
    level = seen.sum(0) / seen.sum().clamp(min=_TINY)
    gains, losses = torch.zeros_like(masks), torch.zeros_like(masks)
    for region, belongs in zip(regions, belonging, strict=True):
        elsewhere = 1 - (belongs * level).sum().clamp(max=1)
        counts = region.strength * elsewhere**recipe.locality * belongs
        gains, losses = gains * (1 - counts), losses * (1 - counts)
        moved = 1 - masks[region.source] if region.active else masks[region.source]
        worth = counts * (recipe.confirmation + (1 - recipe.confirmation) * moved)
        (gains if region.active else losses)[region.source] += worth
    spectra, activations = component_spectra(fit.pool, len(seen)).sum(1), component_activations(fit.pool)
    total = (spectra.sum(1) * activations.sum(1)).clamp(min=_TINY)

    def share(weights: Tensor) -> Tensor:
        return torch.stack([((spectra @ weights[k]) * activations).sum(1) for k in range(sources)], 1) / total[:, None]

    return Evidence(share(gains).cpu(), share(losses).cpu())


def relabel(labels: Tensor, evidence: Evidence, recipe: Boxes) -> Tensor:
    """Labels (components, sources) after the evidence, rows summing to one.

    l' = (tau^p l + n^(p-1) e) / (tau^p + n^p) with n = sum e. tau is recipe.doubt: how much evidence, as a share of a
    component's energy, weighs as much as the grouping's own opinion; p, recipe.sharpness, how much less counts what is
    below it. What speaks against a source speaks for the others, in the proportion of their labels.
    """
    others = labels[:, None] * (1 - torch.eye(labels.shape[1])) + _TINY * (1 - torch.eye(labels.shape[1]))
    spread = others / others.sum(2, keepdim=True)
    favour = evidence.shares + torch.einsum("cj,cjk->ck", evidence.against, spread)
    total = favour.sum(1, keepdim=True)
    prior, power = recipe.doubt**recipe.sharpness, recipe.sharpness
    return (prior * labels + total ** (power - 1) * favour) / (prior + total**power)


@dataclass(frozen=True)
class _Part:
    """A panel's part in a chunk, as the separation left it.

    seen: (views, bins, frames), magnitudes; components, modelled, masks: (members, sources, bins, frames), what each
    member's components said, what its models made of that, its decoders of that. toward: `modelled` after what boxes
    elsewhere taught, as `masks` are then, too; None where there were none.
    """

    front: Front
    fit: Fit
    seen: Tensor
    components: Tensor
    modelled: Tensor
    masks: Tensor
    toward: Tensor | None = None

    def targets(self, labels: Tensor) -> Tensor:
        """What the decoders are to draw under these labels: what they drew toward before, moved."""
        return self._moved(self.modelled if self.toward is None else self.toward, labels)

    def taught(self, lesson: Lesson, recipe: ConsensusRecipe) -> _Part:
        """As boxes in other chunks leave it."""
        assert recipe.models is not None and recipe.boxes is not None and recipe.boxes.carry is not None
        both = carried([self.modelled, self.masks], self.seen, lesson, recipe.models, recipe.boxes.carry)
        return replace(self, toward=both[0], masks=both[1])

    def moved(self, labels: Tensor) -> Tensor:
        """The masks moved by what the new labels change in the components' masks: no network is run."""
        return self._moved(self.masks, labels)

    def relabelled(self, heard: Tensor, regions: Sequence[Region], recipe: Boxes) -> Tensor:
        """The components' labels by the evidence of regions; heard: (sources, bins, frames), what the user heard."""
        masks = resampled(heard, self.seen.shape[1])
        belonging = on_front(regions, masks, self.front, recipe)
        return relabel(self.fit.labels, weigh(self.fit, masks, self.seen, regions, belonging, recipe), recipe)

    def _moved(self, masks: Tensor, labels: Tensor) -> Tensor:
        grouped = member_masks(self.fit.pool, labels.to(self.seen.device), len(self.seen), len(masks))
        moved = (masks + grouped - self.components).clamp(min=0) + _TINY
        return moved / moved.sum(1, keepdim=True)


@dataclass(frozen=True)
class Refined(ChunkMasks):
    """The corrected answer for one chunk.

    change: energy of each source's change outside the boxes, in the front's band; level: its energy there before.
    """

    change: tuple[float, ...] = ()
    level: tuple[float, ...] = ()


def refine(
    read: Callable[[int], Tensor],
    fits: Callable[[int], Sequence[Fit]],
    regions: Mapping[int, Sequence[Region]],
    recipe: ConsensusRecipe,
    *,
    redraw: bool,
    carry: Sequence[int] = (),
    device: torch.device,
) -> Iterator[Step | Refined]:
    """Correct a separation by the boxes that a user drew; yields the masks of every chunk that is asked for, in order.

    read(i): (channels, samples) of chunk i at recipe.front.rate, as for `separate`; fits(i): what that separation
    learned of it; regions[i]: its boxes, as they were drawn one after the other. redraw False leaves out the decoders
    and the models: the answer is there at once. The boxes of a chunk are evidence about its components, wherever in it
    these sound, and its masks are made anew. carry: the chunks with boxes, in the order in which they were first drawn
    into, where what these teach is carried to the chunks after it, and what all teach to those without boxes; empty,
    the latter keep their masks. What is yielded are the masks around the boxes: `consistency.apply_masks` fills these
    in, at the clip's own resolution.
    """
    assert recipe.boxes is not None, "a separation by this recipe leaves no fit"
    job = _Job(read, fits, regions, recipe, redraw, device, Work(_units(regions, recipe, redraw, len(carry))))
    ready: dict[int, Refined] = {}
    for index in carry:
        ready[index] = yield from job.correct(index, teaches=True)
    for index in regions:
        yield ready.pop(index) if index in ready else (yield from job.correct(index))


def _units(regions: Mapping[int, Sequence[Region]], recipe: ConsensusRecipe, redraw: bool, teaching: int) -> int:
    boxes, models = recipe.boxes, recipe.models
    assert boxes is not None
    each = len(recipe.panels) * boxes.iterations
    each += len(recipe.members) * (boxes.alone + boxes.together) if models else 0
    learning = teaching * len(recipe.panels) * (models.alone + models.together) if models else 0
    return 2 * len(regions) + learning * 2 + (each * sum(map(bool, regions.values())) if redraw else 0)


@dataclass
class _Job:
    """A correction under way; the first fields as `refine` has them. examples: of each panel, the chunks that taught so
    far; lessons: of each panel, what is learned of all of them, none before the first.
    """

    read: Callable[[int], Tensor]
    fits: Callable[[int], Sequence[Fit]]
    regions: Mapping[int, Sequence[Region]]
    recipe: ConsensusRecipe
    redraw: bool
    device: torch.device
    work: Work
    examples: list[list[Example]] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)

    def correct(self, index: int, *, teaches: bool = False) -> Generator[Step, None, Refined]:
        """A chunk by what was taught elsewhere, and by its own boxes; whether it then teaches the next."""
        recipe, inside = self.recipe, self.regions[index]
        assert recipe.boxes is not None
        audio = self.read(index).to(self.device)
        panels = zip(self.fits(index), recipe.panels, strict=True)
        parts = [_as_separated(fit, panel, magnitude(audio, panel.front), recipe) for fit, panel in panels]
        separated = heard = agreed([part.masks for part in parts], recipe.mask_exponent)
        if self.lessons:
            parts = [part.taught(lesson, recipe) for part, lesson in zip(parts, self.lessons, strict=True)]
            heard = agreed([part.masks for part in parts], recipe.mask_exponent)
        yield self.work.step("grouping")
        answers, generator = [part.masks for part in parts], chance(0, index)
        for at, part in enumerate(parts if inside else ()):
            labels = part.relabelled(heard, inside, recipe.boxes)
            if self.redraw:
                answers[at] = yield from _refit(part, labels, inside, recipe, generator, self.work)
            else:
                answers[at] = part.moved(labels)
        masks = agreed(answers, recipe.mask_exponent)
        belonging = on_front(inside, heard, recipe.front, recipe.boxes)
        outside = reduce(torch.mul, [1 - b for b in belonging], parts[0].seen.square().mean(0))
        change = (outside * (masks - separated).square()).sum((1, 2))
        level = (outside * separated.square()).sum((1, 2))
        yield self.work.step("refining")
        if teaches:
            yield from self._learn([part.seen for part in parts], separated, fill(masks, inside, belonging))
        return Refined(index, masks.cpu(), change=tuple(change.tolist()), level=tuple(level.tolist()))

    def _learn(self, seen: Sequence[Tensor], before: Tensor, after: Tensor) -> Generator[Step, None, None]:
        """Another chunk teaches. seen: of each panel, (views, bins, frames)."""
        models, boxes = self.recipe.models, self.recipe.boxes
        assert models and boxes and boxes.carry, "what a correction by this recipe teaches is not carried on"
        total = 2 * (models.alone + models.together)
        known = self.examples or [[] for _ in seen]
        new = [Example(own, *(resampled(masks, own.shape[1]) for masks in (before, after))) for own in seen]
        self.examples = [thinned([*old, one], boxes.carry.frames) for old, one in zip(known, new, strict=True)]
        self.lessons = []
        for examples in self.examples:
            run = learn(examples, models, boxes.carry, chance(0, -1))
            self.lessons.append((yield from relay(run, lambda done: self.work.step("learning", done, total))))


def _refit(
    part: _Part,
    labels: Tensor,
    regions: Sequence[Region],
    recipe: ConsensusRecipe,
    generator: torch.Generator,
    work: Work,
) -> Generator[Step, None, Tensor]:
    """The masks (members, sources, bins, frames) of a panel whose decoders draw, and whose models explain, once more
    what labels and boxes say. Without decoders: the masks moved.
    """
    boxes = recipe.boxes
    if boxes is None or recipe.refinement is None or part.fit.decoders is None or not boxes.iterations:
        return part.moved(labels)
    belonging = on_front(regions, part.masks[0], part.front, boxes)
    targets = torch.stack([fill(own, regions, belonging) for own in part.targets(labels)])
    run = _redraw(part, part.fit.decoders, targets, recipe.refinement, boxes, generator)
    masks = yield from relay(run, lambda at: work.step("refining", at.index + 1, boxes.iterations, loss=float(at.loss)))
    if recipe.models is None:
        return masks
    heard = torch.stack([sharpen(fill(own, regions, belonging), recipe.mask_exponent) for own in masks])
    again = replace(recipe.models, alone=boxes.alone, together=boxes.together, share=boxes.share)
    total = len(heard) * (again.alone + again.together)
    modelling = model_members(part.seen, heard, again, generator)
    models = yield from relay(modelling, lambda done: work.step("modelling", done, total))
    return blend(heard, models, part.seen, again)


def _redraw(
    part: _Part, decoders: Decoders, targets: Tensor, recipe: Refinement, boxes: Boxes, generator: torch.Generator
) -> Generator[Iteration, None, Tensor]:
    """The masks that decoders draw toward targets, (members, sources, bins, frames) both, from where the separation
    left them. What they have learned holds them there: where boxes move more than boxes.anew of what they drew before,
    as where sounds were grouped wrongly, others begin anew.
    """
    seen = _mean(part.seen)
    weight = seen**recipe.compression
    moved = ((targets - part.modelled).abs() * weight).mean() / weight.mean().clamp(min=_TINY)
    if moved < boxes.anew:
        return (yield from restart(seen, targets, decoders, recipe, iterations=boxes.iterations))
    masks, _ = yield from draw(seen, targets, replace(recipe, iterations=boxes.iterations), generator)
    return masks


def _as_separated(fit: Fit, panel: Panel, seen: Tensor, recipe: ConsensusRecipe) -> _Part:
    """The masks that a panel gave, made again from its fit."""
    components = modelled = member_masks(fit.pool, fit.labels.to(seen.device), len(seen), panel.members)
    if fit.models and recipe.models is not None:
        modelled = blend(components, fit.models, seen, recipe.models)
    masks = modelled
    if fit.decoders is not None and recipe.refinement is not None:
        run = restart(_mean(seen), modelled, fit.decoders, recipe.refinement, iterations=0)
        try:
            next(run)
        except StopIteration as end:
            masks = end.value
    return _Part(panel.front, fit, seen, components, modelled, masks)


def _mean(seen: Tensor) -> Tensor:
    """What the decoders look at: the root of the views' mean power."""
    return seen.square().mean(0).sqrt()
