"""The numbers that more of a texture is made by."""

from __future__ import annotations

from dataclasses import dataclass

from ...recipe import DecoderShape, Envelopes, Section


@dataclass(frozen=True)
class Matching(Section):
    """Gains that bring a texture's envelope statistics to those of its original."""

    least_s: float  # shorter pieces are left as they are
    rounds: int
    iterations: int  # of each round
    learning_rate: float
    stride: int  # frames of the envelopes from one free gain to the next
    limit: float  # nats, of the gains of one round


@dataclass(frozen=True)
class TextureFit(Section):
    """How the generator is optimised for the original."""

    network: DecoderShape
    iterations: int
    learning_rate: float
    moments: float  # weight of the spread of what mixed latents give, beside drawing the original from its own latents
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
    mixed: float  # variation of the mixtures that the generator is optimised with


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
    """More of a texture: a generator optimised for a clip, a way on through its latents, phase of its own."""

    windows_s: tuple[float, ...]  # of the spectrogram; the one in which the clip is sparsest is taken
    overlap: int  # windows over any one sample; at least 4
    source_s: float  # seconds of the clip, next to what is to be made, that the generator is optimised for
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
