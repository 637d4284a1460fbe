"""The generator of a texture's spectrogram, optimised for one clip, and the way through its latents.

Tian, Xu, Li, arXiv 1912.10292, Fig. 6: new audio comes from latents interpolated between those of neighbouring segments
and extrapolated beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...nets.decoders import bank
from ...nets.networks import DecoderBank, draw_weights
from ...nets.optimise import Iteration, optimise
from ...signal.stft import stft
from ...tiny import TINY
from .original import Original
from .recipe import LatentPath, TextureFit, TextureRecipe

# Mixtures that the optimisation takes turns at.
_MIXTURES = 8


@dataclass(frozen=True)
class TextureGenerator:
    """An optimised generator of log magnitudes (components * bins, frames).

    levels: of every stretch, (components * bins,), the mean; deviation: the common scale of what is drawn around it;
    loudest: (components * bins,), which that never exceeds; speckle: (components * bins,), how much of the unrest that
    noise has in a spectrogram is missing from what is drawn; latents: of every stretch, (1, channels, length), on the
    CPU; step: frames a latent; reach: latents to either side that a drawn frame depends on.
    """

    net: DecoderBank
    levels: tuple[Tensor, ...]
    deviation: float
    loudest: Tensor
    speckle: Tensor
    latents: tuple[Tensor, ...]
    step: int
    reach: int

    def draw(self, latents: Tensor, lead: int, share: Tensor) -> Tensor:
        """The log magnitudes from frame `lead` on that latents (1, channels, length) stand for.

        share: (frames,), 0..1, how far each frame is on its way from the level before to that after.
        """
        frames = len(share)
        needed = math.ceil((lead + frames) / self.step)
        padded = F.pad(latents, (0, max(0, needed - latents.shape[-1])), mode="replicate")
        with torch.no_grad():
            drawn = self.net(padded.to(share.device), lead + frames)[0, :, lead:] * self.deviation
            first, last = self.levels[0][:, None], self.levels[-1][:, None]
            return torch.minimum(drawn, self.loudest[:, None]) + torch.lerp(first, last, share[None])


def optimise_generator(
    original: Original, recipe: TextureRecipe, generator: torch.Generator
) -> Generator[Iteration, None, TextureGenerator]:
    """A generator optimised for `original`: it draws every stretch from that stretch's own latents, and what it draws
    from mixtures of these moves as much as the original does.

    Minimises mean (G(z) - Y)^2 + moments (sum over scales of mean (s(G(z')) - s(Y))^2 + mean of G(z') squared), Y the
    log magnitudes of each stretch brought to mean 0 in every bin, z each stretch's latents, z' mixtures, s the standard
    deviation over time of means over so many frames. Yields every iteration.
    """
    shape, step = recipe.fit.network, 2**recipe.fit.network.halvings
    logs = [_log_magnitudes(original, index, step, recipe.fit) for index in range(len(original.stretches))]
    levels = tuple(log.mean(1) for log in logs)
    even = [log - level[:, None] for log, level in zip(logs, levels, strict=True)]
    deviation = float(torch.cat(even, dim=1).std().clamp(min=TINY))
    targets = [log / deviation for log in even]
    target = torch.cat(targets, dim=1)
    frames = target.shape[1]
    # half a kernel and one of upsampling at every scale, each half as long in latents as the one before
    reach = 2 * (shape.kernel // 2 + 1)
    turn = recipe.path.segment + reach
    net = bank(1, len(target), shape, remembers=True)
    draw_weights(net, generator)
    net.set_level(torch.zeros(1, len(target)))
    net = net.to(target.device)
    latents = torch.randn(1, shape.latent_channels, frames // step, generator=generator)
    mixed = [latent_path(latents, frames // step, recipe.path, recipe.path.mixed, generator) for _ in range(_MIXTURES)]
    stretches = latents.split([log.shape[1] // step for log in logs], dim=2)
    own = _turned(stretches, turn)
    aim = _turned(targets, turn * step)
    inputs = [torch.cat([own, mixture], dim=2).to(target.device) for mixture in mixed]
    scales = [scale for scale in recipe.fit.scales if 4 * scale <= frames]
    spreads = [_spread(target, scale) for scale in scales]

    def objective(index: int) -> Tensor:
        both: Tensor = net(inputs[index % _MIXTURES], aim.shape[1] + frames)[0]
        drawn, new = torch.split(both, [aim.shape[1], frames], dim=1)
        unlike = new.mean(1).square().mean()
        for scale, spread in zip(scales, spreads, strict=True):
            unlike = unlike + (_spread(new, scale) - spread).square().mean()
        return (drawn - aim).square().mean() + recipe.fit.moments * unlike

    yield from optimise(
        net.parameters(), objective, iterations=recipe.fit.iterations, learning_rate=recipe.fit.learning_rate
    )
    net.eval()
    with torch.no_grad():
        drawn = net(mixed[0].to(target.device), frames)[0]
    missing = (target.var(1) - drawn.var(1)).clamp(min=0).sqrt() * deviation
    unrest = log_unrest(torch.randn(1, recipe.fit.noise * original.hop, generator=generator), original)
    return TextureGenerator(
        net=net,
        levels=levels,
        deviation=deviation,
        loudest=target.amax(1) * deviation,
        speckle=missing / float(unrest.std()),
        latents=stretches,
        step=step,
        reach=reach,
    )


def _turned(stretches: Sequence[Tensor], length: int) -> Tensor:
    """What lies before the joint, its end mirrored after it; then the start of what lies after, mirrored before that.

    New audio sets out and arrives that way, see `timeline`, so the generator has to know how it sounds.
    """
    parts = [stretches[0], stretches[0][..., -length:].flip(-1)]
    for after in stretches[1:]:
        parts += [after[..., :length].flip(-1), after]
    return torch.cat(parts, dim=-1)


def _log_magnitudes(original: Original, index: int, step: int, recipe: TextureFit) -> Tensor:
    """Of the stretch's whole latents that lie next to the joint: (components * bins, frames)."""
    stretch = original.stretches[index]
    unit = original.hop * step
    samples = max(unit, stretch.shape[1] // unit * unit)
    part = stretch[:, -samples:] if index == 0 else stretch[:, :samples]
    magnitude = stft(part, original.n_fft, original.hop, "reflect").abs()[..., : samples // original.hop].flatten(0, 1)
    return (magnitude + recipe.floor * magnitude.mean(1, keepdim=True) + TINY).log()


def log_unrest(noise: Tensor, original: Original) -> Tensor:
    """How log magnitudes of white noise (channels, samples) vary: (channels * bins, frames), mean 0."""
    logs = (stft(noise, original.n_fft, original.hop).abs().flatten(0, 1) + TINY).log()
    return logs - logs.mean(1, keepdim=True)


def _spread(values: Tensor, scale: int) -> Tensor:
    """Standard deviation over time of means over `scale` frames: (rows, frames) -> (rows,)."""
    return (F.avg_pool1d(values[None], scale)[0].var(1) + 1e-6).sqrt()


def latent_path(own: Tensor, length: int, path: LatentPath, variation: float, generator: torch.Generator) -> Tensor:
    """New latents (1, channels, length) out of those of an original, (1, channels, any length).

    Each segment is a mixture cos a Z_n + sin a Z_(n+1) of two neighbours: a up to a right angle lies between them,
    beyond it outside (the interpolation and extrapolation of the paper's Fig. 6). Segments overlap by half and pass
    into each other at constant power. As n and a are drawn anew each time, n never near the last one, and a share
    `variation` of every latent is fresh, nothing comes again in the same order. Independent latents of variance one
    keep it under each of these steps, so the generator sees nothing that it was not optimised for.
    """
    available = own.shape[-1]
    segment = max(2, min(path.segment, available // 2) // 2 * 2)
    half = segment // 2
    long = F.pad(own, (0, max(0, 2 * segment - available)), mode="replicate")
    places = long.shape[-1] - 2 * segment + 1
    window = ((torch.arange(segment) + 0.5) * (torch.pi / segment)).sin()
    made = own.new_zeros(1, own.shape[1], length + 2 * segment)
    place = 0
    for at in range(0, length + half, half):
        # somewhere else: at least half a segment away, round the ring of places
        room = max(1, places - 2 * half)
        place = (place + min(half, places - 1) + _draw_integer(room, generator)) % places
        outside = _draw_share(generator) < variation * path.beyond
        low, high = path.extrapolation if outside else path.interpolation
        angle = (low + (high - low) * _draw_share(generator)) * (torch.pi / 2)
        one, other = long[..., place : place + segment], long[..., place + segment : place + 2 * segment]
        made[..., at : at + segment] += window * (math.cos(angle) * one + math.sin(angle) * other)
    made = made[..., half : half + length]
    return math.sqrt(1 - variation**2) * made + variation * torch.randn(made.shape, generator=generator)


def _draw_integer(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (), generator=generator))


def _draw_share(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def timeline(
    model: TextureGenerator, length: int, margin: int, path: LatentPath, variation: float, generator: torch.Generator
) -> Callable[[int, int], Tensor]:
    """The latents from -margin to length + margin, as a function (first, last) -> (1, channels, last - first).

    Latent 0 is the first after the joint; those of the original before the joint stand before it, where they belong.
    New ones begin as a mirror image of these and, where something comes after, end as a mirror image of what comes.
    """
    before, after = model.latents[0], model.latents[1] if len(model.latents) > 1 else None
    ahead = 0 if after is None else margin
    new = latent_path(torch.cat(model.latents, dim=2), length + margin - ahead, path, variation, generator)
    new = _led_in(before.flip(-1), new, path.segment)
    parts = [F.pad(before[..., -margin:], (max(0, margin - before.shape[-1]), 0)), new]
    if after is not None:
        parts[1] = _led_in(after, new.flip(-1), path.segment).flip(-1)
        parts.append(F.pad(after[..., :margin], (0, max(0, margin - after.shape[-1]))))
    whole = torch.cat(parts, dim=2)
    return lambda first, last: whole[..., first + margin : last + margin]


def _led_in(old: Tensor, new: Tensor, segment: int) -> Tensor:
    """`new` (1, channels, length), but at first what `old` holds, passing over at constant power within a segment."""
    reach = max(1, min(segment, new.shape[-1] // 2, old.shape[-1]))
    angle = (torch.arange(reach) + 0.5) * (torch.pi / 2 / reach)
    start = angle.sin() * new[..., :reach] + angle.cos() * old[..., :reach]
    return torch.cat([start, new[..., reach:]], dim=2)
