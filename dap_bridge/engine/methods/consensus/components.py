"""A clip as many small components: batched factorisations of its spectrogram, and the masks that groups make."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...recipe import Front
from ...signal import rows
from ...tiny import TINY
from .recipe import Factorisations, Islands


@dataclass(frozen=True)
class Factorisation:
    """Runs of equal size on one compressed spectrogram V = A^c / mean ~ W H, each from its own random start.

    spectra W: (runs, rows, components), columns sum to one; rows are views x bins.
    activations H: (runs, components, frames).
    """

    compression: float
    spectra: Tensor
    activations: Tensor


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
    snapshots: Sequence[float] = (1.0,),
) -> Generator[int, None, list[Factorisation]]:
    """Bring W H near V by multiplicative updates (see `descend`), all runs in one batch.

    spectrogram: magnitudes (views, bins, frames). Yields the update's index after each, returns the runs as they were
    at each of `snapshots`, shares of the updates, the last of which is 1. The random start comes from `generator` on
    the CPU, so that it does not depend on the device. Runs that a GPU has no memory for all at once are updated a part
    at a time, with the same result. islands: of each bin (see `spectral_islands`); every component then keeps to one of
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
    due = [max(1, round(share * recipe.updates)) for share in snapshots]
    seen: dict[int, Factorisation] = {}
    for update in descend(v, w, h, floor, recipe.updates, recipe.relaxation):
        if update + 1 in due:
            seen[update + 1] = Factorisation(recipe.compression, w.clone(), h * (v.sum(0) > 0))
        yield update
    return [seen[updates] for updates in due]


def descend(
    v: Tensor, w: Tensor, h: Tensor, floor: Tensor, updates: int, relaxation: float, inside: Tensor | None = None
) -> Generator[int]:
    """Multiplicative updates of w (runs, rows, components) and h (runs, components, frames), in place.

    They minimise the Kullback-Leibler divergence of V and X = W H (Lee and Seung 2001), W's columns summing to one.

        H <- H . (W^T (V / X))^r,    W <- W . ((V / X) H^T / sum_t H)^r

    r, the relaxation, is 1 for the plain updates. These minimise bounds, one after the other, and such steps may be
    longer: below r = 2 they end where plain ones do, in about r times fewer (Salakhutdinov and Roweis 2003, adaptive
    overrelaxed bound optimisation).

    v: (rows, frames), the same for all runs, or one for each: (runs, rows, frames); floor: (rows, components), the
    least that w may become. The columns of w sum to one, before and after. inside: of h's shape, 1 where a component
    may sound and 0 where it may not. Yields the update's index after each.
    """
    # The quotients are nearly all the traffic there is: they are made in place, in memory that is taken once.
    batch, scratch = len(w), v.new_empty(0)

    def step(runs: slice) -> None:
        nonlocal scratch
        count = runs.stop - runs.start
        if len(scratch) != count:
            scratch = v.new_empty(0)  # given back before more is asked for
            scratch = v.new_empty(count, *v.shape[-2:])
        of_runs = v if v.ndim == 2 else v[runs]
        w[runs], h[runs] = _update(of_runs, w[runs], h[runs], floor, relaxation, scratch)
        if inside is not None:
            h[runs] = (h[runs] * inside[runs]).clamp_(min=TINY)

    for update in range(updates):
        batch = _in_batches(step, len(w), batch)
        yield update


def _update(
    v: Tensor, w: Tensor, h: Tensor, floor: Tensor, relaxation: float, scratch: Tensor
) -> tuple[Tensor, Tensor]:
    """One multiplicative update of H, then of W, whose columns sum to one before and after.

    floor: (rows, components), the least that W may become; scratch: room for a quotient of v's size for every run. What
    keeps the quotient finite is that neither W nor H ever reaches zero inside a component's island; frames of silence
    get their zeros at the end.
    """
    ratio = torch.bmm(w.mT, _quotient(v, w, h, scratch))
    h = (h * ratio.pow_(relaxation)).clamp_(min=TINY)
    ratio = torch.bmm(_quotient(v, w, h, scratch), h.mT)
    ratio /= h.sum(2)[:, None]
    w = w * ratio.pow_(relaxation)
    w = w.clamp_(min=floor)
    scale = w.sum(1, keepdim=True)
    return w / scale, h * scale.mT


