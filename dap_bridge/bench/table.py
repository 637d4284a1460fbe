"""The benchmarks: NAME is the module or room `benchmarks/NAME`, which declares a BENCHMARK; and what it is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from . import require_extra

if TYPE_CHECKING:
    from .benchmark import Benchmark

TITLES = {
    "universal150": "Universal-150: two-source mixtures",
    "recordings": "Real recordings",
    "remix": "Real recordings, mixed otherwise",
    "foley": "Sounds of games and films",
    "guidance": "What an ear adds",
    "examples": "What an example, or a span, adds",
    "trios": "Mixtures of three sounds",
    "synthetic": "Synthetic sounds (Fig. 2)",
    "ablation": "Ablations of the noise and of the mask (Figs. 8 and 9)",
    "dynamics": "An optimisation as it unfolds (Fig. 11)",
    "texture": "Textures (Fig. 6)",
    "boxes": "Boxes by a simulated user",
    "adopt": "Stems of other separators, corrected by boxes",
    "denoise": "Noisy speech (Fig. 4)",
    "watermark": "Clips that share a sound (Fig. 7)",
    "kinship": "What varies within sounds and what between them",
    "speed": "Speed",
    "gpu": "What a GPU makes of it",
    "scale": "Many clips, and long ones, on several workers",
}


def load(name: str) -> Benchmark:
    """The benchmark of that name, with the libraries that it needs. Raises MissingExtra."""
    require_extra()
    found: Benchmark = import_module(f".benchmarks.{name}", __package__).BENCHMARK
    return found
