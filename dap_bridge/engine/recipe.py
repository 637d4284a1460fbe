"""The numbers of a separation, as presets give them: no defaults here, every value stands in presets/*.toml.

Standard library only, so that presets can be checked without loading torch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal


class Section:
    """A table of a preset. An unknown key in it is an error, not a silent no-op."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


def _check_relaxation(relaxation: float) -> None:
    if not 0 < relaxation < 2:
        raise ValueError("relaxation is above 0 and below 2, from where updates swing without end")


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
    relaxation: float  # exponent of an update's ratios, see `Factorisations`
    exponent: float  # of the ratio mask made from the explained parts

    def __post_init__(self) -> None:
        _check_relaxation(self.relaxation)


@dataclass(frozen=True)
class Stems(Section):
    """How masks become stems: the resolution of the clip's own spectrogram, in time, so that it suits any rate."""

    window_s: float  # seconds; rounded up to the next power of two in samples
    overlap: int  # windows over any one sample (hop = n_fft / overlap); at least 4
    extension: Extension


@dataclass(frozen=True)
class Islands(Section):
    """When a spectrum falls apart: where silence parts it into as many islands as sources."""

    depth: float  # dB of mean power below the highest bin: what is less is silence
    gap: int  # bins of silence that part two islands
    level: float  # dB below the highest bin that an island must reach


@dataclass(frozen=True)
class Factorisations(Section):
    """Some runs of equal size in the pool of factorisations."""

    runs: int
    components: int
    compression: float  # exponent of the magnitude spectrogram that is factorised
    beta: float  # of the divergence that is minimised: 1 Kullback-Leibler, 0 Itakura-Saito
    updates: int  # multiplicative updates
    relaxation: float  # exponent of an update's ratios: 1 as they are, below 2

    def __post_init__(self) -> None:
        _check_relaxation(self.relaxation)


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

    looks: tuple[float, ...]  # shares of a factorisation's updates, up to 1: when components are described; all vote
    landmarks: int  # components that are clustered; the others take their labels from these
    restarts: int  # of k-means
    iterations: int  # of k-means and of the Gaussian mixture
    bandwidth: float  # of the affinity kernel, in median squared distances
    ridge: float  # added to the mixture's covariance (features have total variance about two)

    def __post_init__(self) -> None:
        if list(self.looks) != sorted({*self.looks, 1.0}) or self.looks[0] <= 0:
            raise ValueError("grouping.looks: shares of the updates above 0, rising, the last one 1")


@dataclass(frozen=True)
class Models(Section):
    """A small factorisation of its own for every source, which starts from what its group of components says."""

    runs: int  # independent ones, whose masks are averaged
    components: int  # of a source
    compression: float  # exponent of the magnitude spectrogram that is factorised
    alone: int  # multiplicative updates of each source on its share of the mixture
    together: int  # of all sources on the mixture, after that
    relaxation: float  # exponent of an update's ratios, see `Factorisations`
    growth: tuple[float, float]  # nats of any source's energy: up to where the models count in full, from where not
    share: float  # of the models in the masks, at most; the components keep the rest

    def __post_init__(self) -> None:
        _check_relaxation(self.relaxation)
        if not 0 <= self.growth[0] < self.growth[1]:
            raise ValueError("models.growth: the first number is below the second")


@dataclass(frozen=True)
class Confidence(Section):
    """What the clusterings' agreement and the groups' separability are worth, added up: the chance of good stems."""

    half: float  # the sum at which the chance is one half
    width: float  # the chance is 1 / (1 + exp(-(sum - half) / width))


@dataclass(frozen=True)
class CountWeights(Section):
    """What speaks for so many sounds: a weight for each number of them, of every measure of engine/counting.py."""

    timbre: tuple[float, ...]  # log variance of the components' log mel spectra, nats^2
    texture: tuple[float, ...]  # log variance of their textures
    evenness: tuple[float, ...]  # nats, of their energies
    coherence: tuple[float, ...]  # mean correlation of their activity
    dominance: tuple[float, ...]  # of what moves together most, a share
    # of the same components in two groups, and in three: how good the grouping is, how far the groups move together
    agreement_2: tuple[float, ...]
    separability_2: tuple[float, ...]
    levels_2: tuple[float, ...]
    onsets_2: tuple[float, ...]
    swells_2: tuple[float, ...]
    agreement_3: tuple[float, ...]
    separability_3: tuple[float, ...]
    levels_3: tuple[float, ...]
    levels_mean_3: tuple[float, ...]
    onsets_3: tuple[float, ...]
    onsets_mean_3: tuple[float, ...]
    swells_3: tuple[float, ...]
    swells_mean_3: tuple[float, ...]


