"""What the subcommands of `dap-bridge bench` do: measure and report, or report again on what is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import atomic, console
from ..errors import BadRequest
from . import table
from .benchmark import Benchmark
from .report import blocks
from .runner import Outcome, run
from .store import Row, Store


def measure(name: str, out: Path, jobs: int = 1, **chosen: Any) -> dict[str, Any]:
    """Run the benchmark `name`, write its report into out/NAME, and return a summary. Raises DapError.

    jobs: processes side by side. chosen: the values of the benchmark's own options. Items that fail are named in the
    summary and tried again the next time.
    """
    benchmark = table.load(name)
    trials = benchmark.trials(**chosen)
    store = Store(_folder(out, name))
    with console.progress_bar(name) as show:
        outcome = run(trials, store, jobs, show)
    rows = _write_report(name, benchmark, store)
    wanted = {trial.key for trial in trials}
    return _summary(name, benchmark, store, [row for row in rows if row["key"] in wanted], outcome)


def report_all(out: Path, page: Path | None) -> dict[str, Any]:
    """Make every report under `out` again from cached results alone, and the tables of `page` with them."""
    found = [name for name in table.TITLES if (out / name).is_dir()]
    if not found:
        raise BadRequest(f"{out} holds no results.", f"Expected folders {', '.join(table.TITLES)}.")
    text = page.read_text(encoding="utf-8") if page else ""
    for name in found:
        benchmark = table.load(name)
        rows = _write_report(name, benchmark, Store(out / name))
        if page and rows:
            text = blocks.fill(text, name, blocks.markdown(benchmark.tables(rows)))
    if page:
        atomic.write_text(page, text)
    reports = [str(out / name / "report.html") for name in found]
    return {"reports": reports, "page": str(page) if page else None, "text": "\n".join(reports)}


def _folder(out: Path, name: str) -> Path:
    folder = out.absolute() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_report(name: str, benchmark: Benchmark, store: Store) -> list[Row]:
    """results.json, results.csv, report.md, report.html and pictures, from what the store holds."""
    rows = store.gather()
    if rows:
        blocks.write(store.folder, table.TITLES[name], benchmark.blocks(rows, store.folder))
    return rows


def _summary(name: str, benchmark: Benchmark, store: Store, rows: Sequence[Row], outcome: Outcome) -> dict[str, Any]:
    shown = list(benchmark.tables(rows)) if rows else []
    tables = [block for block in shown if isinstance(block, blocks.Table)]
    page = store.folder / "report.html"
    counts = f"{outcome.finished} finished, {outcome.reused} were there: {page}"
    failures = "".join(f"\nFailed: {key}: {message}" for key, message in outcome.failed.items())
    return {
        "bench": name,
        "report": str(page),
        "results": str(store.folder / "results.json"),
        "finished": outcome.finished,
        "reused": outcome.reused,
        "failed": outcome.failed,
        "tables": [[dict(zip(each.columns, row, strict=True)) for row in each.rows] for each in tables],
        "text": f"{blocks.markdown(shown)}\n{counts}{failures}",
    }
