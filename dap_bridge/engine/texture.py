"""More of a texture: a generator fitted to a clip's spectrogram, a way on through its latents, phase of its own.

Tian, Xu, Li, arXiv 1912.10292, Fig. 6: segments of the clip have latents; new audio comes from latents interpolated between
those of neighbours and extrapolated beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .auditory import EnvelopeStatistics, FilterBank, describe_envelopes, match
from .events import Event, Made, Note, Step
from .fit import fit
from .networks import DecoderBank, draw_weights
from .phase import continued, fast_griffin_lim, joined
from .recipe import LatentPath, TextureRecipe
from .stft import frame_count, stft

_TINY = 1e-12
_SILENT = 1e-4  # amplitude of a component, of the loudest one's, that is not worth drawing


def extend(
    before: Tensor,
    after: Tensor | None,
    frames: int,
    rate: int,
    recipe: TextureRecipe,
    *,
    variation: float,
    seeds: Sequence[int],
    device: torch.device,
) -> Iterator[Event]:
    """What follows `before` for so many frames and, if `after` is given, leads into it.

    before, after: (channels, any number of frames) at `rate`; only what lies next to the joint is looked at, recipe.source_s
    of each. variation: 0 stays between the latents of neighbouring segments, 1 forgets them. Yields Step, Note, and `Made`
    piece by piece, in order; for every seed all pieces of `frames` frames. Memory does not depend on `frames`.
    """
    source = _listen(before.to(device), None if after is None else after.to(device), rate, recipe)
    if source is None:
        yield Note("The clip is silent, and so is what was made of it.")
        for index, _ in enumerate(seeds):
            yield from (Made(index, before.new_zeros(len(before), part)) for part in _parts(frames, rate, recipe))
        return
    work = _Work(recipe, len(seeds), len(_parts(frames, source.rate, recipe)))
    generator = torch.Generator().manual_seed(_mixed(seeds[0], -1))
    model = yield from _fit(source, recipe, generator, work)
    for index, seed in enumerate(seeds):
        chance = torch.Generator().manual_seed(_mixed(seed, index))
        for piece in _draw(model, source, frames, recipe, variation, chance):
            if piece is None:
                yield work.step("drawing")
            else:
                yield Made(index, (source.directions @ piece).cpu())


def _mixed(seed: int, index: int) -> int:
    return (seed * 1_000_003 + index + 1) % 2**63


class _Work:
    """How much is done: an iteration of a fit, of a phase and of a matching count the same."""

    def __init__(self, recipe: TextureRecipe, results: int, parts: int) -> None:
        self.drawing = results * parts * (recipe.phase.iterations + recipe.matching.rounds)
        self.total = recipe.fit.iterations + self.drawing
        self.done = 0

    def step(self, stage: str, loss: float | None = None) -> Step:
        self.done += 1
        return Step(stage, self.done, self.total, min(1.0, self.done / self.total), loss)


@dataclass(frozen=True)
class _Source:
    """What is known of the clip, as uncorrelated components (its principal ones) instead of channels.

    directions: (channels, components), orthonormal columns; before, after: (components, samples) next to the joints,
    mirrored to a usable length; envelopes: of each; statistics: of all of them; heard: (rows,), rows that count.
    """

    rate: int
    n_fft: int
    hop: int
    directions: Tensor
    before: Tensor
    after: Tensor | None
    levels: tuple[Tensor, ...]  # (rows,), root mean square of the envelopes of `before` and of `after`
    statistics: EnvelopeStatistics
    heard: Tensor

    @property
    def stretches(self) -> tuple[Tensor, ...]:
        return (self.before,) if self.after is None else (self.before, self.after)


def _listen(before: Tensor, after: Tensor | None, rate: int, recipe: TextureRecipe) -> _Source | None:
    """None where there is nothing to hear."""
    longest = round(recipe.source_s * rate)
    sides = [before[:, -longest:], *([] if after is None else [after[:, :longest]])]
    everything = torch.cat(sides, dim=1).double()
    powers, directions = torch.linalg.eigh(everything @ everything.mT)
    kept = powers.flip(0) > _SILENT**2 * powers[-1].clamp(min=_TINY)
    if not bool(kept.any()):
        return None
    directions = directions.flip(1)[:, kept].to(before.dtype)
    least = round(recipe.least_s * rate)
    components = [_mirrored(directions.mT @ side, least, backwards=i == 0) for i, side in enumerate(sides)]
    n_fft = _sparsest(components[0], rate, recipe)
    envelopes = []
    for component in components:
        bank = FilterBank(component.shape[1], rate, recipe.envelopes, before.device)
        found = bank.envelopes(bank.split(component)).flatten(0, 1)
        envelopes.append(found[:, bank.edge : bank.frames - bank.edge])
    levels = tuple(found.square().mean(1).sqrt() for found in envelopes)
    pooled = describe_envelopes(torch.cat([e / _ratio(level, levels)[:, None] for e, level in zip(envelopes, levels, strict=True)], 1), recipe.envelopes)
    loudest = torch.stack(levels).mean(0)
    return _Source(
        rate=rate,
        n_fft=n_fft,
        hop=n_fft // recipe.overlap,
        directions=directions,
        before=components[0],
        after=components[1] if after is not None else None,
        levels=levels,
        statistics=pooled,
        heard=loudest > recipe.envelopes.floor * loudest.max(),
    )


def _ratio(level: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """By how much one side is louder than both together, band by band."""
    return level.clamp(min=_TINY) / torch.stack(tuple(levels)).mean(0).clamp(min=_TINY)


def _mirrored(audio: Tensor, samples: int, backwards: bool) -> Tensor:
    """At least so many samples: the clip, its mirror image, the clip …; its true end (or start) stays where it is."""
    turned = audio.flip(1) if backwards else audio
    copies = math.ceil(samples / turned.shape[1])
    parts = [turned if i % 2 == 0 else turned.flip(1) for i in range(copies)]
    long = torch.cat(parts, dim=1) if copies > 1 else turned
    return long.flip(1) if backwards else long


def _sparsest(audio: Tensor, rate: int, recipe: TextureRecipe) -> int:
    """The window, of those in the recipe, that shows the clip with the fewest large values: short for a roll of drums,
    long for a hum. Sparsity is the mean over bands of the mean magnitude over its root mean square (least is best).
    """

    def spread(n_fft: int) -> float:
        magnitude = stft(audio, n_fft, n_fft // recipe.overlap, "reflect").abs()
        bands = 8
        parts = magnitude.chunk(bands, dim=1)
        power = torch.stack([part.square().mean() for part in parts])
        ratio = torch.stack([part.mean() for part in parts]) / power.sqrt().clamp(min=_TINY)
        return float((ratio * power.sqrt()).sum() / power.sqrt().sum().clamp(min=_TINY))

    sizes = {2 ** max(4, round(math.log2(seconds * rate))) for seconds in recipe.windows_s}
    usable = [size for size in sizes if size <= audio.shape[1] // 4] or [16]
    return min(sorted(usable), key=spread)


@dataclass(frozen=True)
class _Model:
    """A fitted generator. level, deviation: (components * bins,), of the log magnitudes; speckle: (components * bins,), share of
    noise's own unrest that the generator leaves to be added; latents: of each stretch, (1, channels, length).
    """

    net: DecoderBank
    level: Tensor
    deviation: float
    speckle: Tensor
    latents: tuple[Tensor, ...]
    step: int  # frames a latent

    def log_magnitudes(self, latents: Tensor, frames: int) -> Tensor:
        with torch.no_grad():
            return self.net(latents, frames)[0] * self.deviation + self.level[:, None]


def _fit(source: _Source, recipe: TextureRecipe, generator: torch.Generator, work: _Work) -> Iterator[Step]:
    """Fit the generator: it draws every stretch from that stretch's own latents, and from mixed latents something that
    moves as much."""
    shape, step = recipe.fit.network, 2**recipe.fit.network.halvings
    logs = []
    for index, stretch in enumerate(source.stretches):
        whole = stretch.shape[1] // (source.hop * step) * (source.hop * step)
        part = stretch[:, -whole:] if index == 0 else stretch[:, :whole]
        magnitude = stft(part, source.n_fft, source.hop, "reflect").abs()[..., :-1].flatten(0, 1)
        logs.append((magnitude + recipe.fit.floor * magnitude.mean(1, keepdim=True) + _TINY).log())
    everything = torch.cat(logs, dim=1)
    level = everything.mean(1)
    deviation = float((everything - level[:, None]).std().clamp(min=_TINY))
    target = (everything - level[:, None]) / deviation
    frames = target.shape[1]
    net = DecoderBank(
        1,
        latent_channels=shape.latent_channels,
        channels=shape.channels,
        halvings=shape.halvings,
        kernel=shape.kernel,
        slope=shape.slope,
        bins=len(target),
        remembers=True,
    )
    draw_weights(net, generator)
    net.set_level(target.new_zeros(1, len(target)).cpu())
    net = net.to(target.device)
    own = torch.randn(1, shape.latent_channels, frames // step, generator=generator)
    mixing = [_path(own, own.shape[-1], recipe.path, 0.5, generator).to(target.device) for _ in range(8)]
    own = own.to(target.device)
    wanted = [_spread(target, scale) for scale in recipe.fit.scales if scale < frames // 4]

    def objective(index: int) -> Tensor:
        drawn = net(torch.cat([own, mixing[index % len(mixing)]], dim=2), 2 * frames)[0]
        loss = (drawn[:, :frames] - target).square().mean()
        mixed = drawn[:, frames:]
        for scale, spread in zip(recipe.fit.scales, wanted, strict=False):
            loss = loss + recipe.fit.moments * (_spread(mixed, scale) - spread).square().mean()
        return loss + recipe.fit.moments * mixed.mean(1).square().mean()

    for at in fit(
        net.parameters(), objective, iterations=recipe.fit.iterations, learning_rate=recipe.fit.learning_rate
    ):
        yield work.step("fitting", float(at.loss))
    net.eval()
    with torch.no_grad():
        drawn = net(mixing[0], frames)[0]
    missing = ((target.var(1) - drawn.var(1)) * deviation**2).clamp(min=0).sqrt()
    noise = torch.randn(1, source.hop * 512, generator=generator)
    unrest = (stft(noise, source.n_fft, source.hop).abs() + _TINY).log().std(1).mean()
    lengths = [log.shape[1] // step for log in logs]
    return _Model(net, level, deviation, missing / float(unrest), own.split(lengths, dim=2), step)


def _spread(values: Tensor, scale: int) -> Tensor:
    """Standard deviation over time of means over so many frames."""
    return (F.avg_pool1d(values[None], scale)[0].var(1) + 1e-6).sqrt()


def _path(own: Tensor, length: int, path: LatentPath, variation: float, generator: torch.Generator) -> Tensor:
    """New latents (1, channels, length) out of those of a source (1, channels, any length).

    A segment is a mixture cos a Z_n + sin a Z_(n+1) of two neighbours: a between 0 and a right angle interpolates, beyond it
    extrapolates. Segments overlap by half and pass into each other at constant power, each mixture is one of many, n never
    is what it has just been, and a share `variation` of each latent is fresh: so nothing recurs. Independent latents of
    variance one stay so under every one of these steps.
    """
    segment = max(2, min(path.segment, own.shape[-1] // 2) // 2 * 2)
    half = segment // 2
    places = max(1, own.shape[-1] - 2 * segment + 1)
    made = own.new_zeros(1, own.shape[1], length + segment)
    angle = (torch.arange(segment) + 0.5) * (torch.pi / segment)
    window = angle.sin()
    last = -segment
    for at in range(0, length + half, half):
        place = int(torch.randint(places, (), generator=generator))
        if abs(place - last) < half and places > segment:
            place = (place + segment) % places
        last = place
        beyond = float(torch.rand((), generator=generator)) < variation * path.beyond
        low, high = path.extrapolation if beyond else path.interpolation
        mix = (low + (high - low) * float(torch.rand((), generator=generator))) * torch.pi / 2
        one, other = own[..., place : place + segment], own[..., place + segment : place + 2 * segment]
        if other.shape[-1] < segment:
            other = one.flip(-1)
        mixture = math.cos(mix) * one + math.sin(mix) * other
        made[..., at : at + segment] += (window * mixture)[..., : made.shape[-1] - at]
    made = made[..., half : half + length]
    fresh = torch.randn(made.shape, generator=generator)
    return math.sqrt(1 - variation**2) * made + variation * fresh


# Latents to both sides that a drawn frame depends on, generously.
_MARGIN = 8


def _timeline(
    model: _Model, length: int, recipe: TextureRecipe, variation: float, generator: torch.Generator
) -> Tensor:
    """Latents from _MARGIN before the joint to _MARGIN after the end of what is made: the new ones begin as a mirror image
    of those before, and end as one of those after."""
    own = torch.cat([latents.cpu() for latents in model.latents], dim=2)
    left = model.latents[0].cpu()
    new = _path(own, length + _MARGIN, recipe.path, variation, generator)
    reach = max(1, min(recipe.path.segment, length // 2, left.shape[-1]))
    angle = (torch.arange(reach) + 0.5) * (torch.pi / 2 / reach)
    new[..., :reach] = angle.sin() * new[..., :reach] + angle.cos() * left[..., -reach:].flip(-1)
    if len(model.latents) > 1:
        right = model.latents[1].cpu()
        reach = max(1, min(recipe.path.segment, length // 2, right.shape[-1]))
        angle = (torch.arange(reach) + 0.5) * (torch.pi / 2 / reach)
        end = new[..., length - reach : length]
        new[..., length - reach : length] = angle.cos() * end + angle.sin() * right[..., :reach].flip(-1)
        tail = right[..., :_MARGIN]
        new[..., length : length + tail.shape[-1]] = tail
    lead = left[..., -_MARGIN:]
    lead = F.pad(lead, (_MARGIN - lead.shape[-1], 0))
    return torch.cat([lead, new], dim=2)


def _parts(frames: int, rate: int, recipe: TextureRecipe) -> list[int]:
    """Lengths of the pieces that so many frames are made in: the last is between half a block and one and a half."""
    block = max(1, round(recipe.block_s * rate))
    count = max(1, round(frames / block))
    return [block] * (count - 1) + [frames - block * (count - 1)]


def _draw(
    model: _Model,
    source: _Source,
    frames: int,
    recipe: TextureRecipe,
    variation: float,
    generator: torch.Generator,
) -> Iterator[Tensor | None]:
    """Components (components, samples) piece by piece; None after every step of the work."""
    unit = source.hop * model.step
    context = max(1, round(recipe.context_s * source.rate / unit)) * unit
    context = min(context, source.before.shape[1] // unit * unit, _MARGIN // 2 * unit)
    fade = max(1, round(recipe.fade_s * source.rate))
    joint = max(1, round(recipe.joint_s * source.rate))
    device = source.before.device
    timeline = _timeline(model, math.ceil(frames / unit) + 1, recipe, variation, generator).to(device)
    left = source.before[:, source.before.shape[1] - context :]
    carry = continued(source.before[:, -8 * recipe.order :], joint, recipe.order)
    block = max(1, round(recipe.block_s * source.rate / unit)) * unit
    start = 0
    while start < frames:
        end = frames if frames - start < 1.5 * block else start + block
        right = source.after if end == frames else None
        ahead = context if end == frames else fade
        size = context + end - start + ahead
        known = torch.zeros(len(left), size, device=device)
        known[:, :context] = left
        where = torch.zeros(size, dtype=torch.bool, device=device)
        where[:context] = True
        if right is not None:
            ahead = min(ahead, right.shape[1])
            known[:, context + end - start : context + end - start + ahead] = right[:, :ahead]
            where[context + end - start : context + end - start + ahead] = True
        count = frame_count(size, source.hop)
        first = _MARGIN + (start - context) // unit
        lead = min(first, _MARGIN // 2)
        latents = timeline[..., first - lead : first + math.ceil(count / model.step) + _MARGIN // 2]
        enough = lead * model.step + count
        latents = F.pad(latents, (0, max(0, math.ceil(enough / model.step) - latents.shape[-1])), mode="replicate")
        logs = model.log_magnitudes(latents, enough)[:, -count:]
        noise = torch.randn(len(left), size, generator=generator).to(device)
        spectrum = stft(noise, source.n_fft, source.hop)
        unrest = (spectrum.abs().flatten(0, 1) + _TINY).log()
        unrest = unrest - unrest.mean(1, keepdim=True)
        magnitude = (logs + model.speckle[:, None] * unrest).exp().unflatten(0, (len(left), -1))
        audio = noise
        for audio in fast_griffin_lim(
            magnitude,
            noise,
            source.n_fft,
            source.hop,
            iterations=recipe.phase.iterations,
            momentum=recipe.phase.momentum,
            known=known,
            where=where,
        ):
            yield None
        if (end - start) >= recipe.matching.least_s * source.rate:
            bank = FilterBank(size, source.rate, recipe.envelopes, device)
            free = F.interpolate((~where).float()[None, None], bank.frames, mode="linear")[0, 0]
            trend = _trend(source, start - context, size, frames, bank.frames)
            for audio in match(
                audio, bank, source.statistics, source.heard, free, trend, recipe.envelopes, recipe.matching
            ):
                yield None
        over = min(carry.shape[1], end - start)
        audio[:, context : context + over] = joined(carry[:, :over], audio[:, context : context + over])
        audio[:, :context] = left
        stop = context + end - start
        if right is not None:
            over = min(joint, end - start)
            back = continued(right[:, : 8 * recipe.order].flip(1), over, recipe.order).flip(1)
            audio[:, stop - over : stop] = joined(audio[:, stop - over : stop].flip(1), back.flip(1)).flip(1) if False else joined(back.flip(1), audio[:, stop - over : stop].flip(1)).flip(1)
        yield audio[:, context:stop]
        carry = audio[:, stop:]
        left = audio[:, stop - context : stop]
        start = end


def _trend(source: _Source, start: int, size: int, frames: int, steps: int) -> Tensor:
    """(rows, steps): the way from the level before to the level after, over what they have in common."""
    ratios = [_ratio(level, source.levels) for level in source.levels]
    if len(ratios) == 1:
        return torch.ones(len(ratios[0]), steps, device=ratios[0].device)
    at = (start + torch.arange(steps, device=ratios[0].device) * (size / steps)) / frames
    return torch.lerp(ratios[0][:, None], ratios[1][:, None], at.clamp(0, 1)[None])
