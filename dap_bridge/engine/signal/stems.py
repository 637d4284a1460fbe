"""Estimates -> stems: soft masks on the clip's own complex spectrogram; the stems sum to the clip."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..recipe import Extension, Front, Holding, Stems
from ..tiny import FAINT
from .boxes import ChunkBox, fill, membership
from .interpolation import interpolate
from .rows import band_of, interpolate_rows
from .rows import bins as front_bins
from .rows import hertz as rows_of
from .silence import silence
from .stft import istft, stft


def apply_masks(
    mixture: Tensor,
    rate: int,
    masks: Tensor,
    front: Front,
    stems: Stems,
    boxes: Sequence[ChunkBox] = (),
    holding: Holding | None = None,
) -> Tensor:
    """Stems (sources, channels, frames) of `mixture` (channels, frames) at `rate`, whose sum is the mixture.

    masks: (sources, rows, frames) on the front's grid, any rate of the mixture. They are interpolated linearly, in Hz
    and in seconds, onto the mixture's own spectrogram; all channels share one mask. Above the front's bins `extend`
    continues them; where the masks have bands there, what these say has a share in the answer. boxes: those that hold
    exactly, at the mixture's own resolution and above the front's bins too, in the way `holding` says.
    """
    n_fft, hop = windows(rate, stems)
    spectrogram = stft(mixture, n_fft, hop)
    bins = spectrogram.shape[1]
    hertz, seconds = _grid(spectrogram, rate, n_fft, hop)
    inside = int((hertz <= front.rate / 2).sum())
    rows = rows_of(front, rate, masks.shape[1], masks.device)
    seen = interpolate(masks, seconds * (front.rate / front.hop), dim=2)
    shares = interpolate_rows(seen, rows, hertz)
    belonging: list[Tensor] = []
    if holding is not None:
        belonging = [membership(box, hertz, seconds) for box in boxes]
        # before the masks are continued upward, so that the correction is
        shares[:, :inside] = fill(shares[:, :inside], boxes, [belongs[:inside] for belongs in belonging])
    if inside < bins:
        power = spectrogram.abs().square().mean(0)
        beyond = extend(shares[:, :inside], power, hertz, stems.extension)
        if front.highs is not None and len(rows) > front_bins(front):
            beyond = torch.lerp(beyond, shares[:, inside:], front.highs.share)
        beyond = fill(beyond, boxes, [belongs[inside:] for belongs in belonging]) if belonging else beyond
        shares = torch.cat([shares[:, :inside], beyond], dim=1)
    shares = shares / shares.sum(0).clamp(min=FAINT)
    # the last is what the others leave: the inverse is linear, and gives back the mixture where the shares sum to one
    drawn = [istft(spectrogram * share, n_fft, hop, mixture.shape[-1]) for share in shares[:-1]]
    parts = torch.stack([*drawn, mixture - sum(drawn)])
    if holding is not None:
        parts = silence(parts, mixture, rate, boxes, holding)
    return parts + (mixture - parts.sum(0)) / len(parts)


def fill_stems(parts: Tensor, rate: int, boxes: Sequence[ChunkBox], stems: Stems, holding: Holding) -> Tensor:
    """Stems (sources, channels, frames), whoever made them, with what boxes say moved between them; their sum stays.

    What a box takes from a stem goes to the others in equal parts, and what it brings into one comes from all others;
    one box after the other. Beyond the boxes and their feather everything is as it was.
    """
    mixture = parts.sum(0)
    n_fft, hop = windows(rate, stems)
    before = torch.stack([stft(part, n_fft, hop) for part in parts])
    hertz, seconds = _grid(before[0], rate, n_fft, hop)
    spectra = before.clone()
    for box in boxes:
        belongs = box.strength * membership(box, hertz, seconds)
        if box.active:
            taken = spectra * belongs
            taken[box.source] = 0
            spectra = spectra - taken
            spectra[box.source] += taken.sum(0)
        else:
            taken = spectra[box.source] * belongs
            given = taken / (len(parts) - 1)
            spectra = spectra + given
            spectra[box.source] -= taken + given
    parts = parts + torch.stack([istft(change, n_fft, hop, mixture.shape[-1]) for change in spectra - before])
    parts = silence(parts, mixture, rate, boxes, holding)
    return parts + (mixture - parts.sum(0)) / len(parts)


def move_stems(parts: Tensor, rate: int, before: Tensor, after: Tensor, front: Front, stems: Stems) -> Tensor:
    """Stems (sources, channels, frames), whoever made them, with sound moved between them as masks change; their sum
    stays, and so does every stem where its mask does.

    before, after: (sources, rows, frames) on the front's grid, summing to one over sources. Where a mask falls from b
    to a, its stem loses (b - a) / b of what it has there, whatever that is; what all lose is shared out to those whose
    masks rise, by how far they do.
    """
    n_fft, hop = windows(rate, stems)
    spectra = torch.stack([stft(part, n_fft, hop) for part in parts])
    hertz, seconds = _grid(spectra[0], rate, n_fft, hop)
    rows = rows_of(front, rate, before.shape[1], before.device)
    have, want = (
        interpolate_rows(interpolate(masks, seconds * (front.rate / front.hop), dim=2), rows, hertz)
        for masks in (before, after)
    )
    rise = (want - have).clamp(min=0)
    taken = spectra * ((have - want).clamp(min=0) / have.clamp(min=FAINT)).clamp(max=1)[:, None]
    given = (rise / rise.sum(0).clamp(min=FAINT))[:, None] * taken.sum(0)
    moved = torch.stack([istft(change, n_fft, hop, parts.shape[-1]) for change in given - taken])
    return parts + moved - moved.mean(0)


def windows(rate: int, stems: Stems) -> tuple[int, int]:
    """Length of the windows that stems are drawn in, and from one to the next: samples."""
    n_fft = 2 ** max(4, (round(stems.window_s * rate) - 1).bit_length())
    return n_fft, n_fft // stems.overlap


def _grid(spectrogram: Tensor, rate: int, n_fft: int, hop: int) -> tuple[Tensor, Tensor]:
    """Hz and seconds of a spectrogram (channels, bins, frames)."""
    _, bins, frames = spectrogram.shape
    hertz = torch.arange(bins, device=spectrogram.device) * (rate / n_fft)
    return hertz, torch.arange(frames, device=spectrogram.device) * (hop / rate)


def extend(shares: Tensor, power: Tensor, hertz: Tensor, extension: Extension) -> Tensor:
    """Shares (sources, further bins, frames) above the bins that `shares` (sources, bins, frames) covers.

    power: of the mixture, (all bins, frames); hertz: of all bins. A sound has its highs when it has its lows: the level
    of each source in each of some bands below, frame by frame, is an activation; the spectrum above that goes with each
    activation is the non-negative regression V ~ W H of the bands above on all activations at once, minimal in KL
    divergence (the update of W of Lee and Seung 2001, H fixed, over-relaxed as by Salakhutdinov and Roweis 2003). The
    sources share every point as they explain it. So a click whose lows are covered by another sound keeps its highs,
    which no rule that looks at one frame alone can give it. Where time does not decide, the start does: by level, the
    nearer bands counting more. Between the middles of the bands, and from the last bin below up to the first of them,
    shares go linearly, in Hz: a sound has no edge where the bins end.
    """
    sources, inside, frames = shares.shape
    low, high = hertz[:inside], hertz[inside:]
    edges = torch.logspace(
        math.log10(extension.lowest), math.log10(float(low[-1])), extension.bands + 1, device=shares.device
    )
    band = torch.bucketize(low, edges[1:-1])
    levels = shares.new_zeros(sources, extension.bands, frames).index_add_(1, band, shares * power[:inside])
    h = _compress(levels.flatten(0, 1), extension).clamp(min=FAINT)
    mean = h.mean(1, keepdim=True)
    h = h / mean
    _, above, count = band_of(high, float(high[0]), extension.octave).unique(return_inverse=True, return_counts=True)
    middles = high.new_zeros(len(count)).index_add_(0, above, high) / count
    v = _compress(power.new_zeros(len(count), frames).index_add_(0, above, power[inside:]), extension)
    v = v / v.mean().clamp(min=FAINT)
    nearness = torch.linspace(0, extension.nearness, extension.bands, device=h.device).exp2().repeat(sources)
    start = mean[:, 0] * nearness
    w = v.mean(1, keepdim=True) * (start / start.sum())
    total = h.sum(1)
    for _ in range(extension.updates):
        quotient = (w @ h).clamp_(min=FAINT)
        w = w * (torch.div(v, quotient, out=quotient) @ h.mT / total) ** extension.relaxation
    parts = torch.stack([a @ b for a, b in zip(w.chunk(sources, dim=1), h.chunk(sources), strict=True)])
    explained = (parts / parts.sum(0).clamp(min=FAINT)) ** extension.exponent + FAINT  # equal where nothing is there
    explained = explained / explained.sum(0)
    known = torch.cat([shares[:, -1:], explained], dim=1)
    return interpolate_rows(known, torch.cat([low[-1:], middles]), high)


def _compress(power: Tensor, extension: Extension) -> Tensor:
    return power ** (extension.compression / 2)
