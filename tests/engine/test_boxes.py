"""Boxes are filled exactly, are evidence of components wherever these sound, and are targets of the decoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.events import ChunkMasks, Corrected
from dap_bridge.engine.methods.consensus.boxes import correct as correct_chunks
from dap_bridge.engine.methods.consensus.components import component_spectra
from dap_bridge.engine.methods.consensus.learned import Learned, dump, restore
from dap_bridge.engine.methods.consensus.priors import Evidence, relabel
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe
from dap_bridge.engine.methods.consensus.separation import separate
from dap_bridge.engine.signal.boxes import Cells, ChunkBox, fill, membership
from dap_bridge.engine.signal.stft import magnitude

from .hearing import heard

BOX = ChunkBox(0, False, start=0.5, end=1.0, low=400.0, high=800.0, strength=1.0, feather=0.1, octaves=0.5)
HERTZ, SECONDS = torch.linspace(0, 5500, 512), torch.linspace(0, 2, 129)


@pytest.fixture(scope="module")
def recipe() -> ConsensusRecipe:
    """The default one, cut to what a small scene needs."""
    found = presets.load_one_of("default", ConsensusRecipe).recipe
    assert found.models is not None and found.refinement is not None and found.boxes is not None
    return replace(
        found,
        pool=(replace(found.pool[0], runs=2, components=8, updates=40),),
        models=replace(found.models, alone=10, together=20),
        refinement=replace(found.refinement, iterations=30),
        boxes=replace(found.boxes, iterations=10),
    )


def test_a_box_belongs_wholly_inside_and_fades_over_its_feather() -> None:
    belongs = membership(BOX, HERTZ, SECONDS)
    row, column = (HERTZ - 600).abs().argmin(), (SECONDS - 0.75).abs().argmin()
    inside = (SECONDS >= 0.5) & (SECONDS <= 1.0)
    near = (SECONDS > 1.0) & (SECONDS < 1.1)
    assert (belongs[row, inside] == 1).all()
    assert ((belongs[row, near] > 0) & (belongs[row, near] < 1)).all()
    assert (belongs[row, near].diff() < 0).all()
    assert (belongs[row, (SECONDS < 0.39) | (SECONDS > 1.11)] == 0).all()
    assert (belongs[(HERTZ >= 400) & (HERTZ <= 800), column] == 1).all()
    assert (belongs[(HERTZ < 400 / 2**0.51) | (HERTZ > 800 * 2**0.51), column] == 0).all()


def test_a_box_from_zero_hertz_reaches_to_the_very_bottom() -> None:
    whole = replace(BOX, low=0.0, feather=0.0, octaves=0.0)
    assert membership(whole, HERTZ, SECONDS)[0].sum() == ((SECONDS >= 0.5) & (SECONDS <= 1)).sum()


def region(on: Tensor, rows: Tensor) -> ChunkBox:
    """Cells of ones and zeros (rows, columns) in BOX."""
    seconds = torch.linspace(BOX.start, BOX.end, on.shape[1] + 1, dtype=torch.float64)
    return replace(BOX, drawn=Cells(on.double(), rows.double(), seconds))


def test_a_region_belongs_where_it_is_drawn_and_fades_both_ways_around_that() -> None:
    """An L, of which the cell at the upper right is left out."""
    drawn = region(torch.tensor([[1, 1], [1, 0]]), torch.tensor([400, 600, 800]))
    belongs = membership(drawn, HERTZ, SECONDS)
    low, high = (HERTZ >= 400) & (HERTZ <= 600), (HERTZ > 600) & (HERTZ <= 800)
    left, right = (SECONDS >= 0.5) & (SECONDS <= 0.75), (SECONDS > 0.75) & (SECONDS <= 1)
    assert (belongs[low][:, left | right] == 1).all() and (belongs[high][:, left] == 1).all()
    corner = belongs[high][:, right]
    assert corner.max() < 1
    assert (corner[:, SECONDS[right] > 0.86].diff(dim=0) <= 0).all(), "from below, over half an octave"
    assert ((corner > 0) & (corner < 1)).any()
    assert membership(replace(drawn, octaves=0.0, feather=0.0), HERTZ, SECONDS)[high][:, right].max() == 0
    assert (belongs <= membership(BOX, HERTZ, SECONDS)).all(), "nowhere more than the box does"


def test_a_region_that_is_drawn_all_over_is_the_box() -> None:
    everywhere = region(torch.ones(40, 60), torch.linspace(400, 800, 41))
    torch.testing.assert_close(membership(everywhere, HERTZ, SECONDS), membership(BOX, HERTZ, SECONDS))


def test_rows_in_octaves_and_rows_in_hertz_say_the_same_of_the_same_shape() -> None:
    hertz = torch.linspace(0, 22_050, 4097)
    octaves = region(torch.tensor([[1, 0], [0, 1], [0, 1], [0, 0]]), torch.tensor([500, 1000, 2000, 4000, 8000]))
    even = torch.zeros(15, 2)
    even[0, 0] = even[1:7, 1] = 1
    linear = region(even, torch.arange(500, 8001, 500))
    torch.testing.assert_close(membership(octaves, hertz, SECONDS), membership(linear, hertz, SECONDS))


def test_cells_finer_than_the_grid_count_by_their_area() -> None:
    """Every other row of 1 Hz, every third column of a millisecond: a sixth of what is there."""
    on = (torch.arange(400)[:, None] % 2 == 0) & (torch.arange(500) % 3 == 0)
    fine = replace(region(on, torch.linspace(400, 800, 401)), feather=0.0, octaves=0.0)
    belongs = membership(fine, HERTZ, SECONDS)
    inside = belongs[(HERTZ > 410) & (HERTZ < 790)][:, (SECONDS > 0.52) & (SECONDS < 0.98)]
    assert inside.shape[0] > 20 and inside.shape[1] > 20
    torch.testing.assert_close(inside, torch.full_like(inside, 1 / 6), atol=0.05, rtol=0)


def test_what_a_box_takes_from_one_goes_to_the_others_in_their_proportion() -> None:
    masks = torch.tensor([0.5, 0.3, 0.2])[:, None, None].expand(3, 4, 5)
    everywhere = torch.ones(4, 5)
    taken = fill(masks, [BOX], [everywhere])
    torch.testing.assert_close(taken[:, 0, 0], torch.tensor([0.0, 0.6, 0.4]))
    given = fill(masks, [replace(BOX, source=2, active=True, strength=0.5)], [everywhere])
    torch.testing.assert_close(given[:, 0, 0], torch.tensor([0.25, 0.15, 0.6]))
    both = fill(masks, [BOX, replace(BOX, active=True)], [everywhere, everywhere])
    assert both[:, 0, 0].tolist() == [1.0, 0.0, 0.0], "the later wins"


def test_evidence_moves_labels_and_without_any_they_stay(recipe: ConsensusRecipe) -> None:
    assert recipe.boxes is not None
    labels = torch.tensor([[0.9, 0.1], [0.4, 0.6], [1.0, 0.0]])
    none = torch.zeros(3, 2)
    torch.testing.assert_close(relabel(labels, Evidence(none, none), recipe.boxes), labels)
    strong = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    moved = relabel(labels, Evidence(strong, none), recipe.boxes)
    torch.testing.assert_close(moved[:2], labels[:2])
    assert moved[2, 1] > 0.7
    against = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    torch.testing.assert_close(relabel(labels, Evidence(none, against), recipe.boxes), moved)


RATE = 11_000


def scene() -> tuple[Tensor, Tensor]:
    """Two seconds of pulses at 500 and at 2000 Hz, four a second and taking turns: (mixture, both)."""
    time = torch.arange(2 * RATE) / RATE
    low = (2 * torch.pi * 500 * time).sin() * ((time * 4) % 1 < 0.4)
    high = (2 * torch.pi * 2000 * time).sin() * ((time * 4 + 0.5) % 1 < 0.4)
    return (low + high)[None], torch.stack([low, high])


def answers(run: Iterator[object]) -> list[ChunkMasks]:
    return [event for event in run if isinstance(event, ChunkMasks)]


def learned_of(answer: ChunkMasks) -> list[Learned]:
    return restore(answer.learned, torch.device("cpu"))


def correct(recipe: ConsensusRecipe, learned: Sequence[Learned], boxes: list[ChunkBox], redraw: bool) -> Corrected:
    mixture, _ = scene()
    device = torch.device("cpu")
    run = correct_chunks(
        lambda _: heard(mixture), lambda _: dump(learned), {0: boxes}, recipe, redraw=redraw, device=device
    )
    (found,) = answers(run)
    assert isinstance(found, Corrected)
    return found


@pytest.fixture(scope="module")
def separated(recipe: ConsensusRecipe) -> ChunkMasks:
    mixture, _ = scene()
    (answer,) = answers(separate(lambda _: heard(mixture), 1, recipe, sources=2, seed=0, device=torch.device("cpu")))
    return answer


@pytest.fixture(scope="module")
def learned(separated: ChunkMasks) -> Learned:
    (found,) = learned_of(separated)
    return found


def share_of(masks: Tensor, part: Tensor, recipe: ConsensusRecipe, until: float) -> float:
    """The first mask's mean over the power of one of the scene's sounds, after `until` seconds."""
    power = magnitude(part[None], recipe.front)[0].square()
    power[:, : int(until * RATE / recipe.front.hop)] = 0
    return float((masks[0] * power).sum() / power.sum())


@pytest.mark.parametrize("redraw", [True, False])
@pytest.mark.parametrize("members", [(1.0,), (1.0, 0.5)])
def test_a_box_over_the_first_pulses_corrects_the_later_ones(
    recipe: ConsensusRecipe, members: tuple[float, ...], redraw: bool
) -> None:
    recipe = replace(recipe, members=members)
    mixture, parts = scene()
    (made,) = answers(separate(lambda _: heard(mixture), 1, recipe, sources=2, seed=0, device=torch.device("cpu")))
    # a separation that put everything into the first stem
    wrong = [
        Learned(one.pool, torch.tensor([0.95, 0.05]).repeat(len(one.labels), 1), one.decoders if redraw else None)
        for one in learned_of(made)
    ]
    box = ChunkBox(0, False, start=0.0, end=1.0, low=1500, high=2600, strength=1.0, feather=0.0)
    masks = correct(recipe, wrong, [box], redraw).masks
    assert share_of(masks, parts[1], recipe, until=1.1) < 0.5, "the same sound, elsewhere"
    assert share_of(masks, parts[0], recipe, until=1.1) > 0.8, "another sound"


def test_no_box_leaves_what_several_members_made_as_it_was(recipe: ConsensusRecipe) -> None:
    several = replace(recipe, members=(1.0, 0.5, 1.0))
    mixture, _ = scene()
    (made,) = answers(separate(lambda _: heard(mixture), 1, several, sources=2, seed=0, device=torch.device("cpu")))
    assert [len(one.pool) for one in learned_of(made)] == [2 * len(recipe.pool), len(recipe.pool)]
    assert torch.equal(correct(several, learned_of(made), [], True).masks, made.masks)


@pytest.mark.parametrize("redraw", [True, False])
def test_no_box_leaves_the_separation_as_it_was(recipe: ConsensusRecipe, separated: ChunkMasks, redraw: bool) -> None:
    again = correct(recipe, learned_of(separated), [], redraw)
    assert torch.equal(again.masks, separated.masks)
    assert again.change == (0.0, 0.0)


def test_decoders_go_on_where_the_separation_ended(recipe: ConsensusRecipe, learned: Learned) -> None:
    """From the saved weights and noise, not from new ones."""
    assert learned.decoders is not None
    box = ChunkBox(0, True, start=0.1, end=0.3, low=400, high=600, strength=1.0, feather=0.0)
    other = replace(learned, decoders=replace(learned.decoders, noise=learned.decoders.noise.flip(-1)))
    first, second = (correct(recipe, [one], [box], True).masks for one in (learned, other))
    assert torch.equal(first, correct(recipe, [learned], [box], True).masks)
    assert not torch.allclose(first, second, atol=1e-3)


def test_a_weaker_box_is_a_target_too(recipe: ConsensusRecipe, learned: Learned) -> None:
    """The more, the stronger it is: nothing waits for full strength."""
    _, parts = scene()
    box = ChunkBox(0, False, start=0.0, end=2.0, low=1500, high=2600, strength=1.0, feather=0.0)
    kept = [
        share_of(correct(recipe, [learned], [replace(box, strength=each)], True).masks, parts[1], recipe, until=0)
        for each in (0.01, 0.25, 0.5, 1.0)
    ]
    none, quarter, half, full = kept
    assert none > 0.95, "the box says otherwise than the separation"
    assert full < half < quarter < none - 0.1, kept
    assert half < 0.5


def test_models_decide_what_soft_labels_left_to_the_decoders(recipe: ConsensusRecipe, learned: Learned) -> None:
    assert recipe.boxes is not None
    spectra = component_spectra(learned.pool, 1)[:, 0]
    low = spectra[:, : spectra.shape[1] // 5].sum(1) / spectra.sum(1)  # below 1100 Hz
    soft = replace(learned, labels=torch.lerp(torch.stack([low, 1 - low], 1), torch.tensor(0.5), 0.6))
    box = ChunkBox(0, False, start=0.0, end=0.3, low=1500, high=2600, strength=1.0, feather=0.0)
    _, parts = scene()

    def errors(share: float) -> tuple[float, float]:
        boxes = replace(recipe.boxes, share=share, anew=0.0)
        masks = correct(replace(recipe, boxes=boxes), [soft], [box], True).masks
        first, second = (share_of(masks, part, recipe, until=0.4) for part in parts)
        return 1 - first, second

    for without, with_them in zip(errors(0.0), errors(recipe.boxes.share), strict=True):
        assert with_them < 0.7 * without


def test_evidence_reaches_nothing_in_chunks_that_hear_of_no_box(recipe: ConsensusRecipe, separated: ChunkMasks) -> None:
    mixture, _ = scene()
    box = ChunkBox(0, False, start=0.1, end=0.3, low=1500, high=2600, strength=1.0, feather=0.0)
    run = correct_chunks(
        lambda _: heard(mixture),
        lambda _: separated.learned,
        {0: [box], 1: []},
        recipe,
        redraw=False,
        device=torch.device("cpu"),
    )
    first, second = answers(run)
    assert torch.equal(second.masks, separated.masks)
    assert not torch.equal(first.masks, separated.masks)
