"""The paper's method on small pictures, through its public door."""

from dataclasses import replace

import torch

from dap_bridge import presets
from dap_bridge.engine.events import ChunkMasks
from dap_bridge.engine.methods.paper.recipe import PaperRecipe
from dap_bridge.engine.methods.paper.separation import separate

from .hearing import heard

CPU = torch.device("cpu")


def published() -> PaperRecipe:
    recipe = presets.load("paper").recipe
    assert isinstance(recipe, PaperRecipe)
    return recipe


def small(iterations: int = 3, **fit: object) -> PaperRecipe:
    """The published recipe on 32 bins, with networks of a few channels, and but one start; the same on any machine."""
    recipe = published()
    return replace(
        recipe,
        starts=replace(recipe.starts, restarts=0),
        front=replace(recipe.front, n_fft=62, hop=15),
        network=replace(recipe.network, channels=(4, 4, 8), skips=(0, 0, 2)),
        fit=replace(recipe.fit, **{"iterations": iterations, "products": "float32", **fit}),
    )


def audio(samples: int, channels: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


def run(clips, recipe, *, sources=2, seed=0, observe=None):
    clips = clips if isinstance(clips, list) else [clips]
    events = list(
        separate(lambda i: heard(clips[i]), len(clips), recipe, sources=sources, seed=seed, device=CPU, observe=observe)
    )
    masks = [event.masks for event in events if isinstance(event, ChunkMasks)]
    return events, masks


def kept_starts(events: list) -> list[int | None]:
    return [event.restarts for event in events if isinstance(event, ChunkMasks)]
