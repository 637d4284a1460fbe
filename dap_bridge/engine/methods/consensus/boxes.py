"""Boxes -> evidence and targets -> labels -> decoders that go on: what a user knows corrects a separation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce

import torch
from torch import Tensor

from ... import seeds
from ...events import Corrected, Step, StepCounter, relay
from ...nets.optimise import Iteration
from ...recipe import Front, Refinement
from ...signal.boxes import ChunkBox, fill, on_front, whole
from ...signal.rows import Heard, seconds, see, through
from ...tiny import TINY
from .carry import Example, Lesson, carried, learn, thinned
from .components import agreed, component_shares, member_masks, sharpen
from .examples import Guide, allowed, distances, guides
from .guidance import inform, taught
from .learned import Decoders, Learned, restore
from .models import Alone, blend, model_members
from .priors import Evidence, informed, relabel
from .recipe import Boxes, ConsensusRecipe, Window
from .redraw import redraw as redraw_anew
from .redraw import redraw_on


def weigh(
    learned: Learned,
    masks: Tensor,
    seen: Tensor,
    boxes: Sequence[ChunkBox],
    belonging: Sequence[Tensor],
    recipe: Boxes,
) -> Evidence:
    """The evidence that boxes of one chunk are about its components.

    A user draws where a mask is wrong. So a point of a box counts by how far the box moves the mask there, and by
    recipe.confirmation where it leaves it as it was: a component that sounds in a box, but where the masks were right
    already, says little. A box around most of the clip is an example of nothing; it counts by (1 - its share of the
    clip's magnitude)^recipe.locality. masks: (sources, bins, frames), those that the user saw; seen: (views, bins,
    frames), magnitudes.
    """
    level = seen.sum(0) / seen.sum().clamp(min=TINY)
    gains, losses = torch.zeros_like(masks), torch.zeros_like(masks)
    for box, belongs in zip(boxes, belonging, strict=True):
        elsewhere = 1 - (belongs * level).sum().clamp(max=1)
        counts = box.strength * elsewhere**recipe.locality * belongs
        gains, losses = gains * (1 - counts), losses * (1 - counts)
        moved = 1 - masks[box.source] if box.active else masks[box.source]
        worth = counts * (recipe.confirmation + (1 - recipe.confirmation) * moved)
        (gains if box.active else losses)[box.source] += worth
    shares = [component_shares(learned.pool, weights, len(seen)).cpu() for weights in (gains, losses)]
    return Evidence(*shares)


@dataclass(frozen=True)
class _Part:
    """A window's part in a chunk of a clip at `rate`, as the separation left it.

    seen: (views, rows, frames), magnitudes; components, modelled, masks: (members, sources, bins, frames), what each
    member's components said, what its models made of that, its decoders of that. toward: `modelled` after what boxes
    elsewhere taught, as `masks` are then, too; informed: the labels by what is known of sounds alone; None where there
    were none.
    """

    front: Front
    rate: int
    learned: Learned
    seen: Tensor
    components: Tensor
    modelled: Tensor
    masks: Tensor
    toward: Tensor | None = None
    informed: Tensor | None = None

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

    def relabelled(self, masks: Tensor, boxes: Sequence[ChunkBox], recipe: Boxes) -> Tensor:
        """The components' labels by the evidence of boxes; masks: (sources, rows, frames), those of what was heard."""
        belonging = on_front(boxes, masks, self.front, self.rate)
        evidence = weigh(self.learned, masks, self.seen, boxes, belonging, recipe)
        labels = self.learned.labels if self.informed is None else self.informed
        return informed(labels, [partial(relabel, evidence=evidence, recipe=recipe)])

    def guided(self, guide: Guide, inside: Tensor, generator: torch.Generator) -> _Part:
        """With what is known of sounds alone as evidence in the labels; inside: where each source may sound."""
        own, members = self.learned, len(self.masks)
        like = guide.described(own.pool, len(self.seen))
        distance, _ = distances(like, own.labels, guide, torch.arange(own.labels.shape[1]))
        labels = inform(guide, own.pool, self.seen, own.labels, distance, inside, members, generator)
        return replace(self, informed=labels)

    def _moved(self, masks: Tensor, labels: Tensor) -> Tensor:
        grouped = member_masks(self.learned.pool, labels.to(self.seen.device), len(self.seen), len(masks))
        moved = (masks + grouped - self.components).clamp(min=0) + TINY
        return moved / moved.sum(1, keepdim=True)


