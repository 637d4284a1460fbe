"""What a person adds to a separation: an ear that chooses the best of several answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from ...domain import MAX_ALTERNATIVES
from ...engine.methods.consensus.recipe import ConsensusRecipe
from ...presets import load_one_of
from .. import options
from ..benchmark import Benchmark
from ..data.pairings import foley, remix
from ..data.sounds import RATE, Problem, of_half
from ..data.universal150 import universal150
from ..measures import metrics
from ..methods import jobs
from ..methods.estimates import Estimates
from ..methods.ours import preset_digest
from ..report.blocks import Block, Paragraph, Table
from ..separations import judged
from ..store import Row

# Where below --root the mixtures of a kind lie, and how they are read.
KINDS: dict[str, tuple[str, Callable[[Path], Sequence[Problem]]]] = {
    "universal150": ("universal150", universal150),
    "remix": ("recordings", remix),
    "foley": ("foley", foley),
}
LAYOUT = "universal150/, recordings/remix.csv, foley/pairs.csv"


@dataclass(frozen=True)
class Alternatives:
    """All answers of a preset to one mixture, judged each."""

    kind: str
    item: Problem
    preset: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"{self.kind}.{self.item.id}.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "recipe": preset_digest(self.preset), "device": self.device}

    def run(self, folder: Path) -> Row:
        sound = self.item.read()
        with jobs.scratch() as place:
            sound.write(place / "mixture.wav")
            fields = {"clip": str(place / "mixture.wav"), "preset": self.preset, "seed": self.seed}
            fields |= {"device": self.device, "alternatives": MAX_ALTERNATIVES}
            answer = jobs.do(place, "separate", fields)
            manifest = answer.manifest
            scores = []
            for stems in answer.alternatives() or [answer.stems()]:
                estimates = Estimates(np.stack(stems), manifest.rate, manifest.elapsed_s, {})
                scores.append(metrics.evaluate(*judged(sound, estimates, RATE), RATE))
        return {
            "kind": self.kind,
            "item": self.item.id,
            "method": self.preset,
            "device": manifest.device,
            "confidence": manifest.confidence,
            "elapsed_s": manifest.elapsed_s,
            "what": [one.what for one in manifest.alternatives],
            "sdr": [round(float(np.mean(one.sdr)), 3) for one in scores],
            "si_sdri": [round(float(np.mean(one.si_sdri)), 3) for one in scores],
        }


def trials(
    root: Path, kinds: Sequence[str], half: str, limit: int | None, presets: Sequence[str], seed: int, device: str
) -> list[Alternatives]:
    items = [(kind, item) for kind in kinds for item in of_half(KINDS[kind][1](root / KINDS[kind][0]), half)[:limit]]
    return [Alternatives(kind, item, preset, seed, device) for kind, item in items for preset in presets]


def tables(rows: Sequence[Row]) -> list[Block]:
    """The best of so many answers, chosen by who knows, and its gain over the first, paired."""
    groups = {kind: [row for row in rows if row["kind"] == kind] for kind in KINDS}
    groups["all"] = list(rows)
    groups["all, where they are offered"] = [row for row in rows if row["confidence"] < _offered_below(row["method"])]
    columns = ("mixtures", "clips", "answers", "SDR", "gain", "SI-SDRi", "gain", "worse than the mixture")
    lines = [
        _line(name, members, count)
        for name, members in groups.items()
        for count in range(1, MAX_ALTERNATIVES + 1)
        if members
    ]
    return [Table(columns, tuple(lines))]


def _offered_below(preset: str) -> float:
    """The confidence below which a preset has further answers."""
    rules = load_one_of(preset, ConsensusRecipe).recipe.alternatives
    return rules.offered_below if rules else 0.0


def _line(name: str, rows: Sequence[Row], count: int) -> tuple[str, ...]:
    cells = [name, str(len(rows)), str(count)]
    for measure in ("sdr", "si_sdri"):
        best = np.array([max(row[measure][:count]) for row in rows])
        gain = best - np.array([row[measure][0] for row in rows])
        error = gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else 0.0
        cells += [f"{best.mean():.2f}", f"{gain.mean():+.2f} ± {error:.2f}"]
    worse = np.mean([max(row["si_sdri"][:count]) < 0 for row in rows])
    return (*cells, f"{worse:.0%}")


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    about = "The best of so many answers to a clip, as who knows the true sounds would choose."
    return [Paragraph(about), *tables(rows)]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.root(LAYOUT),
        click.Option(
            ["--kind", "kinds"],
            type=click.Choice(list(KINDS)),
            multiple=True,
            default=tuple(KINDS),
            show_default=True,
            help="May be repeated.",
        ),
        options.HALF,
        options.limit("mixtures of each kind"),
        options.presets("default"),
        options.SEED,
        options.DEVICE,
    ),
)
