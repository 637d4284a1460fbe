"""Stems of another separator, and what is told of them."""

from __future__ import annotations

import numpy as np

from dap_bridge.bench.benchmarks import adopt
from dap_bridge.bench.report.blocks import Table


def test_noisy_masks_of_the_truth_are_right_in_the_mean_and_sum_to_one() -> None:
    references = np.stack([np.full((40, 50), 3.0), np.full((40, 50), 1.0)])
    masks = adopt.noisy_oracle(references.sum(0), references, 0)
    assert np.allclose(masks.sum(0), 1) and masks.min() >= 0
    assert abs(masks[0].mean() - 0.75) < 0.05 and masks[0].std() > 0.1
    assert np.array_equal(masks, adopt.noisy_oracle(references.sum(0), references, 0))


def test_the_table_has_what_correcting_adds_to_filling() -> None:
    after = [{"1": {"refined": 7.0 + k, "filled": 6.0}, "3": {"refined": 9.0, "filled": 7.0}} for k in (0, 2)]
    rows = [{"method": "hpss", "blind": 4.0, "after": one} for one in after]
    (table,) = adopt.tables(rows)
    assert isinstance(table, Table)
    assert [(line[3], line[-1]) for line in table.rows] == [("1", "+2.00 ± 0.71"), ("3", "+2.00 ± 0.00")]
