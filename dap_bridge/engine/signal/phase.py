"""Phase for frames that were never recorded: found by iteration, never taken from elsewhere."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from ..tiny import TINY
from .stft import istft, stft


def fast_griffin_lim(
    magnitude: Tensor,
    start: Tensor,
    n_fft: int,
    hop: int,
    *,
    iterations: int,
    momentum: float,
    known: Tensor,
    where: Tensor,
) -> Generator[None, None, Tensor]:
    """Audio whose spectrogram has nearly that magnitude and that continues what is known around it.

    magnitude: (channels, bins, frames); start: audio (channels, samples) whose phase is the first guess; known: audio
    of the same shape, held wherever `where` (samples,) says so, so that what is made joins what is there in phase.
    Yields after every iteration and returns the audio.

    Fast Griffin-Lim (Perraudin, Balazs, Soendergaard 2013): c_n = P_consistent(P_magnitude(t_(n-1))),
    t_n = c_n + momentum (c_n - c_(n-1)).
    """
    samples = start.shape[-1]
    spectrum = stft(start, n_fft, hop)
    before, audio = spectrum, start
    for _ in range(iterations):
        shaped = magnitude * spectrum / spectrum.abs().clamp(min=TINY)
        audio = torch.where(where, known, istft(shaped, n_fft, hop, samples))
        consistent = stft(audio, n_fft, hop)
        spectrum = consistent + momentum * (consistent - before)
        before = consistent
        yield
    return audio


def continued(audio: Tensor, samples: int, order: int, generator: torch.Generator) -> Tensor:
    """So many further samples after `audio` (channels, frames), as its linear prediction goes on: (channels, samples).

    An autoregressive process of the autocorrelation method (stable whatever the signal), from the whole of `audio`,
    driven by white noise as strong as its prediction error: what is tonal goes on in phase, what is noise goes on as
    noise. Of silence: silence.
    """
    channels, frames = audio.shape
    order = min(order, max(1, frames // 2))
    signal = audio.double().cpu()
    spectrum = torch.fft.rfft(signal * torch.hann_window(frames, dtype=torch.float64), 2 * frames)
    correlation = torch.fft.irfft(spectrum.abs().square(), 2 * frames)[:, : order + 1]
    correlation[:, 0] = correlation[:, 0] * (1 + _WHITE) + TINY
    index = (torch.arange(order)[:, None] - torch.arange(order)).abs()
    factor = torch.linalg.cholesky(correlation[:, index])
    weights = torch.cholesky_solve(correlation[:, 1:, None], factor)[:, :, 0]
    error = correlation[:, 0] - (weights * correlation[:, 1:]).sum(1)
    strength = (error.clamp(min=0) / correlation[:, 0] * signal.square().mean(1)).sqrt()
    drive = strength[:, None] * torch.randn(channels, samples, generator=generator, dtype=torch.float64)
    line = torch.cat([signal, drive], dim=1)
    backwards = weights.flip(1)
    for at in range(frames, frames + samples):
        line[:, at] += (backwards * line[:, at - order : at]).sum(1)
    return line[:, frames:].to(audio)


# Of the power, as white noise under the autocorrelation: keeps the normal equations well posed.
_WHITE = 1e-9


def joined(left: Tensor, right: Tensor) -> Tensor:
    """`left` fading into `right`, (channels, samples) each, at constant power however alike the two are.

    With weights a = cos and b = sin, the sum is divided by sqrt(1 + 2 a b r), r the correlation of the two.
    """
    samples = left.shape[-1]
    angle = (torch.arange(samples, device=left.device, dtype=left.dtype) + 0.5) * (torch.pi / 2 / max(1, samples))
    fall, rise = angle.cos(), angle.sin()
    product = (left * right).sum(-1, keepdim=True)
    norm = (left.square().sum(-1, keepdim=True) * right.square().sum(-1, keepdim=True)).sqrt()
    alike = (product / norm.clamp(min=TINY)).clamp(0, 1)
    return (fall * left + rise * right) / (1 + 2 * fall * rise * alike).sqrt()
