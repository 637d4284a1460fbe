"""The numbers that several methods share, or that engine/signal and engine/nets go by, as presets give them.

No defaults, here and in the recipes of the methods: every value stands in presets/*.toml. Standard library only, so
that presets can be checked without loading torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


class Section:
    """A table of a preset. An unknown key in it is an error, not a silent no-op."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


def check_relaxation(relaxation: float) -> None:
    """Raises ValueError."""
    if not 0 < relaxation < 2:
        raise ValueError("relaxation is above 0 and below 2, from where updates swing without end")


@dataclass(frozen=True)
class Highs(Section):
    """What a front sees of a clip above half its own rate: bands, the last of which reaches to the clip's end."""

    bands: int  # an octave
    top: float  # Hz, where the last band begins at the latest
    share: float  # of what masks say of the bands in the answer there, the rest is of the lows (`Extension`)


@dataclass(frozen=True)
class Front(Section):
    """What a method looks at: a spectrogram of the clip at a rate of its own, and what is seen of the clip above."""

    rate: int  # Hz
    n_fft: int  # samples at `rate`
    hop: int  # samples at `rate`
    view: Literal["power", "mono", "channels"]  # root mean power, mean of channels, each apart
    highs: Highs | None = None  # None: it sees nothing above half its rate


@dataclass(frozen=True)
class Extension(Section):
    """How masks reach beyond the front's band: above is explained by what sounds below, source by source."""

    bands: int  # of the front's band, logarithmic; each source's level in each of them is an activation
    octave: int  # bands of an octave above, each of which is explained as one
    lowest: float  # Hz, lower edge of the lowest band
    compression: float  # exponent of the magnitudes that are regressed
    nearness: float  # octaves by which the highest band outweighs the lowest, to begin with
    updates: int  # multiplicative updates of the regression
    relaxation: float  # exponent of an update's ratios: 1 as they are, below 2
    exponent: float  # of the ratio mask made from the explained parts

    def __post_init__(self) -> None:
        check_relaxation(self.relaxation)


@dataclass(frozen=True)
class Stems(Section):
    """How masks become stems: the resolution of the clip's own spectrogram, in time, so that it suits any rate."""

    window_s: float  # seconds; rounded up to the next power of two in samples
    overlap: int  # windows over any one sample (hop = n_fft / overlap); at least 4
    extension: Extension


@dataclass(frozen=True)
class MaskRecipe(Section):
    """Of a method whose answer is masks: the grid that they lie on, and how they become stems."""

    front: Front
    stems: Stems


@dataclass(frozen=True)
class Holding(Section):
    """How the boxes that a user draws hold in stems."""

    feather_s: float  # seconds over which a box fades out in time, where it says nothing itself
    feather_octaves: float  # over which it fades out in frequency
    silence_windows_s: tuple[float, ...]  # seconds: of the windows that look into a box of full strength
    silence_db: float  # what they may still see, below the mixture
    silence_steps: int  # of conjugate gradients for each window at the most


@dataclass(frozen=True)
class DecoderShape(Section):
    """One decoder of a bank: noise in, a spectrogram out."""

    latent_channels: int
    channels: int
    halvings: int  # the noise is 2^halvings times shorter than the spectrogram
    kernel: int  # frames
    slope: float  # of LeakyReLU below zero


@dataclass(frozen=True)
class Refinement(Section):
    """How untrained decoders, one a sound, redraw the spectrograms that are there already."""

    network: DecoderShape
    compression: float  # exponent of the magnitude spectrogram that is drawn
    iterations: int
    learning_rate: float
    anchor: float  # weight of staying with what is there
    smoothness: float  # weight
    reconstruction: float  # weight
    exclusion: float  # weight
    exclusion_scales: int
    share: float  # of what they draw in the answer, what was there keeps the rest


@dataclass(frozen=True)
class Noise(Section):
    """What goes into the generators. The ablations of Fig. 8 are zeros and ones in here."""

    temporal_step: float  # v of the temporal noise; 0 leaves it out
    dynamic_from: float  # fraction of the iterations at which the dynamic noise sets in; 1 leaves it out
    dynamic_full: float  # fraction of the iterations from which it stands alone
    abrupt: float  # abrupt change at the masks: source k, counted from 1, gets this / (k + 1); 0 leaves it out


@dataclass(frozen=True)
class Gain(Section):
    """What is left of a bin of which the noise is known: the MMSE gain of log spectra."""

    decision: float  # a of the decision-directed a priori SNR
    least_snr_db: float  # a priori
    lowest: float  # Hz: nobody speaks below
    slope_hz: float  # over which it fades out below that


@dataclass(frozen=True)
class Envelopes(Section):
    """How a texture's band envelopes are taken and described."""

    bands: int  # on the ERB-rate scale
    lowest: float  # Hz, centre of the lowest band, which reaches down to nothing
    rate: float  # Hz, of the envelopes
    compression: float  # exponent of the envelopes, as in the cochlea
    modulations: tuple[float, ...]  # Hz, edges of the bands of the modulation spectrum
    floor: float  # of the envelopes' root mean square, below which nothing is heard
    edge_s: float  # left out at both ends of a clip: the filters see it as a ring
