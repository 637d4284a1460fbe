"""A sound from all of its places at once: what they have in common, told from what lies over it at each of them."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...events import Step, StepCounter, relay, within
from ...nets.decoders import fresh_decoders
from ...nets.losses import redraw_loss
from ...nets.optimise import optimise
from ...recipe import Refinement
from ...signal.stft import istft, stft
from ...tiny import FAINT
from .recipe import CoseparationRecipe, Estimate

# Of the loudest power: what a place that lies outside its clip is unsure by.
_UNKNOWN = 1e12


@dataclass(frozen=True)
class Solved:
    """sound: (channels, frames); parts: one (channels of its clip, frames) a place; gains: dB, against the first."""

    sound: Tensor
    parts: list[Tensor]
    gains: list[float]


@dataclass(frozen=True)
class _Model:
    """Y_m = g_m S + N_m in every bin, all complex Gaussian of mean zero.

    observed Y: (channels, places, bins, frames), delays undone; gains g: (channels, places); own: the powers of N, like
    Y; shared: the powers of S, (channels, bins, frames).
    """

    observed: Tensor
    gains: Tensor
    own: Tensor
    shared: Tensor

    def posterior(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of S given everything: (channels, bins, frames) each."""
        weights = self.gains[..., None, None] / self.own
        variance = 1 / (1 / self.shared + (self.gains[..., None, None] * weights).sum(1))
        return variance * (weights * self.observed).sum(1), variance


def solve_all(
    heard: Sequence[Tensor], width: int, rate: int, recipe: CoseparationRecipe, generator: torch.Generator
) -> Generator[Step, None, Solved]:
    """`_solve` for any number of places: beyond recipe.estimate.places the sound that those gave stands in for them."""
    most = recipe.estimate.places
    further = [heard[first : first + most - 1] for first in range(most, len(heard), most - 1)]
    share = 1 / (1 + len(further))
    solved = yield from relay(_solve(heard[:most], width, rate, recipe, generator), within(0, share))
    parts, gains = list(solved.parts), list(solved.gains)
    for number, batch in enumerate(further, 1):
        run = _solve([solved.sound, *batch], width, rate, recipe, generator)
        more = yield from relay(run, within(number * share, share))
        parts += more.parts[1:]
        gains += more.gains[1:]
    return Solved(solved.sound, parts, gains)


