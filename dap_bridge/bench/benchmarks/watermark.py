"""Clips that share a sound (Fig. 7), all of them or the first two, as they are or with the sound moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import options
from ..benchmark import Benchmark
from ..data.sounds import Sound
from ..data.watermarks import LAYOUT, Watermarked, watermarks
from ..measures import bands
from ..measures.metrics import METRICS
from ..methods import jobs
from ..methods.estimates import Estimates
from ..methods.ours import KEPT, preset_digest
from ..report import summary
from ..separations import score
from ..store import Row

# Where the shared sound goes in each clip when it is moved: the same draws every time.
MOVING_SEED = 7
EARLIEST_S, LATEST_S = -2.0, 1.5
QUIETEST, LOUDEST = 0.5, 1.6


@dataclass(frozen=True)
class Coseparated:
    """The first `clips` clips of an item by one preset; the row is the mean over them.

    moved: in every clip but the first the shared sound has another place and gain.
    """

    item: Watermarked
    preset: str
    clips: int
    seed: int
    device: str
    moved: bool = False

    @property
    def group(self) -> str:
        return f"{self.clips} clips{' moved' if self.moved else ''}"

    @property
    def key(self) -> str:
        return f"{self.group.replace(' ', '-')}.{self.item.id}.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "recipe": preset_digest(self.preset), "device": self.device}

    def run(self, folder: Path) -> Row:
        sounds = self.item.read()[: self.clips]
        if self.moved:
            sounds = move_apart(sounds)
        with jobs.scratch() as scratch:
            paths = [scratch / f"mix{number}.wav" for number in range(1, self.clips + 1)]
            for path, sound in zip(paths, sounds, strict=True):
                sound.write(path)
            items = [f"0:::{path}" for path in paths]
            fields = {"item": items, "preset": self.preset, "seed": self.seed, "device": self.device}
            answer = jobs.do(scratch, "coseparate", fields)
            manifest, stems = answer.manifest, answer.stems()
        kept = {key: getattr(manifest, key) for key in KEPT}
        rows = []
        for number, sound in enumerate(sounds, 1):
            pair = [a for s, a in zip(manifest.stems, stems, strict=True) if s.input == number]
            rows.append(score(sound, Estimates(np.stack(pair), sound.rate, manifest.elapsed_s, kept), None))
        means = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in METRICS}
        each = {name: [value for row in rows for value in row["each"][name]] for name in METRICS}
        about = {"group": self.group, "item": self.item.id, "method": self.preset, "seed": self.seed}
        heard = bands.means([row["bands"] for row in rows if "bands" in row])
        return {**about, **rows[0], **means, "each": each, "bands": heard}


def move_apart(sounds: Sequence[Sound]) -> list[Sound]:
    """The same clips, the shared sound (their second reference) at another place and gain in each but the first.

    What is moved beyond an end of the clip is cut off.
    """
    generator = np.random.default_rng(MOVING_SEED)
    moved = [sounds[0]]
    for sound in sounds[1:]:
        frames = round(generator.uniform(EARLIEST_S, LATEST_S) * sound.rate)
        own, shared = sound.references
        later = np.roll(shared, frames, axis=-1)
        later[..., slice(0, frames) if frames > 0 else slice(shared.shape[-1] + frames, None)] = 0
        shared = np.float32(generator.uniform(QUIETEST, LOUDEST)) * later
        moved.append(Sound(own + shared, np.stack([own, shared]), sound.rate))
    return moved


def trials(root: Path, limit: int | None, presets: Sequence[str], seed: int, device: str) -> list[Coseparated]:
    return [
        Coseparated(item, preset, clips, seed, device, moved)
        for item in watermarks(root)[:limit]
        for preset in presets
        for clips in sorted({2, len(item.mixtures)})
        for moved in (False, True)
    ]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=summary.blocks,
    tables=summary.tables,
    options=(
        options.root(LAYOUT),
        options.limit("sets of clips"),
        options.presets("coseparate"),
        options.SEED,
        options.DEVICE,
    ),
)
