"""The table of what is heard at the clips' own rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..measures import bands
from ..store import Row
from .blocks import Block, Paragraph, Table

# A figure of `bands`, and its heading.
FIGURES = {
    "gain_low": "below 5.5 kHz",
    "gain_mid": "5.5 to 11",
    "gain_high": "11 to 20",
    "gain_loud": "loud",
    "lsd_above": "LSD above 5.5",
    "edge": "edge",
    "leak_above": "leak",
}


def tables(lines: Iterable[tuple[tuple[str, str, str], Sequence[Row]]]) -> list[Block]:
    """A line a method and seed, of those that have such figures at all; none where no row has any.

    lines: what each begins with (method, seed, items) and its rows. A mean over fewer items than the line's has their
    number behind it.
    """
    made = []
    for (method, seed, _), rows in lines:
        found = [row["bands"] for row in rows if row.get("bands")]
        if found:
            made.append((method, seed, str(len(found)), *_means(found)))
    columns = ("method", "seed", "items", *FIGURES.values())
    return [Paragraph("The stems at the clips' own rate:"), Table(columns, tuple(made))] if made else []


def _means(found: Sequence[Row]) -> Iterator[str]:
    means = bands.means(found)
    for name in FIGURES:
        having = sum(name in figures for figures in found)
        yield f"{means[name]:.2f}{f' ({having})' if having < len(found) else ''}" if having else "-"
