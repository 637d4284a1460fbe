"""Given stems as verbs know them: boxes say where they are wrong, and whether an answer of our own was right there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...events import Alive, ChunkMasks, Corrected, Listened, Moved, Note, Step
from ...recipe import Front, Holding, Stems
from ...signal.boxes import ChunkBox, on_front
from ...signal.rows import Heard, see
from ...tiny import TINY
from ..consensus.boxes import correct
from ..consensus.grouping import best_overlap, renamings
from ..consensus.separation import separate
from ..method import Adopter, Read, ReadStems
from .recipe import AdoptionRecipe

# What is learned of a chunk, beside what the separation learned: its masks, and how much of the energy each of its
# sources has shared with each stem so far.
_MASKS, _OVERLAP = "own.masks", "own.overlap"


class Adoption(Adopter[AdoptionRecipe]):
    """An answer of our own is kept beside the given one. Where boxes are drawn the truth is known: how much more of it
    our answer had right is how far it is believed elsewhere, corrected by the same boxes.
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
        overlap = torch.zeros(parts, parts)
        for event in separate(read, chunks, self.recipe.separation, sources=parts, seed=seed, device=device):
            if not isinstance(event, ChunkMasks):
                yield event
                continue
            seen = see(read(event.index), self.front)
            level = seen.square().sum(0) / seen.square().sum().clamp(min=TINY)
            given = _shares(stems(event.index), self.front)[:parts]
            loud = float(seen.square().sum())
            overlap = overlap + loud * torch.einsum("irt,jrt->ij", event.masks * level, given)
            yield Listened(event.index, {**event.learned, _MASKS: event.masks.half(), _OVERLAP: overlap})

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
        order = _order(learned(chunks - 1))
        given = {index: _shares(stems(index), self.front) for index, inside in boxes.items() if inside}
        trust = self._trust(read, given, learned, order, boxes)
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
            yield Moved(event.index, before, _blended(before, event.masks, order, trust))

    def improve(self, stems: ReadStems, learned: Callable[[int], Mapping[str, Tensor]], chunks: int) -> Iterator[Moved]:
        order = _order(learned(chunks - 1))
        for index in range(chunks):
            before = _shares(stems(index), self.front)
            yield Moved(index, before, _blended(before, learned(index)[_MASKS].float(), order, self.recipe.improvement))

    def _trust(
        self,
        read: Read,
        given: Mapping[int, Tensor],
        learned: Callable[[int], Mapping[str, Tensor]],
        order: Sequence[int],
        boxes: Mapping[int, Sequence[ChunkBox]],
    ) -> float:
        """How far the answer of our own is believed: by how much more of what boxes hold it had right, as a share of
        their magnitude.
        """
        better = whole = 0.0
        for index, before in given.items():
            heard = read(index)
            level = see(heard, self.front).square().mean(0).sqrt()
            after = _blended(before, learned(index)[_MASKS].float(), order, 1.0)
            belonging = on_front(boxes[index], before, self.front, heard.rate)
            for box, belongs in zip(boxes[index], belonging, strict=True):
                gain = after[box.source] - before[box.source]
                weight = box.strength * belongs * level
                better += float((weight * (gain if box.active else -gain)).sum())
                whole += float(weight.sum())
        least, full = self.recipe.trust
        return self.recipe.share * min(1.0, max(0.0, (better / max(whole, TINY) - least) / (full - least)))


def _shares(stems: Sequence[Heard], front: Front) -> Tensor:
    """What part of the magnitude each stem has of every point, (stems, rows, frames), one for all channels."""
    levels = torch.stack([see(stem, front).square().mean(0).sqrt() for stem in stems]) + TINY
    return levels / levels.sum(0)


def _order(last: Mapping[str, Tensor]) -> list[int]:
    """Which of the stems each source of the answer of our own is: by what the last chunk says of all."""
    overlap = last[_OVERLAP]
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