def correct(
    read: Callable[[int], Heard],
    learned: Callable[[int], Mapping[str, Tensor]],
    boxes: Mapping[int, Sequence[ChunkBox]],
    recipe: ConsensusRecipe,
    *,
    redraw: bool,
    carry: Sequence[int] = (),
    device: torch.device,
) -> Iterator[Step | Corrected]:
    """Correct a separation by the boxes that a user drew; yields the masks of every chunk that is asked for, in order.

    read(i): chunk i, as for `separate`; learned(i): what that separation
    learned of it; boxes[i]: those in it, as they were drawn one after the other. redraw False leaves out the decoders
    and the models: the answer is there at once. The boxes of a chunk are evidence about its components, wherever in it
    these sound, and its masks are made anew. carry: the chunks with boxes, in the order in which they were first drawn
    into, where what these teach is carried to the chunks after it, and what all teach to those without boxes; empty,
    the latter keep their masks. What is yielded are the masks around the boxes: `signal.stems` fills these in, at the
    clip's own resolution.
    """
    assert recipe.boxes is not None, "what is separated by this recipe cannot be corrected"
    counter = StepCounter(_units(boxes, recipe, redraw, len(carry)))
    correction = _Correction(read, learned, boxes, recipe, redraw, device, counter)
    yield from correction.listen()
    ready: dict[int, Corrected] = {}
    for index in carry:
        ready[index] = yield from correction.correct(index, teaches=True)
    for index in boxes:
        yield ready.pop(index) if index in ready else (yield from correction.correct(index))


def _units(boxes: Mapping[int, Sequence[ChunkBox]], recipe: ConsensusRecipe, redraw: bool, teaching: int) -> int:
    rules, models = recipe.boxes, recipe.models
    assert rules is not None
    each = len(recipe.windows) * rules.iterations
    each += len(recipe.members) * (rules.alone + rules.together) if models else 0
    learning = teaching * len(recipe.windows) * (models.alone + models.together) if models else 0
    return 2 * len(boxes) + learning * 2 + (each * sum(map(bool, boxes.values())) if redraw else 0)


@dataclass
class _Correction:
    """A correction under way; the first fields as `correct` has them. examples: of each window, the chunks that taught
    so far; lessons: of each window, what is learned of all of them, none before the first. spans: of each chunk, the
    boxes that are as high as the clip; guides: of each window, what is heard alone there.
    """

    read: Callable[[int], Heard]
    learned: Callable[[int], Mapping[str, Tensor]]
    boxes: Mapping[int, Sequence[ChunkBox]]
    recipe: ConsensusRecipe
    redraw: bool
    device: torch.device
    counter: StepCounter
    examples: list[list[Example]] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    spans: dict[int, list[ChunkBox]] = field(default_factory=dict)
    guides: list[Guide] = field(default_factory=list)

    def listen(self) -> Generator[Step]:
        """Learn of what sounds alone, where boxes are as high as the clip."""
        for index, inside in self.boxes.items():
            rate = self.read(index).rate if inside else 0
            if spans := [box for box in inside if whole(box, rate)]:
                self.spans[index] = spans
        if self.recipe.examples is None or not self.spans:
            return
        sources = restore(self.learned(min(self.spans)), self.device)[0].labels.shape[1]
        run = guides({}, self.spans, self.read, self.recipe, sources, seeds.generator(0, -2), self.device)
        self.guides = yield from relay(run, lambda done: self.counter.step("learning", done, units=0))

    def correct(self, index: int, *, teaches: bool = False) -> Generator[Step, None, Corrected]:
        """A chunk by what was taught elsewhere, and by its own boxes; whether it then teaches the next."""
        recipe, inside = self.recipe, self.boxes[index]
        assert recipe.boxes is not None
        parts = self._as_separated(index)
        fronts, rate, belief = [part.front for part in parts], parts[0].rate, parts[0].learned.belief
        separated = heard = agreed([part.masks for part in parts], fronts, recipe.mask_exponent, belief)
        if self.lessons:
            parts = [part.taught(lesson, recipe) for part, lesson in zip(parts, self.lessons, strict=True)]
            heard = agreed([part.masks for part in parts], fronts, recipe.mask_exponent, belief)
        yield self.counter.step("grouping")
        answers, generator = [part.masks for part in parts], seeds.generator(0, index)
        if self.guides and recipe.examples is not None:
            belief = max(belief, recipe.caution.belief(recipe.examples.confidence))
        for at, part in enumerate(parts if inside or self.guides else ()):
            may = allowed(self.spans.get(index, ()), len(heard), seconds(part.front, part.seen))
            guide = self.guides[at] if self.guides else None
            part = part if guide is None else part.guided(guide, may, generator)
            labels = part.relabelled(through(heard, recipe.front, part.front), inside, recipe.boxes)
            if self.redraw:
                beside = None if guide is None else guide.alone(part.seen, part.masks.mean(0), may)
                answers[at] = yield from _redrawn(part, labels, inside, recipe, generator, self.counter, beside)
            else:
                answers[at] = part.moved(labels)
        masks = agreed(answers, fronts, recipe.mask_exponent, belief)
        belonging = on_front(inside, heard, recipe.front, rate)
        outside = reduce(torch.mul, [1 - b for b in belonging], parts[0].seen.square().mean(0))
        change = (outside * (masks - separated).square()).sum((1, 2))
        level = (outside * separated.square()).sum((1, 2))
        yield self.counter.step("refining")
        if teaches:
            yield from self._learn(parts, separated, fill(masks, inside, belonging))
        return Corrected(index, masks.cpu(), change=tuple(change.tolist()), level=tuple(level.tolist()))

    def _as_separated(self, index: int) -> list[_Part]:
        """The windows' parts in a chunk, as the separation left them."""
        heard = self.read(index).to(self.device)
        windows = zip(restore(self.learned(index), self.device), self.recipe.windows, strict=True)
        return [_as_separated(own, window, heard, self.recipe) for own, window in windows]

    def _learn(self, parts: Sequence[_Part], before: Tensor, after: Tensor) -> Generator[Step, None, None]:
        """Another chunk teaches, by its masks (sources, rows, frames) on the first window's rows."""
        models, rules = self.recipe.models, self.recipe.boxes
        assert models and rules and rules.carry, "what a correction by this recipe teaches is not carried on"
        total = 2 * (models.alone + models.together)
        known = self.examples or [[] for _ in parts]
        new = [
            Example(part.seen, *(through(masks, self.recipe.front, part.front) for masks in (before, after)))
            for part in parts
        ]
        self.examples = [thinned([*old, one], rules.carry.frames) for old, one in zip(known, new, strict=True)]
        self.lessons = []
        for examples in self.examples:
            run = learn(examples, models, rules.carry, seeds.generator(0, -1))
            self.lessons.append((yield from relay(run, lambda done: self.counter.step("learning", done, total))))


