"""Mixtures told by a table: which two sounds, and how much louder the second is."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import BadRequest
from .sounds import Sound, half, read_together

REMIX_LAYOUT = "remix.csv, and the sounds that it names"
FOLEY_LAYOUT = "pairs.csv, and sources/ with the sounds that it names"
# A sound is its file's first so many seconds; what follows there are other takes of it.
SECONDS = 12.0
PEAK = 0.95


@dataclass(frozen=True)
class Pairing:
    """A problem whose mixture is no file: the first sound, and the second by `gain_db`."""

    id: str
    group: str
    sounds: tuple[Path, Path]
    gain_db: float

    def read(self) -> Sound:
        """The mixture's peak is at PEAK. Raises BadClip where a file is missing, or where the two do not fit."""
        signals, rate = read_together(self.sounds)
        references = signals[..., : round(SECONDS * rate)]
        references[1] *= np.float32(10 ** (self.gain_db / 20))
        references *= PEAK / (np.abs(references.sum(axis=0)).max() or 1.0)
        return Sound(references.sum(axis=0), references, rate)


def remix(root: Path) -> list[Pairing]:
    """The recordings' sounds in other pairs. Raises BadRequest."""
    return _pairings(root / "remix.csv", root)


def foley(root: Path) -> list[Pairing]:
    """Sounds of games and films. Raises BadRequest."""
    return _pairings(root / "pairs.csv", root / "sources")


def _pairings(table: Path, folder: Path) -> list[Pairing]:
    """The rows of `table` (columns id, a, b, b_gain_db), whose sounds lie in `folder`; they count by half."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return [_pairing(row, folder) for row in csv.DictReader(file)]
    except (OSError, UnicodeError, KeyError, TypeError, ValueError) as error:
        raise BadRequest(f"{table} cannot be read: {error}.", "Expected columns id, a, b and b_gain_db.") from error


def _pairing(row: dict[str, str], folder: Path) -> Pairing:
    sounds = (folder / row["a"], folder / row["b"])
    return Pairing(row["id"], half(row["id"]) or "unnumbered", sounds, float(row["b_gain_db"]))