def activations(v: Tensor, spectra: Tensor, updates: int, relaxation: float, inside: Tensor | None = None) -> Tensor:
    """H (runs, components, frames) by which spectra (runs, rows, components) explain v (rows, frames): `descend` with W
    as it is, whose columns sum to one, from an H that is the same everywhere. inside: (components, frames), 1 where a
    component may sound and 0 where it may not; None: all may everywhere.
    """
    runs, _, components = spectra.shape
    h = v.sum(0).div(components).expand(runs, components, -1).clamp(min=TINY)
    scratch = v.new_empty(runs, *v.shape)
    for _ in range(updates):
        h = h * torch.bmm(spectra.mT, _quotient(v, spectra, h, scratch)).pow_(relaxation)
        h = (h if inside is None else h * inside).clamp_(min=TINY)
    return h * (v.sum(0) > 0)


def _quotient(v: Tensor, w: Tensor, h: Tensor, scratch: Tensor) -> Tensor:
    """V / (W H), in scratch."""
    model = torch.bmm(w, h, out=scratch)
    return torch.div(v, model, out=model)


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
    raised = torch.cat([(f.spectra ** (1 / f.compression)).mT.flatten(0, 1) for f in pool])
    spectra: Tensor = raised.unflatten(1, (views, -1))
    return spectra


def component_activations(pool: Sequence[Factorisation]) -> Tensor:
    """Every component's activation back in magnitude, H^(1/c): (components, frames), in the order of the spectra."""
    return torch.cat([(f.activations ** (1 / f.compression)).flatten(0, 1) for f in pool])


def component_shares(pool: Sequence[Factorisation], weights: Tensor, views: int) -> Tensor:
    """How much of every component's magnitude lies where each of weights (sources, rows, frames) is one: (components,
    sources).
    """
    spectra, activations = component_spectra(pool, views).sum(1), component_activations(pool)
    total = (spectra.sum(1) * activations.sum(1)).clamp(min=TINY)
    return torch.stack([((spectra @ own) * activations).sum(1) for own in weights], 1) / total[:, None]


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
    """`group_masks` by each member: (members, sources, bins, frames).

    The members' parts of the pool, all of one size, lie one after the other, and so do their components' labels.
    """
    size = len(pool) // members
    parts = [pool[first : first + size] for first in range(0, len(pool), size)]
    return torch.stack([group_masks(p, own, views) for p, own in zip(parts, labels.chunk(members), strict=True)])


def agreed(masks: Sequence[Tensor], fronts: Sequence[Front], exponent: float, belief: float) -> Tensor:
    """What the members answer together, (sources, rows, frames): the mean of their masks, sharpened.

    masks: of every window, (members, sources, rows, frames); the first window's rows are those of the answer. belief:
    how much of the answer is theirs, 0 .. 1; the rest is equal shares, by which nothing is lost.
    """
    seen = [rows.through(own, front, fronts[0]) for own, front in zip(masks, fronts, strict=True)]
    answer = sharpen(torch.cat(seen).mean(0), exponent)
    return answer.mul_(belief).add_((1 - belief) / len(answer))


def sharpen(masks: Tensor, exponent: float) -> Tensor:
    """Masks (sources, bins, frames) to the power of `exponent`, summing to one again: m_k^p / sum_j m_j^p.

    Ratios of magnitudes are masks that leave a faint sound's traces in a loud one. The Wiener filter's ratios of powers
    (p = 2) leave fewer, and take more of what both share: docs/notebook/masks.md has what lies between.
    """
    powers = (masks + TINY).pow_(exponent)
    return powers.div_(powers.sum(0))


def _run_masks(part: Factorisation, labels: Tensor, runs: slice, views: int) -> Tensor:
    """The masks of some runs, each for itself: (sources, runs, bins, frames); labels: (runs, components, sources)."""
    sources = labels.shape[2]
    # all views have the same activations, so that their sum can be taken first
    spectra = part.spectra[runs].unflatten(1, (views, -1)).sum(1)
    weighted = torch.einsum("rbk,rks->srbk", spectra, labels[runs]).flatten(0, 1)
    each: Tensor = torch.bmm(weighted, part.activations[runs].repeat(sources, 1, 1)).unflatten(0, (sources, -1))
    # relative to the whole before the power, which would underflow; in place, for it is memory that this waits for
    whole = each.sum(0).clamp_(min=TINY)
    each.div_(whole).pow_(1 / part.compression).add_(TINY)
    return each.div_(torch.sum(each, 0, out=whole))
