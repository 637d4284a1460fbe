"""Which components belong together: features, an ensemble of clusterings, and their consensus."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, permutations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...recipe import Front
from ...signal.rows import bins
from ...tiny import TINY
from .recipe import Features, Grouping
from .traits import kin, standard, traits, unit


@dataclass(frozen=True)
class Description:
    """What is kept of a chunk's components to compare them: small, whatever the chunk's length.

    log_mel: (components, mel_bands), nats; textures: (components, compressions, numbers); pan: (components, views - 1);
    energy: (components,), sum of the component's magnitude; traits: by their names, see `traits.traits`, none where
    components are not compared by them.
    """

    log_mel: Tensor
    textures: Tensor
    pan: Tensor
    energy: Tensor
    traits: dict[str, Tensor]

    def of(self, which: Tensor) -> Description:
        """Some of the components, in order."""
        return concatenate([self], which)


def describe(spectra: Tensor, activations: Tensor, features: Features, front: Front) -> Description:
    """spectra: (components, views, rows), activations: (components, frames), magnitudes. The result is on the CPU."""
    known = traits(spectra, activations, features.kinship.traits, front) if features.kinship else {}
    spectra = spectra[:, :, : bins(front)]
    power = spectra.square().sum(1)
    return Description(
        log_mel=_log_mel(power, features, front).cpu(),
        textures=torch.stack([_texture(activations, c, features.lags) for c in features.compressions], 1).cpu(),
        pan=_pan(spectra).cpu(),
        energy=(power.sqrt().sum(1) * activations.sum(1)).cpu(),
        traits=known,
    )


def concatenate(parts: Sequence[Description], which: Tensor | slice = slice(None)) -> Description:
    """The components of several chunks as one table, in order, or some of them."""

    def column(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts])[which]

    traits = {name: torch.cat([part.traits[name] for part in parts])[which] for name in parts[0].traits}
    return Description(column("log_mel"), column("textures"), column("pan"), column("energy"), traits)


def _log_mel(power: Tensor, features: Features, front: Front) -> Tensor:
    """Log mel spectrum relative to its maximum, cut at -floor_nats: (components, mel_bands)."""
    filters = _mel_filters(features.mel_bands, front.n_fft, front.rate).to(power.device)
    mel = power / power.amax(1, keepdim=True).clamp(min=TINY) @ filters
    log_mel = mel.clamp(min=TINY).log()
    top = log_mel.amax(1, keepdim=True)
    return (log_mel - top).clamp(min=-features.floor_nats)


@cache
def _mel_filters(bands: int, n_fft: int, rate: int) -> Tensor:
    """Triangles evenly spaced in mel, 2595 log10(1 + f / 700), from 0 to rate / 2: (bins, bands), peaks at one."""
    edges = torch.linspace(0, 2595 * math.log10(1 + rate / 1400), bands + 2, dtype=torch.float64)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None] * rate / n_fft
    rising = (bins - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    falling = (hertz[2:] - bins) / (hertz[2:] - hertz[1:-1])
    return torch.minimum(rising, falling).clamp(min=0).float()


def _texture(activations: Tensor, compression: float, lags: tuple[int, ...]) -> Tensor:
    """How an activation moves: autocorrelation of (h / mean)^c at `lags` frames (zero beyond the chunk's length), log
    kurtosis and log (mean / rms) of sqrt(h / mean): (components, len(lags) + 2).
    """
    level = activations / activations.mean(1, keepdim=True).clamp(min=TINY)
    centred = level**compression
    centred = centred - centred.mean(1, keepdim=True)
    variance = centred.square().sum(1).clamp(min=TINY)
    frames = level.shape[1]
    correlations = [(centred[:, lag:] * centred[:, : max(0, frames - lag)]).sum(1) / variance for lag in lags]
    root = level.sqrt()
    deviation = root - root.mean(1, keepdim=True)
    kurtosis = deviation**4
    kurtosis = (kurtosis.mean(1) + TINY) / (deviation.square().mean(1).square() + TINY)
    crest = (root.mean(1) + TINY) / (root.square().mean(1).sqrt() + TINY)
    return torch.stack([*correlations, kurtosis.log(), crest.log()], 1)


def _pan(spectra: Tensor) -> Tensor:
    """Each further view's share of the component's power against the first's: (components, views - 1), -1 .. 1."""
    power = spectra.square().sum(2)
    first, rest = power[:, :1], power[:, 1:]
    return (rest - first) / (rest + first).clamp(min=TINY)


def embed(description: Description, features: Features) -> Tensor:
    """One point a component under each choice of (cepstra, compression), and of features.kinship where its traits are
    known: (settings, components, dimensions). Timbre and texture each have total variance one, kin have two.
    """
    bands = description.log_mel.shape[1]
    most = max(features.cepstra)
    cepstrum = description.log_mel @ _dct(bands, most)
    points = []
    for order in features.cepstra:
        timbre = torch.zeros_like(cepstrum)
        timbre[:, : order - 1] = cepstrum[:, : order - 1]
        for index in range(len(features.compressions)):
            texture = unit(standard(description.textures[:, index], TINY))
            # not brought to variance one: what hardly differs between channels is no evidence
            pan = description.pan * features.pan_weight
            points.append(torch.cat([unit(timbre), texture, pan], 1))
    if features.kinship is not None and description.traits:
        known = compared(description, features, features.kinship.least)
        points += [torch.cat([math.sqrt(2) * unit(each), pan], 1) for each in kin(known, features.kinship)]
    return _stack(points)


def _stack(points: Sequence[Tensor]) -> Tensor:
    """(settings, components, dimensions) of settings (components, dimensions), which may have fewer dimensions."""
    widest = max(each.shape[1] for each in points)
    return torch.stack([F.pad(each, (0, widest - each.shape[1])) for each in points])


def compared(description: Description, features: Features, least: float) -> dict[str, Tensor]:
    """All that kinship is told by, of each component: by name, (components, numbers), standardised where they vary by
    more than `least`.
    """
    cepstrum = description.log_mel @ _dct(description.log_mel.shape[1], max(features.cepstra))
    further = {"textures": description.textures.flatten(1), **description.traits}
    return {"cepstra": unit(cepstrum), **{name: standard(values, least) for name, values in further.items()}}


@cache
def _dct(bands: int, order: int) -> Tensor:
    """DCT-II coefficients 1 .. order - 1: (bands, order - 1)."""
    position = torch.arange(bands)[:, None] + 0.5
    return (math.pi / bands * position * torch.arange(1, order)).cos()


@dataclass(frozen=True)
class Groups:
    """Soft labels of components, and how far they can be trusted.

    labels: (components, sources), rows summing to one; agreement: of the clusterings with their consensus, 0 (random)
    to 1, weighed by energy.
    """

    labels: Tensor
    agreement: float


# Yields parts done, and parts.
Clustering = Generator[tuple[int, int], None, Groups]


def group(
    snapshots: Sequence[Description], features: Features, recipe: Grouping, *, sources: int, generator: torch.Generator
) -> Clustering:
    """`clustered` under every setting of the features.

    snapshots: the same components, described at several moments of their factorisation; all vote, and the last one says
    how much energy each component has.
    """
    points = _stack([setting for snapshot in snapshots for setting in embed(snapshot, features)])
    return clustered(points, snapshots[-1].energy, recipe, sources=sources, generator=generator)


def clustered(
    points: Tensor, energy: Tensor, recipe: Grouping, *, sources: int, generator: torch.Generator
) -> Clustering:
    """Consensus of k-means, tied Gaussian mixtures and spectral clustering of points (settings, components, dimensions)
    in every setting; energy: (components,).

    More components than recipe.landmarks: that many are drawn by energy and grouped; each of the others takes the mean
    label of the landmarks, weighed by exp(-d2 / (bandwidth median d2)).
    """
    chosen = landmarks_of(energy, recipe.landmarks, generator)
    landmarks = points[:, chosen]
    blocks = points.split(recipe.landmarks, dim=1) if len(chosen) < points.shape[1] else ()
    parts = count(1)
    total = 2 + len(landmarks) + len(blocks)
    means = k_means(landmarks, sources, recipe, generator)
    yield next(parts), total
    partitions = [means, gaussian_mixture(landmarks, means, sources, recipe)]
    yield next(parts), total
    for setting in landmarks:
        partitions.append(spectral(setting, sources, recipe, generator)[None])
        yield next(parts), total
    groups = consensus(torch.cat(partitions), energy[chosen], sources)
    if not blocks:
        return groups
    labels = []
    for block in blocks:
        labels.append(kernel_labels(block, landmarks, groups.labels, recipe.bandwidth))
        yield next(parts), total
    everyone = torch.cat(labels)
    everyone[chosen] = groups.labels
    return Groups(everyone, groups.agreement)


def landmarks_of(energy: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    if len(energy) <= limit:
        return torch.arange(len(energy))
    return torch.multinomial(energy + energy.mean() * 1e-6 + TINY, limit, generator=generator).sort().values


def kernel_labels(points: Tensor, landmarks: Tensor, labels: Tensor, bandwidth: float) -> Tensor:
    """Mean label of the landmarks around each point, over all settings: (points, sources)."""
    total = torch.zeros(points.shape[1], labels.shape[1])
    for own, others in zip(points, landmarks, strict=True):
        distance = torch.cdist(own, others).square()
        kernel = (-distance / (bandwidth * distance.median()).clamp(min=TINY)).softmax(1)
        total += kernel @ labels
    return total / total.sum(1, keepdim=True)


def k_means(points: Tensor, sources: int, recipe: Grouping, generator: torch.Generator) -> Tensor:
    """Lloyd's algorithm from k-means++ starts, the best of recipe.restarts: (settings, points, dimensions) ->
    (settings, points) of cluster indices.
    """
    many = points[:, None].expand(-1, recipe.restarts, -1, -1).flatten(0, 1)
    centres = _spread_starts(many, sources, generator)
    for _ in range(recipe.iterations):
        labels = torch.cdist(many, centres).argmin(2)
        member = torch.nn.functional.one_hot(labels, sources).to(many.dtype)
        size = member.sum(1)[..., None]
        moved = torch.where(size > 0, member.mT @ many / size.clamp(min=1), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    distance, labels = torch.cdist(many, centres).min(2)
    cost = distance.square().sum(1).reshape(-1, recipe.restarts)
    best = cost.argmin(1) + torch.arange(len(cost)) * recipe.restarts
    return labels[best]


def _spread_starts(points: Tensor, sources: int, generator: torch.Generator) -> Tensor:
    """k-means++ (Arthur and Vassilvitskii 2007): each next centre drawn by squared distance to those chosen."""
    batch, size, _ = points.shape
    rows = torch.arange(batch)
    centres = [points[rows, torch.randint(size, (batch,), generator=generator)]]
    for _ in range(sources - 1):
        distance = torch.cdist(points, torch.stack(centres, 1)).amin(2).square()
        centres.append(points[rows, torch.multinomial(distance + TINY, 1, generator=generator)[:, 0]])
    return torch.stack(centres, 1)


def gaussian_mixture(points: Tensor, start: Tensor, sources: int, recipe: Grouping) -> Tensor:
    """Mixture of Gaussians of one covariance, by EM from the partition `start`: (settings, points) of indices."""
    _, size, dimensions = points.shape
    member = torch.nn.functional.one_hot(start, sources).to(points.dtype)
    ridge = recipe.ridge * torch.eye(dimensions)
    for _ in range(recipe.iterations):
        mass = member.sum(1).clamp(min=TINY)
        means = member.mT @ points / mass[..., None]
        spread = points.mT @ points - (means * mass[..., None]).mT @ means
        factor = torch.linalg.cholesky_ex(spread / size + ridge).L
        # distances in the metric of the covariance are plain distances after whitening
        white = torch.linalg.solve_triangular(factor, points.mT, upper=False).mT
        centre = torch.linalg.solve_triangular(factor, means.mT, upper=False).mT
        log_density = (mass / size).log()[:, None] - torch.cdist(white, centre).square() / 2
        updated = log_density.softmax(2)
        done = torch.allclose(updated, member, atol=1e-4)
        member = updated
        if done:
            break
    return member.argmax(2)


def spectral(points: Tensor, sources: int, recipe: Grouping, generator: torch.Generator) -> Tensor:
    """Normalised cuts (Shi and Malik 2000) of one setting's points (points, dimensions): (points,) of indices."""
    distance = torch.cdist(points, points).square()
    affinity = (-distance / (recipe.bandwidth * distance.median()).clamp(min=TINY)).exp()
    degree = affinity.sum(1).rsqrt()
    vectors = torch.linalg.eigh(affinity * degree[:, None] * degree).eigenvectors
    embedding = vectors[:, -sources:] * degree[:, None]
    return k_means(embedding[None] / embedding.std().clamp(min=TINY), sources, recipe, generator)[0]


def consensus(partitions: Tensor, energy: Tensor, sources: int) -> Groups:
    """What partitions (clusterings, components) agree on, as soft labels.

    Cluster names are arbitrary, so each partition is renamed to overlap most, by energy, with the mean label; the mean
    is taken again with every partition weighed by how far it agrees beyond random labels, and so on until nothing
    changes. For two sources this is the power iteration for the first singular vector of L diag(sqrt e), L the labels
    as +-1. It starts from the partition that agrees best with the others.
    """
    member = torch.nn.functional.one_hot(partitions, sources).to(energy.dtype)
    share = (energy / energy.sum().clamp(min=TINY))[:, None]
    orders = renamings(sources)
    pairwise = torch.einsum("ank,bnj->abkj", member * share, member)
    start = best_overlap(pairwise, orders)[0].sum(1).argmax()
    labels = member[start]
    even = 1 / sources
    agreement = torch.zeros(len(member))
    for _ in range(len(member)):
        agreement, order = best_overlap(member.mT @ (labels * share), orders)
        renamed = member.gather(2, orders[order].argsort(1)[:, None].expand_as(member))
        weight = (agreement - even).clamp(min=0) + TINY
        updated = torch.einsum("c,cnk->nk", weight / weight.sum(), renamed)
        if torch.allclose(updated, labels, atol=1e-6):
            break
        labels = updated
    if energy.sum() <= TINY:
        labels = torch.full_like(labels, even)
    confidence = ((agreement.mean() - even) / (1 - even)).clamp(0, 1)
    return Groups(labels, float(confidence))


def separability(description: Description, labels: Tensor, features: Features) -> float:
    """How far apart the groups lie, 0..1: the share of the components' variance, weighed by energy, that lies between
    the groups and not within them (Fisher's ratio, bounded); the mean over the exponents of kinship, which tells good
    groups best, or over all settings of features that have none.

    labels: (components, sources), rows summing to one.
    """
    share = (description.energy / description.energy.sum().clamp(min=TINY))[:, None]
    points = embed(description, features)
    if features.kinship is not None:
        points = points[-len(features.kinship.exponents) :]
    mean = (points * share).sum(1, keepdim=True)
    size = (labels * share).sum(0)[:, None]
    centres = labels.mT @ (points * share) / size.clamp(min=TINY)
    between = (size * (centres - mean).square()).sum((1, 2))
    total = (share * (points - mean).square()).sum((1, 2))
    return float((between / total.clamp(min=TINY)).mean())


def best_overlap(overlap: Tensor, orders: Tensor) -> tuple[Tensor, Tensor]:
    """The largest sum of overlap (..., clusters, sources) over renamings cluster i -> source order[i]; which it is."""
    index = torch.arange(orders.shape[1])
    return overlap[..., index, orders].sum(-1).max(-1)


@cache
def renamings(sources: int) -> Tensor:
    """Every renaming of so many sources: (renamings, sources)."""
    return torch.tensor(list(permutations(range(sources))))
