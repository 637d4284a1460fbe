"""How alike signals are, and at which delay: by correlation of what is whitened, and by coherence of phases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recipe import Front
from ..tiny import FAINT
from .stft import istft, stft

# Of its mean: the least level that a bin counts as having when it is silent most of the time.
_SPARSE = 0.1


def whiten(audio: Tensor, front: Front, ceiling: float, silent: float) -> Tensor:
    """(samples,) with every bin brought to its median over time, and cut at `ceiling` times that.

    Steady tones and loud moments, alike in sounds that have nothing to do with each other, lose their weight. What lies
    below `silent` times the loudest stays silent: above a clip's own band there are only traces of how it was made.
    """
    spectrogram = stft(audio[None], front.n_fft, front.hop)[0]
    level = spectrogram.abs()
    # a bin that is silent half of the time still has a level
    usual = torch.maximum(level.median(dim=1, keepdim=True).values, level.mean(dim=1, keepdim=True) * _SPARSE)
    weight = (level / usual.clamp(min=FAINT)).clamp(max=ceiling) / level.clamp(min=FAINT)
    weight = weight * (level > silent * level.max())
    return istft(spectrogram * weight, front.n_fft, front.hop, audio.shape[-1])


def cross_correlation(a: Tensor, b: Tensor) -> Tensor:
    """r(k) = sum_t a(t) b(t + k) / (|a| |b|) for k = -(len(a) - 1) .. len(b) - 1."""
    size = len(a) + len(b) - 1
    n = 1 << (size - 1).bit_length()
    r: Tensor = torch.fft.irfft(torch.fft.rfft(a, n).conj() * torch.fft.rfft(b, n), n)
    r = torch.cat([r[n - (len(a) - 1) :], r[: len(b)]])
    norms: Tensor = a.norm() * b.norm()
    return r / norms.clamp(min=FAINT)


def coherence(signals: Sequence[Tensor], front: Front, silent: float, patch_bins: int, patch_frames: int) -> Tensor:
    """How alike signals of one length are, frame by frame: (frames,), of mean zero where they share nothing.

    The cosine of the phases' difference, mean over all pairs, is averaged over a patch of patch_bins x patch_frames and
    cubed; the sum over bins is divided by their root. Phases know nothing of level: a faint sound counts in full, but
    what lies below `silent` times the loudest not at all.
    """
    phases = [_phases(stft(signal[None], front.n_fft, front.hop)[0], silent) for signal in signals]
    # sum over pairs of Re(u v*) = (|sum u|^2 - sum |u|^2) / 2
    total = sum(phases[1:], phases[0]).abs().square() - sum(u.abs().square() for u in phases)
    cosine = total / (len(phases) * (len(phases) - 1))
    patch = _average(_average(cosine, patch_frames).mT, patch_bins)
    return (patch**3).sum(1) / math.sqrt(patch.shape[1])


def _phases(spectrogram: Tensor, silent: float) -> Tensor:
    level = spectrogram.abs()
    return spectrogram / level.clamp(min=FAINT) * (level > silent * level.max())


def _average(values: Tensor, width: int) -> Tensor:
    return F.avg_pool1d(values, width, 1, width // 2)


def shifted(audio: Tensor, start: int, length: int) -> Tensor:
    """audio[start : start + length], (..., samples) -> (..., length), silence where there is none."""
    end = start + length
    inside = audio[..., max(0, start) : max(0, end)]
    before = min(length, max(0, -start))
    return F.pad(inside, (before, length - before - inside.shape[-1]))
