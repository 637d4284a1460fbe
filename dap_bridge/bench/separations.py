"""Clips separated by presets, as they are or cut short, and by baselines; scored by the true sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import presets as shelf
from . import options
from .data.sounds import RATE, Problem, Sound, by_group, cut, excerpts, resample
from .measures import bands, metrics
from .methods.baselines import BASELINES, by_baseline
from .methods.estimates import Estimates
from .methods.ours import by_preset, preset_digest
from .report import thumbnails
from .store import Row

# Items of each group whose spectrograms are kept for the report's pictures.
PICTURED = 2
# What `separations` is told, beside items and presets.
HOW = (
    options.baselines(tuple(BASELINES)),
    options.iterations(),
    options.SECONDS,
    options.SEED,
    options.DEVICE,
)


def separations(
    items: Sequence[Problem],
    *,
    presets: Sequence[str],
    baselines: Sequence[str],
    iterations: int | None,
    seconds: float | None,
    seed: int,
    device: str,
) -> list[Separation]:
    """Every method on every item; item by item, so that the time left can be told and a part is of use."""
    items = excerpts(items, seconds)
    pictured = {item for group in by_group(items).values() for item in group[:PICTURED]}
    found = []
    for item in items:
        shown = item in pictured
        for name in presets:
            # only the paper's optimisation takes so long that one may want less of it
            cut_to = iterations if shelf.load(name).about.method == "paper" else None
            found.append(Separation(item, name, seed, device, cut_to, shown))
        for name in baselines:
            found.append(Separation(item, name, seed if BASELINES[name].seeded else 0, "cpu", pictured=shown))
    return found


@dataclass(frozen=True)
class Separation:
    """One item by one method: a baseline's name, or a preset's.

    iterations: cut the preset's optimisation to so many. pictured: leave what the report's pictures need.
    """

    item: Problem
    method: str
    seed: int
    device: str = "auto"
    iterations: int | None = None
    pictured: bool = False

    @property
    def label(self) -> str:
        return shortened_name(self.method, self.iterations)

    @property
    def key(self) -> str:
        return f"{self.item.group}.{self.item.id}.{self.label}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        recipe = self.method if self.method in BASELINES else preset_digest(self.method)
        return {"seed": self.seed, "recipe": recipe, "iterations": self.iterations, "device": self.device}

    def run(self, folder: Path) -> Row:
        sound = self.item.read()
        thumbnail = thumbnails.place(folder, self.key) if self.pictured else None
        row = {"group": self.item.group, "item": self.item.id, "method": self.label, "seed": self.seed}
        return row | score(sound, self._estimate(sound), thumbnail)

    def _estimate(self, sound: Sound) -> Estimates:
        if self.method in BASELINES:
            return by_baseline(sound, self.method, self.seed)
        if self.iterations is not None:
            # torch is loaded where it is needed, so that a command that only reads cached results starts at once
            from .methods.paper import by_shortened_preset

            return by_shortened_preset(sound, self.method, self.iterations, self.seed, self.device)
        return by_preset(sound, self.method, self.seed, self.device)


def shortened_name(method: str, iterations: int | None) -> str:
    return method if iterations is None else f"{method}@{iterations}"


def score(sound: Sound, estimates: Estimates, thumbnail: Path | None) -> Row:
    """The columns that every scored separation has; `thumbnail`: where its spectrograms are kept.

    Those at the clip's own rate, `bands`, are left out where clip or stems have nothing above what RATE holds.
    """
    scores = metrics.evaluate(*judged(sound, estimates, RATE), RATE)
    row = {"elapsed_s": round(estimates.elapsed_s, 3), **estimates.extra, **score_columns(scores)}
    if not thumbnail and not bands.reached(sound.rate):
        return row
    mixture, references, stems = judged(sound, estimates, sound.rate)
    if thumbnail:
        thumbnails.save(thumbnail, mixture, references, stems[list(scores.order)], sound.rate)
    if bands.reached(min(sound.rate, estimates.rate)):
        found = bands.evaluate(mixture, references, stems, sound.rate)
        row["bands"] = {name: round(value, 3) for name, value in found.items()}
    return row


def score_columns(scores: metrics.Scores) -> Row:
    """The mean over sources of every metric, and `each` source's values, to a thousandth of a dB."""
    values = asdict(scores)
    del values["order"]
    return {name: round(float(np.mean(value)), 3) for name, value in values.items()} | {
        "each": {name: [round(v, 3) for v in value] for name, value in values.items()}
    }


def judged(
    sound: Sound, estimates: Estimates, rate: int
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Mixture, references and stems at `rate`, as long as the shortest of them."""
    mixture, references, stems = cut(
        resample(sound.mixture, sound.rate, rate),
        resample(sound.references, sound.rate, rate),
        resample(estimates.stems, estimates.rate, rate),
    )
    return mixture, references, stems
