"""Rows put together for tables: by group, by method and seed, by half."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..data.sounds import half, of_excerpts
from ..methods.baselines import BASELINES
from ..store import Row


def by(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    """Rows apart by the value of one column, in the order of its first appearance."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(str(row[column]), []).append(row)
    return parts


def by_group(rows: Sequence[Row], halved: Iterable[str] = ()) -> dict[str, list[Row]]:
    """Rows apart by their group, by what a page calls it.

    Where the groups are two halves of one set, all of it comes first. halved: groups whose halves follow them.
    """
    groups, whole = by(rows, "group"), whole_clips(rows)
    parts = {f"All {_items(whole)}": whole} if {row["group"] for row in whole} == {"even", "odd"} else {}
    for group, members in groups.items():
        parts[f"{group} ({_items(members)})"] = members
        for which in ("odd", "even") if group in halved else ():
            some = [row for row in members if half(row["item"]) == which]
            if 0 < len(some) < len(members):
                parts[f"{group}, {which} ({_items(some)})"] = some
    return parts


def whole_clips(rows: Sequence[Row]) -> list[Row]:
    """Rows without those of excerpts, which are of clips that are there already; all where there are only such."""
    return [row for row in rows if not of_excerpts(row["group"])] or list(rows)


def _items(rows: Sequence[Row]) -> str:
    return f"{len(by(rows, 'item'))} items"


def by_method(rows: Sequence[Row]) -> list[tuple[str, int, list[Row]]]:
    """Method, seed and their rows: own presets first, then baselines, oracles last."""

    def rank(label: str) -> tuple[int, str]:
        known = BASELINES.get(label)
        return (0 if known is None else 2 if known.oracle else 1, label)

    parts = by(rows, "method")
    return [
        (label, int(seed), members)
        for label in sorted(parts, key=rank)
        for seed, members in sorted(by(parts[label], "seed").items(), key=lambda pair: int(pair[0]))
    ]


def start(label: str, seed: int, rows: Sequence[Row]) -> tuple[str, str, str]:
    """The first cells of a line: method, seed, how many items."""
    known = BASELINES.get(label)
    title = known.title if known else rows[0].get("title")
    return (
        f"{title} ({label})" if title else label,
        str(seed) if known is None or known.seeded else "-",
        str(len(rows)),
    )
