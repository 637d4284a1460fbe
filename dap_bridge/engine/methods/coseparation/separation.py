"""N clips that share one sound: found, estimated from all its places at once, and taken out of each.

Fig. 7 of the paper fits one network to the shared sound and one to each clip's own. Here they refine what the clips say
together: the same waveform under different company.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...events import Note, Step, Work, relay
from ...nets.losses import anchored
from ...nets.optimise import fit
from ...recipe import CoseparationRecipe, Estimate, Refinement
from ...signal.stft import istft, stft
from ..consensus.redraw import fresh_decoders
from .search import Found, Occurrence, Shared, cross_correlation, find_shared

_TINY = 1e-20

# read(clip, start, frames) -> (channels, frames) at the clips' common rate, silence outside the clip.
Read = Callable[[int, int, int], Tensor]


@dataclass(frozen=True)
class SharedSound:
    """One shared sound by itself, as it is at its first place. audio: (channels, frames)."""

    audio: Tensor


@dataclass(frozen=True)
class SharedPart:
    """What the shared sound contributes to a clip at one of its places, to be added there.

    audio: (channels of the clip, frames), beginning at frame `start` of the clip, which may be negative. gain_db: level
    against the first place.
    """

    clip: int
    start: int
    audio: Tensor
    gain_db: float


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


def coseparate(
    views: Sequence[Tensor],
    read: Read,
    channels: Sequence[int],
    rate: int,
    recipe: CoseparationRecipe,
    *,
    piece: int,
    overlap: int,
    seed: int,
    device: torch.device,
) -> Iterator[Step | Note | SharedSound | SharedPart]:
    """Everything that clips share, as what is to be added up in each of them; the rest of a clip is its own.

    views: one (samples,) a clip at recipe.front.rate. read, channels: the clips at `rate`. piece, overlap: frames; a
    sound longer than a piece is estimated piece by piece, cross-faded. Clips that share nothing give a Note alone.
    """
    front, search = recipe.front, recipe.search
    found: Found = yield from _scaled(find_shared([view.to(device) for view in views], front, search), 0.0, _SEARCH)
    if not found.sounds:
        evidence = f"has {found.strength:.2f} of the evidence that is asked for"
        if found.strength >= 1:
            evidence = "holds no stretch that is alike"
        yield Note(
            "The clips share nothing that could be found, so every shared stem is silence (-inf dB): the likeliest "
            f"alignment {evidence}."
        )
    for number, sound in enumerate(found.sounds):
        work = _estimate(sound, read, channels, rate, recipe, piece, overlap, seed + number, device)
        share = (1 - _SEARCH) / len(found.sounds)
        yield from _scaled(work, _SEARCH + number * share, share)


# Of the whole work, for the progress bar alone.
_SEARCH = 0.3
# Of the loudest power: what a place that lies outside its clip is unsure by.
_UNKNOWN = 1e12


@dataclass(frozen=True)
class _Piece:
    """A stretch of a sound and how it is faded in and out, so that all pieces add up. window: (frames,)."""

    start: int
    window: Tensor


def pieces(size: int, longest: int, overlap: int, edge: int) -> list[_Piece]:
    """A sound of `size` frames in equal pieces, cross-faded over `overlap`; `edge` frames fade the whole in and out."""
    overlap = min(overlap, longest // 2)
    count = 1 if size <= longest else math.ceil((size - overlap) / (longest - overlap))
    stride = (size - overlap) / count
    starts = [round(i * stride) for i in range(count)]
    ends = [start + overlap for start in starts[1:]] + [size]
    found = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        window = torch.ones(end - start)
        rise, fall = (edge if at_end else overlap for at_end in (index == 0, index == count - 1))
        window[:rise] *= _rise(rise)[: end - start]
        window[end - start - fall :] *= _rise(fall).flip(0)[-(end - start) :]
        found.append(_Piece(start, window))
    return found


def _rise(frames: int) -> Tensor:
    """Half of a raised cosine: added to its mirror image it gives one everywhere."""
    return 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(frames) + 0.5) / max(frames, 1))


def _scaled(run: Iterator[Any], start: float, share: float) -> Generator[Any, None, Any]:
    """Pass on what `run` yields, its steps' fractions brought into start .. start + share; return what it returns."""
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            return end.value
        yield replace(event, fraction=start + share * event.fraction) if isinstance(event, Step) else event


