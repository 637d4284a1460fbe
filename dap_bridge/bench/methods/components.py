"""A preset's components of a mixture whose sources are known: how far they spread within sounds and between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...engine import seeds
from ...engine.methods.consensus.components import component_activations, component_spectra, factorise
from ...engine.methods.consensus.grouping import compared, describe
from ...engine.methods.consensus.recipe import ConsensusRecipe
from ...engine.signal.rows import Heard, see
from ...engine.tiny import TINY
from ..data.sounds import Sound, resample


def spread(sound: Sound, recipe: ConsensusRecipe, least: float, seed: int) -> dict[str, Any]:
    """`within` and `between`: covariances (numbers, numbers) of what `grouping.compared` tells of the components, and
    `numbers`, how many each trait has.

    A component counts by its energy and by how far it is of one source alone.
    """
    seen = [
        see(_heard(each, sound.rate, recipe.front.rate), recipe.front) for each in (sound.mixture, *sound.references)
    ]
    generator = seeds.generator(seed, 0)
    pool = [_end(factorise(seen[0], part, generator))[-1] for part in recipe.pool]
    spectra, activations = component_spectra(pool, len(seen[0])), component_activations(pool)
    description = describe(spectra, activations, recipe.features, recipe.front)
    values = compared(description, recipe.features, least)
    owned = _owned(spectra.sum(1), activations, torch.stack([each.square().mean(0).sqrt() for each in seen[1:]]))
    weight = description.energy / description.energy.sum().clamp(min=TINY) * (2 * owned - 1).abs()
    points = torch.cat(list(values.values()), 1).double()
    within, means = torch.zeros(points.shape[1], points.shape[1], dtype=torch.float64), []
    for mine in (owned > 0.5, owned <= 0.5):
        share = (weight * mine).double()
        share = share / share.sum().clamp(min=TINY)
        means.append(share @ points)
        centred = points - means[-1]
        within += centred.T @ (centred * share[:, None]) / 2
    apart = (means[0] - means[1]) / 2
    return {
        "within": within.numpy().round(5).tolist(),
        "between": torch.outer(apart, apart).numpy().round(5).tolist(),
        "numbers": {name: part.shape[1] for name, part in values.items()},
    }


def _heard(signal: NDArray[np.floating], rate: int, front_rate: int) -> Heard:
    audio, view = (torch.from_numpy(np.float32(each)) for each in (signal, resample(signal, rate, front_rate)))
    return Heard(view, audio, rate)


def _owned(spectra: torch.Tensor, activations: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """How much of each component, (components, rows) times (components, frames), lies where the first source is."""
    first = sources[0] / sources.sum(0).clamp(min=TINY)
    total = (spectra.sum(1) * activations.sum(1)).clamp(min=TINY)
    return ((spectra @ first) * activations).sum(1) / total


def _end(run: Any) -> Any:
    """What a generator returns."""
    try:
        while True:
            next(run)
    except StopIteration as end:
        return end.value
