"""The numbers of a separation by component consensus."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

from ...recipe import Front, Holding, MaskRecipe, Refinement, Section, check_relaxation


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
    updates: int  # multiplicative updates
    relaxation: float  # exponent of an update's ratios: 1 as they are, below 2

    def __post_init__(self) -> None:
        check_relaxation(self.relaxation)


@dataclass(frozen=True)
class Traits(Section):
    """How a component's traits are told from its spectrum and its activation, see traits.py."""

    widths: tuple[int, ...]  # bins, odd: of the surroundings that a spectrum's peaks stand out of
    peak: float  # of the highest bin's power: a peak is at least as high
    modulations: tuple[float, ...]  # Hz, edges of the bands of the modulation spectrum, the first one 0
    slow_lags: tuple[int, ...]  # frames; autocorrelation of the activation's root
    smooth: int  # frames, odd, over which a rise is told
    before: int  # frames: a level has risen against the one so long before,
    rise: float  # where it is above this many times as high
    swell: float  # and this much of the mean more
    sounding: float  # of an activation's mean: what is above counts as sounding
    quantiles: tuple[float, ...]  # of an activation

    def __post_init__(self) -> None:
        if any(width % 2 == 0 for width in (*self.widths, self.smooth)):
            raise ValueError("features.kinship.traits: widths and smooth are odd")


@dataclass(frozen=True)
class Kinship(Section):
    """What has been learned of how sounds vary within themselves: the axes of a space in which they hardly do."""

    exponents: tuple[float, ...]  # of an axis' separation, by which it counts: one description for each
    least: float  # standard deviation of a trait, below which it is the same everywhere
    separation: tuple[float, ...]  # of each axis: variance between two sounds over that within them
    traits: Traits
    axes: dict[
        str, tuple[tuple[float, ...], ...]
    ]  # of each trait, a row for each of its numbers, a column for each axis

    def __post_init__(self) -> None:
        if any(len(row) != len(self.separation) for rows in self.axes.values() for row in rows):
            raise ValueError("kinship.axes: one number for each of `separation` in every row")


@dataclass(frozen=True)
class Features(Section):
    """What a component is compared by."""

    mel_bands: int
    floor_nats: float  # log mel spectra are cut this far below their maximum
    cepstra: tuple[int, ...]  # timbre: DCT coefficients 1 .. m-1, one description for each m
    compressions: tuple[float, ...]  # texture: exponents of the activation, one description for each
    lags: tuple[int, ...]  # frames; autocorrelation of the activation
    pan_weight: float  # of the balance of a component between views, -1 .. 1; timbre and texture have variance one
    kinship: Kinship | None = None  # None: components are compared by timbre, texture and place alone


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
        check_relaxation(self.relaxation)
        if not 0 <= self.growth[0] < self.growth[1]:
            raise ValueError("models.growth: the first number is below the second")


@dataclass(frozen=True)
class Confidence(Section):
    """How probably stems are good: by how far apart the groups lie (`grouping.separability`)."""

    half: float  # the separability at which the probability is one half
    width: float  # the probability is 1 / (1 + exp(-(separability - half) / width))

    def probability(self, separability: float) -> float:
        return 1 / (1 + math.exp(-(separability - self.half) / self.width))


@dataclass(frozen=True)
class Caution(Section):
    """How far masks are believed where it is doubtful that they are good."""

    least: float  # share of the masks at a confidence of 0, the rest is equal shares
    full: float  # confidence from which on masks are believed in full
    told_below: float  # confidence below which it is told

    def belief(self, confidence: float) -> float:
        return self.least + (1 - self.least) * min(1.0, confidence / self.full)


@dataclass(frozen=True)
class Alternatives(Section):
    """Other groupings of the same components, for an ear to choose among."""

    offered: int  # answers in all, where the first one is doubtful and nobody says how many
    offered_below: float  # confidence of the first one, below which it is doubtful
    order: tuple[
        Literal["kinship", "contrast", "timbre", "faintest"], ...
    ]  # in which they follow the first, see takes.py
    further: int  # faintest: groups beyond as many as there are sources
    faint: int  # faintest: of these groups, which are one source
    compression: float  # contrast: exponent of the activation, one of those that features have
    residual: tuple[Literal["kinship", "contrast", "timbre", "faintest"], ...]  # what the first answer is compared with
    same: float  # share of the energy in components that have the same source, from which two answers are one

    def __post_init__(self) -> None:
        if self.offered < 1 or not 1 <= self.faint <= self.further:
            raise ValueError("alternatives: offered and faint are 1 at least, and faint is no more than further")