@dataclass(frozen=True)
class Counting(Section):
    """How many sounds a clip seems to hold: chances by multinomial logistic regression."""

    least_s: float  # seconds; shorter chunks say nothing
    compression: float  # exponent of the activity whose correlation counts
    floor: float  # of a group's mean level, under the logarithm
    swell: int  # frames over which slow movement is averaged
    told_from: float  # chance from which another number than the one used is told
    intercepts: tuple[float, ...]  # for 1, 2 ... sounds
    weights: CountWeights

    def __post_init__(self) -> None:
        if any(len(of_each) != len(self.intercepts) for of_each in vars(self.weights).values()):
            raise ValueError("counting.weights: one weight for each of the intercepts")


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
    iterations: int
    learning_rate: float
    anchor: float  # weight of staying with the components' masks
    smoothness: float  # weight
    reconstruction: float  # weight
    exclusion: float  # weight
    exclusion_scales: int
    share: float  # of the fit in the final masks, the components keep the rest


@dataclass(frozen=True)
class Carry(Section):
    """How what boxes teach of one chunk is carried to the others: by the sources' spectra, learned as in `Models`."""

    frames: int  # of all corrected chunks together, that the spectra are learned from, at the most
    updates: int  # of the activations in another chunk
    share: float  # of what these spectra say in the masks there; the rest keeps its own, moved by what boxes changed
    # What these spectra leave unexplained of a chunk, above what they leave of the corrected ones, as a share of the
    # magnitude: up to the first they count in full, from the second on not at all.
    misfit: tuple[float, float]

    def __post_init__(self) -> None:
        if self.frames < 1 or self.updates < 1:
            raise ValueError("boxes.carry: frames and updates are 1 at least")
        if not 0 <= self.share <= 1:
            raise ValueError("boxes.carry: share is from 0 to 1")
        if not 0 < self.misfit[0] < self.misfit[1]:
            raise ValueError("boxes.carry: both numbers of misfit are above 0, and the first is below the second")


@dataclass(frozen=True)
class Boxes(Section):
    """What a user's boxes do to a separation that is there already."""

    feather_s: float  # seconds over which a box fades out in time, where it says nothing itself
    feather_octaves: float  # over which it fades out in frequency
    silence_windows_s: tuple[float, ...]  # seconds: of the windows that look into a box of full strength
    silence_db: float  # what they may still see, below the mixture
    silence_steps: int  # of conjugate gradients for each window at the most
    doubt: float  # evidence, as a share of a component's energy, that weighs as much as the grouping's opinion
    sharpness: float  # exponent of the evidence against the doubt, at least 1: how much less counts what is below it
    confirmation: float  # weight of what a box confirms, against one for what it changes
    locality: float  # exponent of the share of the clip that lies outside a box: how much less counts a large one
    iterations: int  # of the decoders; 0: masks are moved, and nothing is drawn or modelled
    anew: float  # share of the clip that boxes move, from which on decoders begin anew and not where they were
    alone: int  # updates of each source's model, which is learned once more from what was drawn; the rest as `Models`
    together: int  # of all sources' models, after that
    share: float  # of these models in the masks, at most
    carry: Carry | None = None  # None: boxes correct the chunks that they lie in, and no others


@dataclass(frozen=True)
class Panel:
    """Members of a committee who look through the same window."""

    front: Front
    members: int


