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
    prepare: Callable[[int], object] = lambda index: None,
    phase: Callable[[int], object] | None = None,
    spare: Callable[[], bool] = lambda: False,
) -> Iterator[Iteration]:
    """Minimise objective(i) over `parameters` with Adam, one step an iteration.

    fused: all of them by one kernel, which is faster for many of them and rounds otherwise. prepare: called before each
    iteration. phase: with `fused`, a GPU plays the iterations of one phase from a recording of the first ones: all that
    differs between them is in tensors that `prepare` fills, and what they give is overwritten by the next.

    spare: called where the device has no memory for an iteration, which has changed nothing yet; whether the objective
    makes do with less from now on. Then the iteration is done again, else torch.OutOfMemoryError is raised.

    objective is called with the iteration's index, so that noise and weights may follow a schedule (method: dynamic
    noise, binary-mask term). Closing the generator stops it between two iterations.
    """
    weights = list(parameters)
    means = [torch.zeros_like(weight) for weight in weights]
    squares = [torch.zeros_like(weight) for weight in weights]
    steps = [torch.zeros((), device=weight.device if fused else None) for weight in weights]

    def step(index: int) -> Tensor:
        loss = objective(index)
        slopes = torch.autograd.grad(loss, weights, materialize_grads=True)
        # the function and not the class: torch.optim.Adam loads torch's compiler, a second and more for every process
        with torch.no_grad():
            adam(
                weights,
                list(map(_laid_out, slopes, weights) if fused else slopes),
                means,
                squares,
                [],
                steps,
                lr=learning_rate,
                fused=fused,
                **_ADAM,
            )
        return loss.detach()

    on_gpu = phase is not None and fused and weights[0].is_cuda
    run = _Recorded(step, phase) if phase is not None and on_gpu else step
    for index in range(iterations):
        prepare(index)
        loss = None
        while loss is None:
            try:
                loss = run(index)
            except torch.OutOfMemoryError:
                # not done again in here, where the error still holds all that was computed
                if not spare():
                    raise
        yield Iteration(index, loss)


class _Recorded:
    """A step of an optimisation, recorded as a CUDA graph once it has run often enough for its kernels to be chosen."""

    def __init__(self, step: Callable[[int], Tensor], phase: Callable[[int], object]) -> None:
        self._step, self._phase = step, phase
        self._now: object = None
        self._left = 0
        self._stream = torch.cuda.Stream()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._loss = torch.empty(0)

    def __call__(self, index: int) -> Tensor:
        if self._phase(index) != self._now:
            self._now, self._left, self._graph = self._phase(index), _WARM_UP, None
        try:
            return self._run(index)
        except torch.OutOfMemoryError:
            # what is done again in less memory is done by other kernels
            self._now = None
            raise

    def _run(self, index: int) -> Tensor:
        if self._left:
            self._left -= 1
            return self._warm_up(index)
        if self._graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self._stream):
                self._loss = self._step(index)
            self._graph = graph
        self._graph.replay()
        return self._loss

    def _warm_up(self, index: int) -> Tensor:
        """Where it is recorded: what libraries set up for a stream is there then."""
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            loss = self._step(index)
        here.wait_stream(self._stream)
        return loss


# Iterations that run before one is recorded.
_WARM_UP = 3

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
    """Whether the hardware itself multiplies matrices of bfloat16: elsewhere it costs time instead of saving it.

    A CPU does so by AMX. The vector instructions of AVX-512 for it are slower than float32 by half for the paper's
    networks, and no faster for the waveform's.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # an older torch has no such function and cannot say
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16"))


def _laid_out(slope: Tensor, weight: Tensor) -> Tensor:
    """The slope, in memory as its weight is: fused kernels go through both from end to end, whatever their strides."""
    return slope if slope.stride() == weight.stride() else torch.empty_like(weight).copy_(slope)
