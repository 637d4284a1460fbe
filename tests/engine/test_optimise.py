"""The one optimisation loop: by whichever kernel, the same steps."""

from contextlib import nullcontext

import pytest
import torch

from dap_bridge.engine.nets import optimise as loop
from dap_bridge.engine.nets.optimise import optimise


def test_one_kernel_for_all_weights_heeds_how_each_lies_in_memory() -> None:
    """A convolution's weights in channels-last, their slope in rows: torch's kernel would pair them by address."""
    target = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    ends = []
    for fused in (False, True):
        weight = torch.zeros(4, 3, 5, 5).to(memory_format=torch.channels_last).requires_grad_()
        run = optimise([weight], lambda _, w=weight: (w * target).sum(), iterations=3, learning_rate=0.1, fused=fused)
        ends.append([step.loss.item() for step in run])
        assert weight.is_contiguous(memory_format=torch.channels_last)
    assert ends[0] == sorted(ends[0], reverse=True) and ends[0][-1] < 0
    torch.testing.assert_close(torch.tensor(ends[1]), torch.tensor(ends[0]))


class Graph:
    """A recording that plays nothing."""

    played = 0

    def replay(self) -> None:
        Graph.played += 1


def test_what_ran_out_of_memory_warms_up_again_before_it_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: the names are those of torch, which has no recordings without a GPU."""
    for name, fake in {
        "Stream": lambda: type("Stream", (), {"wait_stream": lambda self, other: None})(),
        "current_stream": lambda: type("Stream", (), {"wait_stream": lambda self, other: None})(),
        "stream": lambda stream: nullcontext(),
        "CUDAGraph": Graph,
        "graph": lambda graph, stream: nullcontext(),
    }.items():
        assert hasattr(torch.cuda, name)
        monkeypatch.setattr(torch.cuda, name, fake)
    done: list[int] = []

    def step(index: int) -> torch.Tensor:
        done.append(index)
        if done.count(loop._WARM_UP) == 1 and index == loop._WARM_UP:
            raise torch.OutOfMemoryError("simulated")
        return torch.zeros(())

    recorded = loop._Recorded(step, lambda index: False)
    for index in range(loop._WARM_UP):
        recorded(index)
    with pytest.raises(torch.OutOfMemoryError):
        recorded(loop._WARM_UP)
    again = loop._WARM_UP + 1
    for index in range(loop._WARM_UP, loop._WARM_UP + again):
        recorded(index)
    assert len(done) == 2 * again, "as often as at first, the recording included"
    assert Graph.played == 1
    recorded(2 * again)
    assert (len(done), Graph.played) == (2 * again, 2)