def _solve(
    heard: Sequence[Tensor], width: int, rate: int, recipe: CoseparationRecipe, generator: torch.Generator
) -> Generator[Step, None, Solved]:
    """Estimate the sound from what is heard at its places, (channels of the clip, frames) each."""
    estimate = recipe.estimate
    n_fft = 2 ** max(4, (round(estimate.window_s * rate) - 1).bit_length())
    hop = n_fft // estimate.overlap
    frames = heard[0].shape[-1]
    wide = torch.stack([_as_wide(signal, width) for signal in heard], dim=1)
    observed = stft(wide.flatten(0, 1), n_fft, hop).unflatten(0, wide.shape[:2])
    unknown = torch.stack([_outside(signal, n_fft, hop) for signal in heard])[None, :, None, :]
    omega = torch.linspace(0, math.pi, n_fft // 2 + 1, device=wide.device)
    delays = torch.zeros(len(heard), device=wide.device)
    model = _start(observed, unknown, estimate)
    counter = StepCounter(2 * estimate.rounds + (recipe.refinement.iterations if recipe.refinement else 0))
    for half in range(2):
        for _ in range(estimate.rounds):
            delays = _delays(model, observed, omega, delays, estimate.whole)
            turned = observed * torch.polar(torch.ones_like(omega), omega * delays[:, None])[None, :, :, None]
            model = _update(replace(model, observed=turned), unknown, estimate)
            yield counter.step("estimating")
        if half == 0 and recipe.refinement is not None:
            run = _redraw(model, recipe.refinement, estimate.pooled_bins, generator)
            model = yield from relay(run, lambda loss: counter.step("redrawing", loss=loss))
    mean, _ = model.posterior()
    parts = []
    for index, signal in enumerate(heard):
        turn = torch.polar(torch.ones_like(omega), -omega * delays[index])[:, None]
        if len(signal) == width:
            part = mean * turn * model.gains[:, index, None, None]
        else:
            target = stft(signal, n_fft, hop)
            mixing = _mixing(target, mean * turn, model.own[:, index].mean(0)).to(mean.dtype)
            part = torch.einsum("kc,cft->kft", mixing, mean * turn)
        parts.append(istft(part, n_fft, hop, frames))
    gains = (20 * model.gains.abs().mean(0).clamp(min=FAINT).log10()).tolist()
    return Solved(istft(mean, n_fft, hop, frames), parts, gains)


def _outside(signal: Tensor, n_fft: int, hop: int) -> Tensor:
    """Frames of little but what lies beyond the clip, where `signal` (channels, frames) is plain silence: (frames,)."""
    inside = (signal != 0).any(0, keepdim=True).to(signal.dtype)
    level = stft(inside, n_fft, hop)[0, 0].abs()
    return level < n_fft / 8  # a Hann window full of ones gives n_fft / 2 at zero hertz


def _as_wide(signal: Tensor, width: int) -> Tensor:
    """A signal of `width` channels as it is; any other as the mean of its channels, everywhere."""
    return signal if len(signal) == width else signal.mean(0, keepdim=True).expand(width, -1)


def _start(observed: Tensor, unknown: Tensor, recipe: Estimate) -> _Model:
    """What the places have in common, told by their cross-powers: only the shared sound has one on average."""
    places = observed.shape[1]
    weight = observed.abs().square().mean(1, keepdim=True).clamp(min=FAINT).rsqrt()
    gains = _rank_one(torch.einsum("cmft,cnft->cmn", observed * weight, (observed * weight).conj()).real, recipe)
    scaled = observed / gains[..., None, None]
    power = scaled.abs().square()
    cross = (scaled.sum(1).abs().square() - power.sum(1)) / (places * (places - 1))
    shared = _smooth(cross, recipe).clamp(min=0)
    model = _Model(observed, gains, power, shared)
    seen = _smooth(observed.abs().square(), recipe)
    own = seen - gains[..., None, None].square() * shared[:, None]
    return _floored(model, torch.maximum(own, recipe.least_own * seen), shared, unknown, recipe)


def _rank_one(products: Tensor, recipe: Estimate) -> Tensor:
    """g with g g^T closest to `products` (channels, places, places) off the diagonal, g_0 = 1: (channels, places).

    Two places have one product and cannot tell their gains from it: both get the same, but for the sign.
    """
    off = products.clone()
    diagonal = torch.diagonal(off, dim1=1, dim2=2)
    if products.shape[1] == 2:
        return torch.stack([torch.ones_like(off[:, 0, 1]), off[:, 0, 1].sign()], dim=1)
    diagonal.copy_(products.abs().mean(2))
    for _ in range(recipe.gain_rounds):
        values, vectors = torch.linalg.eigh(off)
        g = vectors[..., -1] * values[:, -1:].clamp(min=0).sqrt()
        diagonal.copy_(g.square())
    least = recipe.least_gain * g.abs().amax(1, keepdim=True).clamp(min=FAINT)
    g = torch.where(g.abs() < least, least, g)
    return g / g[:, :1]


def _update(model: _Model, unknown: Tensor, recipe: Estimate) -> _Model:
    """One round of expectation and maximisation: the sound, then everyone's gain and power given the sound."""
    mean, variance = model.posterior()
    power = mean.abs().square() + variance
    # where the sound is silent there is no gain to be told
    weight = (mean.abs().square() > variance)[:, None] / model.own
    like = (weight * (model.observed * mean[:, None].conj()).real).sum((2, 3))
    gains = like / (weight * power[:, None]).sum((2, 3)).clamp(min=FAINT)
    gains = torch.where(gains[:, :1].abs() > FAINT, gains / gains[:, :1], model.gains)
    own = (model.observed - gains[..., None, None] * mean[:, None]).abs().square()
    own = own + gains[..., None, None].square() * variance[:, None]
    model = replace(model, gains=gains)
    return _floored(model, _smooth(own, recipe), _smooth(power, recipe), unknown, recipe)


def _floored(model: _Model, own: Tensor, shared: Tensor, unknown: Tensor, recipe: Estimate) -> _Model:
    loudest = model.observed.abs().square().mean().clamp(min=FAINT)
    own = torch.where(unknown, _UNKNOWN * loudest, own.clamp(min=recipe.floor * loudest))
    return replace(model, own=own, shared=shared.clamp(min=recipe.floor * loudest))


def _smooth(power: Tensor, recipe: Estimate) -> Tensor:
    """Mean over smooth_bins x smooth_frames, of any leading dimensions."""
    size = (recipe.smooth_bins, recipe.smooth_frames)
    padding = (recipe.smooth_bins // 2, recipe.smooth_frames // 2)
    flat = power.reshape(-1, 1, *power.shape[-2:])
    return F.avg_pool2d(flat, size, 1, padding, count_include_pad=False).reshape(power.shape)


def _delays(model: _Model, observed: Tensor, omega: Tensor, delays: Tensor, whole: float) -> Tensor:
    """How far every place lies behind the first, in fractions of a sample: one Newton step on its likelihood."""
    mean, _ = model.posterior()
    cross = (model.observed * (model.gains[..., None, None] * mean[:, None]).conj() / model.own).sum((0, 3))
    slope, bend = (omega * cross.imag).sum(1), (omega.square() * cross.real).sum(1).clamp(min=FAINT)
    step = (-slope / bend).clamp(-0.5, 0.5)
    found = delays + step - step[0]
    found = found - found[0]
    return torch.where(found.abs() < whole, 0.0, found.clamp(-1, 1))


def _mixing(target: Tensor, sound: Tensor, own: Tensor) -> Tensor:
    """a with target_k ~ sum_c a_kc sound_c, weighed by 1 / own: (channels of the target, channels of the sound)."""
    a = torch.einsum("cft,dft->cd", sound / own, sound.conj()).real
    b = torch.einsum("kft,cft->kc", target / own, sound.conj()).real
    inverse: Tensor = torch.linalg.pinv(a, rtol=1e-4)
    return b @ inverse


def _redraw(model: _Model, recipe: Refinement, bins: int, generator: torch.Generator) -> Generator[float, None, _Model]:
    """Redraw the powers by untrained networks, one for the shared sound and one for each place's own.

    t_s and t_m are the roots of the powers (to recipe.compression) at the shared sound's level; the networks draw o_s,
    the same for every place, and o_m, so that o_s + o_m is what is heard (`losses.redraw_loss`). The powers are then
    multiplied by (o / t)^(2 share / compression).
    """
    gains = model.gains[..., None, None].square().clamp(min=FAINT)
    exponent = recipe.compression / 2
    # a place outside its clip has no power of its own that could be drawn
    heard = (model.observed.abs().square() / gains).amax()
    own = _pooled((model.own / gains).clamp(max=heard).mean(0), bins) ** exponent
    shared = _pooled(model.shared.mean(0), bins) ** exponent
    targets = torch.cat([shared[None], own])
    level = targets.mean().clamp(min=FAINT)
    targets = targets / level
    places, frames = len(own), targets.shape[-1]
    if min(targets.shape[1:]) < 2**recipe.exclusion_scales:
        return model
    together = torch.stack([targets[:1].expand_as(targets[1:]), targets[1:]], dim=1)
    net, noise = fresh_decoders(targets, recipe.network, generator)

    def draw() -> Tensor:
        drawn: Tensor = net(noise, frames)
        return drawn

    def objective(_: int) -> Tensor:
        drawn = draw()
        return redraw_loss(
            torch.stack([drawn[:1].expand_as(drawn[1:]), drawn[1:]], dim=1),
            together,
            together.sum(1),
            anchor=recipe.anchor * places,
            smoothness=recipe.smoothness,
            reconstruction=recipe.reconstruction * places,
            exclusion=recipe.exclusion,
            scales=recipe.exclusion_scales,
        )

    for step in optimise(net.parameters(), objective, iterations=recipe.iterations, learning_rate=recipe.learning_rate):
        yield float(step.loss)
    with torch.no_grad():
        change = ((F.softplus(draw()) + FAINT) / targets.clamp(min=FAINT)) ** (recipe.share / exponent)
    change = change.clamp(1 / _MOST_CHANGE, _MOST_CHANGE).repeat_interleave(bins, 1)[:, : model.shared.shape[-2]]
    return replace(model, shared=model.shared * change[0], own=model.own * change[1:])


# Of a power, either way: where a target is all but silent the networks' quotient says nothing.
_MOST_CHANGE = 1e3


def _pooled(power: Tensor, bins: int) -> Tensor:
    """Mean over every `bins` bins: (..., bins, frames) -> (..., fewer bins, frames)."""
    flat = power.reshape(-1, *power.shape[-2:])
    return F.avg_pool1d(flat.mT, bins, ceil_mode=True).mT.reshape(*power.shape[:-2], -1, power.shape[-1])
