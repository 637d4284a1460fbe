"""What becomes of a grouping: masks, what models explain by them, what decoders redraw; at once, or later."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ... import seeds
from ...events import ChunkMasks, Step, StepCounter, relay
from ...recipe import Refinement
from ...signal.rows import Heard, see
from .components import Factorisation, agreed, member_masks
from .examples import Guide, silenced
from .guidance import taught
from .learned import Decoders, Learned, differing, restore
from .models import Alone, blend, model_members
from .recipe import ConsensusRecipe, Models
from .redraw import redraw

# What an iteration of one decoder costs, in updates of one factorisation: for the progress bar alone.
_UNITS_PER_DECODER = 5


def draw(
    read: Callable[[int], Heard],
    learned: Callable[[int], Mapping[str, Tensor]],
    chunks: int,
    recipe: ConsensusRecipe,
    *,
    alternative: int,
    seed: int,
    device: torch.device,
) -> Iterator[Step | ChunkMasks]:
    """An alternative of `separate`, redrawn, see `Separator.draw`."""
    counter: StepCounter | None = None
    for index in range(chunks):
        windows = restore(learned(index), device)
        counter = counter or StepCounter(drawing_units(recipe, windows[0].labels.shape[1]) * chunks)
        heard, generator = read(index).to(device), seeds.generator(seed, alternative * chunks + index)
        answers: list[Tensor] = []
        drawn: list[Learned] = []
        for own, window in zip(windows, recipe.windows, strict=True):
            seen = see(heard, window.front)
            masks = member_masks(own.pool, own.labels.to(seen.device), len(seen), window.members)
            models = taught(recipe) if own.taught else recipe.models
            if own.models and models is not None:
                masks = blend(masks, own.models, seen, models)
            decoders = None
            # the first answer has some where there is something to redraw
            if own.decoders is not None and recipe.refinement is not None:
                masks, decoders = yield from redrawn(seen, masks, recipe.refinement, generator, counter)
            answers.append(masks)
            drawn.append(replace(own, decoders=decoders))
        fronts = [window.front for window in recipe.windows]
        masks = agreed(answers, fronts, recipe.mask_exponent, windows[0].belief)
        yield ChunkMasks(index, masks.cpu(), None, differing(drawn), alternative=alternative)


def answered(
    seen: Tensor,
    pool: list[Factorisation],
    labels: Tensor,
    members: int,
    recipe: ConsensusRecipe,
    generator: torch.Generator,
    counter: StepCounter,
    guide: Guide | None,
    inside: Tensor,
) -> Generator[Step, None, tuple[Tensor, Learned]]:
    """The masks of a window's members for one chunk, (members, sources, bins, frames), and what they learned of it.

    guide: what its models learn beside the chunk; inside: (sources, frames), where each source may sound.
    """
    masks = silenced(member_masks(pool, labels.to(seen.device), len(seen), members), inside)
    models: list[Factorisation] = []
    decoders = None
    modelling = recipe.models if guide is None else taught(recipe)
    if modelling is not None:
        beside = None if guide is None else guide.alone(seen, masks.mean(0), inside)
        models = yield from _model(seen, masks, modelling, generator, counter, beside)
        masks = silenced(blend(masks, models, seen, modelling), inside)
    if recipe.refinement is not None:
        masks, decoders = yield from redrawn(seen, masks, recipe.refinement, generator, counter)
    return masks, Learned(pool, labels, decoders, models, taught=guide is not None)


def drawing_units(recipe: ConsensusRecipe, sources: int) -> int:
    decoders = recipe.refinement
    return len(recipe.members) * decoders.iterations * sources * _UNITS_PER_DECODER if decoders else 0


def redrawn(
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


def _model(
    seen: Tensor, masks: Tensor, recipe: Models, generator: torch.Generator, counter: StepCounter, alone: Alone | None
) -> Generator[Step, None, list[Factorisation]]:
    """The models of every member of a window, each from its own masks (members, sources, bins, frames)."""
    members, sources = masks.shape[:2]
    total = members * (recipe.alone + recipe.together)
    run = model_members(seen, masks, recipe, generator, alone)
    return (yield from relay(run, lambda done: counter.step("modelling", done, total, units=recipe.runs * sources)))