@dataclass(frozen=True)
class CountWeights(Section):
    """What speaks for so many sounds: a weight for each number of them, of every measure of counting.py."""

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
    """How many sounds a clip seems to hold: probabilities by multinomial logistic regression."""

    least_s: float  # seconds; shorter chunks say nothing
    compression: float  # exponent of the activity whose correlation counts
    floor: float  # of a group's mean level, under the logarithm
    swell: int  # frames over which slow movement is averaged
    told_from: float  # probability from which another number than the one used is told
    intercepts: tuple[float, ...]  # for 1, 2 ... sounds
    weights: CountWeights

    def __post_init__(self) -> None:
        if any(len(of_each) != len(self.intercepts) for of_each in vars(self.weights).values()):
            raise ValueError("counting.weights: one weight for each of the intercepts")


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
class Boxes(Holding):
    """What a user's boxes do to a separation that is there already."""

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
class Examples(Section):
    """What is done where it is known what a sound is like alone, by an example or in a span of the clip."""

    runs: int  # of each part of the pool, on what is heard of a sound alone
    longest_s: float  # seconds that are heard of a sound at the most
    spectra: Factorisations  # that are learned of a sound, and with which its updates explain a clip
    # What speaks for a sound, by the exponent with which it does: how far its spectra explain a component, how near the
    # component is to its own by kinship, and the clip's own clustering. The first counts less the more of the clip is
    # left unexplained: none of it from `unexplained` on, a share of the clip.
    explains: float
    kinship: float
    clusters: float
    unexplained: float
    least: float  # of shares and labels, under the logarithm
    weight: float  # of its frames beside the clip's in the models of the sources, which have these updates
    alone: int
    together: int
    growth: tuple[float, float]  # as in `Models`
    # An answer by examples is trusted where what it makes a sound's lies no farther from the example, by kinship,
    # squared, and where its groups' separability is no more than that below the one of the clip's own.
    farthest: float
    looser: float
    confidence: float  # in an answer by examples, at least: its masks are believed in full


@dataclass(frozen=True)
class Window:
    """Members that look through the same window."""

    front: Front
    members: int


@dataclass(frozen=True)
class ConsensusRecipe(MaskRecipe):
    """Component consensus, redrawn by untrained networks where `refinement` is given."""

    islands: Islands
    # The window of each member, as a share of the front's. A member has a pool, groups, models and decoders of its own,
    # and as much of a say in the masks as any other.
    members: tuple[float, ...]
    pool: tuple[Factorisations, ...]
    features: Features
    grouping: Grouping
    confidence: Confidence
    caution: Caution
    mask_exponent: float  # of the final masks: above 1 less is left of the other sounds, and more of the own is lost
    counting: Counting | None = None  # None: the number of sounds is not guessed
    models: Models | None = None  # None: no source has a model of its own
    refinement: Refinement | None = None  # None: the masks so far are the answer
    boxes: Boxes | None = None  # None: the answer cannot be corrected
    # None: examples and spans are of no use to it. What a session depends on tells of it where there are any.
    examples: Examples | None = field(default=None, repr=False)
    # None: there is but one answer. No part of what a session depends on: it keeps the answers themselves.
    alternatives: Alternatives | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.mask_exponent <= 0:
            raise ValueError("mask_exponent is above 0")
        if not self.members or self.members[0] != 1 or max(self.members) > 1:
            raise ValueError("members: the first one's window is the front's, 1, and no other's is longer")
        if self.alternatives and self.alternatives.compression not in self.features.compressions:
            raise ValueError("alternatives.compression is one of features.compressions")
        if any(window.front.n_fft < 2 for window in self.windows):
            raise ValueError("members: a window has two samples at least")

    @property
    def windows(self) -> tuple[Window, ...]:
        """The members by windows, in the order in which these are first named."""
        whole = self.front.n_fft
        counts = Counter(whole if share == 1 else 2 * round(whole * share / 2) for share in self.members)
        return tuple(Window(replace(self.front, n_fft=n_fft), count) for n_fft, count in counts.items())
