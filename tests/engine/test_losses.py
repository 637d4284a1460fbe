"""Every loss against arithmetic done by hand, on tensors small enough to do it."""

import math

import pytest
import torch

from dap_bridge.engine.nets import losses


def test_reconstruction_is_the_mean_distance_of_the_sum_from_the_mixture():
    stems = torch.tensor([[[1.0, 2.0], [0.0, 4.0]], [[3.0, 1.0], [0.5, 0.0]]])
    mixture = torch.tensor([[4.0, 4.0], [0.0, 2.0]])
    # |4-4|, |3-4|, |0.5-0|, |4-2|
    assert losses.reconstruction(stems, mixture).item() == pytest.approx(3.5 / 4)


def test_temporal_smoothness_is_the_mean_step_within_each_segment_summed_over_sources():
    # two sources of two segments; the jump of 90 from the first segment to the second does not count
    sources = torch.tensor([[[1.0, 3.0, 10.0], [100.0, 100.0, 98.0]], [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]])
    assert losses.temporal_smoothness(sources).item() == pytest.approx((2 + 7 + 0 + 2) / 4 + 0.5 / 4)


def squash(x: float) -> float:
    return 2 / (1 + math.exp(-x)) - 1


def test_exclusion_at_one_scale():
    a = torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    b = torch.tensor([[0.5, 0.0], [1.0, 3.0]])
    over_bins = (squash(2) ** 2 * squash(0.5) ** 2 + squash(-2) ** 2 * squash(3) ** 2) / 2
    over_frames = (squash(1) ** 2 * squash(-0.5) ** 2 + squash(-3) ** 2 * squash(2) ** 2) / 2
    expected = (over_bins**0.25 + over_frames**0.25) / 9 / 2
    assert losses.exclusion(a, b, scales=1).item() == pytest.approx(expected, rel=1e-5)


def test_exclusion_pools_by_two_between_scales_and_divides_by_nine_a_scale():
    # 2x2 blocks of one value each: pooling gives back the 2x2 matrix, and half of the steps at the first scale are zero
    coarse_a, coarse_b = [[0.0, 1.0], [2.0, 5.0]], [[1.0, 3.0], [0.0, 0.5]]
    a, b = (torch.tensor(c).repeat_interleave(2, 0).repeat_interleave(2, 1) for c in (coarse_a, coarse_b))
    bins = [squash(2) ** 2 * squash(-1) ** 2, squash(4) ** 2 * squash(-2.5) ** 2]
    frames = [squash(1) ** 2 * squash(2) ** 2, squash(3) ** 2 * squash(0.5) ** 2]
    # at the first scale each step stands twice among 3 x 4 differences, at the second once among 1 x 2
    fine = (2 * sum(bins) / 12) ** 0.25 + (2 * sum(frames) / 12) ** 0.25
    pooled = (sum(bins) / 2) ** 0.25 + (sum(frames) / 2) ** 0.25
    assert losses.exclusion(a, b, scales=2).item() == pytest.approx((fine + pooled) / 18 / 2, rel=1e-5)


def test_exclusion_of_stems_that_never_change_together_is_nothing_and_of_equal_ones_is_not():
    a = torch.zeros(8, 8)
    a[:, :4] = torch.rand(8, 4, generator=torch.Generator().manual_seed(0)) * 10
    b = a.flip(1)
    apart, together = (losses.exclusion(a, x, scales=1) for x in (b, a))
    assert apart < 0.6 * together


def test_exclusion_of_silence_has_a_finite_gradient():
    a = torch.zeros(2, 8, 8, requires_grad=True)
    losses.exclusion(a, torch.zeros(2, 8, 8), scales=3).backward()
    assert torch.isfinite(a.grad).all()


def test_pairwise_exclusion_counts_every_pair_once():
    stems = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(1)) * 4
    pairs = [losses.exclusion(stems[i], stems[j], scales=3) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert losses.pairwise_exclusion(stems, scales=3).item() == pytest.approx(sum(pairs).item(), rel=1e-5)


def test_nonzero_mask_asks_for_an_open_mask_where_there_is_sound():
    mixture = torch.tensor([[0.0, 0.5], [1.0, 9.0]])  # (bins, frames); log(10) > 1 counts as 1
    masks = torch.tensor([[[0.5, 0.25]], [[0.75, 0.25]]])  # sums 1.25 (counts as 1) and 0.5
    expected = (0 + math.log(1.5) / 0.5 + math.log(2) + 1 / 0.5) / 4
    assert losses.nonzero_mask(masks, mixture).item() == pytest.approx(expected)


def test_nonzero_mask_is_finite_where_every_mask_is_shut():
    masks = torch.zeros(2, 1, 4, requires_grad=True)
    loss = losses.nonzero_mask(masks, torch.ones(3, 4))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(masks.grad).all()


def test_binary_mask_is_the_mean_over_segments_of_the_reciprocal_distance_from_one_half():
    mask = torch.tensor([[[0.0, 1.0, 0.9, 0.1]], [[0.5, 0.75, 0.5, 0.25]]])  # (segments, 1, frames)
    expected = (1 / (1e-6 + (0.5 + 0.5 + 0.4 + 0.4) / 4) + 1 / (1e-6 + 0.5 / 4)) / 2
    assert losses.binary_mask(mask).item() == pytest.approx(expected, rel=1e-5)


LEAST_BITS = 0.2


def test_a_bin_tells_all_of_its_stem_or_nothing_or_something():
    """Bins of their own, whatever the level; one spectrum for both; all in one stem; a quarter in the other's bins."""
    own = torch.tensor([[3.0, 1, 0, 0], [0, 0, 2, 2]])
    for gain in (1, 0.05):
        assert losses.told_apart(own * torch.tensor([[1.0], [gain]]), LEAST_BITS) == pytest.approx(1)
    assert losses.told_apart(own * torch.tensor([[1.0], [1e-3]]), LEAST_BITS) < 0.1, "too faint to be anything"
    assert losses.told_apart(torch.tensor([[3.0, 1, 0, 2], [1.5, 0.5, 0, 1]]), LEAST_BITS) == pytest.approx(0, abs=1e-9)
    assert losses.told_apart(torch.tensor([[3.0, 1, 0, 2], [0, 0, 0, 0]]), LEAST_BITS) == 0
    mixed = losses.told_apart(0.75 * own + 0.25 * own.flip(0), LEAST_BITS)  # both stems are as loud
    assert mixed == pytest.approx(1 + 0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))


def test_of_three_stems_the_two_told_apart_least_count():
    low, high = torch.tensor([4.0, 0, 0]), torch.tensor([0, 4.0, 0])
    assert losses.told_apart(torch.stack([low, high, torch.tensor([0, 0, 4.0])]), LEAST_BITS) == pytest.approx(1)
    assert losses.told_apart(torch.stack([low, high, low]), LEAST_BITS) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("faintest", "collapsed"), [(0.0005, True), (0.002, False)])
def test_an_optimisation_has_collapsed_when_its_faintest_stem_is_nearly_silent(faintest, collapsed):
    stems = torch.stack([torch.ones(2, 3, 4), torch.full((2, 3, 4), faintest)])
    assert losses.is_collapsed(stems, 0.999) is collapsed
