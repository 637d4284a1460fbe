"""The methods, a room each: what a preset calls one, the numbers it wants, and, loaded when asked for, what does it.

Adding one adds a folder beside this file and its lines here. A method whose numbers are `PaperRecipe` in its recipe.py,
which needs the standard library alone, is `Paper` in its method.py, and keeps one of the contracts of method.py here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..recipe import MaskRecipe, Section
from .adoption.recipe import AdoptionRecipe
from .consensus.recipe import ConsensusRecipe
from .coseparation.recipe import CoseparationRecipe
from .denoising.recipe import DenoisingRecipe
from .network_prior.recipe import NetworkPriorRecipe
from .paper.recipe import PaperRecipe
from .texture.recipe import TextureRecipe

if TYPE_CHECKING:
    from .method import Adopter, Denoiser, Separator

# By what a preset calls its method.
RECIPES: dict[str, type[Section]] = {
    "consensus": ConsensusRecipe,
    "paper": PaperRecipe,
    "texture": TextureRecipe,
    "coseparation": CoseparationRecipe,
    "denoising": DenoisingRecipe,
    "network-prior": NetworkPriorRecipe,
    "adoption": AdoptionRecipe,
}

# Of these, those by which a clip is separated, those that tell speech from noise, and those that correct given stems.
SEPARATORS: tuple[type[MaskRecipe], ...] = (ConsensusRecipe, PaperRecipe)
DENOISERS: tuple[type[Section], ...] = (DenoisingRecipe, NetworkPriorRecipe)
ADOPTERS: tuple[type[AdoptionRecipe], ...] = (AdoptionRecipe,)
# Those that let others compute the chunks of a long clip.
SPREADING: tuple[type[Section], ...] = (ConsensusRecipe, DenoisingRecipe)


def separator(recipe: MaskRecipe) -> Separator[MaskRecipe]:
    """What separates a clip by this recipe, which is one of SEPARATORS; loads torch."""
    found: Separator[MaskRecipe] = _made(recipe)
    return found


def denoiser(recipe: Section) -> Denoiser[Section]:
    """What tells speech from noise by this recipe, which is one of DENOISERS; loads torch."""
    found: Denoiser[Section] = _made(recipe)
    return found


def adopter(recipe: Section) -> Adopter[Section]:
    """What corrects given stems by this recipe, which is one of ADOPTERS; loads torch."""
    found: Adopter[Section] = _made(recipe)
    return found


def _made(recipe: Section) -> Any:
    # a recipe may hold more than the method's: what a verb needs beside it
    kind = next(kind for kind in type(recipe).__mro__ if kind in RECIPES.values())
    room = import_module(kind.__module__.removesuffix("recipe") + "method")
    return getattr(room, kind.__name__.removesuffix("Recipe"))(recipe)
