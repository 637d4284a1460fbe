"""Models of the sources: they decide what soft masks leave open, and leave faint sources alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.methods.consensus.components import Factorisation
from dap_bridge.engine.methods.consensus.models import blend, model
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe, Models
from tests.generators import drain


@pytest.fixture(scope="module")
def recipe() -> Models:
    """That of the default preset, as small as the scenes here."""
    found = presets.load_one_of("default", ConsensusRecipe).recipe.models
    assert found is not None
    return replace(found, components=3)


def sparse(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) ** 6


def sound(seed: int, level: float = 1.0) -> Tensor:
    """Magnitudes (60 bins, 120 frames) of two spectra that come and go."""
    return level * sparse(60, 2, seed=seed) @ sparse(2, 120, seed=seed + 1)


def learned(mixture: Tensor, masks: Tensor, recipe: Models, seed: int = 0) -> Factorisation:
    return drain(model(mixture, masks, recipe, torch.Generator().manual_seed(seed)))


def blended(masks: Tensor, models: Factorisation, mixture: Tensor, recipe: Models) -> Tensor:
    return blend(masks[None], [models], mixture, recipe)[0]


def modelled(sources: Tensor, masks: Tensor, recipe: Models, views: int = 1) -> Tensor:
    mixture = sources.sum(0).expand(views, -1, -1)
    return blended(masks, learned(mixture, masks, recipe), mixture, recipe)


def error(masks: Tensor, sources: Tensor) -> float:
    """Power that is in the wrong place, relative to the mixture's."""
    mixture = sources.sum(0)
    return float((masks * mixture - sources).square().sum() / mixture.square().sum())


@pytest.mark.parametrize(("count", "views"), [(2, 1), (2, 2), (3, 1)])
def test_what_soft_masks_leave_open_is_decided(recipe: Models, count: int, views: int) -> None:
    sources = torch.stack([sound(10 * k) for k in range(count)])
    soft = torch.lerp(sources / (sources.sum(0) + 1e-9), torch.full_like(sources, 1 / count), 0.4)
    soft /= soft.sum(0)
    masks = modelled(sources, soft, recipe, views)
    assert masks.shape == soft.shape
    torch.testing.assert_close(masks.sum(0), torch.ones_like(masks[0]))
    assert error(masks, sources) < 0.7 * error(soft, sources)


def test_a_faint_source_may_not_take_what_the_loud_one_cannot_explain(recipe: Models) -> None:
    """Noise has more to explain than three spectra can: the rests go to whoever is free, were they let."""
    noise = torch.rand(60, 120, generator=torch.Generator().manual_seed(5))
    sources = torch.stack([noise, sound(20, level=0.02)])
    truth = sources / sources.sum(0)
    assert torch.equal(modelled(sources, truth, recipe), truth)
    let = modelled(sources, truth, replace(recipe, growth=(90.0, 99.0)))
    assert error(let, sources) > 2 * error(truth, sources)


def test_growth_between_its_bounds_counts_in_part(recipe: Models) -> None:
    sources = torch.stack([sound(0), sound(10)])
    before = torch.stack([torch.full((60, 120), share) for share in (0.8, 0.2)])
    mixture = sources.sum(0)[None]
    models = learned(mixture, before, recipe)
    whole = replace(recipe, growth=(90.0, 99.0), share=1.0)
    after = blended(before, models, mixture, whole)
    energies = [(masks * mixture).square().sum((1, 2)) for masks in (before, after)]
    growth = float((energies[1] / energies[0]).log().max())
    half = blended(before, models, mixture, replace(whole, growth=(growth / 2, growth * 1.5)))
    torch.testing.assert_close(half, (before + after) / 2, atol=1e-4, rtol=0)
    assert (after - before).abs().max() > 0.1


@pytest.mark.parametrize("level", [0.0, 1e-20, 1e20])
def test_any_level_gives_masks(recipe: Models, level: float) -> None:
    sources = torch.stack([sound(0, level), torch.zeros(60, 120)])
    masks = torch.stack([torch.full((60, 120), 1.0), torch.zeros(60, 120)])
    found = modelled(sources, masks, recipe)
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(0), torch.ones_like(found[0]))


def test_the_start_is_drawn_from_the_generator_alone(recipe: Models) -> None:
    sources = torch.stack([sound(0), sound(10)])
    masks, mixture = sources / (sources.sum(0) + 1e-9), sources.sum(0)[None]
    first, again, other = (learned(mixture, masks, recipe, seed).spectra for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
