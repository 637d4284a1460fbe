"""Convolutions with few multiplications against the plain ones, and the variance of what is interpolated."""

import pytest
import torch
import torch.nn.functional as F

from dap_bridge.engine.nets.convolution import convolve, variance

# Doubled, doubled less one, as it is; rows that fill their tiles and rows that do not; kernels of 5 and 3.
CASES = [((4, 6), (8, 12), 5), ((3, 9), (6, 17), 5), ((8, 8), (15, 16), 3), ((4, 7), (4, 7), 5), ((3, 3), (3, 3), 3)]


def plain(x: torch.Tensor, weight: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if size != x.shape[-2:]:
        x = F.interpolate(x, size=size, mode="bilinear", align_corners=True)
    return F.conv2d(F.pad(x, [weight.shape[-1] // 2] * 4, mode="reflect"), weight)


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(3)).requires_grad_()


@pytest.mark.parametrize(("image", "size", "kernel"), CASES)
def test_it_is_the_plain_convolution_and_so_are_its_gradients(image, size, kernel):
    x, weight = drawn(2, 3, *image), drawn(4, 3, kernel, kernel)
    expected, found = plain(x, weight, size), convolve(x, weight, size)
    torch.testing.assert_close(found, expected)
    slope = drawn(*expected.shape).detach()
    for ours, theirs in zip(*(torch.autograd.grad(y, (x, weight), slope) for y in (found, expected)), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_in_single_precision_it_rounds_little_more_than_the_plain_one():
    x, weight = drawn(1, 16, 8, 64), drawn(16, 16, 5, 5)
    exact = plain(x, weight, (16, 128))
    error = (convolve(x.float(), weight.float(), (16, 128)) - exact).std() / exact.std()
    assert error < 2e-6


def test_where_products_are_cheap_it_is_the_plain_one():
    x, weight = drawn(1, 2, 4, 6, dtype=torch.float32), drawn(3, 2, 5, 5, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        halves = convolve(x, weight, (8, 12))
    assert halves.dtype == torch.bfloat16
    torch.testing.assert_close(halves.float(), convolve(x, weight, (8, 12)), atol=0.2, rtol=0.05)


def test_a_kernel_too_long_for_the_filtering_is_convolved_all_the_same():
    x, weight = drawn(1, 2, 5, 6), drawn(3, 2, 7, 7)
    torch.testing.assert_close(convolve(x, weight, (10, 12)), plain(x, weight, (10, 12)))


@pytest.mark.parametrize(("image", "size"), [((4, 6), (8, 12)), ((3, 9), (6, 17)), ((4, 7), (4, 7))])
def test_the_variance_is_that_of_the_interpolated_image_and_has_its_gradient(image, size):
    x = drawn(2, 3, *image)
    doubled = F.interpolate(x, size=size, mode="bilinear", align_corners=True)
    torch.testing.assert_close(variance(x, size), doubled.var((0, 2, 3), correction=0))
    assert torch.autograd.gradcheck(lambda x: variance(x, size), (x,))
