"""The numbers of a co-separation."""

from __future__ import annotations

from dataclasses import dataclass

from ...recipe import Front, Refinement, Section


@dataclass(frozen=True)
class Search(Section):
    """How a sound that several clips share is found."""

    rounds: int  # at most; each finds what is shared at one alignment of the clips
    ceiling: float  # of the whitened spectrogram, in medians of a bin over time
    silent: float  # of a clip's loudest bin: what lies below says nothing
    quantile: float  # of the cross-correlation: its usual level
    prominence: float  # usual levels: from there on a peak of the cross-correlation is no coincidence
    candidates: int  # alignments of two clips that are looked at more closely
    apart: int  # samples between them, at the least
    patch_bins: int  # over which coherence is averaged; odd
    patch_frames: int  # odd
    chances: int  # lags at which coherence can only be coincidence, to know its deviation
    likeness: float  # deviations: from there on a clip's coherence is no coincidence
    edge: float  # deviations of a frame within which a stretch of coherence ends
    gap_s: float  # seconds below the edge that do not end it
    margin_s: float  # seconds added on either side
    shortest_s: float  # seconds that two clips overlap by, at the least
    occurrences: int  # of a sound in one clip, at most


@dataclass(frozen=True)
class Estimate(Section):
    """How a shared sound is told from what lies over it at each of its places."""

    window_s: float  # seconds; rounded up to the next power of two in samples
    overlap: int  # windows over any one sample (hop = n_fft / overlap); at least 4
    smooth_bins: int  # over which a power is averaged; odd
    smooth_frames: int  # odd
    floor: float  # of a power, in its mean
    rounds: int  # of expectation and maximisation before the networks, and after
    gain_rounds: int  # of the factor analysis that finds the first gains
    least_gain: float  # of the greatest
    least_own: float  # of what is heard at a place, left to the place's own sound at the start
    places: int  # that are looked at together, at most; the others are held against what these say
    whole: float  # samples: a delay below that beyond whole samples is none
    pooled_bins: int  # that the networks see as one


@dataclass(frozen=True)
class CoseparationRecipe(Section):
    """Co-separation: N clips that hold the same sound."""

    front: Front
    search: Search
    estimate: Estimate
    refinement: Refinement | None = None  # None: without networks

    def __post_init__(self) -> None:
        if self.front.view != "mono":
            raise ValueError('front.view: the search looks at "mono" only')
