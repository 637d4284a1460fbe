"""Co-separation measured: clips that share one sound, all of them or the first two."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .datasets import Marked
from .methods import KEPT, Estimates, preset_digest, run_verb, score
from .metrics import METRICS
from .store import Row


@dataclass(frozen=True)
class Coseparated:
    """The first `clips` clips of an item by one preset; the row is the mean over them."""

    item: Marked
    preset: str
    clips: int
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"{self.clips}-clips.{self.item.id}.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "recipe": preset_digest(self.preset), "device": self.device}

    def run(self, folder: Path) -> Row:
        sounds = self.item.read()[: self.clips]
        with tempfile.TemporaryDirectory(prefix="dap-bridge-bench-") as scratch:
            items = [f"0:::{path.absolute()}" for path in self.item.mixtures[: self.clips]]
            fields = {"item": items, "preset": self.preset, "seed": self.seed, "device": self.device}
            manifest, stems = run_verb(Path(scratch), "coseparate", fields)
        kept = {key: manifest[key] for key in KEPT}
        rows = []
        for number, sound in enumerate(sounds, 1):
            pair = [a for s, a in zip(manifest["stems"], stems, strict=True) if s["input"] == number]
            rows.append(score(sound, Estimates(np.stack(pair), sound.rate, manifest["elapsed_s"], kept), None))
        means = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in METRICS}
        each = {name: [value for row in rows for value in row["each"][name]] for name in METRICS}
        about = {"group": f"{self.clips} clips", "item": self.item.id, "method": self.preset, "seed": self.seed}
        return {**about, **rows[0], **means, "each": each}
