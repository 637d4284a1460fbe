"""The generators: untrained networks whose structure alone prefers sounds to noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import convolve, edges_reflected, variance


class UNet(nn.Module):
    """The publication's skip U-Net (its Fig. 10): a noise patch in, an image of the same size out.

    Every scale halves both sides by a strided convolution, convolves once more, and on the way back doubles them
    bilinearly; what enters a scale may join again through a 1x1 skip. Batch norm always uses the statistics of the
    batch at hand: there is no training set to remember. The last convolution stays in float32 under autocast.

    channels: of each scale, coarsest last. skips: channels of each scale's skip, 0 for none. kernel: side of the square
    convolutions, odd. slope: of LeakyReLU below zero. Published (16, 32, 64), (0, 0, 4), 5, 0.2: 378 805 parameters.
    """

    def __init__(self, channels: Sequence[int], skips: Sequence[int], kernel: int, slope: float) -> None:
        super().__init__()
        entering = [1, *channels[:-1]]
        rising = [*channels[1:], channels[-1]]
        self.down = nn.ModuleList(
            nn.Sequential(_block(i, c, kernel, slope, stride=2), _block(c, c, kernel, slope))
            for i, c in zip(entering, channels, strict=True)
        )
        self.skip = nn.ModuleList(
            _block(i, s, 1, slope) if s else nn.Module() for i, s in zip(entering, skips, strict=True)
        )
        self.up = nn.ModuleList(_Rise(s, r, c, kernel, slope) for s, r, c in zip(skips, rising, channels, strict=True))
        self.head = _Pointwise(channels[0], 1, 1)
        self._skips = tuple(skips)

    def forward(self, noise: Tensor) -> Tensor:
        """noise: (segments, 1, bins, frames) -> (segments, 1, bins, frames), unbounded."""
        # inside, frames are the rows of an image: there are fewer of them
        entered, x = [], noise.mT
        for down in self.down:
            entered.append(x)
            x = down(x)
        for before, skip, channels, up in reversed(list(zip(entered, self.skip, self._skips, self.up, strict=True))):
            x = up(x, before.shape[-2:], skip(before) if channels else None)
        with torch.autocast(noise.device.type, enabled=False):
            drawn: Tensor = self.head(x.float())
            return drawn.mT


class _Rise(nn.Module):
    """From one scale to the next finer one: interpolation, joined by what comes past below, norm, two convolutions."""

    def __init__(self, passing: int, rising: int, leaving: int, kernel: int, slope: float) -> None:
        super().__init__()
        self.norm = _norm(passing + rising)
        self.convolution = nn.Conv2d(passing + rising, leaving, kernel)
        self.rest = nn.Sequential(_norm(leaving), nn.LeakyReLU(slope, inplace=True), _block(leaving, leaving, 1, slope))
        self._passing = passing

    def forward(self, x: Tensor, size: Sequence[int], passed: Tensor | None) -> Tensor:
        # What the norm and the convolution add is the same everywhere, and the next norm takes it away: left out.
        beside, weight = self.convolution.weight.split((self._passing, x.shape[1]), 1)
        passing, gain = self.norm.weight.split((self._passing, x.shape[1]))
        y = convolve(x, weight * (gain * (variance(x, size) + self.norm.eps).rsqrt())[:, None, None], size)
        if passed is not None:
            normed = F.batch_norm(passed, None, None, passing, training=True, eps=self.norm.eps)
            y = y + F.conv2d(edges_reflected(normed, beside.shape[-1]), beside)
        drawn: Tensor = self.rest(y)
        return drawn


class _Convolution(nn.Conv2d):
    """Edges reflected; without its bias, which the norm behind it takes away again."""

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == (1, 1):
            return convolve(x, self.weight, x.shape[-2:])
        return F.conv2d(edges_reflected(x, self.kernel_size[0]), self.weight, stride=self.stride)


class _Pointwise(nn.Conv2d):
    """A 1x1 convolution as one product of matrices: a third of the time on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, track_running_stats=False)


def _block(entering: int, leaving: int, kernel: int, slope: float, stride: int = 1) -> nn.Sequential:
    """Convolution with reflected edges, batch norm, LeakyReLU."""
    kind = _Pointwise if kernel == 1 else _Convolution
    return nn.Sequential(kind(entering, leaving, kernel, stride), _norm(leaving), nn.LeakyReLU(slope, inplace=True))


