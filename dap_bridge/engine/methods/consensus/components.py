"""A clip as many small components: batched factorisations of its spectrogram, and the masks that groups make."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...recipe import Factorisations, Front, Islands
from ...signal.stft import stft

TINY = 1e-12  # keeps quotients finite; spectrograms are brought to mean one before it is added


@dataclass(frozen=True)
class Factorisation:
    """Runs of equal size on one compressed spectrogram V = A^c / mean ~ W H, each from its own random start.

    spectra W: (runs, rows, components), columns sum to one; rows are views x bins.
    activations H: (runs, components, frames).
    """

    compression: float
    spectra: Tensor
    activations: Tensor


def magnitude(audio: Tensor, front: Front) -> Tensor:
    """What the front sees of `audio` (channels, samples) at front.rate: (views, bins, frames).

    One view for "power" and "mono", one a channel for "channels".
    """
    if front.view == "mono":
        audio = audio.mean(0, keepdim=True)
    spectrogram = stft(audio, front.n_fft, front.hop).abs()
    return spectrogram.square().mean(0, keepdim=True).sqrt() if front.view == "power" else spectrogram


def spectral_islands(spectrogram: Tensor, recipe: Islands) -> Tensor:
    """Which part of the spectrum each bin belongs to where gaps of silence part it: (bins,), from 0 up.

    spectrogram: magnitudes (views, bins, frames). A gap is at least recipe.gap bins whose mean power is recipe.depth dB
    below the highest; it belongs to the island below it, and so does an island that never comes within recipe.level dB:
    the noise above a recording's last filter is no sound of its own. Few recordings have any. What moves together looks
    like one to a factorisation, however far apart it lies: two steady tones are one component.
    """
    power = spectrogram.square().sum(0).mean(1)
    loud = (power > power.max() * 10 ** (-recipe.depth / 10)).nonzero()[:, 0]
    after = loud[1:][loud.diff() > recipe.gap]
    islands = torch.bucketize(torch.arange(len(power), device=power.device), after, right=True)
    highest = torch.zeros(len(after) + 1, device=power.device).scatter_reduce(0, islands, power, "amax")
    counts = highest >= power.max() * 10 ** (-recipe.level / 10)
    return (counts.cumsum(0) - 1).clamp(min=0)[islands]


def component_islands(pool: Sequence[Factorisation], count: int) -> Tensor:
    """The island of every component of a pool that was factorised by `count` islands: (components,), in their order."""
    return torch.cat([torch.arange(f.spectra.shape[2]).repeat(f.spectra.shape[0]) % count for f in pool])


def factorise(
    spectrogram: Tensor,
    recipe: Factorisations,
    generator: torch.Generator,
    islands: Tensor | None = None,
    looks: Sequence[float] = (1.0,),
) -> Generator[int, None, list[Factorisation]]:
    """Minimise the beta-divergence D(V | W H) by multiplicative updates (see `descend`), all runs in one batch.

    spectrogram: magnitudes (views, bins, frames). Yields the update's index after each, returns the runs as they were
    at each of `looks`, shares of the updates, the last of which is 1. The random start comes from `generator` on the
    CPU, so that it does not depend on the device. Runs that a GPU has no memory for all at once are updated a part at a
    time, with the same result. islands: of each bin (see `spectral_islands`); every component then keeps to one of
    them, in turn, for the updates leave a zero where it is.
    """
    compressed = spectrogram.flatten(0, 1) ** recipe.compression
    v = compressed / compressed.mean().clamp(min=TINY)
    rows, frames = v.shape
    w = uniform(recipe.runs, rows, recipe.components, generator=generator).to(v.device)
    h = uniform(recipe.runs, recipe.components, frames, generator=generator).to(v.device)
    floor = v.new_full((rows, recipe.components), TINY)
    if islands is not None:
        own = torch.arange(recipe.components, device=v.device) % (islands.max() + 1)
        inside = islands.repeat(len(spectrogram))[:, None] == own
        w *= inside
        floor *= inside
    w /= w.sum(1, keepdim=True)
    due = [max(1, round(look * recipe.updates)) for look in looks]
    seen: dict[int, Factorisation] = {}
    for update in descend(v, w, h, floor, recipe.updates, recipe.beta, recipe.relaxation):
        if update + 1 in due:
            seen[update + 1] = Factorisation(recipe.compression, w.clone(), h * (v.sum(0) > 0))
        yield update
    return [seen[updates] for updates in due]


def descend(
    v: Tensor, w: Tensor, h: Tensor, floor: Tensor, updates: int, beta: float, relaxation: float
) -> Generator[int]:
    """Multiplicative updates of w (runs, rows, components) and h (runs, components, frames), in place.

    They minimise the beta-divergence of V and X = W H (Fevotte and Idier 2011, eqs. 2.4 and 2.5): 1 is Kullback-Leibler
    (Lee and Seung 2001), 0 Itakura-Saito.

        H <- H . (W^T (V X^(beta-2)) / W^T X^(beta-1))^r,    W <- W . ((V X^(beta-2)) H^T / X^(beta-1) H^T)^r

    r, the relaxation, is 1 for the plain updates. These minimise bounds, one after the other, and such steps may be
    longer: below r = 2 they end where plain ones do, in about r times fewer (Salakhutdinov and Roweis 2003, adaptive
    overrelaxed bound optimisation). Itakura-Saito's plain update is as long as that already.

    v: (rows, frames), the same for all runs, or one for each: (runs, rows, frames); floor: (rows, components), the
    least that w may become. The columns of w sum to one, before and after. Yields the update's index after each.
    """
    # The quotients are nearly all the traffic there is: they are made in place, in memory that is taken once.
    batch, scratch = len(w), v.new_empty(0)

    def step(runs: slice) -> None:
        nonlocal scratch
        count = runs.stop - runs.start
        if scratch.numel() == 0 or scratch.shape[1] != count:
            scratch = v.new_empty(0)  # given back before more is asked for
            scratch = v.new_empty(1 if beta == 1 else 2, count, *v.shape[-2:])
        of_runs = v if v.ndim == 2 else v[runs]
        w[runs], h[runs] = _update(of_runs, w[runs], h[runs], floor, beta, relaxation, scratch)

    for update in range(updates):
        batch = _in_batches(step, len(w), batch)
        yield update


def _update(
    v: Tensor, w: Tensor, h: Tensor, floor: Tensor, beta: float, relaxation: float, scratch: Tensor
) -> tuple[Tensor, Tensor]:
    """One multiplicative update of H, then of W, whose columns sum to one before and after.

    floor: (rows, components), the least that W may become; scratch: room for a quotient of v's size for every run, and
    for the slope X^(beta-1), which is one for Kullback-Leibler. What keeps the quotient finite is that neither W nor H
    ever reaches zero inside a component's island; frames of silence get their zeros at the end.
    """
    quotient = _quotient(v, w, h, beta, scratch)
    ratio = torch.bmm(w.mT, quotient)
    if beta != 1:  # for Kullback-Leibler the slope is one, and so are the sums of W's columns
        ratio /= torch.bmm(w.mT, scratch[1])
    h = (h * ratio.pow_(relaxation)).clamp_(min=TINY)
    quotient = _quotient(v, w, h, beta, scratch)
    ratio = torch.bmm(quotient, h.mT)
    ratio /= h.sum(2)[:, None] if beta == 1 else torch.bmm(scratch[1], h.mT)
    w = w * ratio.pow_(relaxation)
    w = w.clamp_(min=floor)
    scale = w.sum(1, keepdim=True)
    return w / scale, h * scale.mT


def activations(v: Tensor, spectra: Tensor, updates: int, relaxation: float) -> Tensor:
    """H (runs, components, frames) by which spectra (runs, rows, components) explain v (rows, frames): `descend` for
    Kullback-Leibler with W as it is, whose columns sum to one, from an H that is the same everywhere.
    """
    runs, _, components = spectra.shape
    h = v.sum(0).div(components).expand(runs, components, -1).clamp(min=TINY)
    scratch = v.new_empty(1, runs, *v.shape)
    for _ in range(updates):
        h = (h * torch.bmm(spectra.mT, _quotient(v, spectra, h, 1, scratch)).pow_(relaxation)).clamp_(min=TINY)
    return h * (v.sum(0) > 0)


def _quotient(v: Tensor, w: Tensor, h: Tensor, beta: float, scratch: Tensor) -> Tensor:
    """V X^(beta-2) in scratch[0], and the slope X^(beta-1) in scratch[1] where it is not one; X = W H."""
    model = torch.bmm(w, h, out=scratch[0])
    if beta == 1:
        return torch.div(v, model, out=model)
    slope = torch.pow(model, beta - 1, out=scratch[1])
    return torch.div(v, model, out=model).mul_(slope)


def _in_batches(work: Callable[[slice], None], count: int, batch: int) -> int:
    """Call `work` on slices of `batch` that cover `count`; returns the size that the device had memory for.

    Where it runs out, slices are halved from there on. `work` must leave nothing behind when it fails. A single one
    that does not fit raises torch.OutOfMemoryError.
    """
    done = 0
    while done < count:
        try:
            work(slice(done, min(done + batch, count)))
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
            batch = (batch + 1) // 2
        else:
            done += batch
    return batch


def uniform(*shape: int, generator: torch.Generator) -> Tensor:
    """Where multiplicative updates start: U(0.1, 1.1)."""
    return torch.rand(*shape, generator=generator) + 0.1


def component_spectra(pool: Sequence[Factorisation], views: int) -> Tensor:
    """Every component's spectrum back in magnitude, W^(1/c): (components, views, bins), all runs one after another."""
    return torch.cat([(f.spectra ** (1 / f.compression)).mT.flatten(0, 1) for f in pool]).unflatten(1, (views, -1))


