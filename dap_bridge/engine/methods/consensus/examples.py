"""What is known of sounds alone, by examples and in spans of the clip, and what it says of the clip's components."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor

from ...events import Guidance, relay
from ...recipe import Front
from ...signal.boxes import ChunkBox
from ...signal.rows import Heard, hertz, seconds, see
from ...tiny import TINY
from .components import (
    Factorisation,
    activations,
    component_activations,
    component_shares,
    component_spectra,
    descend,
    factorise,
    uniform,
)
from .grouping import Description, best_overlap, compared, concatenate, describe, embed, renamings
from .models import Alone, compress, source_masks
from .recipe import ConsensusRecipe, Examples, Features
from .traits import kin

# What is told of answers with and without it, see takes.py.
GUIDED, BLIND = "as your examples say", "without your examples"


@dataclass(frozen=True)
class Lesson:
    """What a window hears of a source alone.

    seen: magnitudes (views, rows, frames); spectra: (runs, views x rows, components), that explain it; like: what its
    own components are like; example: whether it comes from elsewhere, so that it may be of another sound, and tells
    nothing of place.
    """

    seen: Tensor
    spectra: Tensor
    like: Description
    example: bool


@dataclass(frozen=True)
class Guide:
    """What a window goes by.

    lessons: of every source, None where nothing is known of it; within: (rows,), which of the rows all examples reach.
    """

    front: Front
    lessons: list[Lesson | None]
    within: Tensor
    recipe: ConsensusRecipe
    rules: Examples

    @property
    def known(self) -> list[int]:
        """The sources that something is known of."""
        return [k for k, lesson in enumerate(self.lessons) if lesson is not None]

    def described(self, pool: Sequence[Factorisation], views: int) -> Description:
        """A chunk's components, as far as the examples reach."""
        return _described(component_spectra(pool, views) * self.within, pool, self.recipe.features, self.front)

    def shares(
        self, pool: Sequence[Factorisation], seen: Tensor, masks: Tensor, inside: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, float]:
        """How much of every component lies in the masks of a supervised factorisation (Smaragdis et al. 2007), in which
        every source keeps spectra of its own: (components, sources); and what is left of the chunk, a share of it.

        Spectra of a source that nothing is known of are learned of what its mask leaves of the chunk. seen: (views,
        rows, frames); masks: (sources, rows, frames); inside: (sources, frames), where each may sound.
        """
        rules = self.rules.spectra
        spectra = torch.cat(
            [
                learn(seen * (mask * self.within[:, None]), self.rules, generator)
                if lesson is None
                else self._reached(lesson)
                for lesson, mask in zip(self.lessons, masks, strict=True)
            ],
            2,
        )
        v = compress(seen * self.within[:, None], rules)
        h = activations(v, spectra, rules.updates, rules.relaxation, inside.repeat_interleave(rules.components, 0))
        explained = Factorisation(rules.compression, spectra, h)
        (drawn,) = source_masks([explained], len(masks), len(seen))
        left = divergence(v, spectra @ h).sum((1, 2)).mean() / v.sum().clamp(min=TINY)
        return component_shares(pool, drawn * self.within[:, None], len(seen)).cpu(), float(left)

    def alone(self, seen: Tensor, masks: Tensor, inside: Tensor) -> Alone:
        """What models of a chunk learn beside it; masks: (sources, rows, frames)."""
        brought = [
            None if lesson is None else self._brought(lesson, seen, mask)
            for lesson, mask in zip(self.lessons, masks, strict=True)
        ]
        return Alone(brought, self.rules.weight, inside)

    def _brought(self, lesson: Lesson, seen: Tensor, mask: Tensor) -> Tensor:
        """An example as if it had been recorded with the chunk: where the source lies there between the views, and,
        above what its recording reaches, as loud against the rest as the source is there.
        """
        if not lesson.example:
            return lesson.seen
        level = (seen * mask).square().mean(2)  # (views, rows)
        place = (level.sum(1) / level.sum().clamp(min=TINY) * len(seen)).sqrt()
        beyond = level.sum(0).sqrt() / (level.sum(0) * self.within).mean().sqrt().clamp(min=TINY)
        loud = (lesson.seen.square() * self.within[:, None]).mean(1, keepdim=True).sqrt()
        reached = torch.where(self.within[:, None], lesson.seen, beyond[:, None] * loud)
        return reached * place[:, None, None]

    def _reached(self, lesson: Lesson | None) -> Tensor:
        """A lesson's spectra as far as all examples reach, columns summing to one."""
        assert lesson is not None
        own = (lesson.spectra * self.within.repeat(len(lesson.seen))[:, None]).clamp(min=TINY)
        return own / own.sum(1, keepdim=True)


def divergence(v: Tensor, x: Tensor) -> Tensor:
    """The generalised Kullback-Leibler divergence of v from x, of every element."""
    return v * ((v + TINY) / (x + TINY)).log() - v + x


