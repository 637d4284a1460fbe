"""Textures made longer (Fig. 6): how alike and how new what goes on is, by presets and baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import options
from ..benchmark import Benchmark
from ..data.textures import LAYOUT, TextureItem, textures
from ..measures import likeness
from ..methods import jobs
from ..methods.ours import preset_digest
from ..methods.texture_baselines import TEXTURE_BASELINES
from ..report import pictures
from ..report.blocks import Block, Heading, Paragraph, Picture, Table
from ..report.rows import by
from ..report.summary import provenance
from ..store import Row

TIMES = 4  # the result's length, in clips

FIGURES = {
    "likeness": "likeness",
    "copying": "copying",
    "repetition": "repetition",
    "period": "period",
    "seam": "seam (z)",
    "loudness": "loudness (dB)",
    "stereo": "stereo",
    "elapsed_s": "s/clip",
}


@dataclass(frozen=True)
class TextureTrial:
    """One clip made TIMES as long by one method: a baseline's name, or a preset's."""

    item: TextureItem
    method: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"{self.item.id}.{self.method}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        recipe = self.method if self.method in TEXTURE_BASELINES else preset_digest(self.method)
        return {"seed": self.seed, "recipe": recipe, "device": self.device, "times": TIMES}

    def run(self, folder: Path) -> Row:
        clip, rate = self.item.read()
        began = time.monotonic()
        if self.method in TEXTURE_BASELINES:
            generator = np.random.default_rng(self.seed)
            whole = TEXTURE_BASELINES[self.method](clip, rate, TIMES * clip.shape[1], generator)
            elapsed_s, device = time.monotonic() - began, "cpu"
        else:
            whole, elapsed_s, device = by_preset(
                self.item.path, TIMES * clip.shape[1], self.method, self.seed, self.device
            )
        row = {"item": self.item.id, "method": self.method, "seed": self.seed, "device": device}
        row["elapsed_s"] = round(elapsed_s, 3)
        return row | {name: round(value, 3) for name, value in judge(clip, whole, rate).items()}


def judge(clip: NDArray[np.floating], whole: NDArray[np.floating], rate: int) -> dict[str, float]:
    """What follows the clip in `whole` (channels, frames), against the clip."""
    joint = clip.shape[1]
    made = whole[:, joint:]
    return {
        **likeness.likeness(clip, made, rate),
        "copying": likeness.copying(clip, made, rate),
        "repetition": likeness.repetition(clip, made, rate),
        "period": likeness.period(made, rate),
        "seam": likeness.seams(clip, whole, rate, [joint]),
        "loudness": likeness.level_db(made) - likeness.level_db(clip),
        "stereo": likeness.stereo(made) - likeness.stereo(clip),
    }


def by_preset(path: Path, length: int, preset: str, seed: int, device: str) -> tuple[NDArray[np.floating], float, str]:
    """Through the worker, from a file to a file: (channels, frames), the job's seconds and device. Raises DapError."""
    with jobs.scratch() as folder:
        fields = {"clip": str(path.absolute()), "length": length, "preset": preset, "seed": seed, "device": device}
        answer = jobs.do(folder, "texture", fields)
        return answer.stems()[0], answer.manifest.elapsed_s, answer.manifest.device


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    """The plane, the means, and every clip."""
    points = {
        method: [(row["likeness"], _newness(row)) for row in members] for method, members in by(rows, "method").items()
    }
    pictures.plane(
        folder / "pictures" / "plane.png",
        points,
        "likeness: distance in natural variations (0: the same statistics)",
        "newness: 1 - the larger of copying and repetition",
    )
    found: list[Block] = [Paragraph(provenance(rows)), *tables(rows)]
    found.append(Picture("pictures/plane.png", "Likeness against newness; large: means. The best corner is top left."))
    for item, members in by(rows, "item").items():
        found += [Heading(item), table(members, families=True)]
    return found


def tables(rows: Sequence[Row]) -> list[Block]:
    """The means over all clips."""
    return [table(rows)]


def table(rows: Sequence[Row], families: bool = False) -> Table:
    """A line a method: means, but of `seam` the largest, and of `loudness` and `stereo` the largest difference."""
    names = dict(FIGURES)
    if families:
        names |= {name: name for name in ("mean", "variation", "skew", "modulation", "correlation")}
    lines = []
    for method, members in by(rows, "method").items():
        cells = []
        for name in names:
            values = np.array([row[name] for row in members])
            worst = float(values.max()) if name == "seam" else float(np.abs(values).max())
            shown = worst if name in ("seam", "loudness", "stereo") else float(values.mean())
            cells.append(f"{shown:.2f}")
        lines.append((method, str(len(members)), *cells))
    return Table(("method", "clips", *names.values()), tuple(lines))


def _newness(row: Row) -> float:
    newness: float = 1 - max(row["copying"], row["repetition"])
    return newness


def trials(
    root: Path, limit: int | None, presets: Sequence[str], baselines: Sequence[str], seed: int, device: str
) -> list[TextureTrial]:
    methods = (*presets, *baselines)
    return [TextureTrial(item, method, seed, device) for item in textures(root)[:limit] for method in methods]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.root(LAYOUT),
        options.limit("clips"),
        options.presets("texture", none=True),
        options.baselines(tuple(TEXTURE_BASELINES)),
        options.SEED,
        options.DEVICE,
    ),
)
