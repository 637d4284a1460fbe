"""Mixtures separated by what is known of their sounds: examples from elsewhere, and spans in which one is alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import BadRequest
from ...judging import best_permutation
from .. import options
from ..benchmark import Benchmark
from ..data.pairings import foley
from ..data.sounds import RATE, Sound, cut, of_half, resample
from ..data.takes import Halves, Scene, Takes, found, has_examples
from ..data.universal150 import universal150
from ..measures.metrics import bss_eval
from ..methods import jobs
from ..methods.ours import preset_digest
from ..report.blocks import Block, Paragraph, Table
from ..report.rows import by
from ..report.summary import provenance
from ..store import Row

LAYOUT = "universal150/ and foley/, as the other benchmarks have them; those that are there"
# What is known: nothing; both sounds; the first; another sound in the first one's place; and, in a clip that begins
# with SPAN_S of each sound alone, nothing, or that it does.
VARIANTS = ("blind", "both", "one", "wrong", "unsaid", "spans")
PAIRED = {"both": "blind", "one": "blind", "wrong": "blind", "spans": "unsaid"}
MEANING = {
    "both": "an example of each sound",
    "one": "an example of the first",
    "wrong": "another sound as the example of the first",
    "spans": "a second of each alone in the clip",
}
SPAN_S = 1.0
# dB: a clip that loses more is told.
LOST = 1.0


@dataclass(frozen=True)
class Guided:
    """One mixture, one preset, and what is known. other: whose first sound stands in for the example in `wrong`."""

    item: Takes
    variant: str
    seconds: float
    preset: str
    seed: int
    device: str
    other: Takes

    @property
    def key(self) -> str:
        return f"{self.item.group}.{self.item.id}.{self.variant}.{self.seconds:g}.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        recipe = preset_digest(self.preset)
        return {"seed": self.seed, "recipe": recipe, "device": self.device, "other": self.other.id, "span_s": SPAN_S}

    def run(self, folder: Path) -> Row:
        sound = self.item.read()
        takes = self.item.takes(max(self.seconds, SPAN_S))
        with jobs.scratch() as place:
            before, fields = self._asked(sound, takes, place)
            answer = jobs.do(place, "separate", fields)
            manifest = answer.manifest
            answers = answer.alternatives() or [answer.stems()]
            sdr, named = zip(*(_judge(sound, np.stack(stems)[..., before:]) for stems in answers), strict=True)
        return {
            "group": self.item.group,
            "item": self.item.id,
            "method": self.preset,
            "seed": self.seed,
            "variant": self.variant,
            "seconds": self.seconds,
            "sdr": sdr,
            "named": named,
            "what": [one.what for one in manifest.alternatives],
            "guidance": [[one.distance, one.trusted] for one in manifest.guidance],
            "confidence": manifest.confidence,
            "elapsed_s": round(manifest.elapsed_s, 3),
            "device": manifest.device,
        }

    def _asked(self, sound: Sound, takes: list[NDArray[np.float32]], place: Path) -> tuple[int, dict[str, Any]]:
        """How much is put before the mixture, in frames, and the request."""
        frames = round(SPAN_S * sound.rate)
        alone = [take[..., :frames] for take in takes] if self.variant in ("unsaid", "spans") else []
        before = sum(part.shape[-1] for part in alone)
        clip = place / "mixture.wav"
        soundfile.write(clip, np.concatenate([*alone, sound.mixture], -1).T, sound.rate, subtype="FLOAT")
        fields = {"clip": str(clip), "preset": self.preset, "seed": self.seed, "device": self.device}
        fields["alternatives"] = "1" if self.variant in ("blind", "unsaid") else "2"
        if self.variant == "spans":
            edges = np.cumsum([0, *(part.shape[-1] for part in alone)]) / sound.rate
            fields["only"] = [f"stem={k},start={edges[k - 1]},end={edges[k]}" for k in (1, 2)]
        examples = {"both": takes, "one": takes[:1], "wrong": [self.other.takes(self.seconds)[0], takes[1]]}
        like = []
        for number, take in enumerate(examples.get(self.variant, ()), 1):
            path = place / f"example-{number}.wav"
            rate = self.other.read().rate if (self.variant, number) == ("wrong", 1) else sound.rate
            soundfile.write(path, take[..., : round(self.seconds * rate)].T, rate, subtype="FLOAT")
            like.append(f"{number}:0:::{path}")
        return before, fields | {"like": like}


def _judge(sound: Sound, stems: NDArray[np.floating]) -> tuple[float, bool]:
    """Mean SDR of both stems at RATE, in dB, in the order that is better; and whether that is the order they have."""
    references, heard = cut(resample(sound.references, sound.rate, RATE), resample(stems, sound.rate, RATE))
    order, _ = best_permutation(references, heard)
    return round(float(bss_eval(references, heard[list(order)])[0].mean()), 3), order == tuple(range(len(heard)))


def trials(
    root: Path,
    half: str,
    limit: int | None,
    presets: Sequence[str],
    variants: Sequence[str],
    seconds: Sequence[float],
    seed: int,
    device: str,
) -> list[Guided]:
    mixtures, pairs = found(root)
    sets: list[Sequence[Takes]] = []
    if mixtures:
        sets.append([Halves(item) for item in of_half(universal150(mixtures), half)])
    if pairs:
        sets.append([Scene(pairing) for pairing in of_half(foley(pairs), half)])
    if not sets:
        raise BadRequest(f"{root} holds none of the sets.", f"Expected {LAYOUT}.")
    chosen: list[Guided] = []
    for items in sets:
        known = _first(items, max(seconds), limit)
        for number, item in enumerate(known):
            other = known[(number + len(known) // 2) % len(known)]
            for preset in presets:
                for length in seconds:
                    for variant in variants or VARIANTS:
                        # what is known by no example is known once
                        if length == seconds[0] or variant in ("both", "one", "wrong"):
                            chosen.append(Guided(item, variant, length, preset, seed, device, other))
    return chosen


def _first(items: Sequence[Takes], seconds: float, limit: int | None) -> list[Takes]:
    """Those whose sounds have examples, `limit` at the most."""
    known: list[Takes] = []
    for item in items:
        if len(known) == limit:
            break
        if has_examples(item, seconds):
            known.append(item)
    return known


def tables(rows: Sequence[Row]) -> list[Block]:
    """Of each set: what is known against what is not, paired."""
    blocks: list[Block] = []
    for group, members in by(rows, "group").items():
        lines = []
        for variant, without in PAIRED.items():
            for seconds, part in by([row for row in members if row["variant"] == variant], "seconds").items():
                pairs = _pairs(part, [row for row in members if row["variant"] == without])
                if pairs:
                    lines.append(_line(variant, seconds, pairs))
        if lines:
            columns = (
                "what is known",
                "seconds",
                "clips",
                "SDR without",
                "first answer",
                "by examples",
                "better of both",
                "lost over 1 dB",
                "least",
                "named rightly",
                "not trusted",
                "s/clip",
            )
            blocks += [Paragraph(f"{group}:"), Table(columns, tuple(lines))]
    return blocks


def _pairs(rows: Sequence[Row], without: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Each row with that of the same item, preset and seed of which nothing was known."""

    def same(row: Row) -> tuple[Any, ...]:
        return row["item"], row["method"], row["seed"]

    blind = {same(row): row for row in without}
    return [(row, blind[same(row)]) for row in rows if same(row) in blind]


