"""A chunk's fit as bytes and back: safetensors, which holds numbers and no code."""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ..engine.anchored import Decoders
from ..engine.components import Factorisation
from ..engine.events import Fit

WEIGHT = "decoders.weights."


def dump(fit: Fit) -> bytes:
    """The same fit gives the same bytes."""
    tensors = {"labels": fit.labels}
    for index, part in enumerate(fit.pool):
        tensors[f"pool.{index}.spectra"] = part.spectra
        tensors[f"pool.{index}.activations"] = part.activations
        tensors[f"pool.{index}.compression"] = torch.tensor(part.compression, dtype=torch.float64)
    if fit.decoders is not None:
        tensors["decoders.noise"] = fit.decoders.noise
        tensors |= {WEIGHT + name: weight for name, weight in fit.decoders.weights.items()}
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def restore(content: bytes, device: torch.device) -> Fit:
    """What `dump` wrote, the factorisations on `device`. Raises ValueError where it is something else."""
    try:
        tensors = load(content)
        pool = [
            Factorisation(
                float(tensors[f"pool.{index}.compression"]),
                tensors[f"pool.{index}.spectra"].to(device),
                tensors[f"pool.{index}.activations"].to(device),
            )
            for index in range(sum(name.endswith(".compression") for name in tensors))
        ]
        weights = {name.removeprefix(WEIGHT): tensor for name, tensor in tensors.items() if name.startswith(WEIGHT)}
        decoders = Decoders(weights, tensors["decoders.noise"]) if weights else None
        return Fit(pool, tensors["labels"], decoders)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"no fit: {error}") from error
