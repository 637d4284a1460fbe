"""Grouping: clusterings find the clouds that are there, their consensus outvotes the odd one, names do not matter."""

import math
from dataclasses import replace
from itertools import permutations

import pytest
import torch
from torch import Tensor

from dap_bridge.engine.methods.consensus.grouping import (
    Description,
    Groups,
    concatenate,
    consensus,
    describe,
    embed,
    gaussian_mixture,
    group,
    k_means,
    separability,
    spectral,
)
from dap_bridge.engine.methods.consensus.members import group_members
from dap_bridge.engine.methods.consensus.priors import settle
from dap_bridge.engine.methods.consensus.recipe import Features, Grouping
from dap_bridge.engine.recipe import Front
from tests.generators import drain

FRONT = Front(rate=11000, n_fft=1022, hop=172, view="power")
FEATURES = Features(
    mel_bands=40, floor_nats=6.0, cepstra=(8, 14), compressions=(0.25, 0.5), lags=(1, 2, 4, 8), pan_weight=0.0
)
GROUPING = Grouping(looks=(1.0,), landmarks=800, restarts=5, iterations=50, bandwidth=0.5, ridge=1e-6)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(sources: int, size: int, spread: float = 0.2) -> tuple[Tensor, Tensor]:
    """Points (sources * size, 5) around one corner each, shuffled, and which corner."""
    generator = random()
    truth = torch.arange(sources).repeat_interleave(size)[torch.randperm(sources * size, generator=generator)]
    return torch.eye(5)[truth] * 2 + spread * torch.randn(sources * size, 5, generator=generator), truth


def accuracy(found: Tensor, truth: Tensor, sources: int) -> float:
    """Share of points that are named alike, under the best naming."""
    return max(float((torch.tensor(order)[found] == truth).float().mean()) for order in permutations(range(sources)))


@pytest.mark.parametrize("sources", [2, 3, 4])
def test_every_clustering_finds_separate_clouds(sources: int) -> None:
    points, truth = clouds(sources, 30)
    settings = torch.stack([points, points.flip(1)])
    means = k_means(settings, sources, GROUPING, random())
    mixture = gaussian_mixture(settings, means, sources, GROUPING)
    for found in [*means, *mixture, spectral(points, sources, GROUPING, random())]:
        assert accuracy(found, truth, sources) == 1.0


def test_a_shared_covariance_sees_clouds_that_are_long_and_parallel() -> None:
    generator = random()
    truth = torch.arange(2).repeat_interleave(100)
    points = torch.randn(200, 2, generator=generator) * torch.tensor([10.0, 0.1])
    points[:, 1] += 2.0 * truth
    start = (truth + (torch.rand(200, generator=generator) < 0.3)) % 2
    assert accuracy(k_means(points[None], 2, GROUPING, random())[0], truth, 2) < 0.8
    assert accuracy(gaussian_mixture(points[None], start[None], 2, GROUPING)[0], truth, 2) == 1.0


def test_spectral_clustering_follows_shapes_that_are_not_round() -> None:
    angle = torch.linspace(0, 2 * math.pi, 101)[:-1]
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    points, truth = torch.cat([circle, 8 * circle]), torch.arange(2).repeat_interleave(100)
    narrow = replace(GROUPING, bandwidth=0.02)
    assert accuracy(spectral(points, 2, narrow, random()), truth, 2) == 1.0


@pytest.mark.parametrize("sources", [2, 3, 5])
def test_partitions_that_differ_in_name_only_agree_fully(sources: int) -> None:
    truth = torch.arange(sources).repeat_interleave(6)
    named = torch.stack([torch.randperm(sources, generator=random(s))[truth] for s in range(7)])
    groups = consensus(named, torch.ones(len(truth)), sources)
    assert groups.agreement == pytest.approx(1.0, abs=1e-5)
    assert accuracy(groups.labels.argmax(1), truth, sources) == 1.0
    torch.testing.assert_close(groups.labels.amax(1), torch.ones(len(truth)))


