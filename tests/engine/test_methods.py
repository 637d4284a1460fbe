"""Methods as verbs know them: made of a recipe, loaded when asked for; what one learned can be kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dap_bridge import presets
from dap_bridge.engine.events import ChunkMasks
from dap_bridge.engine.methods import DENOISERS, RECIPES, SEPARATORS, denoiser, separator
from dap_bridge.engine.methods.consensus.learned import dump, restore
from dap_bridge.engine.methods.consensus.recipe import Caution, ConsensusRecipe
from dap_bridge.engine.methods.method import Known
from dap_bridge.jobs import learned

from .hearing import heard


@pytest.fixture
def recipe() -> ConsensusRecipe:
    """The default one, with as little of everything as goes."""
    found = presets.load_one_of("default", ConsensusRecipe).recipe
    assert found.models is not None and found.refinement is not None
    return replace(
        found,
        members=(1.0, 0.5),
        pool=(replace(found.pool[0], runs=1, components=3, updates=2),),
        models=replace(found.models, runs=1, components=2, alone=1, together=1),
        refinement=replace(found.refinement, iterations=1),
    )


def test_every_preset_is_of_a_method_that_can_be_made_of_it() -> None:
    for name in presets.names():
        made = presets.load(name).recipe
        assert type(made) in RECIPES.values()
        if type(made) in SEPARATORS:
            assert separator(made).basis
        if type(made) in DENOISERS:
            assert denoiser(made).floats(0) == 0


def test_a_session_does_not_depend_on_what_only_corrects_and_tells(recipe: ConsensusRecipe) -> None:
    without = replace(recipe, boxes=None, counting=None)
    assert separator(recipe).basis == separator(without).basis
    assert separator(recipe).basis != separator(replace(recipe, mask_exponent=1.0)).basis


def test_doubt_is_told_and_confidence_is_not(recipe: ConsensusRecipe) -> None:
    advice = separator(recipe).advice
    (told,) = advice(2, None, recipe.caution.told_below - 0.01)
    assert "doubtful" in told
    assert advice(2, None, recipe.caution.told_below) == advice(2, None, None) == []


@pytest.mark.parametrize(("confidence", "belief"), [(0.0, 0.5), (0.4, 0.75), (0.8, 1.0), (1.0, 1.0)])
def test_the_surer_it_is_the_more_masks_are_believed(confidence: float, belief: float) -> None:
    assert Caution(least=0.5, full=0.8, told_below=0.5).belief(confidence) == pytest.approx(belief)


def test_a_doubtful_answer_is_nearer_to_equal_shares_in_a_correction_too(recipe: ConsensusRecipe) -> None:
    audio = torch.rand(1, 11_000, generator=torch.Generator().manual_seed(0)) - 0.5
    cpu = torch.device("cpu")

    def answers(least: float) -> tuple[torch.Tensor, torch.Tensor]:
        method = separator(replace(recipe, caution=Caution(least=least, full=1.5, told_below=0.5)))
        run = method.separate(lambda _: heard(audio), 1, sources=2, seed=0, device=cpu, known=Known())
        (answer,) = [event for event in run if isinstance(event, ChunkMasks)]
        assert method.corrector is not None
        again = method.corrector.correct(
            lambda _: heard(audio), lambda _: answer.learned, {0: []}, redraw=True, carry=(), device=cpu
        )
        (corrected,) = [event for event in again if isinstance(event, ChunkMasks)]
        return answer.masks, corrected.masks

    bold, bold_again = answers(1.0)
    cautious, cautious_again = answers(0.2)
    assert (cautious - 0.5).abs().mean() < 0.9 * (bold - 0.5).abs().mean()
    assert torch.equal(bold, bold_again)
    assert torch.equal(cautious, cautious_again)


def test_without_boxes_nothing_can_be_corrected(recipe: ConsensusRecipe) -> None:
    assert separator(recipe).corrector is not None
    assert separator(replace(recipe, boxes=None)).corrector is None
    assert separator(presets.load("paper").recipe).corrector is None


def test_what_was_learned_is_the_same_after_it_was_kept(recipe: ConsensusRecipe) -> None:
    audio = torch.rand(2, 11_000, generator=torch.Generator().manual_seed(0)) - 0.5
    cpu = torch.device("cpu")
    run = separator(recipe).separate(lambda _: heard(audio), 1, sources=2, seed=0, device=cpu, known=Known())
    (answer,) = [event for event in run if isinstance(event, ChunkMasks)]
    content = learned.dump(answer.learned)
    assert content == learned.dump(answer.learned)
    again = learned.restore(content)
    assert again.keys() == answer.learned.keys()
    assert all(torch.equal(tensor, answer.learned[name]) for name, tensor in again.items())
    windows = restore(again, cpu)
    assert [len(window.models) for window in windows] == [1, 1]
    assert dump(windows).keys() == again.keys()
    kept = {"0.labels", "0.pool.0.spectra", "1.models.0.activations", "1.models.0.compression", "1.decoders.noise"}
    assert kept <= again.keys(), "names that sessions are kept under"


def test_what_was_not_learned_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing that was learned"):
        learned.restore(b"no tensors")