def _redrawn(
    part: _Part,
    labels: Tensor,
    boxes: Sequence[ChunkBox],
    recipe: ConsensusRecipe,
    generator: torch.Generator,
    counter: StepCounter,
    alone: Alone | None,
) -> Generator[Step, None, Tensor]:
    """The masks (members, sources, bins, frames) of a window whose decoders draw, and whose models explain, once more
    what labels and boxes say. Without decoders: the masks moved. alone: what the models learn beside the chunk.
    """
    rules = recipe.boxes
    if rules is None or recipe.refinement is None or part.learned.decoders is None or not rules.iterations:
        return part.moved(labels)
    belonging = on_front(boxes, part.masks[0], part.front, part.rate)
    targets = torch.stack([fill(own, boxes, belonging) for own in part.targets(labels)])
    run = _toward(part, part.learned.decoders, targets, recipe.refinement, rules, generator)
    masks = yield from relay(
        run, lambda at: counter.step("redrawing", at.index + 1, rules.iterations, loss=float(at.loss))
    )
    if recipe.models is None:
        return masks
    heard = torch.stack([sharpen(fill(own, boxes, belonging), recipe.mask_exponent) for own in masks])
    again = replace(recipe.models, alone=rules.alone, together=rules.together, share=rules.share)
    total = len(heard) * (again.alone + again.together)
    modelling = model_members(part.seen, heard, again, generator, alone)
    models = yield from relay(modelling, lambda done: counter.step("modelling", done, total))
    return blend(heard, models, part.seen, again)


def _toward(
    part: _Part, decoders: Decoders, targets: Tensor, recipe: Refinement, rules: Boxes, generator: torch.Generator
) -> Generator[Iteration, None, Tensor]:
    """The masks that decoders draw toward targets, (members, sources, bins, frames) both, from where the separation
    left them. What they have learned holds them there: where boxes move more than rules.anew of what they drew before,
    as where sounds were grouped wrongly, others begin anew.
    """
    seen = _mean(part.seen)
    weight = seen**recipe.compression
    moved = ((targets - part.modelled).abs() * weight).mean() / weight.mean().clamp(min=TINY)
    if moved < rules.anew:
        return (yield from redraw_on(seen, targets, decoders, recipe, iterations=rules.iterations))
    masks, _ = yield from redraw_anew(seen, targets, replace(recipe, iterations=rules.iterations), generator)
    return masks


def _as_separated(learned: Learned, window: Window, heard: Heard, recipe: ConsensusRecipe) -> _Part:
    """The masks that a window gave, made again from what was learned."""
    seen = see(heard, window.front)
    components = modelled = member_masks(learned.pool, learned.labels.to(seen.device), len(seen), window.members)
    models = taught(recipe) if learned.taught else recipe.models
    if learned.models and models is not None:
        modelled = blend(components, learned.models, seen, models)
    masks = modelled
    if learned.decoders is not None and recipe.refinement is not None:
        run = redraw_on(_mean(seen), modelled, learned.decoders, recipe.refinement, iterations=0)
        try:
            next(run)
        except StopIteration as end:
            masks = end.value
    return _Part(window.front, heard.rate, learned, seen, components, modelled, masks)


def _mean(seen: Tensor) -> Tensor:
    """What the decoders look at: the root of the views' mean power."""
    return seen.square().mean(0).sqrt()
