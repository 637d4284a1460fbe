"""From rows to the blocks of a report, for benchmarks that score stems."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from ..measures.metrics import METRICS
from ..methods.baselines import BASELINES
from ..store import Row
from . import own_rate, pictures, reliability, thumbnails
from .blocks import Block, Heading, Paragraph, Picture, Table
from .reliability import HARM_DB
from .rows import by, by_group, by_method, start, whole_clips

HEADINGS = {"sdr": "SDR", "sir": "SIR", "sar": "SAR", "si_sdr": "SI-SDR", "si_sdri": "SI-SDRi", "lsd": "LSD"}
# More columns than this make a picture of separations unreadable.
PICTURED_METHODS = 6


def blocks(rows: Sequence[Row], folder: Path, halved: Collection[str] = ()) -> list[Block]:
    """Tables and pictures for rows of scored separations; the pictures are drawn into folder/pictures.

    halved: as of `tables`.
    """
    found: list[Block] = [Paragraph(provenance(rows))]
    for group, members in by(rows, "group").items():
        found += [
            Heading(f"{group} ({len(by(members, 'item'))} items)"),
            *_figures(members),
            _boxes(members, group, folder),
        ]
        found += separations(members, group, folder)
    confidence = _confidence(rows, halved)
    return found + ([Heading("Confidence"), *confidence] if confidence else [])


def tables(rows: Sequence[Row], halved: Collection[str] = ()) -> list[Block]:
    """The tables alone, for a page that says the rest in its own words. halved: groups whose halves are told, too."""
    found: list[Block] = []
    for name, members in by_group(rows, halved).items():
        found += [Paragraph(f"{name}:"), *_figures(members)]
    return found + _confidence(rows, halved)


def _confidence(rows: Sequence[Row], halved: Collection[str]) -> list[Block]:
    """Of all clips, and part by part."""
    parts, whole = by_group(rows, halved), whole_clips(rows)
    everything = {} if any(len(part) == len(whole) for part in parts.values()) else {"All": whole}
    return reliability.tables(everything | parts)


def _figures(rows: Sequence[Row]) -> list[Block]:
    lines = ((start(label, seed, part), part) for label, seed, part in by_method(rows))
    return [table(rows), *own_rate.tables(lines)]


def blocks_by_source(rows: Sequence[Row], folder: Path) -> list[Block]:
    """Where there are few items: every one, then what `blocks` gives."""
    return [*tables_by_source(rows), *blocks(rows, folder)]


def tables_by_source(rows: Sequence[Row]) -> list[Block]:
    """A line an item, method and seed, with the SI-SDR of each source in dB."""
    sources = max((len(row["each"]["si_sdr"]) for row in rows), default=0)
    columns = ("sound", "method", "seed", *(f"SI-SDR of source {k}" for k in range(1, sources + 1)), "s/clip")
    lines = (
        (item, label, str(seed), *(f"{value:.1f}" for value in row["each"]["si_sdr"]), f"{row['elapsed_s']:.1f}")
        for item, members in by(rows, "item").items()
        for label, seed, part in by_method(members)
        for row in part
    )
    return [Table(columns, tuple(lines))]


def table(rows: Sequence[Row]) -> Table:
    """A line a method and seed: means, the gain's median and tenth percentile, how often it harmed, a clip's time."""
    columns = ("method", "seed", "items", *(HEADINGS[name] for name in METRICS))
    columns += ("median SI-SDRi", "worst tenth", "worse", "by 3 dB", "s/clip")
    return Table(columns, tuple(_line(label, seed, part) for label, seed, part in by_method(rows)))


def _line(label: str, seed: int, rows: Sequence[Row]) -> tuple[str, ...]:
    def mean(name: str) -> str:
        return f"{np.mean([row[name] for row in rows]):.2f}"

    gains = np.array([row["si_sdri"] for row in rows])
    return (
        *start(label, seed, rows),
        *(mean(name) for name in METRICS),
        f"{np.median(gains):.2f}",
        f"{np.percentile(gains, 10):.2f}",
        f"{100 * np.mean(gains < 0):.0f} %",
        f"{100 * np.mean(gains < HARM_DB):.0f} %",
        f"{np.median([row['elapsed_s'] for row in rows]):.1f}",
    )


def provenance(rows: Sequence[Row], foreign: Collection[str] = BASELINES) -> str:
    """With which code, versions and devices the rows were made; foreign: methods that the engine has no part in."""
    environments = [row["environment"] for row in rows]
    found = {
        name: " and ".join(sorted({str(each[name]) for each in environments}))
        for name in environments[0]
        if name not in ("code", "cores")
    }
    versions = ", ".join(f"{name} {value}" for name, value in found.items())
    cores = " and ".join(sorted({str(each["cores"]) for each in environments}))
    devices = ", ".join(sorted({row["device"] for row in rows}))
    seeds = ", ".join(map(str, sorted({row["seed"] for row in rows})))
    codes = {row["environment"]["code"] for row in rows if row.get("method") not in foreign}
    text = f"Seeds {seeds}; on {devices}; {versions}; {cores} cores."
    if len(codes) > 1:
        text += f" The rows were made by {len(codes)} states of the engine's code: {', '.join(sorted(codes))}."
    return text


def _boxes(rows: Sequence[Row], group: str, folder: Path) -> Picture:
    name = f"pictures/{group}-si-sdri.png"
    values = {
        label if len(by(rows, "seed")) == 1 else f"{label}, seed {seed}": [row["si_sdri"] for row in members]
        for label, seed, members in by_method(rows)
    }
    pictures.box_plot(folder / name, values, "SI-SDRi (dB)")
    return Picture(name, f"Gain in SI-SDR over the mixture, {group}: median, quartiles, 5th and 95th percentile.")


def separations(rows: Sequence[Row], group: str, folder: Path) -> list[Picture]:
    """A picture of every item whose spectrograms were kept in folder/thumbnails."""
    found = []
    for item, members in by(rows, "item").items():
        kept = {
            label: thumbnails.place(folder, part[0]["key"])
            for label, _, part in by_method(members)
            if not (label in BASELINES and BASELINES[label].oracle)
        }
        shown = [(label, path) for label, path in kept.items() if path.is_file()][:PICTURED_METHODS]
        if shown:
            name = f"pictures/{group}-{item}.png"
            pictures.separations(folder / name, {label: thumbnails.load(path) for label, path in shown})
            found.append(Picture(name, f"{group} {item}: mixture, true sources, and what each method made of them."))
    return found
