"""Boxes that a simulated user draws, one after the other, into what `separate` and then each `refine` gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from ....domain import MAX_ALTERNATIVES, Box
from ....errors import BadRequest
from ....judging import best_permutation
from ... import options
from ...benchmark import Benchmark
from ...data.recordings import recordings
from ...data.sounds import Item, Problem, Sound
from ...data.universal150 import universal150
from ...methods import jobs
from ...methods.ours import preset_digest
from ...report.blocks import Block, Heading, Paragraph, Table
from ...report.rows import by
from ...report.summary import provenance
from ...store import Row
from .picture import LOWEST_HZ, STEP_S, Picture, spectrogram
from .user import CANDIDATES, REFINED, User, at_judged_rate, hear, mean_sdr

# Results are judged after so many boxes.
JUDGED_AFTER = (1, 3, 5)


@dataclass(frozen=True)
class Drawn:
    """One item, one preset: boxes are drawn into what `separate` and then each `refine` gave.

    alternatives: the answers among which the user chooses before the first box; boxes: at the most.
    """

    item: Problem
    preset: str
    seed: int
    device: str
    alternatives: int = 1
    boxes: int = max(JUDGED_AFTER)

    @property
    def key(self) -> str:
        asked = "" if self.alternatives == 1 else f".best of {self.alternatives}"
        return f"{self.item.group}.{self.item.id}.{self.preset}.{self.seed}{asked}"

    def identity(self) -> dict[str, Any]:
        family = ["heard, by both, to the last", STEP_S, LOWEST_HZ, self._judged_after, CANDIDATES, REFINED]
        return {"seed": self.seed, "recipe": preset_digest(self.preset), "device": self.device, "family": repr(family)}

    @property
    def _judged_after(self) -> tuple[int, ...]:
        return tuple(count for count in JUDGED_AFTER if count <= self.boxes)

    def run(self, folder: Path) -> Row:
        method = self.preset if self.alternatives == 1 else f"{self.preset}, best of {self.alternatives}"
        row = {"group": self.item.group, "item": self.item.id, "method": method, "seed": self.seed}
        with jobs.scratch() as scratch:
            return row | self._draw(self.item.read(), scratch)

    def _draw(self, sound: Sound, folder: Path) -> Row:
        if sound.references.shape[:2] != (2, 1):
            raise BadRequest("The simulated user knows two sounds, in one channel.")
        sound.write(folder / "mixture.wav")
        mixture, first, second = at_judged_rate([sound.mixture[0], *sound.references[:, 0]], sound.rate)
        about = {"clip": str(folder / "mixture.wav"), "preset": self.preset, "seed": self.seed, "device": self.device}
        heard = hear(folder, "0", "separate", alternatives=self.alternatives, **about)
        order, _ = best_permutation(np.stack([first, second])[:, None], heard.stems[:, None])
        truth = np.stack([first, second] if order[0] == 0 else [second, first])
        picture = Picture(spectrogram(mixture), np.stack([spectrogram(one) for one in truth]), len(mixture))
        user = User(picture, truth, folder, self.device)
        drawn, by_hand = list[Box](), list[Box]()
        first_answer = mean_sdr(truth, heard.stems)
        chosen, heard = user.choose(heard)
        blind = spectrogram(heard.stems[0])
        row: Row = {"first": first_answer, "chosen": chosen, "blind": mean_sdr(truth, heard.stems)}
        row |= {"after": {}, "elapsed_s": [], "device": heard.device}
        for count in range(1, self.boxes + 1):
            answer = user.draw(heard) if len(drawn) == count - 1 else None
            if answer is not None:
                box, heard = answer
                drawn.append(box)
                row["elapsed_s"].append(heard.elapsed_s)
            by_hand += user.draw_to_fill(blind, by_hand)
            if count in self._judged_after:
                row["after"][str(count)] = {
                    "refined": mean_sdr(truth, heard.stems),
                    "filled": mean_sdr(truth, picture.pair(picture.fill(blind, drawn))),
                    "filled_own": mean_sdr(truth, picture.pair(picture.fill(blind, by_hand))),
                }
        return row | {"boxes": [asdict(box) for box in drawn]}


def problems(root: Path) -> Iterator[Item]:
    """The mixtures of Universal-150 and the pairs of recordings, those of `root` that there are, taking turns."""
    sets = []
    if (root / "universal150").is_dir():
        sets.append(universal150(root / "universal150"))
    if (root / "recordings" / "pair").is_dir():
        sets.append(recordings(root / "recordings", ("pair",)))
    if not sets:
        sets.append(universal150(root))
    # a part of them, in this order, is a fair sample of all
    ranked = [((index + 0.5) / len(items), item) for items in sets for index, item in enumerate(_shuffled(items))]
    return (item for _, item in sorted(ranked, key=lambda pair: pair[0]))


def _shuffled(items: Sequence[Item]) -> list[Item]:
    return [items[index] for index in np.random.default_rng(0).permutation(len(items))]


def tables(rows: Sequence[Row]) -> list[Block]:
    """Mean SDR after so many boxes: refined, the same boxes filled, and what a user who only fills would get."""
    found: list[Block] = []
    groups = {"Universal-150": [row for row in rows if row["group"] in ("even", "odd")]}
    groups["pairs of recordings"] = [row for row in rows if row["group"] not in ("even", "odd")]
    parts = {name: members for name, members in groups.items() if members}
    if len(parts) > 1:
        parts["both"] = list(rows)
    for name, members in parts.items():
        for method, part in by(members, "method").items():
            found += [Paragraph(f"{name}, {len(part)} items, preset {method}:"), _table(part)]
    return found


def _table(rows: Sequence[Row]) -> Table:
    columns = (
        "boxes",
        "refined SDR",
        "gain over blind",
        "same boxes filled",
        "refined - filled",
        "filled, boxes of its own",
        "s a box (median)",
    )
    blind = np.array([row["blind"] for row in rows])
    lines = [("0", f"{blind.mean():.2f}", "", "", "", "", "")]
    first = np.array([row.get("first", row["blind"]) for row in rows])
    if (first != blind).any():
        lines.insert(0, ("first answer", f"{first.mean():.2f}", f"{(first - blind).mean():+.2f}", "", "", "", ""))
    for count in map(int, rows[0]["after"]):
        values = {
            kind: np.array([row["after"][str(count)][kind] for row in rows])
            for kind in ("refined", "filled", "filled_own")
        }
        gain, more = values["refined"] - blind, values["refined"] - values["filled"]
        seconds = [row["elapsed_s"][count - 1] for row in rows if len(row["elapsed_s"]) >= count]
        lines.append(
            (
                str(count),
                f"{values['refined'].mean():.2f}",
                f"{gain.mean():+.2f}",
                f"{values['filled'].mean():.2f}",
                f"{more.mean():+.2f} ± {more.std() / len(rows) ** 0.5:.2f}",
                f"{values['filled_own'].mean():.2f}",
                f"{np.median(seconds):.1f}" if seconds else "-",
            )
        )
    return Table(columns, tuple(lines))


def blocks(rows: Sequence[Row], _: Path) -> list[Block]:
    return [Paragraph(provenance(rows)), Heading("Tables"), *tables(rows)]


def trials(
    root: Path, limit: int | None, presets: Sequence[str], seed: int, device: str, alternatives: int, boxes: int
) -> list[Drawn]:
    items = list(problems(root))[:limit]
    return [Drawn(item, preset, seed, device, alternatives, boxes) for item in items for preset in presets]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.root("universal150, recordings/pair/ITEM/{mix,s1,s2}.flac"),
        options.limit("mixtures"),
        options.presets("default"),
        options.SEED,
        options.DEVICE,
        click.Option(
            ["--alternatives"],
            type=click.IntRange(1, MAX_ALTERNATIVES),
            default=1,
            show_default=True,
            help="Answers among which the user chooses before the first box.",
        ),
        click.Option(
            ["--boxes"],
            type=click.IntRange(1, max(JUDGED_AFTER)),
            default=max(JUDGED_AFTER),
            show_default=True,
            help="At the most.",
        ),
    ),
)