def _line(variant: str, seconds: str, pairs: Sequence[tuple[Row, Row]]) -> tuple[str, ...]:
    before = np.array([blind["sdr"][0] for _, blind in pairs])
    first = np.array([row["sdr"][0] for row, _ in pairs]) - before
    guided = np.array([row["sdr"][row["what"].index("as your examples say")] for row, _ in pairs]) - before
    return (
        MEANING[variant],
        "" if variant == "spans" else f"{float(seconds):g}",
        str(len(pairs)),
        f"{before.mean():.2f}",
        _gain(first),
        _gain(guided),
        _gain(np.maximum(guided, 0)),
        str(int((first < -LOST).sum())),
        f"{first.min():+.1f}",
        f"{sum(row['named'][0] for row, _ in pairs)}",
        str(sum(not all(trusted for _, trusted in row["guidance"]) for row, _ in pairs)),
        f"{np.median([row['elapsed_s'] for row, _ in pairs]):.1f}",
    )


def _gain(values: NDArray[np.floating]) -> str:
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{values.mean():+.2f} ± {error:.2f}"


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    return [Paragraph(provenance(rows)), *tables(rows)]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.root(LAYOUT),
        options.HALF,
        options.limit("mixtures of each set"),
        options.presets("default"),
        click.Option(["--variant", "variants"], type=click.Choice(VARIANTS), multiple=True, help="May be repeated."),
        click.Option(
            ["--seconds"], type=float, multiple=True, default=(2.0,), show_default=True, help="Of an example."
        ),
        options.SEED,
        options.DEVICE,
    ),
)
