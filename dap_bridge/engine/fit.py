"""The one optimisation loop: a generator that yields after every iteration; the caller stops it by not asking on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Iteration:
    """One optimiser step: `index` counts from 0, `loss` is a 0-d tensor on the fit's device (reading it waits)."""

    index: int
    loss: Tensor


def fit(
    parameters: Iterable[Tensor], objective: Callable[[int], Tensor], *, iterations: int, learning_rate: float
) -> Iterator[Iteration]:
    """Minimise objective(i) over `parameters` with Adam, one step an iteration.

    objective is called with the iteration's index, so that noise and weights may follow a schedule (method: dynamic
    noise, binary-mask term). Closing the generator stops the fit between two iterations.
    """
    optimiser = torch.optim.Adam(list(parameters), lr=learning_rate)
    for index in range(iterations):
        optimiser.zero_grad(set_to_none=True)
        loss = objective(index)
        loss.backward()
        optimiser.step()
        yield Iteration(index, loss.detach())