@dataclass(frozen=True)
class ConsensusRecipe(Section):
    """Component consensus, refined by an anchored fit of untrained networks where `refinement` is given."""

    front: Front
    stems: Stems
    islands: Islands
    # The window of each member of a committee, as a share of the front's. A member has a pool, groups, models and a fit
    # of its own, and as much of a say in the masks as any other.
    members: tuple[float, ...]
    pool: tuple[Factorisations, ...]
    features: Features
    grouping: Grouping
    confidence: Confidence
    mask_exponent: float  # of the final masks: above 1 less is left of the other sounds, and more of the own is lost
    counting: Counting | None = None  # None: the number of sounds is not guessed
    models: Models | None = None  # None: no source has a model of its own
    refinement: Refinement | None = None  # None: the masks so far are the answer
    boxes: Boxes | None = None  # None: the answer cannot be corrected

    def __post_init__(self) -> None:
        if self.mask_exponent <= 0:
            raise ValueError("mask_exponent is above 0")
        if not self.members or self.members[0] != 1 or max(self.members) > 1:
            raise ValueError("members: the first one's window is the front's, 1, and no other's is longer")
        if any(panel.front.n_fft < 2 for panel in self.panels):
            raise ValueError("members: a window has two samples at least")

    @property
    def carries(self) -> bool:
        """Whether what boxes teach of one chunk can be carried to the others."""
        return self.models is not None and self.boxes is not None and self.boxes.carry is not None

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The committee by windows, in the order in which these are first named."""
        whole = self.front.n_fft
        windows = Counter(whole if share == 1 else 2 * round(whole * share / 2) for share in self.members)
        return tuple(Panel(replace(self.front, n_fft=n_fft), count) for n_fft, count in windows.items())


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

    level: float  # mean magnitude, each weighed by itself, that a chunk is brought to: its loudness does not matter
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
class Starts(Section):
    """When a fit has not separated, and what then."""

    collapsed: float  # when exp(-(mean magnitude of the faintest stem)) is at least this
    told_apart: float  # 0..1: so much must a bin tell of the stem that sounds in it, and more
    least_bits: float  # of what is unknown about the stem, over which that is counted at the least
    told_from: float  # fraction of the iterations from which that is asked
    looks: int  # at the stems in a fit, evenly spaced, the last one after the last iteration
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
    starts: Starts
    ratio_exponent: float  # p of the final masks s_k^p / sum s^p

    def __post_init__(self) -> None:
        if self.front.view != "mono":
            raise ValueError('front.view: the paper\'s method looks at "mono" only')


@dataclass(frozen=True)
class Search(Section):
    """How a sound that several clips share is found."""

    rounds: int  # at most; each finds what is shared at one alignment of the clips
    ceiling: float  # of the whitened spectrogram, in medians of a bin over time
    silent: float  # of a clip's loudest bin: what lies below says nothing
    quantile: float  # of the cross-correlation: its usual level
    prominence: float  # usual levels: from there on a peak of the cross-correlation is no chance
    candidates: int  # alignments of two clips that are looked at more closely
    apart: int  # samples between them, at the least
    patch_bins: int  # over which coherence is averaged; odd
    patch_frames: int  # odd
    chances: int  # lags at which coherence can only be chance, to know its deviation
    likeness: float  # deviations: from there on a clip's coherence is no chance
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


@dataclass(frozen=True)
class Gain(Section):
    """What is left of a bin of which the noise is known: the MMSE gain of log spectra."""

    decision: float  # a of the decision-directed a priori SNR
    least_snr_db: float  # a priori
    lowest: float  # Hz: nobody speaks below
    slope_hz: float  # over which it fades out below that


@dataclass(frozen=True)
class Floor(Section):
    """Steady noise: how its power is known."""

    window_s: float  # seconds; to the nearest power of two in samples
    overlap: int  # windows over any one sample (hop = n_fft / overlap); at least 4
    least: float  # of the mean power, added to every bin
    quantile: float  # of a bin over time: where its floor is looked for first
    rounds: int  # of weighing by the absence of speech
    speech_snr_db: float  # a priori, where there is speech
    span_s: float  # seconds around a frame that the slow tracker sees
    steadiness: float  # frames that the whole clip's floor counts as against those around
    memory: float  # of the fast tracker, a frame
    presence_memory: float  # of the probability of speech, a frame
    presence_limit: float  # beyond that, on average, speech is not believed


@dataclass(frozen=True)
class Vocabulary(Section):
    """The spectra that the clip's speech is made of, and how the gain they give joins the decision-directed ones."""

    components: int
    updates: int  # multiplicative
    excess: float  # floors that count as noise
    share: float  # of the gain by these spectra, an exponent; the decision-directed ones have the rest
    smoothing_erb: float  # bands of hearing on either side of a bin, over which the gain is averaged
    residue_db: float  # that stays of every bin, at the least


@dataclass(frozen=True)
class Speech(Section):
    """What tells that a clip holds more than speech and a floor, and which of two stems is the speech."""

    low: float  # Hz, of the band that is looked at
    high: float  # Hz
    quiet: float  # quantile of the frames' levels that counts as pause
    loud: float  # quantile that counts as speech
    filled_db: float  # pauses louder than that, against speech, hold another sound
    frame_s: float  # seconds
    lowest_pitch: float  # Hz
    highest_pitch: float  # Hz
    slowest_syllable: float  # a second
    fastest_syllable: float  # a second
    slowest_change: float  # a second: slower ones are of no account


