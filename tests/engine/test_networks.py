"""The generators: their size, their shapes, and where their weights come from."""

import pytest
import torch
import torch.nn.functional as F

from dap_bridge.engine.nets.networks import UNet, draw_weights

PUBLISHED = {"channels": (16, 32, 64), "skips": (0, 0, 4), "kernel": 5, "slope": 0.2}


def drawn(seed: int) -> UNet:
    net = UNet(**PUBLISHED)
    draw_weights(net, torch.Generator().manual_seed(seed))
    return net


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(9))


def test_the_published_unet_has_as_many_parameters_as_published():
    assert sum(p.numel() for p in UNet(**PUBLISHED).parameters()) == 378_805


@pytest.mark.parametrize("bins", [512, 64, 61])
def test_the_output_has_the_size_of_the_input(bins):
    assert drawn(0)(noise(2, 1, bins, 32)).shape == (2, 1, bins, 32)


def test_the_skip_carries_detail_past_the_coarsest_scale():
    net = drawn(0)
    x = noise(2, 1, 32, 32)
    before = net(x)
    with torch.no_grad():
        net.skip[2][0].weight.zero_()
    assert not torch.allclose(before, net(x))


def test_on_the_way_back_an_image_is_doubled_joined_normalised_and_convolved():
    net, size = drawn(0), (8, 32)
    rise = net.up[2]
    with torch.no_grad():
        for offset in (rise.norm.bias, rise.convolution.bias):  # what the next norm takes away
            offset.uniform_(-1, 1, generator=torch.Generator().manual_seed(2))
        x, passed = noise(2, 64, 4, 16), noise(2, 4, *size)
        doubled = F.interpolate(x, size=size, mode="bilinear", align_corners=True)
        normed = rise.norm(torch.cat([passed, doubled], 1))
        plain = F.conv2d(F.pad(normed, [2] * 4, mode="reflect"), rise.convolution.weight, rise.convolution.bias)
        torch.testing.assert_close(rise(x, size, passed), rise.rest(plain), atol=1e-4, rtol=1e-4)


def test_batch_norm_uses_the_batch_at_hand_also_in_eval():
    net = drawn(0)
    x = noise(2, 1, 32, 32)
    torch.testing.assert_close(net.train()(x), net.eval()(x))


def test_weights_depend_on_the_generator_alone():
    torch.manual_seed(1)
    first = drawn(5).state_dict()
    torch.manual_seed(2)
    again = drawn(5).state_dict()
    assert all(torch.equal(weight, first[name]) for name, weight in again.items())
    assert not torch.equal(drawn(6).head.weight, first["head.weight"])


def test_weights_lie_within_one_over_the_root_of_the_fan_in():
    net = drawn(3)
    first, coarse = net.down[0][0][0].weight, net.up[2].convolution.weight
    assert 0.9 / 5 < first.abs().max() <= 1 / 5  # one channel of 5 x 5
    assert 0.99 / (68 * 25) ** 0.5 < coarse.abs().max() <= 1 / (68 * 25) ** 0.5
