"""The numbers of Deep Network Prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...recipe import Gain, MaskRecipe, Section


@dataclass(frozen=True)
class WaveUNetShape(Section):
    """The waveform network of Deep Network Prior."""

    filters: int  # of the first level; the n-th has n times as many
    levels: int  # each has half the samples of the one above
    down_kernel: int  # samples of a level, odd
    up_kernel: int  # samples of a level, odd
    slope: float  # of LeakyReLU below zero

    def __post_init__(self) -> None:
        if self.filters < 1 or self.levels < 1:
            raise ValueError("network: filters and levels must be at least 1")
        if self.down_kernel % 2 == 0 or self.up_kernel % 2 == 0:
            raise ValueError("network: kernels must be odd")


@dataclass(frozen=True)
class WaveformFit(Section):
    """How the network is optimised for the noisy signal."""

    peak: float  # that a chunk is brought to, so that its loudness does not matter; the network reaches 1 at most
    iterations: int
    learning_rate: float  # of Adam
    products: Literal["float32", "bfloat16"]  # of the network's inner layers; float32 where no hardware has the other


@dataclass(frozen=True)
class Fluctuations(Section):
    """How what the network is unsure of becomes a map of attenuations."""

    first: int  # iteration, from 1, whose drawing is the first that is compared with the next
    outlier: float  # quantile of an iteration's changes, from either end, beyond which they are cut
    least_db: float  # of the map

    def __post_init__(self) -> None:
        if self.first < 1 or not 0 <= self.outlier < 0.5:
            raise ValueError("fluctuations: first must be at least 1, outlier from 0 to below 0.5")


@dataclass(frozen=True)
class NetworkPriorRecipe(MaskRecipe):
    """Deep Network Prior: noise is what a network that draws the noisy waveform keeps changing its mind about."""

    network: WaveUNetShape
    fit: WaveformFit
    fluctuations: Fluctuations
    gain: Gain

    def __post_init__(self) -> None:
        if self.front.view != "mono":
            raise ValueError('front.view: the network draws one waveform, so it looks at "mono" only')
