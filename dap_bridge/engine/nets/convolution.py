"""Convolutions with reflected edges, of images as they are or interpolated bilinearly, with few multiplications.

A convolution is the same at every place, and interpolation and edges act on every channel alike. So channels are mixed
between two linear maps of each axis; of x, convolved with w, becomes

    z[k, b, o, u] = sum_i w'[k, b, o, i] sum_v C[k, v] x[i, v, u],  w'[k, b, o, i] = sum_a T[k, a] w[o, i, a, b]
    y[o, q, p] = sum_k A[q, k] sum_b,u B[p, b, u] z[k, b, o, u]

Rows v, of which there are few: C interpolates and reflects them, and A, T and C are Winograd's minimal filtering
F(4, 5): of four rows that leave, five taps are eight products and not twenty. Columns u: each tap b mixes for itself,
and interpolation, edges and shifts come after it, as the sparse matrix B, so that only what the image holds is mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Rows that leave Winograd's filtering at a time, and where it evaluates polynomials: small numbers round least.
_TILE = 4
_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
# The longest kernel that these points are enough for.
_LONGEST = len(_POINTS) + 2 - _TILE
_CPU = torch.device("cpu")


def convolve(x: Tensor, weight: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate x to `size`, corners aligned, reflect its edges and convolve it: (images, leaving, *size).

    x: (images, entering, rows, columns), fewer rows than columns. weight: (leaving, entering, kernel, kernel), odd.
    """
    kernel = weight.shape[-1]
    # elsewhere, and in bfloat16, a product costs less than what it takes to save it
    if x.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and kernel <= _LONGEST:
        convolved: Tensor = _Convolution.apply(x, weight, size)  # type: ignore[no-untyped-call]  # torch has no types
        return convolved
    if tuple(size) != x.shape[-2:]:
        with torch.autocast(x.device.type, enabled=False):
            x = F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)
    return F.conv2d(edges_reflected(x, kernel), weight)


