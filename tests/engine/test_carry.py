"""What boxes teach of one chunk corrects the same sounds in others, and leaves other sounds alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.events import ChunkMasks, Corrected
from dap_bridge.engine.methods.consensus.boxes import correct as correct_chunks
from dap_bridge.engine.methods.consensus.carry import Example, thinned
from dap_bridge.engine.methods.consensus.learned import Learned, dump, restore
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe
from dap_bridge.engine.methods.consensus.separation import separate
from dap_bridge.engine.signal.boxes import ChunkBox
from dap_bridge.engine.signal.stft import magnitude

from .hearing import heard

RATE = 11_000
CPU = torch.device("cpu")
BOX = ChunkBox(0, False, start=0.0, end=1.0, low=1500, high=2600, strength=1.0, feather=0.0)


def pulses(low: float, high: float, a_second: float) -> Tensor:
    """Two seconds of pulses of two tones in Hz, taking turns: (2, samples)."""
    time = torch.arange(2 * RATE) / RATE
    first = (2 * torch.pi * low * time).sin() * ((time * a_second) % 1 < 0.4)
    return torch.stack([first, (2 * torch.pi * high * time).sin() * ((time * a_second + 0.5) % 1 < 0.4)])


# The same tones in another rhythm, and other tones.
CHUNKS = (pulses(500, 2000, 4), pulses(500, 2000, 3), pulses(900, 3700, 4))
ALIKE, UNLIKE = 1, 2


@pytest.fixture(scope="module", params=[(1.0,), (1.0, 0.5)], ids=["one", "two"])
def recipe(request: pytest.FixtureRequest) -> ConsensusRecipe:
    """The default one, cut to what a small scene needs."""
    found = presets.load_one_of("default", ConsensusRecipe).recipe
    assert found.models is not None and found.refinement is not None and found.boxes is not None
    return replace(
        found,
        members=request.param,
        pool=(replace(found.pool[0], runs=2, components=8, updates=40),),
        models=replace(found.models, alone=10, together=20),
        refinement=replace(found.refinement, iterations=30),
        boxes=replace(found.boxes, iterations=10),
    )


@pytest.fixture(scope="module")
def learned(recipe: ConsensusRecipe) -> list[list[Learned]]:
    """Of every chunk, a separation that put everything into the first stem.

    Without its decoders: which of the sounds these would draw there is luck.
    """
    run = separate(lambda index: heard(CHUNKS[index].sum(0)[None]), len(CHUNKS), recipe, sources=2, seed=0, device=CPU)
    made = [event for event in run if isinstance(event, ChunkMasks)]
    everything = torch.tensor([0.95, 0.05])
    windows = [restore(answer.learned, CPU) for answer in made]
    return [[Learned(one.pool, everything.repeat(len(one.labels), 1), None) for one in each] for each in windows]


def correct(
    recipe: ConsensusRecipe, learned: list[list[Learned]], boxes: dict[int, list[ChunkBox]], carry: Sequence[int]
) -> list[Corrected]:
    boxes = {index: boxes.get(index, []) for index in range(len(CHUNKS))}
    run = correct_chunks(
        lambda index: heard(CHUNKS[index].sum(0)[None]),
        lambda index: dump(learned[index]),
        boxes,
        recipe,
        redraw=True,
        carry=carry,
        device=CPU,
    )
    found = [event for event in run if isinstance(event, Corrected)]
    assert [one.index for one in found] == list(boxes)
    return found


def share_of(masks: Tensor, part: Tensor, recipe: ConsensusRecipe) -> float:
    """The first mask's mean over the power of one of a chunk's sounds."""
    power = magnitude(part[None], recipe.front)[0].square()
    return float((masks[0] * power).sum() / power.sum())


def test_the_same_sounds_are_corrected_where_no_box_is(recipe: ConsensusRecipe, learned: list[list[Learned]]) -> None:
    alone = correct(recipe, learned, {0: [BOX]}, [])[ALIKE]
    taught = correct(recipe, learned, {0: [BOX]}, [0])[ALIKE]
    low, high = CHUNKS[ALIKE]
    assert share_of(alone.masks, high, recipe) > 0.8
    assert share_of(taught.masks, high, recipe) < 0.3
    assert share_of(taught.masks, low, recipe) > 0.8
    torch.testing.assert_close(taught.masks.sum(0), torch.ones_like(taught.masks[0]))
    assert alone.change == (0.0, 0.0)
    assert min(taught.change) > 0


def test_other_sounds_keep_their_masks(recipe: ConsensusRecipe, learned: list[list[Learned]]) -> None:
    alone = correct(recipe, learned, {0: [BOX]}, [])[UNLIKE]
    taught = correct(recipe, learned, {0: [BOX]}, [0])[UNLIKE]
    assert torch.equal(taught.masks, alone.masks)


def test_a_chunk_hears_what_those_before_it_taught_and_its_own_boxes(
    recipe: ConsensusRecipe, learned: list[list[Learned]]
) -> None:
    """As the user drew: into what earlier boxes had made of it."""
    nowhere = replace(BOX, low=4800, high=5000)
    boxes = {0: [BOX], ALIKE: [nowhere]}
    _, high = CHUNKS[ALIKE]
    later, earlier = (share_of(correct(recipe, learned, boxes, o)[ALIKE].masks, high, recipe) for o in ([0, 1], [1, 0]))
    assert later < 0.3
    assert earlier > 0.8


def test_so_many_frames_teach_and_no_more() -> None:
    of = [torch.arange(100.0).expand(1, 3, 100), torch.arange(40.0).expand(1, 3, 40)]
    found = thinned([Example(one, one.repeat(2, 1, 1), one.repeat(2, 1, 1)) for one in of], 100)
    assert [one.seen.shape for one in found] == [(1, 3, 50), (1, 3, 40)]
    assert (found[0].seen[0, 0, 0], found[0].seen[0, 0, -1]) == (0, 99)
    assert torch.equal(found[0].after[1], found[0].seen[0])
