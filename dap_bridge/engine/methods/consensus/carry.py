"""What boxes teach of some chunks, carried to the others: the sources' spectra, learned before and after."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...events import relay
from ...tiny import TINY
from .components import Factorisation, activations
from .models import compress, model, source_masks
from .recipe import Carry, Models


@dataclass(frozen=True)
class Example:
    """A chunk that boxes corrected, or some of its frames.

    seen: (views, bins, frames), magnitudes; before, after: (sources, bins, frames), the masks without and with boxes.
    """

    seen: Tensor
    before: Tensor
    after: Tensor


def thinned(examples: Sequence[Example], frames: int) -> list[Example]:
    """So many frames of all together at the most, as many of each, evenly."""
    return [_some(example, max(1, frames // len(examples))) for example in examples]


def _some(example: Example, frames: int) -> Example:
    total = example.seen.shape[2]
    if total <= frames:
        return example
    kept = torch.linspace(0, total - 1, frames, device=example.seen.device).round().long()
    return Example(*(values[..., kept] for values in (example.seen, example.before, example.after)))


@dataclass(frozen=True)
class Lesson:
    """before, after: spectra (runs, views x bins, components), the sources' one after the other; misfit: what those of
    after leave unexplained of the examples, as a share of it.
    """

    before: Tensor
    after: Tensor
    misfit: float


def learn(
    examples: Sequence[Example], recipe: Models, carry: Carry, generator: torch.Generator
) -> Generator[int, None, Lesson]:
    """The spectra of the sources in all examples at once, as `models.model` learns them, by the masks before and after.

    Both are learned from the same start: where masks are alike, spectra are. They need no order of frames, nor all of
    them. Yields how many updates are done.
    """
    columns = [(one.seen, one.before, one.after) for one in examples]
    seen, before, after = (torch.cat(of_each, -1) for of_each in zip(*columns, strict=True))
    start, each = generator.get_state(), recipe.alone + recipe.together
    unlearned = yield from relay(model(seen, before, recipe, generator), lambda at: 1 + at)
    learned = yield from relay(model(seen, after, recipe, generator.set_state(start)), lambda at: 1 + each + at)
    _, misfit = _explained(seen, learned.spectra, recipe, carry)
    return Lesson(unlearned.spectra, learned.spectra, misfit)


def carried(answers: Sequence[Tensor], seen: Tensor, lesson: Lesson, recipe: Models, carry: Carry) -> Sequence[Tensor]:
    """What the lesson makes of masks (members, sources, bins, frames) of a chunk that it is not of.

    They are moved by what the boxes changed in the masks by the spectra, and then brought near these: by carry.share
    where the spectra explain the chunk as they do the examples. The more they leave unexplained the less all of it
    counts, from the second number of carry.misfit on not at all: other sounds are heard there. seen: (views, bins,
    frames), magnitudes.
    """
    sources, views = answers[0].shape[1], len(seen)
    explained, misfit = _explained(seen, lesson.after, recipe, carry)
    earliest, latest = carry.misfit
    trust = min(1.0, max(0.0, (latest - (misfit - lesson.misfit)) / (latest - earliest)))
    if not trust:
        return answers
    after = source_masks([explained], sources, views)
    before = source_masks([_explained(seen, lesson.before, recipe, carry)[0]], sources, views)

    def brought(masks: Tensor) -> Tensor:
        moved = (masks + after - before).clamp_(min=0).add_(TINY)
        moved /= moved.sum(1, keepdim=True)
        return torch.lerp(masks, torch.lerp(moved, after, carry.share), trust)

    return [brought(masks) for masks in answers]


def _explained(seen: Tensor, spectra: Tensor, recipe: Models, carry: Carry) -> tuple[Factorisation, float]:
    """What spectra make of magnitudes (views, bins, frames), and the share of these that they leave unexplained."""
    v = compress(seen, recipe)
    h = activations(v, spectra, carry.updates, recipe.relaxation)
    rest = (v - torch.bmm(spectra, h)).abs().mean() / v.mean().clamp(min=TINY)
    return Factorisation(recipe.compression, spectra, h), float(rest)
