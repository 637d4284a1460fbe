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
    view: Literal["power", "mono", "channels"]  # root mean power, mean of channels, each apart


@dataclass(frozen=True)
class Extension(Section):
    """How masks reach beyond the front's band: above is explained by what sounds below, source by source."""

    bands: int  # of the front's band, logarithmic; each source's level in each of them is an activation
    lowest: float  # Hz, lower edge of the lowest band
    compression: float  # exponent of the magnitudes that are regressed
    nearness: float  # octaves by which the highest band outweighs the lowest, to begin with
    updates: int  # multiplicative updates of the regression
    exponent: float  # of the ratio mask made from the explained parts


@dataclass(frozen=True)
class Stems(Section):
    """How masks become stems: the resolution of the clip's own spectrogram, in time, so that it suits any rate."""

    window_s: float  # seconds; rounded up to the next power of two in samples
    overlap: int  # windows over any one sample (hop = n_fft / overlap); at least 4
    extension: Extension


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
    pan_weight: float  # of the balance of a component between views, -1 .. 1; timbre and texture have variance one


@dataclass(frozen=True)
class Grouping(Section):
    """Which components belong together."""

    landmarks: int  # components that are clustered; the others take their labels from these
    restarts: int  # of k-means
    iterations: int  # of k-means and of the Gaussian mixture
    bandwidth: float  # of the affinity kernel, in median squared distances
    ridge: float  # added to the mixture's covariance (features have total variance about two)


@dataclass(frozen=True)
class DecoderShape(Section):
    """One decoder of the anchored fit: noise in, a spectrogram out."""

    latent_channels: int
    channels: int
    halvings: int  # the noise is 2^halvings times shorter than the spectrogram
    kernel: int  # frames
    slope: float  # of LeakyReLU below zero


@dataclass(frozen=True)
class Refinement(Section):
    """The anchored fit: one untrained decoder a source redraws the spectrograms that the components' masks give."""

    network: DecoderShape
    compression: float  # exponent of the magnitude spectrogram that is fitted
    fits: int  # independent ones, whose masks are averaged
    iterations: int
    learning_rate: float
    anchor: float  # weight of staying with the components' masks
    smoothness: float  # weight
    reconstruction: float  # weight
    exclusion: float  # weight
    exclusion_scales: int
    share: float  # of the fit in the final masks, the components keep the rest


@dataclass(frozen=True)
class Boxes(Section):
    """What a user's boxes do to a separation that is there already."""

    feather_s: float  # seconds over which a box fades out in time, where it says nothing itself
    feather_octaves: float  # over which it fades out in frequency
    guard_bins: int  # of the stems' spectrogram, around a box of full strength: what would leak into it
    guard_windows: float  # the same in time, in windows of the stems' spectrogram
    sweeps: int  # over what leaked into a box of full strength nevertheless
    doubt: float  # evidence, as a share of a component's energy, that weighs as much as the grouping's opinion
    confirmation: float  # weight of what a box confirms, against one for what it changes
    iterations: int  # of the decoders, from where the separation left them
    share: float  # of the decoders in the final masks


@dataclass(frozen=True)
class ConsensusRecipe(Section):
    """Component consensus, refined by an anchored fit of untrained networks where `refinement` is given."""

    front: Front
    stems: Stems
    pool: tuple[Factorisations, ...]
    features: Features
    grouping: Grouping
    refinement: Refinement | None = None  # None: the components' masks are the answer
    boxes: Boxes | None = None  # None: the answer cannot be corrected


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
class Noise(Section):
    """What goes into the generators. The ablations of Fig. 8 are zeros and ones in here."""

    temporal_step: float  # v of the temporal noise; 0 leaves it out
    dynamic_from: float  # fraction of the iterations at which the dynamic noise sets in; 1 leaves it out
    dynamic_full: float  # fraction of the iterations from which it stands alone
    abrupt: float  # abrupt change at the masks: source k, counted from 1, gets this / (k + 1); 0 leaves it out


@dataclass(frozen=True)
class PaperFit(Section):
    """The fit itself."""

    level: float  # mean magnitude that a chunk is brought to, so that its loudness does not matter
    segment_frames: int  # frames of one segment; the segments of a chunk are the batch
    mask_axes: Literal["time", "time-frequency"]  # "time": one value a frame, the same for every bin
    iterations: int
    learning_rate: float  # of Adam


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
class Collapse(Section):
    """When a fit has put everything into one stem, and what then."""

    threshold: float  # collapsed when exp(-(mean magnitude of the faintest stem)) is at least this
    checks: int  # a fit, evenly spaced, the last one after the last iteration
    restarts: int  # at most


@dataclass(frozen=True)
class PaperRecipe(Section):
    """Deep Audio Prior as published: K sound networks and K mask networks fitted to one mixture."""

    front: Front
    stems: Stems
    network: UNetShape
    noise: Noise
    fit: PaperFit
    losses: PaperLosses
    collapse: Collapse
    ratio_exponent: float  # p of the final masks s_k^p / sum s^p

    def __post_init__(self) -> None:
        if self.front.view != "mono":
            raise ValueError('front.view: the paper\'s method looks at "mono" only')


Recipe = ConsensusRecipe | PaperRecipe

# What a preset calls its method.
RECIPES: dict[str, type[Recipe]] = {"consensus": ConsensusRecipe, "paper": PaperRecipe}
