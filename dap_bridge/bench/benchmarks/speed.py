"""How long a clip takes, against the paper's own way, what long clips take, and a preview beside one."""

from __future__ import annotations

import math
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ...domain import Lane, Manifest
from ...jobs.sessions import Sessions
from ...jobs.workers.local import process
from .. import options
from ..benchmark import Benchmark
from ..data.recordings import demo
from ..data.sounds import Sound
from ..methods import jobs
from ..methods.ours import preset_digest
from ..report import pictures
from ..report.blocks import Block, Heading, Paragraph, Picture, Table
from ..report.summary import provenance
from ..store import Row

CLIP_S = 12.0
REPETITIONS = 5
LENGTHS_S = (12.0, 60.0, 300.0, 1200.0)
# So many times CLIP_S is what previews are made beside.
LONGER = 10
# The first iterations of an optimisation choose algorithms and fill caches.
WARM_UP, TIMED = 2, 20


@dataclass(frozen=True)
class Elapsed:
    """elapsed_s of jobs in one warm process: REPETITIONS times the same clip of CLIP_S, stereo, 44.1 kHz."""

    preset: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"elapsed.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"recipe": preset_digest(self.preset), "seed": self.seed, "device": self.device}

    def run(self, folder: Path) -> Row:
        # one job more than are counted: the first one warms the process up
        manifests, _ = _in_own_process(self.preset, CLIP_S, REPETITIONS + 1, self.seed, self.device)
        times = [manifest.elapsed_s for manifest in manifests[1:]]
        return {
            "kind": "elapsed",
            "preset": self.preset,
            "seed": self.seed,
            "device": manifests[0].device,
            "elapsed_s": times,
            "median_s": round(float(np.median(times)), 3),
        }


@dataclass(frozen=True)
class Length:
    """Time and memory of one job of so many seconds, in a process of its own."""

    preset: str
    seconds: float
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"length.{self.preset}.{self.seconds:05.0f}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"recipe": preset_digest(self.preset), "seed": self.seed, "device": self.device}

    def run(self, folder: Path) -> Row:
        manifests, peak = _in_own_process(self.preset, self.seconds, 1, self.seed, self.device)
        return {
            "kind": "length",
            "preset": self.preset,
            "seed": self.seed,
            "device": manifests[0].device,
            "seconds": self.seconds,
            "elapsed_s": manifests[0].elapsed_s,
            "peak_mib": None if peak is None else round(peak / 2**20),
        }


