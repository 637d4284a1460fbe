"""Whether what presets say of themselves comes true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..store import Row
from . import rows as lines
from .blocks import Block, Paragraph, Table

# What the confidence is the probability of: a gain in SI-SDR of so many dB.
GAINED_DB = 5.0
# From where on a loss is a harm, and below what confidence it was to be expected.
HARM_DB, DOUBTED = -3.0, 0.5
BINS = (0.0, 0.25, 0.5, 0.75, 1.0)


def tables(parts: Mapping[str, Sequence[Row]]) -> list[Block]:
    """A line a part, method and seed; none where no method says how sure it is. parts: rows by what they are called."""
    bins = (f"{low:g} to {high:g}" for low, high in pairwise(BINS))
    first = ("clips", "method", "seed", "number", "AUC", "Brier", "Brier, base rate")
    columns = (*first, *bins, f"lost 3 dB below {DOUBTED:g}")
    made = tuple(
        (part, method, str(seed), *_cells(sure))
        for part, rows in parts.items()
        for method, seed, members in lines.by_method(rows)
        if (sure := [row for row in members if row.get("confidence") is not None])
    )
    text = (
        f"Confidence, the probability of a gain of {GAINED_DB:g} dB. In each range of it: what was said in the mean / "
        "the share that came true / how many clips."
    )
    return [Paragraph(text), Table(columns, made)] if made else []


def _cells(rows: Sequence[Row]) -> tuple[str, ...]:
    from sklearn.metrics import brier_score_loss, roc_auc_score

    said = np.array([row["confidence"] for row in rows])
    gains = np.array([row["si_sdri"] for row in rows])
    true = gains >= GAINED_DB
    both = 0 < true.sum() < len(true)
    doubted = gains[said < DOUBTED]
    return (
        str(len(rows)),
        f"{roc_auc_score(true, said):.2f}" if both else "-",
        f"{brier_score_loss(true, said, pos_label=True):.3f}",
        f"{true.mean() * (1 - true.mean()):.3f}",
        *_bins(said, true),
        f"{np.sum(doubted < HARM_DB)} of {len(doubted)}",
    )


def _bins(said: NDArray[np.float64], true: NDArray[np.bool_]) -> list[str]:
    """Of every bin, whose upper end only the last one includes."""
    place = np.digitize(said, BINS[1:-1])
    return [
        f"{said[place == k].mean():.2f} / {true[place == k].mean():.2f} / {np.sum(place == k)}" if k in place else "-"
        for k in range(len(BINS) - 1)
    ]
