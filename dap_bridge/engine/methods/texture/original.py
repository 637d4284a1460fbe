"""What a texture is made from: the clip next to what is to be made, heard as components, envelopes and statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...signal.auditory import EnvelopeStatistics, FilterBank, describe_envelopes
from ...signal.stft import stft
from ...tiny import TINY
from .recipe import Steadiness, TextureRecipe

_SILENT = 1e-4  # amplitude, of the loudest component's, of one that is not worth drawing
_INAUDIBLE = 1e-15  # root mean square: there is less in no file
_LEAST_SAMPLES = 64  # of the shortest window four times over
_SPARSITY_BANDS = 8


@dataclass(frozen=True)
class Original:
    """A clip as its principal components, which are uncorrelated, instead of channels: what is drawn for each of them
    alone keeps the stereo image.

    directions: (channels, components), orthogonal columns that carry the clip's loudness. stretches: one or two of
    (components, samples), what lies before and, if anything does, after the joint; short ones are mirrored. n_fft, hop:
    of the spectrogram that suits it. statistics: of all envelopes, levels evened out; levels: per stretch, (rows,),
    root mean square of each envelope; heard: (rows,), which of them count. A row is a band of a component.
    """

    rate: int
    directions: Tensor
    stretches: tuple[Tensor, ...]
    n_fft: int
    hop: int
    statistics: EnvelopeStatistics
    levels: tuple[Tensor, ...]
    heard: Tensor

    @property
    def before(self) -> Tensor:
        return self.stretches[0]

    @property
    def after(self) -> Tensor | None:
        return self.stretches[1] if len(self.stretches) > 1 else None

    def trend(self, share: Tensor) -> Tensor:
        """(rows, frames): gain from the level before to that after; share: (frames,), how much of the way is gone."""
        first, last = (_ratio(level, self.levels)[:, None].log() for level in (self.levels[0], self.levels[-1]))
        return torch.lerp(first, last, share[None]).exp()


def listen(before: Tensor, after: Tensor | None, rate: int, recipe: TextureRecipe) -> Original | None:
    """What lies before and after, as an original; None where there is nothing to hear. (channels, frames) each."""
    longest = max(1, round(recipe.source_s * rate))
    sides = [before[:, -longest:], *([] if after is None else [after[:, :longest]])]
    everything = torch.cat(sides, dim=1).double()
    loudness = float(everything.square().mean().sqrt())
    if loudness < _INAUDIBLE:
        return None
    powers, directions = torch.linalg.eigh(everything @ everything.mT / loudness**2)
    directions = directions[:, powers > _SILENT**2 * powers[-1]].flip(1).to(before.dtype)
    sides = [side / loudness for side in sides]
    least = max(_LEAST_SAMPLES, round(recipe.least_s * rate))
    stretches = tuple(_mirrored(directions.mT @ side, least, backwards=i == 0) for i, side in enumerate(sides))
    envelopes = [_envelopes(stretch, rate, recipe) for stretch in stretches]
    levels = tuple(found.square().mean(1).sqrt() for found in envelopes)
    even = [found / _ratio(level, levels)[:, None] for found, level in zip(envelopes, levels, strict=True)]
    n_fft = _sparsest(stretches[0], rate, recipe)
    level = torch.stack(levels).mean(0)
    return Original(
        rate=rate,
        directions=directions * loudness,
        stretches=stretches,
        n_fft=n_fft,
        hop=n_fft // recipe.overlap,
        statistics=describe_envelopes(torch.cat(even, dim=1), recipe.envelopes),
        levels=levels,
        heard=level > recipe.envelopes.floor * level.max(),
    )


def _envelopes(audio: Tensor, rate: int, recipe: TextureRecipe) -> Tensor:
    bank = FilterBank(audio.shape[1], rate, recipe.envelopes, audio.device)
    return bank.envelopes(bank.split(audio)).flatten(0, 1)[:, bank.inner]


def _ratio(level: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """By how much one stretch is louder than the mean of all, row by row."""
    return level.clamp(min=TINY) / torch.stack(tuple(levels)).mean(0).clamp(min=TINY)


def _mirrored(audio: Tensor, samples: int, backwards: bool) -> Tensor:
    """At least so many samples: the clip, its mirror image, the clip …; the end at the joint stays where it is."""
    turned = audio.flip(1) if backwards else audio
    copies = math.ceil(samples / turned.shape[1])
    long = torch.cat([turned if i % 2 == 0 else turned.flip(1) for i in range(copies)], dim=1)
    return long.flip(1) if backwards else long


def _sparsest(audio: Tensor, rate: int, recipe: TextureRecipe) -> int:
    """The window in samples, of those in the recipe, that shows the clip in the fewest large values: short for a
    crackle, long for a hum. Sparsity is the mean magnitude over its root mean square, in a few bands weighed by
    amplitude.
    """

    def spread(n_fft: int) -> float:
        magnitude = stft(audio, n_fft, n_fft // recipe.overlap, "reflect").abs()
        parts = magnitude.chunk(_SPARSITY_BANDS, dim=1)
        amplitude = torch.stack([part.square().mean().sqrt() for part in parts]).clamp(min=TINY)
        mean = torch.stack([part.mean() for part in parts])
        return float(mean.sum() / amplitude.sum())

    sizes: set[int] = {2 ** max(4, round(math.log2(seconds * rate))) for seconds in recipe.windows_s}
    usable = [size for size in sorted(sizes) if size <= audio.shape[1] // 4]
    return min(usable or [16], key=spread)


def doubts(audio: Tensor, rate: int, recipe: Steadiness) -> str | None:
    """Why a clip (channels, frames) may be no texture, as a sentence; None where nothing speaks against it."""
    size = max(1, round(recipe.frame_s * rate))
    frames = audio.shape[1] // size
    if frames:
        power = audio[:, : frames * size].square().sum(0).unflatten(0, (frames, size)).mean(1)
        levels = 10 * (power + TINY * power.max() + TINY**2).log10()
        low, high = (float(levels.quantile(q)) for q in (recipe.quantile, 1 - recipe.quantile))
        if high - low > recipe.range_db:
            return (
                f"The clip may be no texture: its level ranges over {high - low:.0f} dB. What follows a course of its "
                "own (speech, a melody, a single hit) is not continued, only its sound is; choose a steady stretch."
            )
    seconds = audio.shape[1] / rate
    if seconds < recipe.least_s:
        return (
            f"The clip lasts {seconds:.2g} s, too short to show how it goes on; {recipe.least_s:g} s or more are "
            "better."
        )
    return None