def edges_reflected(x: Tensor, kernel: int) -> Tensor:
    """x with as much of it reflected at its edges, (..., rows, columns), as a kernel of an odd side reaches beyond."""
    # a CPU's autocast would go to float32 and back for it
    with torch.autocast(x.device.type, enabled=False):
        return F.pad(x, [kernel // 2] * 4, mode="reflect")


def variance(x: Tensor, size: Sequence[int]) -> Tensor:
    """Every channel's variance over all images, (entering,), where x is interpolated as by `convolve`."""
    with torch.autocast(x.device.type, enabled=False):
        found: Tensor = _Variance.apply(x.float() if x.dtype == torch.bfloat16 else x, size)  # type: ignore[no-untyped-call]
    return found


class _Convolution(torch.autograd.Function):
    """Tile by tile, so that what lies between the steps stays in the cache."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, size: Sequence[int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.size = size
        leaving, _, kernel, _ = weight.shape
        plan = _plan(*x.shape[-2:], *size, kernel, x.dtype)
        mixing = torch.einsum("ka,oiab->kibo", plan.taps, weight).flatten(2)
        y = x.new_empty(len(x), *size, leaving)
        mixed = x.new_empty(len(mixing), x.shape[-1], kernel * leaving)
        between = x.new_empty(_TILE, mixed[0].numel())
        for image, result in zip(x.permute(0, 2, 3, 1), y, strict=True):
            points = (plan.enter @ image.flatten(1)).view(-1, len(mixing), *image.shape[1:])
            for tile, rows in zip(points, result.split(_TILE), strict=True):
                torch.bmm(tile, mixing, out=mixed)
                torch.mm(plan.leave, mixed.flatten(1), out=between)
                rows.flatten(0, 1)[:] = plan.across.apply(between.view(-1, leaving), len(rows))
        return y.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        leaving, _, kernel, _ = weight.shape
        plan = _plan(*x.shape[-2:], *ctx.size, kernel, x.dtype)
        mixing = torch.einsum("ka,oiab->kboi", plan.taps, weight).flatten(1, 2)
        images = x.permute(0, 2, 3, 1)
        by_x, by_mixing = x.new_empty(images.shape), x.new_zeros(mixing.mT.shape)
        mixed = x.new_empty(len(mixing), x.shape[-1], kernel * leaving)
        for image, by_y, by_image in zip(images, slope.permute(0, 2, 3, 1).contiguous(), by_x, strict=True):
            points = plan.enter @ image.flatten(1)
            tiles = points.view(-1, len(mixing), *image.shape[1:])
            for tile, by_rows in zip(tiles, by_y.split(_TILE), strict=True):
                count = len(by_rows)
                between = plan.along.apply(by_rows.flatten(0, 1), count).view(count, -1)
                torch.mm(plan.leave[:count].T, between, out=mixed.flatten(1))
                by_mixing.baddbmm_(tile.mT, mixed)
                torch.bmm(mixed, mixing, out=tile)  # from here on its slope
            torch.mm(plan.enter.T, points, out=by_image.flatten(1))
        by_weight = torch.einsum("ka,kibo->oiab", plan.taps, by_mixing.unflatten(2, (kernel, leaving)))
        return by_x.permute(0, 3, 1, 2), by_weight, None


class _Variance(torch.autograd.Function):
    """By sums over the image as it is: of U x, with U the interpolation, x'(U'U x) is the square."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: Sequence[int]) -> Tensor:
        (rows, by_row), (columns, by_column) = (
            _twice_interpolated(n, to, x.dtype, x.device) for n, to in zip(x.shape[-2:], size, strict=True)
        )
        count = len(x) * size[0] * size[1]
        images = x.permute(0, 2, 3, 1)
        centred = images - (images * by_row[:, None, None] * by_column[:, None]).sum((0, 1, 2)) / count
        twice = (rows @ centred.flatten(2)).view_as(images)
        # only neighbours meet
        own, next_one = columns.diagonal()[:, None], columns.diagonal(1)[:, None]
        slope = twice * own
        slope[:, :, 1:].addcmul_(twice[:, :, :-1], next_one)
        slope[:, :, :-1].addcmul_(twice[:, :, 1:], next_one)
        ctx.save_for_backward(slope)
        ctx.count = count
        return (centred * slope).sum((0, 1, 2)) / count

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        # by way of the mean there is none: what differs from it sums to nothing
        (slope,) = ctx.saved_tensors
        return (slope * (2 / ctx.count * outer)).permute(0, 3, 1, 2), None


@dataclass(frozen=True)
class _Sparse:
    """A matrix of few values in a row, and as many in each, for up to _TILE rows of an image side by side.

    places: where of the columns they stand, values: they themselves, both (_TILE * rows * values of a row,), starts:
    where in these each row begins.
    """

    places: Tensor
    values: Tensor
    starts: Tensor

    @classmethod
    def of(cls, matrix: Tensor) -> _Sparse:
        places = matrix.abs().topk(int(matrix.count_nonzero(1).max())).indices.sort().values
        every = places + torch.arange(_TILE)[:, None, None] * matrix.shape[1]
        starts = torch.arange(0, every.numel(), places.shape[1])
        return cls(every.flatten(), matrix.gather(1, places).repeat(_TILE, 1).flatten(), starts)

    def apply(self, x: Tensor, images: int) -> Tensor:
        """x: (images * columns, n) -> (images * rows, n)."""
        part = images * len(self.places) // _TILE
        starts = self.starts[: images * len(self.starts) // _TILE]
        values = self.values[:part]
        return F.embedding_bag(self.places[:part], x, starts, mode="sum", per_sample_weights=values)


@dataclass(frozen=True)
class _Plan:
    """The matrices of one size of image.

    enter: C, (tiles * points, rows). taps: T, (points, kernel). leave: A of one tile, (_TILE, points). across: B,
    (columns that leave, columns * kernel). along: B transposed.
    """

    enter: Tensor
    taps: Tensor
    leave: Tensor
    across: _Sparse
    along: _Sparse


@lru_cache
def _plan(rows: int, columns: int, to_rows: int, to_columns: int, kernel: int, dtype: torch.dtype) -> _Plan:
    """The filtering, by the transposition principle: A = V4', w' = V5 w, C = V8'^-1 of the eight rows that a tile sees.

    Vn: the powers below n of every point, the last of which is infinity. What fills up the last tile is anything.
    """
    points = torch.tensor(_POINTS[: kernel + _TILE - 2], dtype=torch.float64)

    def powers(below: int) -> Tensor:
        infinity = F.one_hot(torch.tensor([below - 1]), below)
        return torch.cat([points[:, None] ** torch.arange(below), infinity])

    sees = kernel + _TILE - 1
    tiles = _reflected(torch.arange(0, to_rows, _TILE)[:, None] + torch.arange(sees) - kernel // 2, to_rows)
    enter = torch.linalg.inv(powers(sees)).T @ _interpolation(rows, to_rows, torch.float64)[tiles]
    shifts = _reflected(torch.arange(to_columns)[:, None] + torch.arange(kernel) - kernel // 2, to_columns)
    across = _interpolation(columns, to_columns, dtype)[shifts].mT.flatten(1)
    return _Plan(
        enter.flatten(0, 1).to(dtype),
        powers(kernel).to(dtype),
        powers(_TILE).T.to(dtype),
        _Sparse.of(across),
        _Sparse.of(across.T),
    )


def _reflected(place: Tensor, length: int) -> Tensor:
    """Where on an axis of so many places those beyond its edges are read; far beyond, anywhere."""
    last = length - 1
    return (last - (last - place.abs()).abs()).clamp(min=0)


@lru_cache
def _interpolation(places: int, to: int, dtype: torch.dtype, device: torch.device = _CPU) -> Tensor:
    """Linear, first and last kept: (to, places)."""
    every = torch.eye(places, dtype=dtype, device=device)[None]
    return F.interpolate(every, size=to, mode="linear", align_corners=True)[0].T


@lru_cache
def _twice_interpolated(places: int, to: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """U'U and U'1 of the interpolation U: (places, places), (places,)."""
    matrix = _interpolation(places, to, dtype, device)
    return matrix.T @ matrix, matrix.sum(0)