def component_activations(pool: Sequence[Factorisation]) -> Tensor:
    """Every component's activation back in magnitude, H^(1/c): (components, frames), in the order of the spectra."""
    return torch.cat([(f.activations ** (1 / f.compression)).flatten(0, 1) for f in pool])


def group_masks(pool: Sequence[Factorisation], labels: Tensor, views: int) -> Tensor:
    """The mask of each group of components: (sources, bins, frames), one for all views, summing to one over sources.

    labels: (components, sources), how much of each component belongs to each source, rows summing to one. In every run
    r_k = (W l_k) H / (W H) is a share of compressed magnitude; r_k^q / sum_j r_j^q with q = 1/c brings it back to
    magnitude. The mask is the mean over all runs of the pool. Where there is nothing, every source has the same share.
    """
    sources, first = labels.shape[1], 0
    _, rows, _ = pool[0].spectra.shape
    total = labels.new_zeros(sources, rows // views, pool[0].activations.shape[2])
    for part in pool:
        count, _, size = part.spectra.shape
        own = labels[first : first + count * size].reshape(count, size, sources)

        def add(runs: slice, part: Factorisation = part, own: Tensor = own) -> None:
            total.add_(_run_masks(part, own, runs, views).sum(1))

        _in_batches(add, count, count)
        first += count * size
    return total / sum(len(part.spectra) for part in pool)


def member_masks(pool: Sequence[Factorisation], labels: Tensor, views: int, members: int) -> Tensor:
    """`group_masks` by each member of a committee: (members, sources, bins, frames).

    The members' parts of the pool, all of one size, lie one after the other, and so do their components' labels.
    """
    size = len(pool) // members
    parts = [pool[first : first + size] for first in range(0, len(pool), size)]
    return torch.stack([group_masks(p, own, views) for p, own in zip(parts, labels.chunk(members), strict=True)])


def agreed(masks: Sequence[Tensor], exponent: float) -> Tensor:
    """What a committee answers, (sources, bins, frames): the mean of its members' masks, sharpened.

    masks: of every panel, (members, sources, bins, frames), up to half the rate all of them; the first one's bins are
    those of the answer.
    """
    bins = masks[0].shape[2]
    return sharpen(torch.cat([resampled(own, bins) for own in masks]).mean(0), exponent)


def resampled(masks: Tensor, bins: int) -> Tensor:
    """Masks (..., bins, frames) on another number of bins from zero to half the rate."""
    if masks.shape[-2] == bins:
        return masks
    return interpolate(masks, torch.linspace(0, masks.shape[-2] - 1, bins, device=masks.device), masks.ndim - 2)


def interpolate(values: Tensor, at: Tensor, dim: int) -> Tensor:
    """Linear interpolation along one axis at fractional indices; the ends are held."""
    last = values.shape[dim] - 1
    at = at.clamp(0, last)
    low = at.floor().long()
    shape = [1] * values.ndim
    shape[dim] = -1
    below, above = values.index_select(dim, low), values.index_select(dim, (low + 1).clamp(max=last))
    return torch.lerp(below, above, (at - low).reshape(shape).to(values.dtype))


def sharpen(masks: Tensor, exponent: float) -> Tensor:
    """Masks (sources, bins, frames) to the power of `exponent`, summing to one again: m_k^p / sum_j m_j^p.

    Ratios of magnitudes are masks that leave a faint sound's traces in a loud one. The Wiener filter's ratios of powers
    (p = 2) leave fewer, and take more of what both share: docs/benchmark.md has what lies between.
    """
    powers = (masks + TINY).pow_(exponent)
    return powers.div_(powers.sum(0))


def _run_masks(part: Factorisation, labels: Tensor, runs: slice, views: int) -> Tensor:
    """The masks of some runs, each for itself: (sources, runs, bins, frames); labels: (runs, components, sources)."""
    sources = labels.shape[2]
    # all views have the same activations, so that their sum can be taken first
    spectra = part.spectra[runs].unflatten(1, (views, -1)).sum(1)
    weighted = torch.einsum("rbk,rks->srbk", spectra, labels[runs]).flatten(0, 1)
    each = torch.bmm(weighted, part.activations[runs].repeat(sources, 1, 1)).unflatten(0, (sources, -1))
    # relative to the whole before the power, which would underflow; in place, for it is memory that this waits for
    whole = each.sum(0).clamp_(min=TINY)
    each.div_(whole).pow_(1 / part.compression).add_(TINY)
    return each.div_(torch.sum(each, 0, out=whole))
