"""Deep Network Prior: a network that draws the noisy waveform finds speech soon and noise never quite.

Michelashvili and Wolf, "Speech Denoising by Accumulating Per-Frequency Modeling Fluctuations", arXiv 1904.07612.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import seeds
from ...events import ChunkMasks, Event, StepCounter, relay
from ...nets.networks import WaveUNet, draw_weights
from ...nets.optimise import Iteration, multiplies_halves, optimise
from ...recipe import Gain
from ...signal.gain import decision_directed_gain, high_pass
from ...signal.rows import Heard
from ...signal.stft import stft
from ...tiny import TINY
from .recipe import Fluctuations, NetworkPriorRecipe, WaveUNetShape


def denoise(
    read: Callable[[int], Heard], chunks: int, recipe: NetworkPriorRecipe, *, seed: int, device: torch.device
) -> Iterator[Event]:
    """Denoise a clip that is read chunk by chunk: a Step after every iteration, one ChunkMasks a chunk.

    read(i): chunk i; the mean of the channels of its view is listened to. The masks are
    the speech's and the noise's, in this order. Every chunk has a network and noise of its own, so that a clip's end
    does not depend on its beginning.
    """
    counter = StepCounter(total=chunks * recipe.fit.iterations)
    for index in range(chunks):
        audible = _without_rumble(read(index).view.mean(0).to(device), recipe)
        run = _accumulate(audible, recipe, seeds.generator(seed, index))
        total = yield from relay(run, lambda at: counter.step("optimising", at.index + 1, recipe.fit.iterations))
        gain = attenuated_gain(attenuation(total, recipe.fluctuations), recipe.gain)
        hertz = torch.linspace(0, recipe.front.rate / 2, len(gain), device=device)
        gain = gain * high_pass(hertz, recipe.gain)[:, None]
        yield ChunkMasks(index, torch.stack([gain, 1 - gain]).cpu())


def _without_rumble(audio: Tensor, recipe: NetworkPriorRecipe) -> Tensor:
    """(samples,) at the front's rate: rumble would be all that the squared error sees."""
    spectrum = torch.fft.rfft(audio)
    hertz = torch.linspace(0, recipe.front.rate / 2, len(spectrum), device=audio.device)
    filtered: Tensor = torch.fft.irfft(spectrum * high_pass(hertz, recipe.gain), len(audio))
    return filtered


def _accumulate(
    audio: Tensor, recipe: NetworkPriorRecipe, generator: torch.Generator
) -> Generator[Iteration, None, Tensor]:
    """Optimise the network on `audio` (samples,), from uniform noise that stays the same, by the squared error.

    Yields every iteration, returns the sum of all relative changes of what is drawn: (bins, frames).
    """
    front, heard = recipe.front, recipe.fluctuations
    network = _draw_network(recipe.network, generator).to(audio.device)
    noise = 2 * torch.rand(1, 1, network.padded(len(audio)), generator=generator).to(audio.device) - 1
    halves = recipe.fit.products == "bfloat16" and multiplies_halves(audio.device)
    target = audio * (recipe.fit.peak / audio.abs().max().clamp(min=TINY))
    drawn = target

    def objective(_: int) -> Tensor:
        nonlocal drawn
        with torch.autocast(audio.device.type, torch.bfloat16, enabled=halves):
            drawn = network(noise)[0, 0, : len(audio)]
        return F.mse_loss(drawn, target)

    before = torch.empty(0)
    total = torch.zeros_like(stft(target[None], front.n_fft, front.hop)[0].abs())
    for step in optimise(
        network.parameters(), objective, iterations=recipe.fit.iterations, learning_rate=recipe.fit.learning_rate
    ):
        if step.index + 1 >= heard.first:
            now = stft(drawn.detach()[None], front.n_fft, front.hop)[0].abs()
            if step.index + 1 > heard.first:
                total += relative_change(now, before, heard.outlier)
            before = now
        yield step
    return total


def _draw_network(shape: WaveUNetShape, generator: torch.Generator) -> WaveUNet:
    with torch.device("meta"):  # torch's own initialisation would draw from the global generator
        network = WaveUNet(shape.filters, shape.levels, shape.down_kernel, shape.up_kernel, shape.slope)
    network.to_empty(device="cpu")
    draw_weights(network, generator)
    return network


def relative_change(now: Tensor, before: Tensor, outlier: float) -> Tensor:
    """|S_i - S_(i-1)| / S_i of two magnitudes, any shape, cut at their quantiles `outlier` and 1 - outlier."""
    change = (now - before).abs() / now.clamp(min=TINY)
    ordered = change.flatten().sort().values
    last = len(ordered) - 1
    low, high = (ordered[round(quantile * last)] for quantile in (outlier, 1 - outlier))
    return change.clamp(low, high)


def attenuation(total: Tensor, recipe: Fluctuations) -> Tensor:
    """(max D - D) / (max D - min D) of the accumulated changes D, any shape, at least recipe.least_db.

    One everywhere where nothing has changed more than anything else.
    """
    most, least = total.max(), total.min()
    if most == least:
        return torch.ones_like(total)
    return ((most - total) / (most - least)).clamp(min=10 ** (recipe.least_db / 20))


def attenuated_gain(attenuations: Tensor, recipe: Gain) -> Tensor:
    """The decision-directed log-spectral gain at an a posteriori SNR of 1 / (1 - attenuation)^2: (bins, frames)."""
    return decision_directed_gain(torch.ones_like(attenuations), (1 - attenuations).square(), recipe)
