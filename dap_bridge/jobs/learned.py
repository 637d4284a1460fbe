"""What a method learned of a chunk, as bytes and back: safetensors, which holds numbers and no code."""

from __future__ import annotations

from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor


def dump(tensors: Mapping[str, Tensor]) -> bytes:
    """The same tensors give the same bytes."""
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def restore(content: bytes) -> dict[str, Tensor]:
    """What `dump` wrote, on the CPU. Raises ValueError where it is something else."""
    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(f"nothing that was learned: {error}") from error
