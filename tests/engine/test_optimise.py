"""The one optimisation loop: by whichever kernel, the same steps."""

import torch

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
