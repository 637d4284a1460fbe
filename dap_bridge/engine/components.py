"""A clip as many small components: batched KL-NMF of its compressed spectrogram, and the masks that groups make."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .recipe import Factorisations, Front
from .stft import stft

_TINY = 1e-12  # keeps quotients finite; spectrograms are brought to mean one before it is added


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


def factorise(
    spectrogram: Tensor, recipe: Factorisations, generator: torch.Generator
) -> Generator[int, None, Factorisation]:
    """Minimise KL(V | W H) by multiplicative updates (Lee and Seung 2001), all runs in one batch.

    spectrogram: magnitudes (views, bins, frames). Yields the update's index after each, returns the runs. The random
    start comes from `generator` on the CPU, so that it does not depend on the device.
    """
    compressed = spectrogram.flatten(0, 1) ** recipe.compression
    v = compressed / compressed.mean().clamp(min=_TINY)
    rows, frames = v.shape
    w = _uniform(recipe.runs, rows, recipe.components, generator=generator).to(v.device)
    h = _uniform(recipe.runs, recipe.components, frames, generator=generator).to(v.device)
    w /= w.sum(1, keepdim=True)
    # The quotient V / (W H) is nearly all the traffic there is: it is made in place, in memory that is taken once. What
    # keeps it finite is that neither W nor H ever reaches zero; frames of silence get their zeros at the end.
    quotient = v.new_empty(recipe.runs, rows, frames)
    for update in range(recipe.updates):
        # W's columns sum to one, which is the denominator of H's update
        torch.div(v, torch.bmm(w, h, out=quotient), out=quotient)
        h = (h * torch.bmm(w.mT, quotient)).clamp_(min=_TINY)
        torch.div(v, torch.bmm(w, h, out=quotient), out=quotient)
        w = (w * torch.bmm(quotient, h.mT) / h.sum(2)[:, None]).clamp_(min=_TINY)
        scale = w.sum(1, keepdim=True)
        w = w / scale
        h = h * scale.mT
        yield update
    return Factorisation(recipe.compression, w, h * (v.sum(0) > 0))


def _uniform(*shape: int, generator: torch.Generator) -> Tensor:
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
    sources = labels.shape[1]
    total, runs, first = None, 0, 0
    for part in pool:
        count, rows, size = part.spectra.shape
        own = labels[first : first + count * size].reshape(count, size, sources)
        weighted = torch.einsum("rbk,rks->srbk", part.spectra, own).flatten(0, 1)
        each = torch.bmm(weighted, part.activations.repeat(sources, 1, 1)).reshape(sources, count, rows, -1)
        each = each.unflatten(2, (views, -1)).sum(2) if views > 1 else each
        # relative to the whole before the power, which would underflow
        shares = (each / each.sum(0).clamp(min=_TINY)) ** (1 / part.compression)
        mean = ((shares + _TINY) / (shares.sum(0) + sources * _TINY)).sum(1)
        total = mean if total is None else total + mean
        runs, first = runs + count, first + count * size
    assert total is not None, "an empty pool"
    return total / runs
