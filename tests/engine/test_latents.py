"""The noise that goes in: how it varies over segments, iterations, sources and chunks."""

from dataclasses import replace

import pytest
import torch

from dap_bridge.engine.nets.latents import draw_latents, dynamics
from dap_bridge.engine.recipe import Noise

V = 1 / 2000
PUBLISHED = Noise(temporal_step=V, dynamic_from=0.4, dynamic_full=0.8, abrupt=0.1)


def draw(noise=PUBLISHED, seed=0, previous=None, sources=3, segments=24):
    generator = torch.Generator().manual_seed(seed)
    return draw_latents(noise, sources, segments, 16, 32, generator, previous)


@pytest.mark.parametrize(
    ("iteration", "share"), [(0, 0), (1999, 0), (2000, 0.5), (3000, 0.75), (3999, 3999 / 4000), (4000, 1), (4999, 1)]
)
def test_dynamic_noise_follows_the_published_schedule(iteration, share):
    assert dynamics(iteration / 5000, PUBLISHED) == pytest.approx(share)


def test_a_shortened_optimisation_keeps_the_schedule():
    assert dynamics(119 / 300, PUBLISHED) == 0
    assert dynamics(120 / 300, PUBLISHED) == pytest.approx(0.5)
    assert dynamics(240 / 300, PUBLISHED) == 1


def test_dynamic_noise_is_left_out_from_one_on():
    never = replace(PUBLISHED, dynamic_from=1.0)
    assert max(dynamics(i / 5000, never) for i in range(5000)) == 0


def test_temporal_noise_starts_near_zero_and_walks_upwards_in_small_steps():
    z = draw().temporal
    assert z[:, 0].abs().max() <= 5 * V and z[:, 0].min() < -4.5 * V and z[:, 0].max() > 4.5 * V
    steps = z.diff(dim=1)
    assert steps.min() >= -1e-8 and V * 0.99 < steps.max() <= V * 1.001
    assert steps.mean().item() == pytest.approx(V / 2, rel=0.02)


def test_sounds_see_one_patch_until_the_dynamic_noise_sets_in():
    latents = draw()
    before, after = latents.for_sounds(0.0), latents.for_sounds(1.0)
    assert (before.diff(dim=1).abs() <= V * 1.001).all()
    assert after.diff(dim=1).abs().mean() > 0.3  # independent uniform patches differ by 1/3
    torch.testing.assert_close(latents.for_sounds(0.25), 0.25 * after + 0.75 * before)


def test_abrupt_change_is_for_the_masks_and_fainter_for_each_further_source():
    latents = draw()
    change = latents.for_masks(0.0) - latents.for_sounds(0.0)
    for source, scale in enumerate([1 / 20, 1 / 30, 1 / 40]):
        assert change[source].min() >= -1e-6
        assert change[source].max().item() == pytest.approx(scale, rel=0.01)
    assert change.diff(dim=1).abs().mean() > 0.01  # another patch in every segment


def test_each_kind_of_noise_can_be_left_out():
    latents = draw(Noise(temporal_step=0.0, dynamic_from=1.0, dynamic_full=1.0, abrupt=0.0))
    assert (latents.for_masks(0.0) == latents.static).all()


def test_the_next_chunk_keeps_the_static_patches_and_walks_on():
    first = draw()
    second = draw(seed=1, previous=first, segments=3)
    assert torch.equal(second.static, first.static)
    step = second.temporal[:, 0] - first.temporal[:, -1]
    assert step.min() >= 0 and step.max() <= V * 1.001
    assert second.dynamic.shape == (3, 3, 1, 16, 32)
    assert not torch.equal(second.dynamic, first.dynamic[:, :3])


def test_reordering_moves_all_noise_of_a_source():
    latents = draw()
    moved = latents.reorder([2, 0, 1])
    assert torch.equal(moved.for_masks(0.3)[0], latents.for_masks(0.3)[2])
    assert torch.equal(moved.for_masks(0.3)[1], latents.for_masks(0.3)[0])


def test_noise_is_the_seeds_alone():
    assert torch.equal(draw(seed=4).for_masks(0.5), draw(seed=4).for_masks(0.5))
    assert not torch.equal(draw(seed=4).static, draw(seed=5).static)
