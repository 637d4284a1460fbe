"""Audio <-> spectrogram, with the exact length both ways."""

from __future__ import annotations

import torch
from torch import Tensor

from ..recipe import Front


def stft(audio: Tensor, n_fft: int, hop: int, edges: str = "constant") -> Tensor:
    """Complex spectrogram of `audio` (channels, samples) -> (channels, n_fft // 2 + 1, frames).

    Hann window; frame t is centred on sample t * hop. The edges see zeros, so that a clip of one sample is as good as
    any other; edges: "reflect" has a clip longer than n_fft / 2 mirrored there instead.
    """
    window = torch.hann_window(n_fft, device=audio.device, dtype=audio.dtype)
    return torch.stft(audio, n_fft, hop, window=window, center=True, pad_mode=edges, return_complex=True)


def istft(spectrogram: Tensor, n_fft: int, hop: int, length: int) -> Tensor:
    """Inverse of `stft` for any leading dimensions: (..., bins, frames) -> (..., length).

    Needs hop <= n_fft / 4: with longer hops the window may vanish at the clip's end.
    """
    window = torch.hann_window(n_fft, device=spectrogram.device, dtype=spectrogram.real.dtype)
    flat = spectrogram.reshape(-1, *spectrogram.shape[-2:])
    audio = torch.istft(flat, n_fft, hop, window=window, center=True, length=length)
    return audio.reshape(*spectrogram.shape[:-2], length)


def frame_count(samples: int, hop: int) -> int:
    """How many frames `stft` gives for a clip of that many samples."""
    return 1 + samples // hop


def magnitude(audio: Tensor, front: Front) -> Tensor:
    """What the front sees of `audio` (channels, samples) at front.rate: (views, bins, frames).

    One view for "power" and "mono", one a channel for "channels".
    """
    if front.view == "mono":
        audio = audio.mean(0, keepdim=True)
    spectrogram = stft(audio, front.n_fft, front.hop).abs()
    return spectrogram.square().mean(0, keepdim=True).sqrt() if front.view == "power" else spectrogram
