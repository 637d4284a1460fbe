"""Gains that bring a sound's envelope statistics to given ones."""

from __future__ import annotations

from collections.abc import Generator

import torch
import torch.nn.functional as F
from torch import Tensor

from ...nets.optimise import optimise
from ...recipe import Envelopes
from ...signal.auditory import EnvelopeStatistics, FilterBank, describe_envelopes
from .recipe import Matching


def match(
    audio: Tensor,
    bank: FilterBank,
    wanted: EnvelopeStatistics,
    heard: Tensor,
    free: Tensor,
    trend: Tensor,
    envelopes: Envelopes,
    matching: Matching,
) -> Generator[None, None, Tensor]:
    """`audio` (channels, samples) with slow gains on its bands, so that its statistics come to be the `wanted` ones.

    heard: (rows,), which bands count; free: (frames,), how far gains may act, 1 and more: as they like; trend:
    (rows, frames), the gain over `wanted` that is meant to be there. The gains minimise the statistics' distance by
    gradient; as neighbouring bands overlap, their effect is only nearly what it was meant to be, so it is done in
    rounds. Yields after every step and returns the audio.
    """
    for _ in range(matching.rounds):
        bands = bank.split(audio)
        found = bank.envelopes(bands)
        rows = found.flatten(0, 1) / trend
        exponents = torch.zeros_like(rows[:, :: matching.stride]).requires_grad_()

        def gains(exponents: Tensor = exponents) -> Tensor:
            logs = matching.limit * torch.tanh(exponents / matching.limit)
            frames = F.interpolate(logs[:, None], bank.frames, mode="linear", align_corners=True)[:, 0]
            return (frames * free.clamp(max=1)).exp()

        def objective(_: int, rows: Tensor = rows) -> Tensor:
            return describe_envelopes((rows * gains())[:, bank.inner], envelopes).distance(wanted, heard)

        for _ in optimise([exponents], objective, iterations=matching.iterations, learning_rate=matching.learning_rate):
            yield
        with torch.no_grad():
            audio = bank.join(bank.amplify(bands, gains().reshape(found.shape)))
    return audio