@pytest.mark.parametrize("sources", [2, 3])
def test_the_odd_partition_is_outvoted_and_its_weight_is_small(sources: int) -> None:
    truth = torch.arange(sources).repeat_interleave(20)
    odd = torch.arange(len(truth)) % sources
    groups = consensus(torch.stack([odd, truth, (truth + 1) % sources, truth]), torch.ones(len(truth)), sources)
    assert accuracy(groups.labels.argmax(1), truth, sources) == 1.0
    torch.testing.assert_close(groups.labels.sum(1), torch.ones(len(truth)))
    # a plain mean would leave it a quarter
    assert groups.labels.amax(1).min() > 0.95
    assert groups.agreement < 1


def test_loud_components_decide_what_names_mean() -> None:
    """Two partitions alike in 2 loud components and contrary in 6 faint ones."""
    first = torch.tensor([0, 1, 0, 0, 0, 1, 1, 1])
    second = torch.tensor([0, 1, 1, 1, 1, 0, 0, 0])
    energy = torch.tensor([10.0, 10.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    labels = consensus(torch.stack([first, second]), energy, 2).labels
    torch.testing.assert_close(labels[:2].amax(1), torch.ones(2))
    labels = consensus(torch.stack([first, second]), torch.ones(8), 2).labels
    torch.testing.assert_close(labels[2:].amax(1), torch.ones(6))


def test_for_two_sources_it_is_the_first_singular_vector() -> None:
    generator = random(3)
    truth = torch.arange(2).repeat_interleave(50)
    flips = torch.rand(9, 100, generator=generator) < 0.2
    partitions = (truth + flips) % 2
    energy = torch.rand(100, generator=generator) + 0.5
    signs = 2.0 * partitions - 1
    vector = torch.linalg.svd(signs * energy.sqrt()).Vh[0] / energy.sqrt()
    soft = consensus(partitions, energy, 2).labels[:, 1] * 2 - 1
    cosine = torch.nn.functional.cosine_similarity(soft, vector, 0).abs()
    assert cosine > 0.9999


def test_silence_belongs_to_everyone() -> None:
    groups = consensus(torch.tensor([[0, 1, 2], [0, 0, 1]]), torch.zeros(3), 3)
    torch.testing.assert_close(groups.labels, torch.full((3, 3), 1 / 3))


def sounds(count: int) -> tuple[Description, Tensor]:
    """Components of two sounds: low and steady, high and pulsing."""
    generator = random(5)
    truth = torch.arange(2 * count) % 2
    bins, frames = torch.arange(512), torch.arange(200)
    centre = torch.where(truth == 0, 40.0, 300.0) + 20 * torch.randn(2 * count, generator=generator)
    spectra = (-((bins - centre[:, None]) ** 2) / 800).exp() + 1e-3
    phase = torch.rand(2 * count, 1, generator=generator) * 20
    pulses = ((frames + phase) % 20 < 4).float() + 0.01
    steady = 1 + 0.1 * torch.rand(2 * count, 200, generator=generator)
    activations = torch.where(truth[:, None] == 0, steady, pulses)
    return describe(spectra[:, None], activations, FEATURES, FRONT), truth


def grouped(recipe: Grouping, *snapshots: Description) -> tuple[Groups, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    return drain(group(snapshots, FEATURES, recipe, sources=2, generator=random()), told), told


def test_sounds_are_told_apart_by_timbre_and_texture() -> None:
    description, truth = sounds(30)
    groups, told = grouped(GROUPING, description)
    assert accuracy(groups.labels.argmax(1), truth, 2) == 1.0
    assert groups.agreement > 0.9
    assert told[-1][0] == told[-1][1] == len(told)


def test_snapshots_of_the_same_components_all_have_a_vote() -> None:
    description, truth = sounds(30)
    confused = torch.randperm(60, generator=random(1))
    other = description.of(confused)
    alone, told = grouped(GROUPING, description)
    outvoted, told_more = grouped(GROUPING, other, other, description)
    assert accuracy(alone.labels.argmax(1), truth, 2) == 1.0
    assert accuracy(outvoted.labels.argmax(1), truth[confused], 2) == 1.0
    assert len(told_more) > len(told)


def test_beyond_the_landmarks_labels_come_from_the_nearest() -> None:
    description, truth = sounds(150)
    groups, told = grouped(replace(GROUPING, landmarks=40), description)
    assert groups.labels.shape == (300, 2)
    torch.testing.assert_close(groups.labels.sum(1), torch.ones(300))
    assert accuracy(groups.labels.argmax(1), truth, 2) == 1.0
    assert told[-1][0] == told[-1][1] == len(told)


def test_timbre_and_texture_weigh_the_same() -> None:
    description, _ = sounds(30)
    points = embed(description, FEATURES)
    assert points.shape[:2] == (4, 60)
    timbre, texture = points[..., :13], points[..., 13:]
    for part in (timbre, texture):
        torch.testing.assert_close(part.square().sum(2).mean(1), torch.ones(4))


def test_pan_counts_where_views_differ() -> None:
    spectra = torch.ones(4, 2, 512)
    spectra[:2, 0], spectra[2:, 1] = 0.0, 0.0
    description = describe(spectra, torch.ones(4, 50), FEATURES, FRONT)
    blind, seeing = embed(description, FEATURES), embed(description, replace(FEATURES, pan_weight=3.0))
    assert blind.abs().max() < 1e-5
    assert torch.cdist(seeing[0], seeing[0])[0].tolist() == pytest.approx([0, 0, 6, 6], abs=1e-4)


def test_rounding_between_equal_channels_is_no_evidence() -> None:
    spectra = torch.ones(20, 2, 512) + 1e-6 * torch.rand(20, 2, 512, generator=random())
    points = embed(describe(spectra, torch.ones(20, 50), FEATURES, FRONT), replace(FEATURES, pan_weight=3.0))
    assert points[..., -1].abs().max() < 1e-4


def test_every_source_gets_the_island_that_speaks_for_it_most() -> None:
    """Three components in each of two islands; both islands lean to source 1, the first one more."""
    labels = torch.tensor([[0.2, 0.8], [0.6, 0.4], [0.1, 0.9], [0.4, 0.6], [0.5, 0.5], [0.45, 0.55]])
    islands = torch.tensor([0, 0, 0, 1, 1, 1])
    settled = settle(labels, torch.ones(6), islands)
    assert settled.argmax(1).tolist() == [1, 1, 1, 0, 0, 0]
    assert settled.sum(1).tolist() == [1.0] * 6
    loud = torch.tensor([1.0, 50.0, 1.0, 1.0, 1.0, 1.0])
    assert settle(labels, loud, islands).argmax(1).tolist() == [0, 0, 0, 1, 1, 1]


def test_separability_is_high_for_the_groups_that_are_there_and_low_for_others() -> None:
    """Two timbres of one texture; the right labels, half-hearted ones, and a cut through both sounds."""
    mel = torch.zeros(40, 40)
    mel[:20, 5], mel[20:, 30] = 6.0, 6.0
    mel += 0.3 * torch.randn(40, 40, generator=random())
    textures = torch.randn(40, 2, 6, generator=random(1))
    described = Description(mel, textures, torch.zeros(40, 0), torch.ones(40), {})
    right = torch.eye(2)[(torch.arange(40) >= 20).long()]
    across = torch.eye(2)[torch.arange(40) % 2]
    values = [separability(described, labels, FEATURES) for labels in (right, 0.6 * right + 0.2, across)]
    assert 1 > values[0] > 2 * values[1] > 2 * values[2] >= 0
    assert values[2] < 0.1
    silent = Description(mel, textures, torch.zeros(40, 0), torch.zeros(40), {})
    assert separability(silent, right, FEATURES) == 0.0


def test_members_call_the_same_sound_the_same() -> None:
    first, truth = sounds(30)
    others = [first.of(order) for order in _orders_of(60, 3)]
    snapshots = [concatenate([first, *others])]
    members = torch.arange(4).repeat_interleave(60)
    run = group_members(snapshots, members, FEATURES, GROUPING, sources=2, generator=random())
    groups = drain(run)
    expected = torch.cat([truth, *(truth[order] for order in _orders_of(60, 3))])
    assert accuracy(groups.labels.argmax(1), expected, 2) == 1.0
    assert groups.agreement > 0.9


def _orders_of(size: int, count: int) -> list[Tensor]:
    return [torch.randperm(size, generator=random(seed)) for seed in range(count)]
