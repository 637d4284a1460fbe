"""What a separation learns of a chunk, and its form in named tensors, in which it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .components import Factorisation

_WEIGHT = "decoders.weights."
_POOL, _MODELS = "pool", "models"


@dataclass(frozen=True)
class Decoders:
    """Decoders that can go on: the weights of a DecoderBank by their names, and the noise it draws from."""

    weights: dict[str, Tensor]
    noise: Tensor


@dataclass(frozen=True)
class Learned:
    """What the members that look through one window learned of a chunk: all that a correction goes on from.

    labels: (components, sources), in the order of the pool; models: what `models.model` made of the sources, one for
    each member, empty where there were none; decoders: None where there were none; belief: see `components.agreed`;
    taught: whether the models were learned beside what is known of sounds alone.
    """

    pool: list[Factorisation]
    labels: Tensor
    decoders: Decoders | None
    models: list[Factorisation] = field(default_factory=list)
    belief: float = 1.0
    taught: bool = False


def dump(learned: Sequence[Learned]) -> dict[str, Tensor]:
    """What all windows learned of a chunk, by names that sessions are kept under: they stay as they are."""
    return {f"{number}.{name}": tensor for number, one in enumerate(learned) for name, tensor in _named(one)}


def differing(learned: Sequence[Learned]) -> dict[str, Tensor]:
    """As `dump`, of another answer from the same pool, which is kept with the first: all but the pool."""
    return dump([replace(one, pool=[]) for one in learned])


def restore(tensors: Mapping[str, Tensor], device: torch.device) -> list[Learned]:
    """What `dump` was given, factorisations on `device`. Raises ValueError or KeyError where it is nothing of it."""
    windows: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, rest = name.partition(".")
        windows.setdefault(int(number), {})[rest] = tensor
    return [_learned(windows[number], device) for number in range(len(windows))]


def _named(learned: Learned) -> list[tuple[str, Tensor]]:
    named = [("labels", learned.labels), ("belief", torch.tensor(learned.belief, dtype=torch.float64))]
    named += [("taught", torch.tensor(True))] if learned.taught else []
    for name, parts in ((_POOL, learned.pool), (_MODELS, learned.models)):
        for index, part in enumerate(parts):
            named += [
                (f"{name}.{index}.spectra", part.spectra),
                (f"{name}.{index}.activations", part.activations),
                (f"{name}.{index}.compression", torch.tensor(part.compression, dtype=torch.float64)),
            ]
    if learned.decoders is not None:
        named += [("decoders.noise", learned.decoders.noise)]
        named += [(_WEIGHT + name, weight) for name, weight in learned.decoders.weights.items()]
    return named


def _learned(tensors: Mapping[str, Tensor], device: torch.device) -> Learned:
    pool, models = (_factorisations(tensors, name, device) for name in (_POOL, _MODELS))
    weights = {name.removeprefix(_WEIGHT): tensor for name, tensor in tensors.items() if name.startswith(_WEIGHT)}
    decoders = Decoders(weights, tensors["decoders.noise"]) if weights else None
    return Learned(pool, tensors["labels"], decoders, models, float(tensors["belief"]), "taught" in tensors)


def _factorisations(tensors: Mapping[str, Tensor], name: str, device: torch.device) -> list[Factorisation]:
    count = sum(key.startswith(f"{name}.") and key.endswith(".compression") for key in tensors)
    return [
        Factorisation(
            float(tensors[f"{name}.{index}.compression"]),
            tensors[f"{name}.{index}.spectra"].to(device),
            tensors[f"{name}.{index}.activations"].to(device),
        )
        for index in range(count)
    ]
