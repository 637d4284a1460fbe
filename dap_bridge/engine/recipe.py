"""The numbers of a separation, as presets give them: no defaults here, every value stands in presets/*.toml.

Standard library only, so that presets can be checked without loading torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


class Section:
    """A table of a preset. An unknown key in it is an error, not a silent no-op."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Front(Section):
    """What the fit looks at: a spectrogram of the clip at a rate of its own."""

    rate: int  # Hz
    n_fft: int  # samples at `rate`
    hop: int  # samples at `rate`
    view: Literal["power", "mono", "channels"]  # root of the mean power over channels | their mean | each channel apart


@dataclass(frozen=True)
class Stems(Section):
    """How masks become stems: the resolution of the clip's own spectrogram, in time, so that it suits any rate."""

    window_s: float  # seconds; rounded up to the next power of two in samples
    overlap: int  # windows over any one sample (hop = n_fft / overlap); at least 4
    tail_octaves: float  # band below the front's upper edge whose shares also go to everything above it


@dataclass(frozen=True)
class Factorisations(Section):
    """Some runs of equal size in the pool of factorisations."""

    runs: int
    components: int
    compression: float  # exponent of the magnitude spectrogram that is factorised
    updates: int  # multiplicative updates


@dataclass(frozen=True)
class Features(Section):
    """What a component is compared by."""

    mel_bands: int
    floor_nats: float  # log mel spectra are cut this far below their maximum
    cepstra: tuple[int, ...]  # timbre: DCT coefficients 1 .. m-1, one description for each m
    compressions: tuple[float, ...]  # texture: exponents of the activation, one description for each
    lags: tuple[int, ...]  # frames; autocorrelation of the activation
    pan_weight: float  # of the channel balance, where views differ; timbre and texture have weight one


@dataclass(frozen=True)
class Grouping(Section):
    """Which components belong together."""

    landmarks: int  # components that are clustered; the others take their labels from these
    restarts: int  # of k-means
    iterations: int  # of k-means and of the Gaussian mixture
    bandwidth: float  # of the affinity kernel, in median squared distances
    ridge: float  # added to the mixture's covariance (features have total variance about two)


@dataclass(frozen=True)
class ConsensusRecipe(Section):
    """Component consensus, refined by an anchored fit of untrained networks where `refinement` is given."""

    front: Front
    stems: Stems
    pool: tuple[Factorisations, ...]
    features: Features
    grouping: Grouping


Recipe = ConsensusRecipe  # | PaperRecipe

# What a preset calls its method.
RECIPES: dict[str, type[Recipe]] = {"consensus": ConsensusRecipe}
