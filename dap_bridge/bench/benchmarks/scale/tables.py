"""The tables of what workers cost, gain, and would gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...report.blocks import Block, Paragraph, Table
from ...scaling.simulation import HOUR_S
from ...store import Row
from . import simulated
from .workers import CLIPS, HERE, median

# What a worker may cost: of the job's own time, and in seconds.
SHARE, FIXED_S = 0.05, 0.3


def tables(rows: Sequence[Row]) -> list[Block]:
    made: list[tuple[str, str, Callable[[Sequence[Row]], Table]]] = [
        ("overhead", f"A job by a worker (may cost {100 * SHARE:.0f} % and {FIXED_S:g} s):", _overhead),
        ("throughput", f"{CLIPS} clips by workers of one thread:", _throughput),
        ("long", "A long clip by a process of one thread, and with two that compute chunks for it:", _long),
        ("capacity", "What a daemon takes a job, beside the computing:", _capacity),
        ("simulated", f"{simulated.CLIPS} clips of {simulated.SECONDS:.0f} s, simulated:", _simulated),
    ]
    found: list[Block] = []
    for kind, about, table in made:
        those = [row for row in rows if row["kind"] == kind]
        if those:
            found += [Paragraph(about), table(those)]
    return found


def _overhead(rows: Sequence[Row]) -> Table:
    columns = (
        "by",
        "preset",
        "clip (s)",
        "s",
        "of which its own",
        "beyond that",
        "more than without",
        "may cost",
        "load",
    )

    def lines() -> Iterator[tuple[str, ...]]:
        for row in rows:
            alone = [one["whole_s"] for one in row["took"][HERE]]
            for way, took in row["took"].items():
                whole, own = ([one[name] for one in took] for name in ("whole_s", "own_s"))
                beyond = median([one["whole_s"] - one["own_s"] for one in took])
                more = median([mine - other for mine, other in zip(whole, alone, strict=True)])
                yield (
                    "1 local process" if way == "1" else way,
                    row["preset"],
                    f"{row['seconds']:.0f}",
                    f"{median(whole):.2f}",
                    f"{median(own):.2f}",
                    f"{beyond:.2f}",
                    "-" if way == HERE else f"{more:+.2f}",
                    "-" if way == HERE else f"{SHARE * median(alone) + FIXED_S:.2f}",
                    _load(row),
                )

    return Table(columns, tuple(lines()))


def _throughput(rows: Sequence[Row]) -> Table:
    columns = (
        "preset",
        "clip (s)",
        "s by one",
        "s by two",
        "times as fast",
        "simulated by two",
        "by one's times",
        "load",
    )

    def lines() -> Iterator[tuple[str, ...]]:
        for row in rows:
            foretold = simulated.foretold(row)
            yield (
                row["preset"],
                f"{row['seconds']:.0f}",
                *(", ".join(f"{each[count]['whole_s']:.1f}" for each in row["rounds"]) for count in ("1", "2")),
                f"{row['ratio']:.2f}",
                *(f"{foretold[how]:.1f} ({foretold[how] / foretold['measured'] - 1:+.1%})" for how in ("own", "one")),
                _load(row),
            )

    return Table(columns, tuple(lines()))


def _long(rows: Sequence[Row]) -> Table:
    columns = ("preset", "clip (s)", "s by one", "s by two", "times as fast", "load")
    lines = (
        (
            row["preset"],
            f"{row['seconds']:.0f}",
            *(f"{row['took_s'][workers]:.0f}" for workers in ("1", "2")),
            f"{row['ratio']:.2f}",
            _load(row),
        )
        for row in rows
    )
    return Table(columns, tuple(lines))


def _capacity(rows: Sequence[Row]) -> Table:
    columns = (
        *("jobs that wait", "MB of stems", "accepted: ms", "of which computing", "longest"),
        *("started and concluded: ms", "of which computing", "jobs a second", "load"),
    )
    lines = (
        (
            str(row["backlog"]),
            f"{row['bytes'] / 1e6:.1f}",
            f"{1000 * row['accept_s']:.1f}",
            f"{1000 * row['accept_cpu_s']:.1f}",
            f"{1000 * row['longest_accept_s']:.0f}",
            f"{1000 * row['conclude_s']:.1f}",
            f"{1000 * row['conclude_cpu_s']:.1f}",
            f"{1 / row['conclude_s']:.0f}",
            _load(row),
        )
        for row in rows
    )
    return Table(columns, tuple(lines))


def _simulated(rows: Sequence[Row]) -> Table:
    columns = (
        "workers",
        "s a clip",
        "Gbit/s",
        "hours",
        "times one",
        "workers",
        "daemon",
        "network out",
        "disk",
        "bound by",
    )
    alone = {_network(row): row["elapsed_s"] for row in rows if row["workers"] == 1}
    lines = (
        (
            str(row["workers"]),
            f"{row['costs']['service_s'][0]:g}",
            f"{row['gigabits']:g}",
            f"{row['elapsed_s'] / HOUR_S:.2f}",
            f"{alone[_network(row)] / row['elapsed_s']:.0f}" if _network(row) in alone else "-",
            *(f"{row['used'][name]:.0%}" for name in ("workers", "daemon", "network out", "disk")),
            row["bound_by"],
        )
        for row in rows
    )
    return Table(columns, tuple(lines))


def _network(row: Row) -> tuple[float, float]:
    return row["costs"]["service_s"][0], row["gigabits"]


def _load(row: Row) -> str:
    return "-" if row["load"] is None else f"{row['load']:.1f}"
