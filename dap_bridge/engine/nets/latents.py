"""Noise inputs of the paper's networks: temporal, dynamic, abrupt (its Fig. 8).

All random numbers come from a generator on the CPU, so that a seed means the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..recipe import Noise


@dataclass(frozen=True)
class Latents:
    """Noise patches of one chunk; a source's sound and mask networks share theirs.

    temporal, dynamic, abrupt: (sources, segments, 1, bins, frames); static: (sources, 1, 1, bins, frames).
    """

    temporal: Tensor
    static: Tensor
    dynamic: Tensor
    abrupt: Tensor

    def for_sounds(self, dynamics: Tensor | float) -> Tensor:
        """z + a d + (1 - a) g with a = `dynamics`: (sources, segments, 1, bins, frames)."""
        return self.temporal + dynamics * self.dynamic + (1 - dynamics) * self.static

    def for_masks(self, dynamics: Tensor | float) -> Tensor:
        """The same, and the abrupt change on top: masks may jump where sounds may not."""
        return self.for_sounds(dynamics) + self.abrupt

    def to(self, device: torch.device) -> Latents:
        return Latents(*(noise.to(device) for noise in (self.temporal, self.static, self.dynamic, self.abrupt)))

    def reorder(self, order: Sequence[int]) -> Latents:
        """Source k of the result is source order[k] of this."""
        rows = list(order)
        return Latents(*(noise[rows] for noise in (self.temporal, self.static, self.dynamic, self.abrupt)))


def draw_latents(
    noise: Noise,
    sources: int,
    segments: int,
    bins: int,
    frames: int,
    generator: torch.Generator,
    previous: Latents | None = None,
) -> Latents:
    """Fresh noise for a chunk of that many segments of (bins, frames).

    After `previous`, the chunk before, the static patches stay and the temporal walk goes on, because networks that
    start from that chunk's weights know their source by them.
    """
    patch = (sources, 1, 1, bins, frames)
    if previous is None:
        start = temporal_start(patch, noise.temporal_step, generator)
        static = torch.rand(patch, generator=generator)
    else:
        last = previous.temporal[:, -1:].cpu()
        start = last + noise.temporal_step * torch.rand(patch, generator=generator)
        static = previous.static.cpu()
    scales = torch.tensor([noise.abrupt / (k + 2) for k in range(sources)]).reshape(-1, 1, 1, 1, 1)
    every = (sources, segments, 1, bins, frames)
    return Latents(
        temporal=temporal_walk(start, segments, noise.temporal_step, generator),
        static=static,
        dynamic=torch.rand(every, generator=generator),
        abrupt=scales * torch.rand(every, generator=generator),
    )


def temporal_start(patch: Sequence[int], step: float, generator: torch.Generator) -> Tensor:
    """z_1 = 10 v U(-1/2, 1/2) with v = `step`, of shape `patch`."""
    return 10 * step * (torch.rand(tuple(patch), generator=generator) - 0.5)


def temporal_walk(start: Tensor, segments: int, step: float, generator: torch.Generator) -> Tensor:
    """z_(n+1) = z_n + v U(0, 1) with v = `step`: neighbouring segments see nearly the same noise.

    start: (sources, 1, ...), the first segment. Returns (sources, segments, ...).
    """
    shape = (start.shape[0], segments - 1, *start.shape[2:])
    steps = step * torch.rand(shape, generator=generator)
    return torch.cat([start, steps], dim=1).cumsum(1)


def dynamics(progress: float, noise: Noise) -> float:
    """Share a of the dynamic noise after a fraction `progress` of the iterations, 0..1.

    0 before noise.dynamic_from, 1 from noise.dynamic_full on, progress / dynamic_full between; as published (2000 and
    4000 of 5000 iterations) that is a = i / 4000, with its jump to 1/2 at iteration 2000.
    """
    if progress < noise.dynamic_from:
        return 0.0
    return min(1.0, progress / noise.dynamic_full)
