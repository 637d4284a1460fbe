"""How the paper's optimisation unfolds (Fig. 11): what its networks give, and how well that separates, on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import presets as shelf
from ...engine.methods.paper.recipe import PaperRecipe
from ...judging import best_permutation, si_sdr
from .. import options
from ..benchmark import Benchmark
from ..data.sounds import RATE, Problem, Sound
from ..data.universal150 import paper_items
from ..methods.estimates import Estimates
from ..methods.ours import preset_digest
from ..report import pictures, thumbnails
from ..report.blocks import Block, Heading, Paragraph, Picture, Table
from ..report.claims import by_item, told
from ..report.rows import by
from ..report.summary import provenance
from ..report.thumbnails import RANGE_DB
from ..separations import judged, shortened_name
from ..store import Row

if TYPE_CHECKING:
    from torch import Tensor

    from ...engine.methods.paper.separation import Outputs

# Points of the optimisation that the figure shows: iterations 500, 1000 ... 5000 of 5000.
MOMENTS = 10


@dataclass(frozen=True)
class Dynamics:
    """One optimisation by a preset, watched at MOMENTS moments."""

    item: Problem
    preset: str
    seed: int
    device: str
    iterations: int | None

    @property
    def key(self) -> str:
        return f"{self.item.id}.{shortened_name(self.preset, self.iterations)}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "recipe": preset_digest(self.preset),
            "iterations": self.iterations,
            "device": self.device,
        }

    def run(self, folder: Path) -> Row:
        from ..methods.paper import by_recipe, paper_recipe, shortened

        recipe = shortened(paper_recipe(self.preset), self.iterations)
        # one start is watched: of several the one that is kept need not be the last
        recipe = replace(recipe, starts=replace(recipe.starts, restarts=0))
        sound = self.item.read()
        watch = _Watch(sound, recipe)
        estimates = by_recipe(sound, recipe, self.seed, self.device, observe=watch.observe)
        path = thumbnails.place(folder, self.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        at = sorted(watch.seen)
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                iterations=np.array(at),
                rate=recipe.front.rate,
                sounds=np.stack([watch.seen[i]["sounds"] for i in at]),
                masks=np.stack([watch.seen[i]["masks"] for i in at]),
                stems=np.stack([watch.seen[i]["stems"] for i in at]),
            )
        return {
            "item": self.item.id,
            "method": shortened_name(self.preset, self.iterations),
            "seed": self.seed,
            "elapsed_s": round(estimates.elapsed_s, 3),
            **estimates.extra,
            "at": at,
            "si_sdri": [round(watch.gains[i], 3) for i in at],
        }


class _Watch:
    """Keeps what the networks gave at MOMENTS points on the way, and how well the masks of that moment separate."""

    def __init__(self, sound: Sound, recipe: PaperRecipe) -> None:
        self._sound, self._recipe = sound, recipe
        iterations = recipe.fit.iterations
        self._at = {max(1, iterations * moment // MOMENTS) for moment in range(1, MOMENTS + 1)}
        self.seen: dict[int, dict[str, NDArray[np.uint8]]] = {}
        self.gains: dict[int, float] = {}

    def observe(self, iteration: int, outputs: Outputs) -> None:
        if iteration not in self._at:
            return
        from ...engine.methods.paper.separation import join

        sounds, masks, stems = (join(each).cpu() for each in (outputs.sounds, outputs.masks, outputs.stems))
        loudest = float(stems.max())
        self.seen[iteration] = {
            "sounds": _levels(sounds, loudest),
            "masks": _bytes(masks.expand_as(stems).numpy()),
            "stems": _levels(stems, loudest),
        }
        self.gains[iteration] = self._gain(stems)

    def _gain(self, stems: Tensor) -> float:
        from ..methods.paper import apply

        estimates = Estimates(apply(self._sound, stems, self._recipe), self._sound.rate, 0.0, {})
        mixture, references, parts = judged(self._sound, estimates, RATE)
        _, values = best_permutation(references, parts)
        return float(np.mean(values) - np.mean([si_sdr(reference, mixture) for reference in references]))


def _levels(magnitudes: Tensor, loudest: float) -> NDArray[np.uint8]:
    decibels = 20 * np.log10(np.maximum(magnitudes.numpy(), 1e-12) / (loudest or 1.0))
    return _bytes(np.clip(decibels, -RANGE_DB, 0) / RANGE_DB + 1)


def _bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """0..1 (sources, bins, frames) as bytes, every second bin and frame."""
    levels: NDArray[np.floating] = 255 * np.clip(values[:, ::2, ::2], 0, 1)
    return np.round(levels).astype(np.uint8)


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    """The gain over the iterations, and what the networks gave at each of these moments."""
    found: list[Block] = [Paragraph(provenance(rows)), *tables(rows)]
    curves = {f"{row['item']}, {row['method']}, seed {row['seed']}": (row["at"], row["si_sdri"]) for row in rows}
    pictures.lines(folder / "pictures" / "gain.png", curves, "iteration", "SI-SDRi (dB)")
    found.append(Picture("pictures/gain.png", "Gain of the masks of each moment over the mixture."))
    for row in rows:
        kept = thumbnails.place(folder, row["key"])
        if kept.is_file():
            name = f"pictures/{row['item']}-{row['method']}-{row['seed']}.png"
            _draw(kept, folder / name)
            found += [Heading(f"{row['item']}, {row['method']}, seed {row['seed']}")]
            found += [Picture(name, "Sounds, masks and stems of every source over the iterations (Fig. 11).")]
    return found


def table(rows: Sequence[Row]) -> Table:
    """A line an optimisation, a column a moment, in tenths of it so that those of any length line up."""
    columns = ("clip", "preset", "seed", *(f"{100 * moment // MOMENTS} %" for moment in range(1, MOMENTS + 1)))
    return Table(
        columns,
        tuple(
            (row["item"], row["method"], str(row["seed"]), *(f"{gain:.1f}" for gain in row["si_sdri"])) for row in rows
        ),
    )


def claims(rows: Sequence[Row]) -> list[Block]:
    """Fig. 11: the gain grows over the iterations, and dynamic noise lets what varies much be caught.

    Of the second the moment before that noise sets in is compared with the next one. The seeds of a clip are one.
    """
    lines = []
    for method, members in by(rows, "method").items():
        noise = shelf.load_one_of(method.split("@")[0], PaperRecipe).recipe.noise
        grown, caught = [], []
        for row in members:
            gains = row["si_sdri"]
            before = sum(at <= noise.dynamic_from * row["iterations"] for at in row["at"])
            grown.append((row["item"], gains[-1] - gains[0]))
            caught += [(row["item"], gains[before] - gains[before - 1])] if 0 < before < len(gains) else []
        lines.append((f"{method}: from the first moment to the last", *told(by_item(grown), "clip")))
        if caught:
            lines.append((f"{method}: from before dynamic noise to after", *told(by_item(caught), "clip")))
    columns = ("claim: the gain grows", "clips", "by (dB of SI-SDRi)", "")
    return [Paragraph("The paper's claims (Fig. 11):"), Table(columns, tuple(lines))]


def tables(rows: Sequence[Row]) -> list[Block]:
    return [table(rows), *claims(rows)]


def _draw(kept: Path, path: Path) -> None:
    with np.load(kept) as arrays:
        moments = {
            int(iteration): {
                "sounds": (arrays["sounds"][i] / 255.0 - 1) * RANGE_DB,
                "masks": arrays["masks"][i] / 255.0,
                "stems": (arrays["stems"][i] / 255.0 - 1) * RANGE_DB,
            }
            for i, iteration in enumerate(arrays["iterations"])
        }
        pictures.dynamics(path, moments, int(arrays["rate"]))


def trials(
    root: Path | None, limit: int | None, seconds: float | None, presets: Sequence[str], **how: Any
) -> list[Dynamics]:
    return [Dynamics(item, preset, **how) for item in paper_items(root, limit, seconds) for preset in presets]


BENCHMARK = Benchmark(about=__doc__, trials=trials, blocks=blocks, tables=tables, options=options.PAPER)