def _estimate(
    sound: Shared,
    read: Read,
    channels: Sequence[int],
    rate: int,
    recipe: CoseparationRecipe,
    longest: int,
    overlap: int,
    seed: int,
    device: torch.device,
) -> Iterator[Step | SharedSound | SharedPart]:
    scale = rate / recipe.front.rate
    size = round(sound.length * scale)
    rough = [replace(place, start=round(place.start * scale)) for place in sound.occurrences]
    slack = math.ceil(recipe.search.apart * scale)
    places = _align(rough, min(size, longest), slack, read)
    width = max(channels[place.clip] for place in places)
    cut = pieces(size, longest, overlap, min(size // 2, round(recipe.search.margin_s * rate)))
    whole = torch.zeros(width, size)
    for index, piece in enumerate(cut):
        frames = len(piece.window)
        heard = [read(place.clip, place.start + piece.start, frames).to(device) for place in places]
        work = _solve_all(heard, width, rate, recipe, torch.Generator().manual_seed(seed))
        solved: _Solved = yield from _scaled(work, index / len(cut), 1 / len(cut))
        window = piece.window.to(device)
        whole[:, piece.start : piece.start + frames] += (solved.sound * window).cpu()
        faintest = max(solved.gains) + 20 * math.log10(recipe.estimate.least_gain)
        for place, part, gain in zip(places, solved.parts, solved.gains, strict=True):
            if gain < faintest:  # the search was wrong about this place
                continue
            yield SharedPart(place.clip, place.start + piece.start, (part * window).cpu(), gain)
    yield SharedSound(whole)


def _align(places: Sequence[Occurrence], size: int, slack: int, read: Read) -> list[Occurrence]:
    """The places to the whole sample, as they follow the first; `slack`: how far off each may be, in frames."""
    first = places[0]
    reference = _flattened(read(first.clip, first.start, size).mean(0))
    found = [first]
    for place in places[1:]:
        heard = _flattened(read(place.clip, place.start, size).mean(0))
        r = cross_correlation(reference, heard)[size - 1 - slack : size + slack].abs()
        found.append(replace(place, start=place.start + int(r.argmax()) - slack))
    return found


def _flattened(audio: Tensor) -> Tensor:
    """(frames,) with the root of every magnitude of its spectrum: between a correlation of levels and one of phases."""
    spectrum = torch.fft.rfft(audio)
    return torch.fft.irfft(spectrum / spectrum.abs().sqrt().clamp(min=_TINY), len(audio))


@dataclass(frozen=True)
class _Solved:
    """sound: (channels, frames); parts: one (channels of its clip, frames) a place; gains: dB, against the first."""

    sound: Tensor
    parts: list[Tensor]
    gains: list[float]


def _solve_all(
    heard: Sequence[Tensor], width: int, rate: int, recipe: CoseparationRecipe, generator: torch.Generator
) -> Generator[Step, None, _Solved]:
    """`_solve` for any number of places: beyond recipe.estimate.places the sound that those gave stands in for them."""
    most = recipe.estimate.places
    further = [heard[first : first + most - 1] for first in range(most, len(heard), most - 1)]
    share = 1 / (1 + len(further))
    solved: _Solved = yield from _scaled(_solve(heard[:most], width, rate, recipe, generator), 0, share)
    parts, gains = list(solved.parts), list(solved.gains)
    for number, batch in enumerate(further, 1):
        work = _solve([solved.sound, *batch], width, rate, recipe, generator)
        more: _Solved = yield from _scaled(work, number * share, share)
        parts += more.parts[1:]
        gains += more.gains[1:]
    return _Solved(solved.sound, parts, gains)


def _solve(
    heard: Sequence[Tensor], width: int, rate: int, recipe: CoseparationRecipe, generator: torch.Generator
) -> Generator[Step, None, _Solved]:
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
    work = Work(2 * estimate.rounds + (recipe.refinement.iterations if recipe.refinement else 0))
    for half in range(2):
        for _ in range(estimate.rounds):
            delays = _delays(model, observed, omega, delays, estimate.whole)
            turned = observed * torch.polar(torch.ones_like(omega), omega * delays[:, None])[None, :, :, None]
            model = _update(replace(model, observed=turned), unknown, estimate)
            yield work.step("estimating")
        if half == 0 and recipe.refinement is not None:
            run = _refine(model, recipe.refinement, estimate.pooled_bins, generator)
            model = yield from relay(run, lambda loss: work.step("refining", loss=loss))
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
    gains = (20 * model.gains.abs().mean(0).clamp(min=_TINY).log10()).tolist()
    return _Solved(istft(mean, n_fft, hop, frames), parts, gains)


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
    weight = observed.abs().square().mean(1, keepdim=True).clamp(min=_TINY).rsqrt()
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
    least = recipe.least_gain * g.abs().amax(1, keepdim=True).clamp(min=_TINY)
    g = torch.where(g.abs() < least, least, g)
    return g / g[:, :1]


def _update(model: _Model, unknown: Tensor, recipe: Estimate) -> _Model:
    """One round of expectation and maximisation: the sound, then everyone's gain and power given the sound."""
    mean, variance = model.posterior()
    power = mean.abs().square() + variance
    # where the sound is silent there is no gain to be told
    weight = (mean.abs().square() > variance)[:, None] / model.own
    like = (weight * (model.observed * mean[:, None].conj()).real).sum((2, 3))
    gains = like / (weight * power[:, None]).sum((2, 3)).clamp(min=_TINY)
    gains = torch.where(gains[:, :1].abs() > _TINY, gains / gains[:, :1], model.gains)
    own = (model.observed - gains[..., None, None] * mean[:, None]).abs().square()
    own = own + gains[..., None, None].square() * variance[:, None]
    model = replace(model, gains=gains)
    return _floored(model, _smooth(own, recipe), _smooth(power, recipe), unknown, recipe)


def _floored(model: _Model, own: Tensor, shared: Tensor, unknown: Tensor, recipe: Estimate) -> _Model:
    loudest = model.observed.abs().square().mean().clamp(min=_TINY)
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
    slope, bend = (omega * cross.imag).sum(1), (omega.square() * cross.real).sum(1).clamp(min=_TINY)
    step = (-slope / bend).clamp(-0.5, 0.5)
    found = delays + step - step[0]
    found = found - found[0]
    return torch.where(found.abs() < whole, 0.0, found.clamp(-1, 1))


def _mixing(target: Tensor, sound: Tensor, own: Tensor) -> Tensor:
    """a with target_k ~ sum_c a_kc sound_c, weighed by 1 / own: (channels of the target, channels of the sound)."""
    a = torch.einsum("cft,dft->cd", sound / own, sound.conj()).real
    b = torch.einsum("kft,cft->kc", target / own, sound.conj()).real
    return b @ torch.linalg.pinv(a, rtol=1e-4)


def _refine(model: _Model, recipe: Refinement, bins: int, generator: torch.Generator) -> Generator[float, None, _Model]:
    """Redraw the powers by untrained networks, one for the shared sound and one for each place's own.

    t_s and t_m are the roots of the powers (to recipe.compression) at the shared sound's level; the networks draw o_s,
    the same for every place, and o_m, so that o_s + o_m is what is heard (`losses.anchored`). The powers are then
    multiplied by (o / t)^(2 share / compression).
    """
    gains = model.gains[..., None, None].square().clamp(min=_TINY)
    exponent = recipe.compression / 2
    # a place outside its clip has no power of its own that could be drawn
    heard = (model.observed.abs().square() / gains).amax()
    own = _pooled((model.own / gains).clamp(max=heard).mean(0), bins) ** exponent
    shared = _pooled(model.shared.mean(0), bins) ** exponent
    targets = torch.cat([shared[None], own])
    level = targets.mean().clamp(min=_TINY)
    targets = targets / level
    places, frames = len(own), targets.shape[-1]
    if min(targets.shape[1:]) < 2**recipe.exclusion_scales:
        return model
    together = torch.stack([targets[:1].expand_as(targets[1:]), targets[1:]], dim=1)
    net, noise = fresh_decoders(targets, recipe, generator)

    def draw() -> Tensor:
        return net(noise, frames)

    def objective(_: int) -> Tensor:
        drawn = draw()
        return anchored(
            torch.stack([drawn[:1].expand_as(drawn[1:]), drawn[1:]], dim=1),
            together,
            together.sum(1),
            anchor=recipe.anchor * places,
            smoothness=recipe.smoothness,
            reconstruction=recipe.reconstruction * places,
            exclusion=recipe.exclusion,
            scales=recipe.exclusion_scales,
        )

    for step in fit(net.parameters(), objective, iterations=recipe.iterations, learning_rate=recipe.learning_rate):
        yield float(step.loss)
    with torch.no_grad():
        change = ((F.softplus(draw()) + _TINY) / targets.clamp(min=_TINY)) ** (recipe.share / exponent)
    change = change.clamp(1 / _MOST_CHANGE, _MOST_CHANGE).repeat_interleave(bins, 1)[:, : model.shared.shape[-2]]
    return replace(model, shared=model.shared * change[0], own=model.own * change[1:])


# Of a power, either way: where a target is all but silent the networks' quotient says nothing.
_MOST_CHANGE = 1e3


def _pooled(power: Tensor, bins: int) -> Tensor:
    """Mean over every `bins` bins: (..., bins, frames) -> (..., fewer bins, frames)."""
    flat = power.reshape(-1, *power.shape[-2:])
    return F.avg_pool1d(flat.mT, bins, ceil_mode=True).mT.reshape(*power.shape[:-2], -1, power.shape[-1])
