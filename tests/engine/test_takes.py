"""Other groupings of the same components: each finds what it looks for, none depends on which others are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.events import ChunkMasks, Step
from dap_bridge.engine.methods import separator
from dap_bridge.engine.methods.consensus.grouping import Description
from dap_bridge.engine.methods.consensus.recipe import Alternatives, ConsensusRecipe
from dap_bridge.engine.methods.consensus.takes import WORDS, Take, apart, likeness, matched, takes
from dap_bridge.engine.methods.method import Known
from tests.engine.hearing import heard
from tests.generators import drain

CPU = torch.device("cpu")


@pytest.fixture
def recipe() -> ConsensusRecipe:
    """The default one, with little of everything, to which any two takes are different ones."""
    found = presets.load_one_of("default", ConsensusRecipe).recipe
    assert found.models is not None and found.refinement is not None and found.alternatives is not None
    return replace(
        found,
        pool=(replace(found.pool[0], runs=2, components=6, updates=5),),
        grouping=replace(found.grouping, restarts=2),
        models=replace(found.models, runs=1, components=2, alone=1, together=1),
        refinement=replace(found.refinement, iterations=2),
        alternatives=replace(found.alternatives, same=1.1),
    )


def rules(recipe: ConsensusRecipe, **changes: Any) -> Alternatives:
    assert recipe.alternatives is not None
    return replace(recipe.alternatives, **changes)


def one_hot(names: Sequence[int]) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(names)).float()


def described(timbre: Tensor, texture: Tensor, energy: Tensor) -> Description:
    """Components that differ in timbre and in texture by two numbers, and by some noise."""
    random, count = torch.Generator().manual_seed(0), len(timbre)
    slope = torch.linspace(-1, 1, 40)
    log_mel = 2 * timbre[:, None] * slope + 0.02 * torch.randn(count, 40, generator=random)
    textures = texture[:, None, None] + 0.02 * torch.randn(count, 2, 8, generator=random)
    return Description(log_mel, textures, torch.zeros(count, 0), energy, {})


def made(
    description: Description, first: Tensor, recipe: ConsensusRecipe, members: Tensor | None = None, **changes: Any
) -> list[Take]:
    run = takes(
        [description],
        torch.zeros(len(first), dtype=torch.long) if members is None else members,
        first,
        replace(recipe, features=replace(recipe.features, kinship=None)),
        rules(recipe, **changes),
        wanted=3,
        inform=lambda labels: labels,
        generator=lambda: torch.Generator().manual_seed(0),
    )
    return drain(run)


def test_timbre_alone_hears_no_movement(recipe: ConsensusRecipe) -> None:
    """Every other component moves otherwise, and half of them sound otherwise."""
    timbre = torch.tensor([1.0] * 8 + [-1.0] * 8)
    texture = torch.tensor([3.0, -3.0] * 8)
    first = one_hot([0, 1] * 8)
    (take,) = made(described(timbre, texture, torch.ones(16)), first, recipe, order=("timbre",))
    assert take.what == WORDS["timbre"]
    assert likeness(take.labels, one_hot([0] * 8 + [1] * 8), torch.ones(16)) > 0.95


def test_the_contrast_is_that_of_the_loudest(recipe: ConsensusRecipe) -> None:
    """Few loud components differ in timbre, many faint ones in texture."""
    timbre = torch.tensor([1.0, -1.0, 1.0, -1.0] + [0.0] * 12)
    texture = torch.tensor([0.0] * 4 + [1.0, -1.0] * 6)
    energy = torch.tensor([100.0] * 4 + [0.01] * 12)
    (take,) = made(described(timbre, texture, energy), one_hot([0] * 8 + [1] * 8), recipe, order=("contrast",))
    assert likeness(take.labels[:4], one_hot([0, 1, 0, 1]), torch.ones(4)) == 1.0
    assert set(take.labels.flatten().tolist()) == {0.0, 1.0}


def test_the_faint_sound_is_set_apart_though_two_loud_ones_differ_more(recipe: ConsensusRecipe) -> None:
    timbre = torch.tensor([2.0] * 6 + [-2.0] * 6 + [1.2] * 4)
    texture = torch.tensor([0.0] * 12 + [2.0] * 4)
    energy = torch.tensor([10.0] * 12 + [0.1] * 4)
    faint = one_hot([0] * 12 + [1] * 4)
    (take,) = made(
        described(timbre, texture, energy),
        one_hot([0] * 6 + [1] * 6 + [0] * 4),
        recipe,
        order=("faintest",),
        further=1,
        faint=1,
    )
    assert likeness(take.labels, faint, torch.ones(16)) > 0.95


def test_with_the_faintest_apart_the_others_stay_as_they_were() -> None:
    first = one_hot([0, 0, 1, 1, 2, 2, 2])
    groups = one_hot([0, 0, 1, 1, 2, 2, 3])
    energy = torch.tensor([4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 0.1])
    labels = apart(groups, first, energy, 1)
    assert labels[6].tolist() == [0, 0, 1]
    torch.testing.assert_close(labels[:4], first[:4])
    torch.testing.assert_close(labels.sum(1), torch.ones(7))
    assert labels[4:6, 2].tolist() == [0, 0], "what lay beside it is no longer in its place"


def test_names_are_those_of_the_first(recipe: ConsensusRecipe) -> None:
    first = torch.rand(12, 3, generator=torch.Generator().manual_seed(1)).softmax(1)
    energy = torch.arange(1.0, 13.0)
    for order in ([1, 2, 0], [2, 1, 0]):
        torch.testing.assert_close(matched(first[:, order], first, energy), first)
        assert likeness(first[:, order], first, energy) == pytest.approx(1.0)


def test_what_another_says_already_is_left_out_and_the_next_takes_its_place(recipe: ConsensusRecipe) -> None:
    timbre = torch.tensor([1.0] * 8 + [-1.0] * 8)
    texture = torch.tensor([3.0, -3.0] * 8)
    description, first = described(timbre, texture, torch.ones(16)), one_hot([0] * 8 + [1] * 8)
    found = made(description, first, recipe, order=("timbre", "contrast"), same=0.95)
    assert [take.what for take in found] == [WORDS["contrast"]]


@pytest.mark.parametrize("sources", [2, 3, 5])
def test_every_kind_works_for_any_number_of_sources_and_members(recipe: ConsensusRecipe, sources: int) -> None:
    random = torch.Generator().manual_seed(0)
    count = 24
    description = described(*(torch.rand(count, generator=random) for _ in range(3)))
    first = torch.rand(count, sources, generator=random).softmax(1)
    members = torch.arange(2).repeat_interleave(count // 2)
    found = made(description, first, recipe, members)
    assert len(found) == 3
    for take in found:
        assert take.labels.shape == first.shape
        torch.testing.assert_close(take.labels.sum(1), torch.ones(count))


def answers(recipe: ConsensusRecipe, alternatives: int | None, chunks: int = 2) -> tuple[list[ChunkMasks], list[float]]:
    random = torch.Generator().manual_seed(0)
    clips = [torch.rand(1, 11_000, generator=random) - 0.5 for _ in range(chunks)]
    run = separator(recipe).separate(
        lambda index: heard(clips[index]), chunks, sources=2, seed=0, device=CPU, known=Known(alternatives)
    )
    events = list(run)
    fractions = [event.fraction for event in events if isinstance(event, Step)]
    return [event for event in events if isinstance(event, ChunkMasks)], fractions


@pytest.mark.parametrize("chunks", [1, 2])
def test_the_more_are_asked_for_the_same_those_before_stay(recipe: ConsensusRecipe, chunks: int) -> None:
    few, many = answers(recipe, 2, chunks)[0], answers(recipe, 4, chunks)[0]
    assert [(one.index, one.alternative) for one in many] == [(i, n) for i in range(chunks) for n in (1, 2, 3, 4)]
    for one in few:
        (same,) = [other for other in many if (other.index, other.alternative) == (one.index, one.alternative)]
        assert torch.equal(one.masks, same.masks)
        assert one.what == same.what
    assert torch.equal(answers(recipe, 1, chunks)[0][0].masks, many[0].masks)
    assert all("pool" not in name and "decoders" not in name for one in many[1:4] for name in one.learned)


def test_of_silence_there_is_one_answer(recipe: ConsensusRecipe) -> None:
    run = separator(recipe).separate(
        lambda _: heard(torch.zeros(1, 11_000)), 1, sources=2, seed=0, device=CPU, known=Known(4)
    )
    (answer,) = [event for event in run if isinstance(event, ChunkMasks)]
    assert not answer.what


@pytest.mark.parametrize("below", [0.0, 1.1])
def test_progress_never_goes_back_and_ends_at_the_end(recipe: ConsensusRecipe, below: float) -> None:
    found, fractions = answers(replace(recipe, alternatives=rules(recipe, offered_below=below)), None)
    assert len(found) == (2 if below == 0 else 6)
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
