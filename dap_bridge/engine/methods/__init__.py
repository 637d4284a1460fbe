"""The methods, a room each: what a preset calls one, the numbers it wants, and, loaded when asked for, what does it.

Adding one adds a folder beside this file and its lines here. A room called `gain` has its numbers in recipe.py, which
needs the standard library alone, and a class in its method.py that keeps one of the contracts of methods/method.py.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..recipe import MaskRecipe, Section
from .consensus.recipe import ConsensusRecipe
from .coseparation.recipe import CoseparationRecipe
from .denoising.recipe import DenoisingRecipe
from .network_prior.recipe import NetworkPriorRecipe
from .paper.recipe import PaperRecipe
from .texture.recipe import TextureRecipe

if TYPE_CHECKING:
    from .method import Denoiser, Separator

# By what a preset calls its method.
RECIPES: dict[str, type[Section]] = {
    "consensus": ConsensusRecipe,
    "paper": PaperRecipe,
    "texture": TextureRecipe,
    "coseparation": CoseparationRecipe,
    "denoising": DenoisingRecipe,
    "network-prior": NetworkPriorRecipe,
}

# What does it, as "room:class", by the recipe.
SEPARATORS: dict[type[MaskRecipe], str] = {ConsensusRecipe: "consensus:Consensus", PaperRecipe: "paper:Paper"}
# Of these, those that keep what a correction goes on from.
CORRECTABLE: tuple[type[MaskRecipe], ...] = (ConsensusRecipe,)
DENOISERS: dict[type[Section], str] = {
    DenoisingRecipe: "denoising:Denoising",
    NetworkPriorRecipe: "network_prior:NetworkPrior",
}


def separator(recipe: MaskRecipe) -> Separator:
    """What separates a clip by this recipe; loads torch."""
    found: Separator = _made(SEPARATORS[type(recipe)], recipe)
    return found


def denoiser(recipe: Section) -> Denoiser:
    """What tells speech from noise by this recipe; loads torch."""
    found: Denoiser = _made(DENOISERS[type(recipe)], recipe)
    return found


def _made(where: str, recipe: Section) -> Any:
    room, _, name = where.partition(":")
    return getattr(import_module(f"{__package__}.{room}.method"), name)(recipe)
