"""How many sounds: what moves together counts as one, and weights turn measures into probabilities."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.methods.consensus.components import factorise
from dap_bridge.engine.methods.consensus.counting import coherence, evidence, probabilities, spread, togetherness
from dap_bridge.engine.methods.consensus.grouping import Description
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe, Counting, CountWeights
from tests.engine.test_models import sparse
from tests.generators import drain


@pytest.fixture(scope="module")
def recipe() -> ConsensusRecipe:
    return presets.load_one_of("draft", ConsensusRecipe).recipe


@pytest.fixture(scope="module")
def counting(recipe: ConsensusRecipe) -> Counting:
    assert recipe.counting is not None
    return recipe.counting


def test_groups_that_move_as_one_are_told_from_those_that_do_not(counting: Counting) -> None:
    one, other = sparse(2, 400, seed=1)
    together = togetherness(torch.stack([one, 0.1 * one]), counting)
    apart = togetherness(torch.stack([one, other]), counting)
    for name in ("levels", "onsets", "swells"):
        assert together[name] == together[f"{name}_mean"] == pytest.approx(1, abs=1e-3)
        assert abs(apart[name]) < 0.35


def test_of_three_groups_the_most_alike_two_and_all_pairs_are_told(counting: Counting) -> None:
    one, other = sparse(2, 400, seed=1)
    found = togetherness(torch.stack([one, other, one]), counting)
    assert found["levels"] == pytest.approx(1, abs=1e-3)
    assert found["levels_mean"] == pytest.approx((1 + 2 * togetherness(sparse(2, 400, seed=1), counting)["levels"]) / 3)


def test_a_group_that_never_sounds_is_like_none(counting: Counting) -> None:
    found = togetherness(torch.stack([sparse(1, 400, seed=1)[0], torch.zeros(400)]), counting)
    assert set(found.values()) == {0.0}


def test_components_that_move_as_one_are_coherent(counting: Counting) -> None:
    energy = torch.tensor([0.5, 0.25, 0.25])
    same = energy[:, None] * (shape := sparse(1, 400, seed=3)) / shape.sum()
    assert coherence(same, energy, counting) == pytest.approx({"coherence": 1.0, "dominance": 1.0}, abs=1e-3)
    different = energy[:, None] * (shapes := sparse(3, 400, seed=3)) / shapes.sum(1, keepdim=True)
    assert coherence(different, energy, counting)["coherence"] < 0.2


def test_components_that_differ_are_spread(counting: Counting) -> None:
    def described(width: float) -> Description:
        points = width * torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
        return Description(points, points[:, None], torch.zeros(50, 0), torch.ones(50), {})

    energy = torch.full((50,), 0.02)
    near, far = spread(described(1.0), energy), spread(described(10.0), energy)
    assert far["timbre"] - near["timbre"] == pytest.approx(2 * torch.tensor(10.0).log().item(), abs=1e-4)
    assert far["texture"] - near["texture"] == pytest.approx(2 * torch.tensor(10.0).log().item(), abs=1e-4)
    assert near["evenness"] == far["evenness"] == pytest.approx(0, abs=1e-5)


def test_probabilities_are_the_softmax_of_weighted_measures(counting: Counting) -> None:
    names = CountWeights.__dataclass_fields__
    none = replace(counting, intercepts=(0.0, 0.0, 0.0), weights=CountWeights(**dict.fromkeys(names, (0.0, 0.0, 0.0))))
    silent = dict.fromkeys(names, 0.0)
    assert probabilities([silent], none) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    weighed = replace(none, weights=replace(none.weights, timbre=(0.0, 0.0, 2.0)))
    loud = silent | {"timbre": 3.0}
    assert probabilities([loud], weighed) == pytest.approx(torch.tensor([0.0, 0.0, 6.0]).softmax(0).tolist())
    of_chunks = probabilities([silent, loud, loud], weighed)
    assert of_chunks == pytest.approx(torch.tensor([0.0, 0.0, 4.0]).softmax(0).tolist())


def test_evidence_names_what_the_weights_weigh_and_does_not_hear_loudness(
    recipe: ConsensusRecipe, counting: Counting
) -> None:
    small = replace(recipe, pool=tuple(replace(part, runs=1, updates=5) for part in recipe.pool))
    scene = sparse(512, 6, seed=5) @ sparse(6, 300, seed=6)

    def of(seen: Tensor) -> dict[str, float]:
        pool = [drain(factorise(seen[None], part, torch.Generator().manual_seed(0)))[-1] for part in small.pool]
        return drain(evidence(pool, 1, small, counting, torch.Generator().manual_seed(0)))

    found = of(scene)
    assert set(CountWeights.__dataclass_fields__) <= set(found)
    assert of(1000 * scene) == pytest.approx(found, rel=1e-2, abs=1e-2)
    assert sum(probabilities([found], counting)) == pytest.approx(1)
