"""Random numbers that depend on a seed, and on nothing that ran before."""

from __future__ import annotations

import torch


def generator(seed: int, index: int) -> torch.Generator:
    """Random numbers of its own for every part of a job, -1 or above, the same whenever that part is done again."""
    return torch.Generator().manual_seed((seed * 1_000_003 + index + 1) % 2**63)
