"""What varies within sounds, and what between them: the axes by which a preset's components are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import atomic, presets
from ...engine.methods.consensus.recipe import ConsensusRecipe, Kinship
from ...errors import BadPreset, BadRequest
from .. import options
from ..benchmark import Benchmark
from ..data.pairings import foley, remix
from ..data.recordings import recordings
from ..data.sounds import Problem, of_half
from ..data.universal150 import universal150
from ..methods.ours import preset_digest
from ..report.blocks import Block, Paragraph, Table
from ..report.rows import by
from ..store import Row

LAYOUT = "universal150/, recordings/ and foley/, as the other benchmarks have them; those that are there"
# Of the mean variance within sounds: added to each, so that what hardly ever varies does not count without end.
RIDGE = 0.05


@dataclass(frozen=True)
class Learning:
    """The spread of one mixture's components, whose sources are known, within its two sounds and between them."""

    item: Problem
    group: str
    preset: str
    seed: int

    @property
    def key(self) -> str:
        return f"{self.group}.{self.item.id}.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "recipe": preset_digest(self.preset)}

    def run(self, folder: Path) -> Row:
        from ..methods.components import spread  # torch is loaded where it is needed

        sound = self.item.read()
        if len(sound.references) != 2:
            raise BadRequest("Kinship is learned of two sounds.")
        recipe, known = _learned(self.preset)
        found = spread(sound, recipe, known.least, self.seed)
        return {"group": self.group, "item": self.item.id, "method": self.preset, "seed": self.seed, **found}


def _learned(preset: str) -> tuple[ConsensusRecipe, Kinship]:
    """What the preset has learned before, whose shape what is learned anew will have. Raises BadPreset."""
    recipe = presets.load_one_of(preset, ConsensusRecipe).recipe
    if recipe.features.kinship is None:
        raise BadPreset(f"The preset {preset!r} has no table [features.kinship].", "Choose one that has.")
    return recipe, recipe.features.kinship


def trials(root: Path, limit: int | None, presets: Sequence[str], seed: int) -> list[Learning]:
    """The halves that choices are made on: even mixtures of Universal-150, odd ones of the other sets."""
    sets: dict[str, Sequence[Problem]] = {}
    if (root / "universal150").is_dir():
        sets["universal150"] = of_half(universal150(root / "universal150"), "even")
    if (root / "recordings").is_dir():
        sets["pair"] = of_half(recordings(root / "recordings", ["pair"]), "odd")
    if (root / "recordings" / "remix.csv").is_file():
        sets["remix"] = of_half(remix(root / "recordings"), "odd")
    if (root / "foley").is_dir():
        sets["foley"] = of_half(foley(root / "foley"), "odd")
    if not sets:
        raise BadRequest(f"{root} holds none of the sets.", f"Expected {LAYOUT}.")
    return [
        Learning(item, name, preset, seed)
        for preset in presets
        for name, items in sets.items()
        for item in items[:limit]
    ]


def kinship(rows: Sequence[Row]) -> Kinship:
    """Fisher's linear discriminants of the mean spreads, each set counting as much as any other: B v = s W v."""
    sets = by(rows, "group").values()
    within, between = (
        np.mean([np.mean([np.array(row[name]) for row in members], axis=0) for members in sets], axis=0)
        for name in ("within", "between")
    )
    _, known = _learned(rows[0]["method"])
    separation, axes = discriminants(within, between, len(known.separation))
    numbers: dict[str, int] = rows[0]["numbers"]
    parts = np.split(axes, np.cumsum(list(numbers.values()))[:-1])
    columns = {
        name: tuple(tuple(round(float(value), 3) for value in row) for row in part)
        for name, part in zip(numbers, parts, strict=True)
    }
    return replace(known, separation=tuple(round(float(value), 3) for value in separation), axes=columns)


def discriminants(
    within: NDArray[np.float64], between: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `count` axes of the greatest separation: this, (axes,), and their columns, (numbers, axes)."""
    from scipy.linalg import eigh

    ridge = RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    separation, axes = eigh(between, within + ridge)
    order = separation.argsort()[::-1][:count]
    return separation[order].clip(min=1e-6), axes[:, order]


def toml(found: Kinship) -> str:
    """As a preset has it."""

    def line(values: Sequence[float]) -> str:
        return f"[{', '.join(f'{value:.3f}' for value in values)}]"

    rows = [f"{name} = [\n{''.join(f'  {line(row)},{chr(10)}' for row in part)}]" for name, part in found.axes.items()]
    return "\n".join(
        [
            "[features.kinship]",
            f"exponents = {list(found.exponents)}",
            f"least = {found.least}",
            f"separation = {line(found.separation)}",
            "",
            "[features.kinship.axes]",
            *rows,
            "",
        ]
    )


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    """Leaves the table of a preset beside the report."""
    found = kinship(rows)
    atomic.write_text(folder / "kinship.toml", toml(found))
    return [Paragraph("kinship.toml is the table for a preset."), *tables(rows)]


def tables(rows: Sequence[Row]) -> list[Block]:
    found = kinship(rows)
    lines = tuple((str(number), f"{value:.2f}") for number, value in enumerate(found.separation, 1))
    return [Paragraph(f"Variance between two sounds over that within, {len(rows)} clips."), Table(("axis", "s"), lines)]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(options.root(LAYOUT), options.limit("clips of each set"), options.presets("default"), options.SEED),
)
