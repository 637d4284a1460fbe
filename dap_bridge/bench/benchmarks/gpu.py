"""What a GPU makes of it: time, memory, agreement with the CPU, and quality; what takes longest comes last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import presets as shelf
from ...engine.methods.network_prior.recipe import NetworkPriorRecipe
from ...engine.methods.paper.recipe import PaperRecipe
from ...jobs.device import probe
from ...judging import si_sdr
from .. import options
from ..benchmark import Benchmark
from ..data.recordings import demo
from ..data.sounds import Sound, resample
from ..data.synthetic import SOUNDS, SyntheticItem
from ..data.universal150 import LAYOUT, universal150
from ..methods import jobs
from ..methods.ours import by_preset, preset_digest, verb_of
from ..report import summary
from ..report.blocks import Block, Paragraph, Table
from ..report.rows import by
from ..separations import Separation
from ..store import Row
from .speed import repeated, write_clip

# Seconds of audio, and of a longer clip, that times are taken on.
CLIP_S, LONG_S = 12.0, 120.0
# Iterations that are timed, after those by which kernels are chosen and a recording is made.
TIMED, WARM_UP = 200, 10
# Seconds of the clip on which GPU and CPU must agree, and iterations of the paper's optimisation there. A step of Adam
# is as long where a slope is all rounding: from the second on two ways of one convolution part on any device.
AGREED_S, AGREED_ITERATIONS = 1.0, 1
# The least SI-SDR in dB of the GPU's stems against the CPU's. By `default`, one thread of a CPU and two agree by 43.
TOLERANCE_DB = 30.0
MIXTURES = 8
PRESETS = ("default", "best", "dnp", "texture")


@dataclass(frozen=True)
class _Measured:
    """What all of them have. name: of a preset."""

    name: str
    seed: int
    device: str

    def identity(self) -> dict[str, Any]:
        return {"recipe": preset_digest(self.name), "seed": self.seed, "device": self.device}


@dataclass(frozen=True)
class Iterations(_Measured):
    """An iteration of an optimisation that takes thousands, on one chunk of its preset.

    tuned: the paper's with its products as the preset has them, and recorded; else in float32, and not.
    """

    tuned: bool = False

    @property
    def key(self) -> str:
        return f"iterations.{self.name}.{'tuned' if self.tuned else 'eager'}.{self.seed}"

    def run(self, folder: Path) -> Row:
        preset = shelf.load(self.name)
        seconds = min(CLIP_S, preset.about.chunk.seconds)
        run = self._paper if isinstance(preset.recipe, PaperRecipe) else self._network_prior
        with _Watched() as watched:
            ends, iterations = run(seconds)
        # the last tenth has one term more, and is recorded anew: the middle says what most of them take
        each = float(np.median(np.diff(ends[WARM_UP - 1 :])))
        return watched.row() | {
            "kind": "iterations",
            "preset": self.name,
            "seed": self.seed,
            "device": probe(self.device).name,
            "seconds": seconds,
            "how": "tuned" if self.tuned else "eager",
            "iteration_ms": round(1000 * each, 2),
            "whole_s": round(each * iterations, 1),
        }

    def _paper(self, seconds: float) -> tuple[list[float], int]:
        """When each of a few iterations ended, and how many there are of the whole."""
        from ..methods.paper import by_recipe, in_float32, paper_recipe, shortened

        recipe = paper_recipe(self.name) if self.tuned else in_float32(paper_recipe(self.name))
        short = shortened(replace(recipe, starts=replace(recipe.starts, restarts=0)), WARM_UP + TIMED)
        mixture, rate = repeated(seconds)
        sound = Sound(mixture, np.stack([mixture, mixture]), rate)
        ends: list[float] = []
        by_recipe(
            sound,
            short,
            self.seed,
            self.device,
            observe=lambda *_: ends.append(time.perf_counter()),  # the iteration before it was waited for
            recorded=self.tuned,
        )
        return ends, recipe.fit.iterations

    def _network_prior(self, seconds: float) -> tuple[list[float], int]:
        """As `_paper`."""
        import torch

        from ...engine.events import Step
        from ...engine.methods.network_prior.fluctuations import denoise
        from ...engine.signal.rows import Heard

        recipe = shelf.load_one_of(self.name, NetworkPriorRecipe).recipe
        short = replace(recipe, fit=replace(recipe.fit, iterations=WARM_UP + TIMED))
        mixture, rate = repeated(seconds)
        view = torch.from_numpy(np.float32(resample(mixture, rate, recipe.front.rate)))
        heard = Heard(view, torch.from_numpy(mixture), rate)
        device = torch.device(probe(self.device).name)
        ends = []
        for event in denoise(lambda _: heard, 1, short, seed=self.seed, device=device):
            if isinstance(event, Step):
                if device.type == "cuda":
                    torch.cuda.synchronize()
                ends.append(time.perf_counter())
        return ends, recipe.fit.iterations


@dataclass(frozen=True)
class Clip(_Measured):
    """A job of so many seconds, after one of CLIP_S by which the device is warm."""

    seconds: float

    @property
    def key(self) -> str:
        return f"clip.{self.name}.{self.seconds:g}.{self.seed}"

    def run(self, folder: Path) -> Row:
        verb = _verb(self.name)
        with jobs.scratch() as place:
            fields: dict[str, Any] = {"preset": self.name, "seed": self.seed, "device": self.device}
            # a texture is told how long it becomes, and not how long it was
            read_s = CLIP_S / 4 if verb == "texture" else self.seconds
            fields |= {"length": round(self.seconds * demo().read().rate)} if verb == "texture" else {}
            fields |= {"alternatives": 1} if verb == "separate" else {}
            for name, seconds in (("warm", min(read_s, CLIP_S)), ("clip", read_s)):
                write_clip(place / f"{name}.wav", seconds)
            jobs.do(place / "warm", verb, fields | {"clip": str(place / "warm.wav")})
            with _Watched() as watched:
                answer = jobs.do(place / "job", verb, fields | {"clip": str(place / "clip.wav")})
        return watched.row() | {
            "kind": "clip",
            "preset": self.name,
            "seed": self.seed,
            "seconds": self.seconds,
            "elapsed_s": answer.manifest.elapsed_s,
            "device": answer.manifest.device,
        }


@dataclass(frozen=True)
class Agreement(_Measured):
    """The stems of the demo by the device against those by the CPU."""

    @property
    def key(self) -> str:
        return f"agreement.{self.name}.{self.seed}"

    def run(self, folder: Path) -> Row:
        import torch

        from ..methods.paper import by_recipe, in_float32, paper_recipe, shortened

        sound = demo().read()
        frames = round(AGREED_S * sound.rate)
        sound = Sound(sound.mixture[:, :frames], sound.references[..., :frames], sound.rate)
        paper = shelf.load(self.name).about.method == "paper"
        recipe = in_float32(shortened(paper_recipe(self.name), AGREED_ITERATIONS)) if paper else None
        # without the flag a GPU's convolutions round what goes in to ten bits
        with _Watched() as watched, torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            ours, theirs = (
                by_recipe(sound, recipe, self.seed, device)
                if recipe
                else by_preset(sound, self.name, self.seed, device)
                for device in (self.device, "cpu")
            )
        alike = min(si_sdr(one, other) for one, other in zip(theirs.stems, ours.stems, strict=True))
        return watched.row() | {
            "kind": "agreement",
            "preset": self.name,
            "seed": self.seed,
            "device": ours.extra["device"],
            "alike_db": round(min(alike, 200.0), 1),
        }


class _Watched:
    """Which GPU computes in here, and how much of its memory at most."""

    def __enter__(self) -> _Watched:
        import torch

        self.found = torch.cuda.is_available()
        if self.found:
            torch.cuda.reset_peak_memory_stats()
        return self

    def __exit__(self, *_: object) -> None:
        import torch

        self.name = torch.cuda.get_device_name() if self.found else "none"
        self.peak = torch.cuda.max_memory_allocated() if self.found else None

    def row(self) -> Row:
        peak = None if self.peak is None else round(self.peak / 2**20)
        return {"gpu": self.name, "device": "cuda" if self.found else "cpu", "peak_mib": peak}


def trials(
    root: Path | None, presets: Sequence[str], limit: int | None, seed: int, device: str
) -> list[Iterations | Clip | Agreement | Separation]:
    """First what is soon done. An optimisation of thousands of iterations is not run to its end."""
    items = universal150(root)[:MIXTURES] if root else [SyntheticItem(name) for name in SOUNDS]
    lengthy = [name for name in presets if isinstance(shelf.load(name).recipe, NetworkPriorRecipe)]
    whole = [name for name in presets if name not in lengthy]
    separating = [name for name in whole if _verb(name) != "texture"]
    return [
        *(Iterations("paper", seed, device, tuned) for tuned in (False, True)),
        *(Iterations(name, seed, device) for name in lengthy),
        *(Agreement(name, seed, device) for name in ("paper", *separating)),
        *(Separation(item, name, seed, device) for name in separating[:1] for item in items[:limit]),
        *(Clip(name, seed, device, seconds) for seconds in (CLIP_S, LONG_S)[:limit] for name in whole),
    ]


def _verb(preset: str) -> str:
    return "texture" if shelf.load(preset).about.method == "texture" else verb_of(preset)


def tables(rows: Sequence[Row]) -> list[Block]:
    kinds = by([row for row in rows if "kind" in row], "kind")
    scored = [row for row in rows if "kind" not in row]
    gpus = ", ".join(sorted({row["gpu"] for row in rows if "gpu" in row}))
    found: list[Block] = [Paragraph(f"GPU: {gpus}.")]
    if "iterations" in kinds:
        found += [Paragraph("Optimisations, by a part of their iterations:"), _iterations(kinds["iterations"])]
    if "clip" in kinds:
        found += [Paragraph("A clip, in a warm process:"), _clips(kinds["clip"])]
    if "agreement" in kinds:
        text = f"The stems against those of the CPU, in float32; {TOLERANCE_DB:.0f} dB are asked for:"
        found += [Paragraph(text), _agreement(kinds["agreement"])]
    return found + (summary.tables(scored) if scored else [])


def _iterations(rows: Sequence[Row]) -> Table:
    columns = ("preset", "how", "seconds of audio", "device", "ms an iteration", "s for all", "peak memory (MiB)")
    lines = (
        (
            row["preset"],
            row["how"],
            f"{row['seconds']:g}",
            row["device"],
            f"{row['iteration_ms']:.2f}",
            f"{row['whole_s']:.1f}",
            _mib(row),
        )
        for row in rows
    )
    return Table(columns, tuple(lines))


def _clips(rows: Sequence[Row]) -> Table:
    columns = ("preset", "seconds of audio", "device", "s", "peak memory (MiB)")
    lines = (
        (row["preset"], f"{row['seconds']:g}", row["device"], f"{row['elapsed_s']:.2f}", _mib(row)) for row in rows
    )
    return Table(columns, tuple(lines))


def _agreement(rows: Sequence[Row]) -> Table:
    columns = ("preset", "device", "SI-SDR against the CPU's (dB)", "within")
    lines = (
        (row["preset"], row["device"], f"{row['alike_db']:.1f}", "yes" if row["alike_db"] >= TOLERANCE_DB else "no")
        for row in rows
    )
    return Table(columns, tuple(lines))


def _mib(row: Row) -> str:
    return "-" if row["peak_mib"] is None else str(row["peak_mib"])


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    return [Paragraph(summary.provenance(rows)), *tables(rows)]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.root(f"{LAYOUT}, of which {MIXTURES} are judged; left out: computed sounds", required=False),
        options.presets(*PRESETS),
        options.limit("lengths of a clip, and mixtures"),
        options.SEED,
        options.DEVICE,
    ),
    alone=True,
)
