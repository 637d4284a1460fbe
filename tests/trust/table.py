"""The table: its rows in order, how they are run, and how it is written."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import click
import psutil
from rich.console import Console
from rich.table import Table

from dap_bridge import atomic
from tests.trust import harness, inputs, kills, leaks, load, strangers
from tests.trust.doors import dropfolder, http, osc
from tests.trust.faults import results, room, state, work
from tests.trust.harness import Lab, NotTried, Tally, is_root

SEED = 19
QUICK = 0.1
# Rows run two at a time: most of them wait.
AT_ONCE = 2
# Of what a wrong row saw, so many lines are shown.
MOST_NOTES = 12
INTERRUPTED = 130


@dataclass(frozen=True)
class Check:
    """A row to be: `alone` while nothing else runs, for what it measures."""

    name: str
    what: str
    run: Callable[[Lab, Tally], None]
    alone: bool = False


CHECKS = [
    Check("kills", "kills of daemon and worker at random moments, all verbs", kills.check),
    Check("audio", "audio headers of ten formats, mutated: opened, first and last block read", inputs.check_audio),
    Check("presets", "presets, mutated", inputs.check_presets),
    Check("osc", "OSC datagrams, mutated, to a real daemon", osc.check),
    Check("json", "JSON files in the drop folder, mutated", dropfolder.check),
    Check("http", "HTTP requests, mutated", http.check),
    Check("load", "small jobs from 20 clients at once, and hello meanwhile", load.check, alone=True),
    Check("leaks", "real small jobs: memory and descriptors of daemon and worker", leaks.check),
    Check("store", "the table of jobs is locked while a job ends", state.store_locked),
    Check("damaged", "small files damaged or empty at the start", state.damaged),
    Check("spool", "the spool, or a folder of it, is removed", state.spool_removed),
    Check("outbox-full", "no room in the spool when a job ends", room.outbox_full),
    Check("disk-full", "no room for results", room.disk_full),
    Check("stopped", "the worker is stopped in mid-job", work.worker_stopped),
    Check("special", "clips that are devices, pipes, folders, system files", work.special_files),
    Check("connections", "300 connections, 256 descriptors", work.connections),
    Check("taken", "names of results that are taken: files, links, folders", results.output_taken),
    Check("meanwhile", "names of results that are taken just before they are published", results.taken_meanwhile),
    Check("home", "results into the home folder, beside .dap-bridge", results.home_as_output),
    Check("signals", "SIGINT, SIGTERM, SIGHUP to the command line", work.command_line),
    Check("forgotten", "results without a folder of their own, once forgotten", results.forgotten),
    Check("strangers", "another user: OSC without the key, files, folders", strangers.check),
]


@dataclass(frozen=True)
class Row:
    """What came of a check."""

    check: Check
    tally: Tally
    seconds: float
    skipped: str = ""

    @property
    def wrong(self) -> bool:
        return any(self.tally.wrong.values())

    def cells(self) -> list[str]:
        """what, tried, what must be zero, figures, seconds, verdict."""
        counts = ", ".join(f"{name} {count}" for name, count in self.tally.wrong.items())
        verdict = "not tried" if self.skipped else "WRONG" if self.wrong else "right"
        figures = self.skipped or self.tally.figures
        return [self.check.what, str(self.tally.tried), counts, figures, f"{self.seconds:.0f}", verdict]


HEADINGS = ["row", "tried", "must be zero", "figures", "seconds", "verdict"]


def run(check: Check, seed: int, scale: float) -> Row:
    """One row; what its own code stumbles over makes it wrong, and never ends the table."""
    tally, skipped, began = Tally(), "", time.monotonic()
    try:
        with Lab(seed, scale) as lab:
            check.run(lab, tally)
    except NotTried as reason:
        skipped = str(reason)
    except Exception as error:  # noqa: BLE001
        tally.note("not finished", repr(error))
    return Row(check, tally, time.monotonic() - began, skipped)


def run_all(checks: list[Check], seed: int, scale: float, show: Callable[[Row], None]) -> list[Row]:
    """The rows in the order of the checks; `show` gets each as it is ready."""

    def one(check: Check) -> Row:
        row = run(check, seed, scale)
        show(row)
        return row

    rows = {check.name: one(check) for check in checks if check.alone}
    pool = ThreadPoolExecutor(AT_ONCE)  # no context manager: that would wait for the rows when interrupted
    rows |= {row.check.name: row for row in pool.map(one, [check for check in checks if not check.alone])}
    pool.shutdown()
    return [rows[check.name] for check in checks]


def machine() -> str:
    """The date, and what the table was made on."""
    parts = [date.today().isoformat(), _processor(), f"{os.cpu_count()} cores", platform.platform(terse=True)]
    parts += [f"{psutil.virtual_memory().total / 2**30:.0f} GiB", f"Python {platform.python_version()}"]
    return ", ".join([*parts, f"torch {version('torch')}", "as root" if is_root() else "as a user"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def markdown(rows: list[Row], seconds: float, seed: int) -> str:
    """The table as a page's section: a line that says when and where, then the rows."""
    lines = [
        f"{machine()}; seed {seed}; {seconds / 60:.1f} minutes.",
        "",
        f"| {' | '.join(HEADINGS)} |",
    ]
    lines.append(f"|{'---|' * len(HEADINGS)}")
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row.cells())} |" for row in rows]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the table there, as Markdown.")
@click.option("--only", multiple=True, help="A row by its name, or the first letters of several; may be repeated.")
@click.option("--quick", is_flag=True, help="A tenth of every count.")
@click.option("--seed", default=SEED, show_default=True, help="Of all that is random.")
@click.option("--list", "listed", is_flag=True, help="The names of the rows.")
def main(out: Path | None, only: tuple[str, ...], quick: bool, seed: int, listed: bool) -> None:
    """What crashes, bad bytes, full disks and strangers do to dap-bridge. Ends with status 1 where a row is wrong."""
    for name in [name for name in os.environ if name.startswith(("DAP_BRIDGE_", "XDG_"))]:
        del os.environ[name]
    checks = [check for check in CHECKS if not only or check.name.startswith(only)]
    console = Console()
    if listed or not checks:
        console.print("\n".join(f"{check.name:24} {check.what}" for check in CHECKS), highlight=False)
        raise SystemExit(0 if listed else 2)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rows = run_all(checks, seed, QUICK if quick else 1.0, lambda row: console.print(_line(row), highlight=False))
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        harness.abandon()
        os._exit(INTERRUPTED)  # the rows' threads are not waited for
    seconds = time.monotonic() - began
    table = Table(*HEADINGS, title=machine())
    for row in rows:
        table.add_row(*row.cells(), style="red" if row.wrong else None)
    console.print(table, f"{seconds / 60:.1f} minutes")
    if out is not None:
        atomic.write_text(out, markdown(rows, seconds, seed))
    raise SystemExit(any(row.wrong for row in rows))


def _line(row: Row) -> str:
    _, tried, count_list, figures, seconds, verdict = row.cells()
    counts = Counter(row.tally.notes)
    notes = "".join(f"\n    {count} × {note}" for note, count in counts.most_common(MOST_NOTES))
    return f"{verdict:9} {row.check.name}: {tried} tried, {count_list}; {figures} ({seconds} s){notes}"