@dataclass(frozen=True)
class Iteration:
    """Seconds an iteration of the paper's optimisation takes on a clip of CLIP_S, and so the whole."""

    preset: str
    timed: int
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"iteration.{self.preset}.{self.timed}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"recipe": preset_digest(self.preset), "seed": self.seed, "device": self.device}

    def run(self, folder: Path) -> Row:
        from ..methods.paper import by_recipe, paper_recipe, shortened

        recipe = paper_recipe(self.preset)
        # a restart would count as an iteration
        steady = replace(recipe, starts=replace(recipe.starts, restarts=0))
        sound = demo().read()
        ends: list[float] = []
        repeated = np.tile(sound.mixture, 1 + round(CLIP_S * sound.rate) // sound.mixture.shape[1])
        mixture = np.ascontiguousarray(repeated[:, : round(CLIP_S * sound.rate)])
        estimates = by_recipe(
            Sound(mixture, np.stack([mixture, mixture]), sound.rate),
            shortened(steady, WARM_UP + self.timed),
            self.seed,
            self.device,
            observe=lambda *_: ends.append(time.perf_counter()),
        )
        each = float(np.mean(np.diff(ends[WARM_UP - 1 :])))
        return {
            "kind": "iteration",
            "preset": self.preset,
            "seed": self.seed,
            "device": estimates.extra["device"],
            "timed": self.timed,
            "iteration_s": round(each, 4),
            "iterations": recipe.fit.iterations,
            "whole_s": round(each * recipe.fit.iterations, 1),
        }


@dataclass(frozen=True)
class Preview:
    """elapsed_s of previews of a clip of CLIP_S in a warm process of the interactive lane: alone, and while a clip
    LONGER times as long is separated in one of the batch lane.
    """

    preset: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"preview.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        return {"recipe": preset_digest(self.preset), "seed": self.seed, "device": self.device, "longer": LONGER}

    def run(self, folder: Path) -> Row:
        fields = {"preset": self.preset, "seed": self.seed, "device": self.device, "alternatives": 1}
        with (
            jobs.scratch() as place,
            process.pool(Lane.INTERACTIVE) as interactive,
            process.pool(Lane.BATCH) as batch,
        ):
            for name, seconds in (("clip.wav", CLIP_S), ("long.wav", LONGER * CLIP_S)):
                write_clip(place / name, seconds)

            def preview(number: int) -> float:
                return interactive.submit(_preview, place, f"preview-{number}", CLIP_S).result()

            made = interactive.submit(_session, place, fields | {"clip": str(place / "clip.wav")}).result()
            alone = [preview(number) for number in range(REPETITIONS + 1)][1:]  # the first one warms the process up
            batch.submit(_repeat, fields | {"clip": str(place / "clip.wav")}, place / "warm", 1).result()
            long = batch.submit(_repeat, fields | {"clip": str(place / "long.wav")}, place / "long", 1)
            beside = [preview(REPETITIONS + 1)]
            while not long.done():
                beside.append(preview(REPETITIONS + 1 + len(beside)))
            long.result()
        medians = [float(np.median(times)) for times in (alone, beside)]
        return {
            "kind": "preview",
            "preset": self.preset,
            "seed": self.seed,
            "device": made.device,
            "alone_s": round(medians[0], 3),
            "beside_s": round(medians[1], 3),
            "previews": len(beside),
            "ratio": round(medians[1] / medians[0], 2),
        }


def _sessions(place: Path) -> Sessions:
    return Sessions(place / "sessions", most_bytes=math.inf, most_days=1)


def _session(place: Path, fields: dict[str, Any]) -> Manifest:
    """Make the session that is previewed."""
    return jobs.do(place / "session", "separate", fields, name="session", sessions=_sessions(place)).manifest


def _preview(place: Path, name: str, seconds: float) -> float:
    """Seconds that a preview of that session takes, whose clip has so many."""
    box = f"stem=1,op=deactivate,start={seconds / 4},end={seconds / 2},low=200,high=4000"
    fields = {"session": "session", "box": [box], "fit": False}
    return jobs.do(place / name, "refine", fields, name=name, sessions=_sessions(place)).manifest.elapsed_s


def _in_own_process(
    preset: str, seconds: float, times: int, seed: int, device: str
) -> tuple[list[Manifest], int | None]:
    with jobs.scratch() as folder:
        clip = folder / "clip.wav"
        write_clip(clip, seconds)
        fields = {"clip": str(clip), "preset": preset, "seed": seed, "device": device, "alternatives": 1}
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(_repeat, fields, folder, times).result()


def _repeat(fields: dict[str, Any], folder: Path, times: int) -> tuple[list[Manifest], int | None]:
    """Separate so many times; the manifests, and the process's peak memory in bytes."""
    manifests = [jobs.do(folder / f"{index}", "separate", fields).manifest for index in range(times)]
    return manifests, peak_memory()


def peak_memory() -> int | None:
    """Bytes of memory that this process has held at most; None where the system does not say.

    Linux's getrusage would count what the parent held before the process was its own.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


def write_clip(path: Path, seconds: float) -> None:
    """The demo recording, over and over, as a stereo file of so many seconds."""
    sound = demo().read()
    left = round(seconds * sound.rate)
    with soundfile.SoundFile(path, "w", sound.rate, sound.mixture.shape[0], subtype="PCM_16") as file:
        while left > 0:
            file.write(sound.mixture[:, :left].T)
            left -= sound.mixture.shape[1]


def tables(rows: Sequence[Row]) -> list[Block]:
    """What a clip of CLIP_S takes, what the paper's method would on the same machine, and what longer clips take."""
    paper, elapsed, lengths, previews = (
        [row for row in rows if row["kind"] == kind] for kind in ("iteration", "elapsed", "length", "preview")
    )
    found: list[Block] = []
    if elapsed:
        found += [
            Paragraph(f"A clip of {CLIP_S:.0f} s, stereo, 44.1 kHz, in a warm process:"),
            _elapsed(elapsed, paper),
        ]
    if paper:
        found += [Paragraph(f"The paper's optimisation on {CLIP_S:.0f} s:"), _paper(paper)]
    if lengths:
        found += [Paragraph("Longer clips, each in a process of its own:"), _lengths(lengths)]
    if previews:
        about = f"A preview of {CLIP_S:.0f} s, alone and while {LONGER * CLIP_S:.0f} s are separated:"
        found += [Paragraph(about), _previews(previews)]
    return found


def _elapsed(rows: Sequence[Row], paper: Sequence[Row]) -> Table:
    whole = {row["device"]: row["whole_s"] for row in paper}
    columns = ("preset", "device", "median s", "runs (s)", "times faster than the paper's optimisation")
    lines = (
        (
            row["preset"],
            row["device"],
            f"{row['median_s']:.2f}",
            ", ".join(f"{value:.2f}" for value in row["elapsed_s"]),
            f"{whole[row['device']] / row['median_s']:.0f}" if row["device"] in whole else "-",
        )
        for row in rows
    )
    return Table(columns, tuple(lines))


def _paper(rows: Sequence[Row]) -> Table:
    columns = ("preset", "device", "s an iteration", "iterations timed", "hours for all of them")
    lines = (
        (row["preset"], row["device"], f"{row['iteration_s']:.3f}", str(row["timed"]), f"{row['whole_s'] / 3600:.2f}")
        for row in rows
    )
    return Table(columns, tuple(lines))


def _lengths(rows: Sequence[Row]) -> Table:
    columns = ("preset", "seconds of audio", "s", "s a second of audio", "peak memory (MiB)")
    lines = (
        (
            row["preset"],
            f"{row['seconds']:.0f}",
            f"{row['elapsed_s']:.1f}",
            f"{row['elapsed_s'] / row['seconds']:.3f}",
            "-" if row["peak_mib"] is None else str(row["peak_mib"]),
        )
        for row in rows
    )
    return Table(columns, tuple(lines))


def _previews(rows: Sequence[Row]) -> Table:
    columns = ("preset", "device", "s alone", "s beside", "times as long", "previews beside")
    lines = (
        (
            row["preset"],
            row["device"],
            f"{row['alone_s']:.2f}",
            f"{row['beside_s']:.2f}",
            f"{row['ratio']:.2f}",
            str(row["previews"]),
        )
        for row in rows
    )
    return Table(columns, tuple(lines))


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    found: list[Block] = [Paragraph(provenance(rows)), Heading("Tables"), *tables(rows)]
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        if row["kind"] == "length":
            at, values = curves.setdefault(row["preset"], ([], []))
            at.append(row["seconds"])
            values.append(row["elapsed_s"])
    if curves:
        pictures.lines(folder / "pictures" / "length.png", curves, "seconds of audio", "seconds")
        found.append(Picture("pictures/length.png", "Time against the length of the clip."))
    return found


def trials(
    presets: Sequence[str], iterations: int | None, limit: int | None, seed: int, device: str
) -> list[Elapsed | Iteration | Length | Preview]:
    return [
        *(Elapsed(preset, seed, device) for preset in presets),
        Iteration("paper", iterations or TIMED, seed, device),
        *(Length(presets[0], seconds, seed, device) for seconds in LENGTHS_S[:limit]),
        Preview(presets[0], seed, device),
    ]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.presets("default", "draft"),
        options.iterations(f"Time so many of the paper's optimisation; left out: {TIMED}."),
        options.limit("lengths of a clip"),
        options.SEED,
        options.DEVICE,
    ),
    alone=True,
)
