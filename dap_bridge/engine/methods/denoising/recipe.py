"""The numbers that part speech from noise."""

from __future__ import annotations

from dataclasses import dataclass

from ...recipe import Gain, Section, check_relaxation
from ..consensus.recipe import ConsensusRecipe


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
class Profile(Section):
    """What stretches of noise alone teach: spectra that are held while the clip is explained."""

    most_s: float  # seconds of noise that are learned from
    noise: int  # spectra
    speech: int  # spectra, free to be whatever the noise's do not explain
    runs: int  # independent ones, whose masks are averaged
    compression: float  # exponent of the magnitudes that are explained
    learning: int  # multiplicative updates of the noise's spectra on the noise alone
    updates: int  # multiplicative, on the clip
    relaxation: float  # exponent of an update's ratios: 1 as they are, below 2
    leak: float  # share of the noise alone in the separated speech, from which on the separation is not believed
    trust: tuple[float, float]  # its confidence, less for leaking: up to where it does not count, from where in full
    likeness: float  # exponent of how much a sound behaves like speech, beside how little of it is the noise's
    steadiness: float  # frames that a known floor counts as against those around

    def __post_init__(self) -> None:
        check_relaxation(self.relaxation)
        if not 0 <= self.trust[0] < self.trust[1]:
            raise ValueError("profile.trust: the first number is below the second")


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
    profile: Profile
    speech: Speech
    separation: ConsensusRecipe