def learn(seen: Tensor, rules: Examples, generator: torch.Generator) -> Tensor:
    """Spectra that explain magnitudes (views, rows, frames): (runs, views x rows, components), their sums one."""
    spectra = rules.spectra
    v = compress(seen, spectra)
    rows, frames = v.shape
    w = uniform(spectra.runs, rows, spectra.components, generator=generator).to(v.device)
    h = uniform(spectra.runs, spectra.components, frames, generator=generator).to(v.device)
    w /= w.sum(1, keepdim=True)
    floor = v.new_full((rows, spectra.components), TINY)
    for _ in descend(v, w, h, floor, spectra.updates, spectra.relaxation):
        pass
    return w


def allowed(spans: Sequence[ChunkBox], sources: int, times: Tensor) -> Tensor:
    """Where each source may sound, by spans of the clip: (sources, frames) of ones and zeros; times: (frames,), s."""
    inside = torch.ones(sources, len(times), device=times.device)
    own = torch.arange(sources, device=times.device)
    for span in spans:
        outside = (times < span.start) | (times > span.end)
        said = outside | ((own == span.source) == span.active)[:, None]
        both = inside * said
        # of two that contradict each other the later one holds, as of boxes
        inside = torch.where(both.any(0), both, said.to(inside.dtype))
    return inside


def silenced(masks: Tensor, inside: Tensor) -> Tensor:
    """Masks (..., sources, rows, frames) where sources are silent; inside: (sources, frames), where each may sound."""
    if bool(inside.all()):
        return masks
    left = (masks + TINY) * inside[:, None]
    return left / left.sum(-3, keepdim=True).clamp(min=TINY)


def guides(
    examples: Mapping[int, Sequence[Heard]],
    spans: Mapping[int, Sequence[ChunkBox]],
    read: Callable[[int], Heard],
    recipe: ConsensusRecipe,
    sources: int,
    generator: torch.Generator,
    device: torch.device,
) -> Generator[int, None, list[Guide]]:
    """What every window goes by, of examples and spans as `Known` has them; none where nothing is known of any source.

    Where a span leaves but one source, that part of the clip is heard as an example of it, place and all. Yields how
    many lessons are learned.
    """
    assert recipe.examples is not None
    rules, done = recipe.examples, count(1)
    first = read(min(spans, default=0)).to(device)
    found: list[Guide] = []
    for window in recipe.windows:
        front = window.front
        views, rows, _ = see(first, front).shape
        own = _in_spans(spans, read, front, sources, device)
        heard = {k: _together([_seen(one.to(device), front, views, rows) for one in examples[k]]) for k in examples}
        sounds = {k: own.get(k, heard.get(k)) for k in range(sources)}
        reach = min((one.rate for of_source in examples.values() for one in of_source), default=first.rate) / 2
        within = _reached(
            hertz(front, first.rate, rows, device) <= reach, [s for s in sounds.values() if s is not None]
        )
        lessons: list[Lesson | None] = [None] * sources
        for k in range(sources):
            seen = sounds[k]
            if seen is None:
                continue
            longest = round(rules.longest_s * front.rate / front.hop)
            run = _lesson(seen[..., :longest], k not in own, within, recipe, rules, front, generator)
            lessons[k] = yield from relay(run, lambda _: next(done))
        found.append(Guide(front, lessons, within, recipe, rules))
    return found if any(guide.known for guide in found) else []


def _reached(within: Tensor, sounds: Sequence[Tensor]) -> Tensor:
    """The rows that all recordings reach, or all rows, where less than half of any of the sounds (views, rows, frames)
    lies in them: then more is known by what is missing above.
    """
    powers = [seen.square().sum((0, 2)) for seen in sounds]
    kept = all(float((power * within).sum()) >= float(power.sum()) / 2 for power in powers)
    return within if kept else torch.ones_like(within)


def _lesson(
    seen: Tensor,
    example: bool,
    within: Tensor,
    recipe: ConsensusRecipe,
    rules: Examples,
    front: Front,
    generator: torch.Generator,
) -> Generator[int, None, Lesson]:
    reached = seen * within[:, None]
    pool = []
    for part in recipe.pool:
        (settled,) = yield from factorise(reached, replace(part, runs=rules.runs), generator)
        pool.append(settled)
    like = _described(component_spectra(pool, len(seen)), pool, recipe.features, front)
    return Lesson(seen, learn(reached, rules, generator), like, example)


def _described(spectra: Tensor, pool: Sequence[Factorisation], features: Features, front: Front) -> Description:
    return describe(spectra, component_activations(pool), features, front)


def _seen(heard: Heard, front: Front, views: int, rows: int) -> Tensor:
    """An example, the same in every view, on so many rows: (views, rows, frames)."""
    seen = see(heard, front).square().mean(0).sqrt()[:rows]
    return F.pad(seen, (0, 0, 0, rows - len(seen))).expand(views, -1, -1)


def _together(parts: Sequence[Tensor]) -> Tensor:
    """All of them as one, each as loud as any other."""
    return torch.cat([part / part.square().mean().sqrt().clamp(min=TINY) for part in parts], 2)


