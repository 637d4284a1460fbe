"""The numbers of Deep Audio Prior as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...recipe import MaskRecipe, Noise, Section


@dataclass(frozen=True)
class UNetShape(Section):
    """The generators of the paper (its Fig. 10), all of one shape."""

    channels: tuple[int, ...]  # of each scale, finest first
    skips: tuple[int, ...]  # channels of each scale's skip, 0 for none
    kernel: int  # side of the square convolutions, odd
    slope: float  # of LeakyReLU below zero

    def __post_init__(self) -> None:
        if not self.channels or len(self.channels) != len(self.skips):
            raise ValueError("network: channels and skips name every scale once each")
        if self.kernel % 2 == 0:
            raise ValueError("network: kernel must be odd")


@dataclass(frozen=True)
class PaperFit(Section):
    """How the networks are optimised."""

    level: float  # mean magnitude, each weighed by itself, that a chunk is brought to: its loudness does not matter
    segment_frames: int  # frames of one segment; the segments of a chunk are the batch
    mask_axes: Literal["time", "time-frequency"]  # "time": one value a frame, the same for every bin
    iterations: int
    learning_rate: float  # of Adam
    products: Literal["float32", "bfloat16"]  # of all layers but the last; float32 where no hardware has the other


@dataclass(frozen=True)
class PaperLosses(Section):
    """Weights of the losses; a term of weight 0 is left out."""

    reconstruction: float
    smoothness: float
    exclusion: float
    exclusion_scales: int
    nonzero: float
    binary: float  # of each mask
    binary_from: float  # fraction of the iterations


@dataclass(frozen=True)
class Starts(Section):
    """When networks have not separated, and what then."""

    collapsed: float  # when exp(-(mean magnitude of the faintest stem)) is at least this
    told_apart: float  # 0..1: so much must a bin tell of the stem that sounds in it, and more
    least_bits: float  # of what is unknown about the stem, over which that is counted at the least
    told_from: float  # fraction of the iterations from which that is asked
    looks: int  # at the stems on the way, evenly spaced, the last one after the last iteration
    restarts: int  # at most


@dataclass(frozen=True)
class PaperRecipe(MaskRecipe):
    """Deep Audio Prior as published: K sound networks and K mask networks optimised on one mixture."""

    network: UNetShape
    noise: Noise
    fit: PaperFit
    losses: PaperLosses
    starts: Starts
    ratio_exponent: float  # p of the final masks s_k^p / sum s^p

    def __post_init__(self) -> None:
        if self.front.view != "mono":
            raise ValueError('front.view: the paper\'s method looks at "mono" only')
