"""The log: what is said again and again is counted, what a stranger has filled in does no harm."""

from __future__ import annotations

import logging

import pytest

from dap_bridge import logs


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the log sees, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    return now


def lines(brief: logs.Brief, template: str, *fillings: str) -> list[str]:
    """What is logged of a line that is said with each of these."""
    records = [logging.LogRecord("a", logging.INFO, "", 0, template, (text,), None) for text in fillings]
    return [record.getMessage() for record in records if brief.filter(record)]


def test_lines_that_differ_in_what_is_filled_in_are_of_one_kind(clock: list[float]) -> None:
    brief = logs.Brief()
    first = lines(brief, "refused: %s", *map(str, range(logs.MOST + 30)))
    assert len(first) == logs.MOST
    assert first[0] == "refused: 0" and "left out for 1 min" in first[-1]
    assert lines(brief, "another: %s", "x") == ["another: x"]
    clock[0] += logs.SPAN_S + 1
    assert lines(brief, "refused: %s", "again", "100 %") == [
        "refused: again (30 more like this before)",
        "refused: 100 %",
    ]


def test_what_does_not_end_is_told_less_and_less(clock: list[float]) -> None:
    brief = logs.Brief()
    told = 0
    for _ in range(24 * 60):
        told += len(lines(brief, "refused: %s", *["x"] * (logs.MOST + 1)))
        clock[0] += 61
    assert told < 35 * logs.MOST
    clock[0] += 2 * logs.LONGEST_SPAN_S
    lines(brief, "refused: %s", "x")
    clock[0] += 2 * logs.LONGEST_SPAN_S
    assert "1 min" in lines(brief, "refused: %s", *["x"] * logs.MOST)[-1], "after a quiet time it begins anew"


def test_what_is_filled_in_is_short_and_tells_a_terminal_nothing() -> None:
    (said,) = lines(logs.Brief(), "refused: %s", "\x1b[2J\n\udcff" + "x" * 10_000)
    assert said.startswith("refused: ?[2J??x") and len(said) <= logs.LONGEST_LINE
    said.encode()