def _in_spans(
    spans: Mapping[int, Sequence[ChunkBox]],
    read: Callable[[int], Heard],
    front: Front,
    sources: int,
    device: torch.device,
) -> dict[int, Tensor]:
    """Of every source that the spans of chunks leave alone somewhere, what is heard there: (views, rows, frames)."""
    found: dict[int, list[Tensor]] = {}
    for index, own in spans.items():
        seen = see(read(index).to(device), front)
        inside = allowed(own, sources, seconds(front, seen))
        for k in range(sources):
            alone = (inside[k] > 0) & (inside.sum(0) == 1)
            if bool((seen * alone).any()):
                found.setdefault(k, []).append(seen[..., alone])
    return {k: torch.cat(parts, 2) for k, parts in found.items()}


def distances(mixture: Description, labels: Tensor, guide: Guide, order: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """How far each of a clip's components lies from every source, by kinship: (components, sources), squared; and which
    of the groups of labels (components, groups) is each source, by where they lie, unless `order` says so: (sources,).

    By kinship the components of one sound lie around its middle with variance one, so that d^2 / 2 is its negative log
    likelihood there. The middle of a source that nothing is known of is that of the group which is left for it.
    """
    known = guide.known
    lessons = [lesson for lesson in guide.lessons if lesson is not None]
    everyone = concatenate([mixture, *(lesson.like for lesson in lessons)])
    points = _points(everyone, guide.recipe.features, place=not any(lesson.example for lesson in lessons))
    own, *others = points.split([len(mixture.energy), *(len(lesson.like.energy) for lesson in lessons)], 1)
    found = torch.zeros_like(labels)
    for k, lesson, theirs in zip(known, lessons, others, strict=True):
        found[:, k] = _squared(own, _middle(theirs, lesson.like.energy))
    mass = labels * mixture.energy[:, None]
    if order is None:
        # of every group and source, nothing where nothing is known
        mean = (mass / mass.sum(0).clamp(min=TINY)).mT @ found
        order = renamings(labels.shape[1])[best_overlap(-mean, renamings(labels.shape[1]))[1]].argsort()
    for k in set(range(labels.shape[1])) - set(known):
        found[:, k] = _squared(own, _middle(own, mass[:, order[k]]))
    return found, order


def _points(description: Description, features: Features, place: bool) -> Tensor:
    """(settings, components, dimensions), by kinship where it is known; place: whether it counts where sounds lie."""
    if features.kinship is None or not description.traits:
        return embed(description, features if place else replace(features, pan_weight=0.0))
    points = kin(compared(description, features, features.kinship.least), features.kinship)
    where = (description.pan * features.pan_weight).expand(len(points), -1, -1)
    return torch.cat([points, where], 2) if place else points


def _middle(points: Tensor, energy: Tensor) -> Tensor:
    """(settings, components, dimensions) -> (settings, 1, dimensions)."""
    return ((energy / energy.sum().clamp(min=TINY))[:, None] * points).sum(1, keepdim=True)


def _squared(points: Tensor, middle: Tensor) -> Tensor:
    """The mean over all settings: (components,)."""
    return (points - middle).square().sum(2).mean(0)


def near(labels: Tensor, distance: Tensor, rules: Examples) -> Tensor:
    """Labels (components, sources) by kinship and the clip's own clustering, rows summing to one, see `relabelled`."""
    return _opinion(labels, distance, rules).softmax(1)


def relabelled(labels: Tensor, shares: Tensor, left: float, distance: Tensor, rules: Examples) -> Tensor:
    """Labels (components, sources) by all that speaks for a source, rows summing to one.

    l' ~ s^a exp(-b d^2 / 2) l^c, a product of opinions (Genest and Zidek 1986): a falls from rules.explains where all
    of the clip is explained to nothing where rules.unexplained of it is left. shares s and distance d^2: (components,
    sources), see `Guide.shares` and `distances`.
    """
    explains = rules.explains * max(0.0, 1 - left / rules.unexplained)
    return (explains * shares.clamp(min=rules.least).log() + _opinion(labels, distance, rules)).softmax(1)


def _opinion(labels: Tensor, distance: Tensor, rules: Examples) -> Tensor:
    return rules.clusters * labels.clamp(min=rules.least).log() - rules.kinship / 2 * distance


def trust(labels: Tensor, distance: Tensor, energy: Tensor, guide: Guide) -> tuple[Guidance, ...]:
    """How far what is a source's in the clip lies from its example by kinship: the mean of d^2 over its components, by
    energy. labels and distance: (components, sources), see `near` and `distances`; energy: (components,).
    """
    mass = labels * energy[:, None]
    far = ((mass * distance).sum(0) / mass.sum(0).clamp(min=TINY)).tolist()
    return tuple(
        Guidance(k, round(far[k], 1), far[k] <= guide.rules.farthest)
        for k, lesson in enumerate(guide.lessons)
        if lesson is not None and lesson.example
    )
