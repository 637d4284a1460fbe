"""The paper's optimisation with its insides in view: shortened, ablated, or watched while it runs."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...engine.events import ChunkMasks, Note
from ...engine.methods.paper.recipe import PaperRecipe
from ...engine.methods.paper.separation import Observer, ratio_masks, separate
from ...engine.signal.rows import Heard
from ...engine.signal.stems import apply_masks
from ...engine.signal.stft import frame_count
from ..data.sounds import Sound, resample
from .estimates import Estimates


def by_shortened_preset(sound: Sound, preset: str, iterations: int, seed: int, device: str) -> Estimates:
    """A preset cut to so many iterations; every change within them comes at the same fraction of them."""
    return by_recipe(sound, shortened(paper_recipe(preset), iterations), seed, device)


def in_float32(recipe: PaperRecipe) -> PaperRecipe:
    return replace(recipe, fit=replace(recipe.fit, products="float32"))


def paper_recipe(preset: str) -> PaperRecipe:
    """Raises BadPreset where the preset's method is another."""
    return presets.load_one_of(preset, PaperRecipe).recipe


def shortened(recipe: PaperRecipe, iterations: int | None) -> PaperRecipe:
    return recipe if iterations is None else replace(recipe, fit=replace(recipe.fit, iterations=iterations))


def by_recipe(
    sound: Sound, recipe: PaperRecipe, seed: int, device: str, observe: Observer | None = None, recorded: bool = False
) -> Estimates:
    """Separate `sound`, as one chunk however long it is; `observe` sees every iteration; recorded: see `separate`."""
    chosen = torch.device("cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu"))
    view = torch.from_numpy(np.float32(resample(sound.mixture, sound.rate, recipe.front.rate)))
    heard = Heard(view, torch.from_numpy(np.float32(sound.mixture)), sound.rate)
    began = time.monotonic()
    notes: list[str] = []
    masks = torch.zeros(())
    events = separate(
        lambda _: heard,
        1,
        recipe,
        sources=len(sound.references),
        seed=seed,
        device=chosen,
        observe=observe,
        recorded=recorded,
    )
    for event in events:
        if isinstance(event, ChunkMasks):
            masks = event.masks
        elif isinstance(event, Note):
            notes.append(event.message)
    stems = _apply(sound, masks, recipe)
    extra = {"device": chosen.type, "iterations": recipe.fit.iterations, "warnings": notes}
    return Estimates(stems, sound.rate, time.monotonic() - began, extra)


def apply(sound: Sound, magnitudes: torch.Tensor, recipe: PaperRecipe) -> NDArray[np.float32]:
    """Stems (sources, channels, frames) by the ratio masks of what the networks gave, (sources, bins, frames).

    Frames beyond the end of the sound, which fill up its last segment, are left out.
    """
    frames = frame_count(round(sound.mixture.shape[-1] * recipe.front.rate / sound.rate), recipe.front.hop)
    return _apply(sound, ratio_masks(magnitudes[..., :frames], recipe.ratio_exponent), recipe)


def _apply(sound: Sound, masks: torch.Tensor, recipe: PaperRecipe) -> NDArray[np.float32]:
    return apply_masks(torch.from_numpy(sound.mixture), sound.rate, masks, recipe.front, recipe.stems).numpy()
