"""The one optimisation loop: a generator that yields after every iteration; the caller stops it by not asking on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam


@dataclass(frozen=True)
class Iteration:
    """One optimiser step: `index` counts from 0, `loss` is a 0-d tensor on its own device (reading it waits)."""

    index: int
    loss: Tensor


def optimise(
    parameters: Iterable[Tensor],
    objective: Callable[[int], Tensor],
    *,
    iterations: int,
    learning_rate: float,
    fused: bool = False,
) -> Iterator[Iteration]:
    """Minimise objective(i) over `parameters` with Adam, one step an iteration.

    fused: all of them by one kernel, which is faster for many of them and rounds otherwise.

    objective is called with the iteration's index, so that noise and weights may follow a schedule (method: dynamic
    noise, binary-mask term). Closing the generator stops it between two iterations.
    """
    weights = list(parameters)
    means = [torch.zeros_like(weight) for weight in weights]
    squares = [torch.zeros_like(weight) for weight in weights]
    steps = [torch.zeros((), device=weight.device if fused else None) for weight in weights]
    for index in range(iterations):
        loss = objective(index)
        # the function and not the class: torch.optim.Adam loads torch's compiler, a second and more for every process
        with torch.no_grad():
            adam(
                weights,
                list(torch.autograd.grad(loss, weights, materialize_grads=True)),
                means,
                squares,
                [],
                steps,
                lr=learning_rate,
                fused=fused,
                **_ADAM,
            )
        yield Iteration(index, loss.detach())


# As Kingma and Ba (2015) recommend, without extras.
_ADAM: dict[str, Any] = {
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "amsgrad": False,
    "weight_decay": 0.0,
    "maximize": False,
}


def multiplies_halves(device: torch.device) -> bool:
    """Whether the hardware itself multiplies bfloat16: where it is emulated it costs time instead of saving it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # an older torch has no such function and cannot say
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
