"""How many sounds a clip probably holds, from what its components say. A hint, which nothing else relies on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict, replace

import torch
from torch import Tensor

from ...tiny import TINY
from .components import Factorisation, component_activations, component_spectra
from .grouping import Description, describe, group, separability
from .recipe import ConsensusRecipe, Counting


def evidence(
    pool: Sequence[Factorisation], views: int, recipe: ConsensusRecipe, counting: Counting, generator: torch.Generator
) -> Generator[tuple[int, int], None, dict[str, float]]:
    """What one run of each part of a pool says of the number of sounds: the measures in `CountWeights`, by name.

    One run says nearly what all of them say, in a fraction of the time. Place in the stereo picture is left out: one
    instrument recorded with two microphones has many places. Yields (parts done, parts) of each grouping.
    """
    runs = [replace(part, spectra=part.spectra[:1], activations=part.activations[:1]) for part in pool]
    spectra, activations = component_spectra(runs, views), component_activations(runs)
    features = replace(recipe.features, kinship=None)
    described = describe(spectra, activations, features, recipe.front)
    described = replace(described, pan=described.pan[:, :0])
    energy = described.energy / described.energy.sum().clamp(min=TINY)
    activity = activations.cpu()
    activity = activity * (energy / activity.sum(1).clamp(min=TINY))[:, None]
    found = spread(described, energy) | coherence(activity, energy, counting)
    for sources in (2, 3):
        groups = yield from group([described], features, recipe.grouping, sources=sources, generator=generator)
        together = togetherness(groups.labels.T @ activity, counting)
        apart = separability(described, groups.labels, features)
        of_groups = {"agreement": groups.agreement, "separability": apart} | together
        found |= {f"{name}_{sources}": value for name, value in of_groups.items()}
    return found


def spread(described: Description, energy: Tensor) -> dict[str, float]:
    """How much the components differ, before anything is brought to variance one: one sound's are more alike.

    energy: (components,), shares of it. timbre, texture: log of the variance of log mel spectra and of textures, by
    energy; evenness: entropy of the shares, less that of equal ones.
    """
    timbre, texture = (_variance(points, energy) for points in (described.log_mel, described.textures.flatten(1)))
    entropy = -(energy * energy.clamp(min=TINY).log()).sum()
    evenness = entropy - torch.tensor(float(len(energy))).log()
    return {"timbre": float(timbre.log()), "texture": float(texture.log()), "evenness": float(evenness)}


def coherence(activity: Tensor, energy: Tensor, recipe: Counting) -> dict[str, float]:
    """How far components move together. activity: (components, frames), rows summing to `energy`.

    coherence: mean absolute correlation of compressed activity, over pairs, by energy; dominance: share of the first
    eigenvalue of these correlations, weighed by energy.
    """
    correlation = _correlation(activity**recipe.compression)
    weight = energy[:, None] * energy
    pairs = weight - weight.diag().diag()
    mean = (correlation.abs() * pairs).sum() / pairs.sum().clamp(min=TINY)
    values = torch.linalg.eigvalsh(energy.sqrt()[:, None] * correlation * energy.sqrt()).clamp(min=0)
    return {"coherence": float(mean), "dominance": float(values[-1] / values.sum().clamp(min=TINY))}


def togetherness(levels: Tensor, recipe: Counting) -> dict[str, float]:
    """How far groups rise and fall together, as parts of one sound do. levels: (groups, frames), magnitudes.

    Correlation of log levels, of their rises alone, and of slow swells: for the most alike two groups (`levels`,
    `onsets`, `swells`), and as the mean over all pairs (`levels_mean` …), which is the same for two groups.
    """
    log = (levels / levels.mean(1, keepdim=True).clamp(min=TINY) + recipe.floor).log()
    swells = levels.sqrt().unfold(1, min(recipe.swell, levels.shape[1]), 1).mean(2)
    sides = {"levels": log, "onsets": log.diff(dim=1).clamp(min=0), "swells": swells}
    first, second = torch.triu_indices(len(levels), len(levels), offset=1)
    found: dict[str, float] = {}
    for name, rows in sides.items():
        pairs = _correlation(rows)[first, second]
        found |= {name: float(pairs.max()), f"{name}_mean": float(pairs.mean())}
    return found


def probabilities(found: Sequence[dict[str, float]], recipe: Counting) -> tuple[float, ...]:
    """Of 1, 2 … sounds, summing to one, by the mean of what chunks say (multinomial logistic regression)."""
    score = torch.tensor(recipe.intercepts, dtype=torch.float64)
    for name, weights in asdict(recipe.weights).items():
        value = sum(each[name] for each in found) / len(found)
        score = score + value * torch.tensor(weights, dtype=torch.float64)
    return tuple(score.softmax(0).tolist())


def suggestion(sounds: Sequence[float], used: int, told_from: float) -> list[str]:
    """A sentence where another number of sounds than the one used has a probability of `told_from` or more, else none.

    sounds: the probabilities of 1, 2 … sounds, the last one that of so many or more.
    """
    most = len(sounds)
    likeliest = max(range(1, most + 1), key=lambda number: sounds[number - 1])
    probability = sounds[likeliest - 1]
    if probability < told_from or likeliest == min(used, most):
        return []
    if likeliest == 1:
        return [f"This may be one sound alone (probability {probability:.2f}): the stems are then parts of it."]
    number = f"{likeliest} sounds" + (" or more" if likeliest == most else "")
    likely = f"probability {probability:.2f}"
    return [f"This may be {number} and not {used} ({likely}): try again with that number of sources."]


def _variance(points: Tensor, energy: Tensor) -> Tensor:
    centred = points - energy @ points
    return (energy @ centred.square()).sum().clamp(min=TINY)


def _correlation(rows: Tensor) -> Tensor:
    """Of each row with each; a row that does not vary is correlated with none."""
    centred = rows - rows.mean(1, keepdim=True)
    unit = centred / centred.square().sum(1, keepdim=True).sqrt().clamp(min=TINY)
    return unit @ unit.T