@dataclass(frozen=True)
class DenoisingRecipe(Section):
    """Speech and noise: the floor always, the separation where pauses are not quiet without the floor."""

    floor_share: float  # of the floor that leaves the speech where the clip has been separated
    floor: Floor
    gain: Gain
    vocabulary: Vocabulary
    speech: Speech
    separation: ConsensusRecipe


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
    """How the network is fitted to the noisy signal."""

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
class NetworkPriorRecipe(Section):
    """Deep Network Prior: noise is what a network fitted to the noisy waveform keeps changing its mind about."""

    front: Front
    stems: Stems
    network: WaveUNetShape
    fit: WaveformFit
    fluctuations: Fluctuations
    gain: Gain

    def __post_init__(self) -> None:
        if self.front.view != "mono":
            raise ValueError('front.view: the network draws one waveform, so it looks at "mono" only')


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


@dataclass(frozen=True)
class Matching(Section):
    """Gains that bring a texture's envelope statistics to those of its source."""

    least_s: float  # shorter pieces are left as they are
    rounds: int
    iterations: int  # of each round
    learning_rate: float
    stride: int  # frames of the envelopes from one free gain to the next
    limit: float  # nats, of the gains of one round


@dataclass(frozen=True)
class TextureFit(Section):
    """How the generator is fitted to the source."""

    network: DecoderShape
    iterations: int
    learning_rate: float
    moments: float  # weight of the spread of what mixed latents give, beside drawing the source from its own latents
    scales: tuple[int, ...]  # frames over which that spread is taken
    floor: float  # of a bin's mean magnitude, under the logarithm
    noise: int  # hops of white noise from which it is learnt how much a spectrogram of noise moves


@dataclass(frozen=True)
class LatentPath(Section):
    """The way through the latents that new audio is made from."""

    segment: int  # latents in one segment
    interpolation: tuple[
        float, float
    ]  # angle of a mixture of two neighbours, as a fraction of a right angle: 0 .. 1 between them
    extrapolation: tuple[float, float]  # the same beyond them: 1 .. 2
    beyond: float  # share of segments that are extrapolated at variation 1
    mixed: float  # variation of the mixtures that the generator is fitted with


@dataclass(frozen=True)
class Phase(Section):
    """Fast Griffin-Lim."""

    iterations: int
    momentum: float


@dataclass(frozen=True)
class Joint(Section):
    """How recorded sound is left and met: it goes on by linear prediction and fades into what is made."""

    seconds: float
    order: int  # of the prediction
    context: int  # samples that the prediction is made from, in orders


@dataclass(frozen=True)
class Steadiness(Section):
    """When a clip is said not to be a texture; the result is made all the same."""

    frame_s: float  # of the levels that are looked at
    range_db: float  # between their `quantile` and the one as far from the other end
    quantile: float
    least_s: float  # a shorter clip cannot show what it is


@dataclass(frozen=True)
class TextureRecipe(Section):
    """More of a texture: a generator fitted to a clip, a way on through its latents, phase of its own."""

    windows_s: tuple[float, ...]  # of the spectrogram; the one in which the clip is sparsest is taken
    overlap: int  # windows over any one sample; at least 4
    source_s: float  # seconds of the clip, next to what is to be made, that the generator is fitted to
    least_s: float  # a shorter clip is mirrored to this length before it is looked at
    context_s: float  # of what is there already that a piece is made to continue
    loop_s: float  # of new audio that leads from a loop's end to its start, at least, where the loop is long enough
    joint: Joint
    fit: TextureFit
    path: LatentPath
    phase: Phase
    envelopes: Envelopes
    matching: Matching
    steadiness: Steadiness


Recipe = ConsensusRecipe | PaperRecipe | TextureRecipe | CoseparationRecipe | DenoisingRecipe | NetworkPriorRecipe

# What a preset calls its method.
RECIPES: dict[str, type[Recipe]] = {
    "consensus": ConsensusRecipe,
    "paper": PaperRecipe,
    "texture": TextureRecipe,
    "coseparation": CoseparationRecipe,
    "denoising": DenoisingRecipe,
    "network-prior": NetworkPriorRecipe,
}
