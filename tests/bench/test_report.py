"""Tables and pictures of rows that are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dap_bridge.bench.benchmarks import ablation, dynamics, synthetic
from dap_bridge.bench.data.sounds import Excerpt, of_excerpts
from dap_bridge.bench.data.synthetic import SyntheticItem
from dap_bridge.bench.report import claims, pictures, reliability, summary, thumbnails
from dap_bridge.bench.report.blocks import Table
from dap_bridge.bench.store import environment
from tests.conftest import CHECKOUT

RATE = 44_100


def row(number: int, gain: float, confidence: float | None = 0.6, group: str = "pair", **more: Any) -> dict[str, Any]:
    """A row as `score` makes them."""
    return {
        "group": group,
        "item": f"clip-{number}",
        "method": "default",
        "seed": 0,
        "elapsed_s": 1.0,
        "device": "cpu",
        "confidence": confidence,
        **dict.fromkeys(("sdr", "sir", "sar", "si_sdr", "si_sdri", "lsd"), gain),
        "environment": environment(),
        **more,
    }


def lines(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.columns, cells, strict=True)) for cells in table.rows]


def shown(rows: list[dict[str, Any]], **how: Any) -> list[list[dict[str, str]]]:
    return [lines(block) for block in summary.tables(rows, **how) if isinstance(block, Table)]


def test_the_table_tells_of_the_clips_that_were_harmed() -> None:
    gains = [-6.0, -4.0, -1.0, 0.0, *[5.0] * 16]
    ((line,), _) = shown([row(k, gain) for k, gain in enumerate(gains)])
    assert (line["worse"], line["by 3 dB"]) == ("15 %", "10 %")
    assert float(line["worst tenth"]) == pytest.approx(np.percentile(gains, 10), abs=0.01)


def test_halves_of_a_group_are_told_where_they_are_asked_for() -> None:
    rows = [row(k, float(k), confidence=None) for k in range(1, 6)] + [row(9, 0.0, None, group="stereo")]
    items = [[line["items"] for line in table] for table in shown(rows, halved=("pair",))]
    assert items == [["5"], ["3"], ["2"], ["1"]]
    assert len(shown(rows)) == 2


def test_excerpts_are_told_apart_from_the_clips_that_they_are_of() -> None:
    whole = [row(k, float(k), group="odd" if k % 2 else "even") for k in range(1, 6)]
    cut = [row(k, 9.0, group=f"{half}-2s") for k, half in enumerate(("even", "odd"))]
    *tables, reliability = shown(whole + cut)
    assert [line["items"] for (line,) in tables] == ["5", "3", "2", "1", "1"]
    names = ["All 5 items", "odd (3 items)", "even (2 items)", "even-2s (1 items)", "odd-2s (1 items)"]
    assert [line["clips"] for line in reliability] == names
    assert len(shown(cut)) == 3, "where there is nothing else"
    assert of_excerpts(Excerpt(SyntheticItem("tones"), 0.5).group)


def test_a_mean_at_the_own_rate_says_of_how_many_clips_it_is() -> None:
    rows = [
        row(1, 5.0, None, bands={"gain_low": 4.0, "gain_mid": 2.0}),
        row(2, 5.0, None, bands={"gain_low": 6.0, "leak_above": -20.0}),
        row(3, 5.0, None),
    ]
    _, (line,) = shown(rows)
    assert (line["items"], line["below 5.5 kHz"], line["edge"]) == ("2", "5.00", "-")
    assert (line["5.5 to 11"], line["leak"]) == ("2.00 (1)", "-20.00 (1)")


def test_confidence_is_held_against_what_came_true() -> None:
    said_and_gained = [(0.1, -4.0), (0.2, 6.0), (0.3, -1.0), (0.6, 5.0), (0.8, 9.0), (0.9, 4.9), (1.0, 12.0)]
    rows = [row(k, gain, said) for k, (said, gain) in enumerate(said_and_gained)]
    (table,) = [block for block in reliability.tables({"these": rows}) if isinstance(block, Table)]
    (line,) = lines(table)
    assert line["0 to 0.25"] == "0.15 / 0.50 / 2"
    assert line["0.75 to 1"] == "0.90 / 0.67 / 3"
    # of the 12 pairs of one that gained and one that did not, which is said to be surer
    assert line["AUC"] == f"{8 / 12:.2f}"
    assert line["Brier"] == f"{(0.01 + 0.64 + 0.09 + 0.16 + 0.04 + 0.81 + 0) / 7:.3f}"
    assert line["Brier, base rate"] == f"{4 / 7 * 3 / 7:.3f}"
    assert line["lost 3 dB below 0.5"] == "1 of 3"


def test_clips_that_all_gained_have_no_curve_and_a_method_without_confidence_no_line() -> None:
    (table,) = [block for block in reliability.tables({"these": [row(1, 9.0)]}) if isinstance(block, Table)]
    assert [(line["AUC"], line["0 to 0.25"]) for line in lines(table)] == [("-", "-")]
    assert not reliability.tables({"these": [row(1, 9.0, None)]})


@pytest.mark.parametrize("hertz", [440, 5500, 15_000])
def test_a_tone_is_drawn_where_it_is_heard(hertz: int, tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)[None]
    path = tmp_path / "kept.npz"
    thumbnails.save(path, tone, np.stack([tone, 0 * tone]), np.stack([tone / 2, tone / 2]), RATE)
    assert path.stat().st_size < 100_000
    kept = thumbnails.load(path)
    assert kept.hertz[-1] == 20_000
    loudest = int(kept.mixture.mean(axis=1).argmax())
    assert kept.hertz[loudest - 1] <= hertz <= kept.hertz[loudest + 2]
    assert kept.references[1].max() == -thumbnails.RANGE_DB
    np.testing.assert_allclose(kept.masks(), 0.5, atol=0.02)
    pictures.separations(tmp_path / "item.png", {"default": kept})
    assert (tmp_path / "item.png").stat().st_size > 5000


def test_spectrograms_that_were_kept_before_are_still_drawn(tmp_path: Path) -> None:
    older = next((CHECKOUT / "docs" / "benchmark" / "ablation" / "thumbnails").glob("*.npz"))
    kept = thumbnails.load(older)
    assert kept.hertz[-1] == 5500 and len(kept.hertz) == len(kept.mixture) + 1
    pictures.separations(tmp_path / "item.png", {"full": kept})
    assert (tmp_path / "item.png").stat().st_size > 5000


def test_a_claim_is_confirmed_refuted_or_undecided_by_pairs() -> None:
    assert claims.verdict([2.0, 3.0, 2.5]) == "confirmed"
    assert claims.verdict([-2.0, -3.0, -2.5]) == "refuted"
    assert claims.verdict([-2.0, 3.0, 0.5]) == claims.verdict([9.0]) == "undecided"


def test_an_ablation_is_told_claim_by_claim() -> None:
    def row(variant: str, item: str, value: float, seed: int = 0) -> dict[str, Any]:
        title = ablation.VARIANTS[variant].title
        return {"group": "paper at 3 iterations", "title": title, "item": item, "seed": seed, "si_sdr": value}

    rows = [row("full", "a", 5.0), row("no-ac", "a", 3.0), row("full", "b", 6.0), row("no-ac", "b", 2.0)]
    rows += [row("full", "b", 5.0, seed=1), row("no-ac", "b", 3.0, seed=1)]  # two seeds of a clip are one pair
    (_, table) = ablation.claims([*rows, row("no-dn", "a", 1.0)])
    assert isinstance(table, Table)
    assert table.rows == (
        (ablation.VARIANTS["no-dn"].title, "1", "+4.00", "holds for the one clip"),
        (ablation.VARIANTS["no-ac"].title, "2", "+2.50 ± 0.50", "confirmed"),
    )


def test_whether_the_paper_separates_what_can_be_computed_is_told_of_its_worse_stem() -> None:
    def row(item: str, method: str, *stems: float) -> dict[str, Any]:
        return {"item": item, "method": method, "each": {"si_sdr": list(stems)}}

    rows = [row("tones-2s", "paper", 40.0, 26.0), row("tones-2s", "paper", 30.0, 27.0)]
    rows += [
        row("curves", "paper@100", 20.0, 0.5),
        row("crossing", "paper", 1.0, 2.0),
        row("curves", "default", 90, 90),
    ]
    (_, table) = synthetic.claims(rows)
    assert isinstance(table, Table)
    assert table.rows == (
        ("tones-2s by paper to 25 dB", "2", "+1.50 ± 0.50", "confirmed"),
        ("curves by paper@100 to 15 dB", "1", "-14.50", "does not hold for the one seed"),
    )
    assert synthetic.claims(rows[-1:]) == []


def test_how_an_optimisation_unfolds_is_told_claim_by_claim() -> None:
    """Ten moments of 5000 iterations, of which dynamic noise sets in after 2000: the fifth is the first with it."""
    grows = {"at": list(range(500, 5001, 500)), "iterations": 5000, "method": "paper"}
    steps = [1.0, 2.0, 3.0, 4.0, 7.0, 7.0, 7.0, 7.0, 7.0, 6.0]
    rows = [grows | {"item": "a", "si_sdri": steps}, grows | {"item": "b", "si_sdri": [2 * gain for gain in steps]}]
    (_, table) = dynamics.claims(rows)
    assert isinstance(table, Table)
    assert [line[1:] for line in table.rows] == [
        ("2", "+7.50 ± 2.50", "confirmed"),
        ("2", "+4.50 ± 1.50", "confirmed"),
    ]
    (_, table) = dynamics.claims([rows[0] | {"si_sdri": steps[::-1]}])
    assert isinstance(table, Table)
    assert [line[1:] for line in table.rows] == [
        ("1", "-5.00", "does not hold for the one clip"),
        ("1", "+0.00", "does not hold for the one clip"),
    ]
