"""Given stems as verbs know them: boxes say where they are wrong, and whether an answer of our own was right there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...events import Alive, ChunkMasks, Corrected, Listened, Moved, Note, Step
from ...recipe import Front, Holding, Stems
from ...signal.boxes import ChunkBox, fill, on_front
from ...signal.rows import Heard, see
from ...tiny import TINY
from ..consensus.boxes import correct
from ..consensus.grouping import best_overlap, renamings
from ..consensus.separation import separate
from ..method import Adopter, Known, Read, ReadStems
from .recipe import AdoptionRecipe

# What is learned of a chunk, beside what the separation learned: the masks of our answer, what its other groupings made
# different in them, the energy that each source has shared with each stem so far, and how sure it is.
_MASKS, _BESIDE, _OVERLAP, _CONFIDENCE = "own.masks", "own.beside", "own.overlap", "own.confidence"


class Adoption(Adopter[AdoptionRecipe]):
    """An answer of our own is kept beside the given one. Where boxes are drawn the truth is known: how wrong the stems
    were there is how far they and our answer, corrected by the same boxes, are averaged elsewhere; and it is believed
    beyond that by how much more of the truth it had right.
    """

    @property
    def front(self) -> Front:
        return self.recipe.separation.front

    @property
    def moving(self) -> tuple[Stems, Holding]:
        made_by = self.recipe.separation
        assert made_by.boxes is not None
        return made_by.stems, made_by.boxes

    def listen(
        self, read: Read, stems: ReadStems, chunks: int, *, parts: int, seed: int, device: torch.device
    ) -> Iterator[Step | Alive | Note | Listened]:
        recipe, beside = self.recipe.separation, self.recipe.beside
        if recipe.alternatives is not None:
            recipe = replace(recipe, alternatives=replace(recipe.alternatives, order=beside))
        known = Known(alternatives=1 + len(beside))
        overlap = torch.zeros(parts, parts)
        answers: list[ChunkMasks] = []

        def listened() -> Listened:
            nonlocal overlap
            index, first = answers[0].index, answers[0]
            masks = torch.stack([answer.masks for answer in answers]).mean(0)
            energy = see(read(index), self.front).square().sum(0)
            given = _shares(stems(index), self.front)[:parts]
            overlap = overlap + torch.einsum("irt,jrt->ij", masks * energy, given)
            own = {_MASKS: masks.half(), _BESIDE: (masks - first.masks).half(), _OVERLAP: overlap}
            return Listened(index, {**first.learned, **own, _CONFIDENCE: torch.tensor(first.confidence or 0.0)})

        for event in separate(read, chunks, recipe, sources=parts, seed=seed, device=device, known=known):
            if not isinstance(event, ChunkMasks):
                yield event
                continue
            if answers and event.index != answers[0].index:
                yield listened()
                answers.clear()
            answers.append(event)
        yield listened()

    def correct(
        self,
        read: Read,
        stems: ReadStems,
        learned: Callable[[int], Mapping[str, Tensor]],
        chunks: int,
        boxes: Mapping[int, Sequence[ChunkBox]],
        *,
        redraw: bool,
        carry: Sequence[int],
        device: torch.device,
    ) -> Iterator[Step | Moved]:
        last = learned(chunks - 1)
        confidence = float(last[_CONFIDENCE])
        given = {index: _shares(stems(index), self.front) for index, inside in boxes.items() if inside}
        order = _order(last[_OVERLAP] + self._corrected_overlap(read, given, learned, boxes, len(last[_OVERLAP])))
        trust = self._trust(read, given, learned, order, boxes) * _between(confidence, self.recipe.confidence)
        if not trust:
            return
        # the answer of our own knows nothing of what stems leave, and calls what it has by other numbers
        own = {
            index: [replace(box, source=order.index(box.source)) for box in inside if box.source < len(order)]
            for index, inside in boxes.items()
        }
        events = correct(
            read,
            lambda index: {name: tensor for name, tensor in learned(index).items() if not name.startswith("own.")},
            own,
            self.recipe.separation,
            redraw=redraw,
            carry=[index for index in carry if own[index]],
            device=device,
        )
        for event in events:
            if not isinstance(event, Corrected):
                yield event
                continue
            before = given.pop(event.index) if event.index in given else _shares(stems(event.index), self.front)
            own_masks = (event.masks + learned(event.index)[_BESIDE].float()).clamp(min=0) + TINY
            after = _blended(before, own_masks / own_masks.sum(0), order, trust)
            # what lies in boxes is theirs to fill
            inside = boxes[event.index]
            belonging = on_front(inside, before, self.front, read(event.index).rate)
            for box, belongs in zip(inside, belonging, strict=True):
                after = torch.lerp(after, before, box.strength * belongs)
            yield Moved(event.index, before, after)

    def improve(self, stems: ReadStems, learned: Callable[[int], Mapping[str, Tensor]], chunks: int) -> Iterator[Moved]:
        order = _order(learned(chunks - 1)[_OVERLAP])
        for index in range(chunks):
            before = _shares(stems(index), self.front)
            yield Moved(index, before, _blended(before, learned(index)[_MASKS].float(), order, self.recipe.improvement))

    def _corrected_overlap(
        self,
        read: Read,
        given: Mapping[int, Tensor],
        learned: Callable[[int], Mapping[str, Tensor]],
        boxes: Mapping[int, Sequence[ChunkBox]],
        parts: int,
    ) -> Tensor:
        """What boxes add to the energy that each of our sources shares with each stem: (sources, stems)."""
        more = torch.zeros(parts, parts)
        for index, before in given.items():
            heard = read(index)
            energy = see(heard, self.front).square().sum(0)
            after = fill(before, boxes[index], on_front(boxes[index], before, self.front, heard.rate))
            own = learned(index)[_MASKS].float()
            more += torch.einsum("irt,jrt->ij", own * energy, (after - before)[:parts])
        return more

    def _trust(
        self,
        read: Read,
        given: Mapping[int, Tensor],
        learned: Callable[[int], Mapping[str, Tensor]],
        order: Sequence[int],
        boxes: Mapping[int, Sequence[ChunkBox]],
    ) -> float:
        """The share of our answer: by how much of the magnitude that boxes hold is wrong in the stems and in it."""
        wrong_given = wrong_own = whole = 0.0
        for index, before in given.items():
            heard = read(index)
            level = see(heard, self.front).square().mean(0).sqrt()
            own = _blended(before, learned(index)[_MASKS].float(), order, 1.0)
            belonging = on_front(boxes[index], before, self.front, heard.rate)
            for box, belongs in zip(boxes[index], belonging, strict=True):
                weight, truth = box.strength * belongs * level, float(box.active)
                wrong_given += float((weight * (before[box.source] - truth).abs()).sum())
                wrong_own += float((weight * (own[box.source] - truth).abs()).sum())
                whole += float(weight.sum())
        wrong, better = wrong_given / max(whole, TINY), (wrong_given - wrong_own) / max(whole, TINY)
        least, most = self.recipe.share
        share = least + (most - least) * _between(better, self.recipe.better)
        return share * _between(wrong, self.recipe.wrong)


def _between(value: float, ends: tuple[float, float]) -> float:
    """0 up to the first of two ends, 1 from the second on."""
    return min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0])))


def _shares(stems: Sequence[Heard], front: Front) -> Tensor:
    """What part of the magnitude each stem has of every point, (stems, rows, frames), one for all channels."""
    levels = torch.stack([see(stem, front).square().mean(0).sqrt() for stem in stems]) + TINY
    return levels / levels.sum(0)


def _order(overlap: Tensor) -> list[int]:
    """Which of the stems each source of our answer is; overlap: (sources, stems), energy that they share."""
    orders = renamings(len(overlap))
    _, best = best_overlap(overlap, orders)
    return orders[best].tolist()


def _blended(given: Tensor, own: Tensor, order: Sequence[int], share: float) -> Tensor:
    """Given masks (stems, rows, frames) with a share of our own (sources, rows, frames); what stems leave stays."""
    named = given.clone()
    whole = given[: len(order)].sum(0)
    for source, stem in enumerate(order):
        named[stem] = torch.lerp(given[stem], own[source].to(given) * whole, share)
    return named