class WaveUNet(nn.Module):
    """The waveform U-Net of Deep Network Prior (Michelashvili and Wolf 2019): noise in, a waveform out.

    Every level convolves and then drops every second sample; on the way back samples are doubled by linear
    interpolation, joined by what the level held on the way down, and convolved. The noise itself joins before the last
    1x1 convolution, and tanh bounds the waveform. Batch norm and LeakyReLU after every other convolution. That last
    convolution stays in float32 under autocast, so that no quantisation noise is heard.

    filters: of the first level, the n-th has n times as many. down_kernel, up_kernel: of the convolutions, odd.
    Published 60, 6, 15, 5, 0.1: 9 279 602 parameters.
    """

    def __init__(self, filters: int, levels: int, down_kernel: int, up_kernel: int, slope: float) -> None:
        super().__init__()
        channels = [filters * (level + 1) for level in range(levels)]
        deepest = channels[-1]
        self.down = nn.ModuleList(
            _wave_block(i, c, down_kernel, slope) for i, c in zip([1, *channels], channels, strict=False)
        )
        self.middle = _wave_block(deepest, deepest, down_kernel, slope)
        self.up = nn.ModuleList(
            _wave_block(below + c, c, up_kernel, slope)
            for below, c in zip([*channels[1:], deepest], channels, strict=True)
        )
        self.head = nn.Conv1d(filters + 1, 1, 1)
        self._levels = levels

    def padded(self, samples: int) -> int:
        """The least length, `samples` or more, that every level halves, two samples at the deepest for its norm."""
        unit = 1 << self._levels
        return max(2, math.ceil(samples / unit)) * unit

    def forward(self, noise: Tensor) -> Tensor:
        """noise: (1, 1, samples), a length that `padded` gives -> (1, 1, samples), -1 .. 1."""
        held, x = [], noise
        for down in self.down:
            x = down(x)
            held.append(x)
            x = x[..., ::2]
        x = self.middle(x)
        for up, before in zip(reversed(self.up), reversed(held), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="linear", align_corners=True)
            x = up(torch.cat([x, before], dim=1))
        with torch.autocast(noise.device.type, enabled=False):
            drawn: Tensor = self.head(torch.cat([x.float(), noise], dim=1))
            return drawn.tanh()


def _wave_block(entering: int, leaving: int, kernel: int, slope: float) -> nn.Sequential:
    """Convolution with edges of silence, batch norm, LeakyReLU."""
    convolution = nn.Conv1d(entering, leaving, kernel, padding=kernel // 2)
    return nn.Sequential(convolution, nn.BatchNorm1d(leaving, track_running_stats=False), nn.LeakyReLU(slope))


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Random weights for every convolution in `network`, uniform within 1 / sqrt(fan in); norms start at one.

    All random numbers come from the generator, so that a seed gives the same weights whatever ran before it.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                bound = 1 / math.sqrt(module.weight[0].numel())
                module.weight.uniform_(-bound, bound, generator=generator)
                if module.bias is not None:
                    module.bias.uniform_(-bound, bound, generator=generator)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.reset_parameters()


class DecoderBank(nn.Module):
    """Many small one-dimensional decoders side by side: noise of few channels in, a spectrogram each out.

    Each decoder is a stack of convolutions over time (reflected edges, batch norm, LeakyReLU), linearly upsampled by
    two after all but the last, and a 1x1 convolution to all bins: what it draws easily is slow in time and of few
    spectra. Groups keep the decoders apart, so that one pass runs them all.

    decoders: how many. latent_channels: of the noise. channels: of every convolution. halvings: how often the noise is
    shorter than the output by two. kernel: frames, odd. slope: of LeakyReLU below zero. bins: of the output. remembers:
    whether the norms keep the statistics of the last batch that they were optimised by, so that after `eval` any
    stretch of noise is drawn as if it were part of it.
    """

    def __init__(
        self,
        decoders: int,
        latent_channels: int,
        channels: int,
        halvings: int,
        kernel: int,
        slope: float,
        bins: int,
        remembers: bool = False,
    ) -> None:
        super().__init__()
        entering = [latent_channels, *[channels] * halvings]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(
                    decoders * size,
                    decoders * channels,
                    kernel,
                    padding=kernel // 2,
                    padding_mode="reflect",
                    groups=decoders,
                ),
                nn.BatchNorm1d(decoders * channels, momentum=1.0, track_running_stats=remembers),
                nn.LeakyReLU(slope),
            )
            for size in entering
        )
        self.head = nn.Conv1d(decoders * channels, decoders * bins, 1, groups=decoders)
        self._shape = (decoders, latent_channels, bins)
        self._shortest = kernel // 2 + 1

    def noise(self, frames: int, generator: torch.Generator) -> Tensor:
        """Uniform noise for an output of at least that many frames: (1, decoders * latent_channels, length)."""
        decoders, latent_channels, _ = self._shape
        length = max(self._shortest, math.ceil(frames / 2 ** (len(self.blocks) - 1)))
        return torch.rand(1, decoders * latent_channels, length, generator=generator)

    def set_level(self, level: Tensor) -> None:
        """Start every decoder's output bias at `level` (decoders, bins)."""
        with torch.no_grad():
            # a convolution made with a bias
            assert self.head.bias is not None
            self.head.bias.copy_(level.flatten())

    def forward(self, noise: Tensor, frames: int) -> Tensor:
        """noise: as `noise` made it -> (decoders, bins, frames), unbounded."""
        x = noise
        for depth, block in enumerate(self.blocks):
            if depth:
                x = F.interpolate(x, scale_factor=2, mode="linear")
            x = block(x)
        decoders, _, bins = self._shape
        assert self.head.bias is not None
        # a grouped 1x1 convolution as one batched product: ten times faster than the convolution itself
        features = x[0, :, :frames].unflatten(0, (decoders, -1))
        weight, bias = self.head.weight.reshape(decoders, bins, -1), self.head.bias.reshape(decoders, bins, 1)
        return torch.baddbmm(bias, weight, features)
