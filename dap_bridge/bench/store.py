"""Results on disk: one file a finished trial while a benchmark runs, one file for all of them to keep."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__, atomic

Row = dict[str, Any]

PACKAGES = ("torch", "numpy", "scipy", "librosa", "scikit-learn", "fast-bss-eval", "soxr", "matplotlib")
PACKAGE = Path(__file__).parent.parent
# The code that results depend on.
CODE = ("engine/**/*.py", "audio/**/*.py", "verbs/**/*.py")


class Store:
    """The results of one benchmark in `folder`: results.json (gathered before) and items/ (finished since).

    A row belongs to a key, and carries the `identity` of what made it: seed, preset, iterations. A row whose identity
    is not the one asked for is stale, and is made again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._items = folder / "items"

    def rows(self) -> dict[str, Row]:
        """Every row by its key; items/ wins over results.json."""
        gathered = self.folder / "results.json"
        rows: dict[str, Row] = {}
        if gathered.is_file():
            value = json.loads(gathered.read_text(encoding="utf-8"))
            rows = {
                row["key"]: row | {"environment": value["environments"][row["environment"]]} for row in value["rows"]
            }
        for path in sorted(self._items.glob("*.json")):
            row = json.loads(path.read_text(encoding="utf-8"))
            rows[row["key"]] = row
        return rows

    def add(self, row: Row) -> None:
        """Put a finished row on disk, whole or not at all."""
        self._items.mkdir(parents=True, exist_ok=True)
        atomic.write_text(self._items / f"{row['key']}.json", json.dumps(row, indent=1) + "\n")

    def gather(self) -> list[Row]:
        """Write results.json and results.csv from all rows, and return the rows, in the order of their keys."""
        rows = [row for _, row in sorted(self.rows().items())]
        environments = {_digest(row["environment"]): row["environment"] for row in rows}
        lines = ",\n".join(
            json.dumps(row | {"environment": _digest(row["environment"])}, ensure_ascii=False) for row in rows
        )
        text = f'{{"environments": {json.dumps(environments, indent=1)},\n"rows": [\n{lines}\n]}}\n'
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic.write_text(self.folder / "results.json", text)
        atomic.write_text(self.folder / "results.csv", _csv(rows))
        return rows


def _csv(rows: Iterable[Row]) -> str:
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(column for row in flat for column in row))
    lines = [columns, *([_cell(row.get(column)) for column in columns] for row in flat)]
    return "".join(",".join(line) + "\n" for line in lines)


def _flat(row: Mapping[str, Any], prefix: str = "") -> Row:
    """Nested values as `outer.inner`; the environment is left to results.json."""
    flat: Row = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= {} if key == "environment" else _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


@cache
def environment() -> dict[str, Any]:
    """What results were made with: versions, machine, and a digest of the engine's own code."""
    return {
        "dap-bridge": __version__,
        "code": code_digest(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def code_digest() -> str:
    digest = hashlib.sha256()
    for pattern in CODE:
        for path in sorted(PACKAGE.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
