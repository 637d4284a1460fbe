"""Starts of the paper's optimisation: when one has not separated, and what then."""

from dataclasses import replace

import pytest
import torch

from dap_bridge.engine.events import Note, Step
from dap_bridge.engine.methods.paper import separation
from dap_bridge.engine.methods.paper.recipe import PaperRecipe
from dap_bridge.engine.methods.paper.separation import Outputs, join, ratio_masks
from dap_bridge.engine.nets.losses import told_apart
from dap_bridge.engine.signal.stft import magnitude

from .paper import audio, kept_starts, run, small

pytestmark = pytest.mark.usefixtures("one_thread")


def unattainable(recipe: PaperRecipe, **starts: float) -> PaperRecipe:
    """Nothing tells more than all there is to tell, so no start is good enough."""
    return replace(recipe, starts=replace(recipe.starts, told_apart=1.0, **starts))


def test_starts_are_bounded_the_best_is_gone_on_with_and_the_user_is_told():
    recipe = unattainable(small(4), told_from=0.0, looks=2, restarts=2)
    looked_at = []

    def look(iteration: int, outputs: Outputs) -> None:
        if iteration == 2:
            looked_at.append(join(outputs.stems))

    events, _ = run([audio(480), audio(480, seed=1)], recipe, observe=look)
    steps = [event for event in events if isinstance(event, Step)]
    # three starts left at the first look, and one of them gone on with; the second chunk has but one
    assert [step.iteration for step in steps] == [1, 2, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4]
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert ["after 2 restarts" in event.message for event in events if isinstance(event, Note)] == [True]

    seen = magnitude(audio(480), recipe.front)[0]
    mixture = recipe.fit.level * seen.sum() / seen.square().sum() * seen
    frames = mixture.shape[1]
    powers = [(ratio_masks(stems[..., :frames], 2.0) * mixture).square().sum(2) for stems in looked_at[:3]]
    apart = [told_apart(each, recipe.starts.least_bits) for each in powers]
    assert kept_starts(events) == [apart.index(max(apart))] * 2


def test_a_start_that_was_left_goes_on_as_if_it_never_had_been():
    ends: dict[float, list[Outputs]] = {0.0: [], 1.0: []}
    for told_from, seen in ends.items():
        recipe = unattainable(small(4), told_from=told_from, looks=2, restarts=2)
        events, _ = run(
            audio(480), recipe, observe=lambda i, outputs, seen=seen: seen.append(outputs) if i == 4 else None
        )
        if len(seen) == 1:
            (kept,) = kept_starts(events)
    assert [len(seen) for seen in ends.values()] == [1, 3]
    assert torch.equal(ends[0.0][0].stems, ends[1.0][kept].stems)


def test_a_start_that_separates_is_the_only_one_and_looking_changes_nothing():
    recipe = small(4)
    easy = replace(recipe.starts, collapsed=2.0, told_apart=-1.0, told_from=0.0, restarts=2)
    events, (first,) = run(audio(480), replace(recipe, starts=easy))
    assert [event.iteration for event in events if isinstance(event, Step)] == [1, 2, 3, 4]
    assert not [event for event in events if isinstance(event, Note)]
    assert kept_starts(events) == [0]
    events, (other,) = run(audio(480), unattainable(recipe, looks=1))
    assert ["restart" in event.message for event in events if isinstance(event, Note)] == [False]
    assert torch.equal(first, other)


def test_what_the_last_iterations_mix_again_is_taken_from_before_them(monkeypatch):
    """What they do to two steady tones now and then: one mask closes in a segment, the other stem has both there."""
    told = iter([0.9, 0.1, 0.9, 0.9, 0.8, 0.1])
    monkeypatch.setattr(separation.losses, "told_apart", lambda powers, least_bits: next(told))
    starts = replace(small().starts, collapsed=2.0, told_from=0.5, looks=4, restarts=3)
    recipe, seen = replace(small(4), starts=starts), []
    events, (masks,) = run(audio(480), recipe, observe=lambda _, outputs: seen.append(outputs.stems))
    # the first is left at its second look, the other one told apart by then and at the third
    assert [event.iteration for event in events if isinstance(event, Step)] == [1, 2, 1, 2, 3, 4]
    assert kept_starts(events) == [1]
    assert ["as they were before" in event.message for event in events if isinstance(event, Note)] == [True]
    torch.testing.assert_close(masks, ratio_masks(join(seen[4])[..., : masks.shape[-1]], recipe.ratio_exponent))


@pytest.mark.parametrize(("collapsed", "steps"), [(0.0, [1, 1, 2, 3, 4]), (2.0, [1, 2, 3, 1, 2, 3, 4])])
def test_a_collapsed_start_is_left_at_once_another_that_has_not_separated_later(collapsed, steps):
    recipe = unattainable(small(4), collapsed=collapsed, told_from=0.75, looks=4, restarts=1)
    events, _ = run(audio(480), recipe)
    assert [event.iteration for event in events if isinstance(event, Step)] == steps


def test_another_start_draws_new_weights_and_noise():
    firsts = []
    run(
        audio(480),
        unattainable(small(2), looks=1, restarts=1),
        observe=lambda iteration, outputs: firsts.append(outputs) if iteration == 1 else None,
    )
    assert not torch.allclose(firsts[0].sounds, firsts[1].sounds)
