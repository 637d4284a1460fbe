"""What the paper's noise and its masks are for (Figs. 8 and 9): its optimisation with one of them taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import options
from ..benchmark import Benchmark
from ..data.sounds import Problem
from ..data.universal150 import paper_items
from ..methods.ours import preset_digest
from ..report import summary, thumbnails
from ..report.blocks import Block, Paragraph, Table
from ..report.claims import by_item, told
from ..report.rows import by
from ..separations import score, shortened_name
from ..store import Row

if TYPE_CHECKING:
    from ...engine.methods.paper.recipe import PaperRecipe


def without_temporal_noise(recipe: PaperRecipe) -> PaperRecipe:
    return replace(recipe, noise=replace(recipe.noise, temporal_step=0.0))


def without_dynamic_noise(recipe: PaperRecipe) -> PaperRecipe:
    return replace(recipe, noise=replace(recipe.noise, dynamic_from=1.0, dynamic_full=1.0))


def without_abrupt_change(recipe: PaperRecipe) -> PaperRecipe:
    return replace(recipe, noise=replace(recipe.noise, abrupt=0.0))


def without_flat_mask(recipe: PaperRecipe) -> PaperRecipe:
    return replace(recipe, fit=replace(recipe.fit, mask_axes="time-frequency"))


def without_nonzero_loss(recipe: PaperRecipe) -> PaperRecipe:
    return replace(recipe, losses=replace(recipe.losses, nonzero=0.0))


@dataclass(frozen=True)
class Variant:
    """One way to take something from the paper's recipe."""

    title: str  # ends with the figure of the paper that shows what it does
    change: Callable[[PaperRecipe], PaperRecipe]


VARIANTS = {
    "full": Variant("the full model", lambda recipe: recipe),
    "no-tn": Variant("without temporal noise (TN, Fig. 8)", without_temporal_noise),
    "no-dn": Variant("without dynamic noise (DN, Fig. 8)", without_dynamic_noise),
    "no-ac": Variant("without abrupt change (AC, Fig. 8)", without_abrupt_change),
    "no-1d": Variant("without the 1-D mask (Fig. 9)", without_flat_mask),
    "no-nonzero": Variant("without the nonzero-mask loss (Fig. 9)", without_nonzero_loss),
}


@dataclass(frozen=True)
class Ablation:
    """One item by the recipe of a preset with one thing taken away."""

    item: Problem
    variant: str
    preset: str
    seed: int
    device: str
    iterations: int | None

    @property
    def key(self) -> str:
        return f"{self.item.id}.{shortened_name(self.variant, self.iterations)}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "recipe": preset_digest(self.preset),
            "variant": self.variant,
            "iterations": self.iterations,
            "device": self.device,
        }

    def run(self, folder: Path) -> Row:
        from ..methods.paper import by_recipe, paper_recipe, shortened

        recipe = VARIANTS[self.variant].change(shortened(paper_recipe(self.preset), self.iterations))
        # the first start is what is compared: another one may make up for what was taken away
        recipe = replace(recipe, starts=replace(recipe.starts, restarts=0))
        sound = self.item.read()
        estimates = by_recipe(sound, recipe, self.seed, self.device)
        thumbnail = thumbnails.place(folder, self.key)
        row = {
            "group": f"{self.preset} at {recipe.fit.iterations} iterations",
            "item": self.item.id,
            "method": shortened_name(self.variant, self.iterations),
            "title": VARIANTS[self.variant].title,
            "seed": self.seed,
        }
        return row | score(sound, estimates, thumbnail)


def trials(
    root: Path | None, limit: int | None, seconds: float | None, presets: Sequence[str], **how: Any
) -> list[Ablation]:
    return [
        Ablation(item, variant, preset, **how)
        for item in paper_items(root, limit, seconds)
        for preset in presets
        for variant in VARIANTS
    ]


def claims(rows: Sequence[Row]) -> list[Block]:
    """What each part is worth: SI-SDR of the full model less that without it, on the same clips by the same seeds. The
    seeds of a clip are one pair, their mean: they say nothing of other clips.
    """
    found: list[Block] = []
    for group, members in by(rows, "group").items():
        gains = {(row["title"], row["item"], row["seed"]): row["si_sdr"] for row in members}
        lines = []
        for variant in list(VARIANTS.values())[1:]:
            pairs = by_item(
                (item, gains[VARIANTS["full"].title, item, seed] - value)
                for (title, item, seed), value in gains.items()
                if title == variant.title and (VARIANTS["full"].title, item, seed) in gains
            )
            if pairs:
                lines.append((variant.title, *told(pairs, "clip")))
        if lines:
            columns = ("claim: the full model is better than", "clips", "by (dB of SI-SDR)", "")
            found += [Paragraph(f"{group}, claim by claim:"), Table(columns, tuple(lines))]
    return found


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    return [*claims(rows), *summary.blocks(rows, folder)]


def tables(rows: Sequence[Row]) -> list[Block]:
    return [*summary.tables(rows), *claims(rows)]


BENCHMARK = Benchmark(about=__doc__, trials=trials, blocks=blocks, tables=tables, options=options.PAPER)
