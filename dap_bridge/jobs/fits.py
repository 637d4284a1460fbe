"""A chunk's fit as bytes and back: safetensors, which holds numbers and no code."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..engine.events import Fit
from ..engine.methods.consensus.components import Factorisation
from ..engine.methods.consensus.redraw import Decoders

WEIGHT = "decoders.weights."
POOL, MODELS = "pool", "models"


def dump(fits: Sequence[Fit]) -> bytes:
    """Those of all panels for one chunk. The same fits give the same bytes."""
    tensors = {f"{panel}.{name}": tensor for panel, fit in enumerate(fits) for name, tensor in _tensors(fit).items()}
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def restore(content: bytes, device: torch.device) -> list[Fit]:
    """What `dump` wrote, the factorisations on `device`. Raises ValueError where it is something else."""
    try:
        panels: dict[int, dict[str, Tensor]] = {}
        for name, tensor in load(content).items():
            panel, _, rest = name.partition(".")
            panels.setdefault(int(panel), {})[rest] = tensor
        return [_fit(panels[panel], device) for panel in range(len(panels))]
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"no fit: {error}") from error


def _tensors(fit: Fit) -> dict[str, Tensor]:
    tensors = {"labels": fit.labels}
    for name, parts in ((POOL, fit.pool), (MODELS, fit.models)):
        for index, part in enumerate(parts):
            tensors |= _factorisation(f"{name}.{index}", part)
    if fit.decoders is not None:
        tensors["decoders.noise"] = fit.decoders.noise
        tensors |= {WEIGHT + name: weight for name, weight in fit.decoders.weights.items()}
    return tensors


def _fit(tensors: dict[str, Tensor], device: torch.device) -> Fit:
    pool, models = (_restored(tensors, name, device) for name in (POOL, MODELS))
    weights = {name.removeprefix(WEIGHT): tensor for name, tensor in tensors.items() if name.startswith(WEIGHT)}
    decoders = Decoders(weights, tensors["decoders.noise"]) if weights else None
    return Fit(pool, tensors["labels"], decoders, models)


def _factorisation(name: str, part: Factorisation) -> dict[str, Tensor]:
    return {
        f"{name}.spectra": part.spectra,
        f"{name}.activations": part.activations,
        f"{name}.compression": torch.tensor(part.compression, dtype=torch.float64),
    }


def _restored(tensors: dict[str, Tensor], name: str, device: torch.device) -> list[Factorisation]:
    count = sum(key.startswith(f"{name}.") and key.endswith(".compression") for key in tensors)
    return [
        Factorisation(
            float(tensors[f"{name}.{index}.compression"]),
            tensors[f"{name}.{index}.spectra"].to(device),
            tensors[f"{name}.{index}.activations"].to(device),
        )
        for index in range(count)
    ]
