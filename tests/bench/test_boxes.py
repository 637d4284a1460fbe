"""The simulated user draws the box that betters both stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dap_bridge.bench.benchmarks.boxes import picture as seen
from dap_bridge.bench.benchmarks.boxes import user as simulated
from dap_bridge.bench.data.sounds import RATE
from dap_bridge.domain import Box, Op


def picture(level: float) -> seen.Picture:
    """Two seconds of two noises, the first `level` times the other."""
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((2, 2 * RATE)) * np.array([[level], [1.0]])
    return seen.Picture(
        seen.spectrogram(truth.sum(0)), np.stack([seen.spectrogram(one) for one in truth]), truth.shape[1]
    )


def test_it_is_drawn_where_the_stem_is_wrong() -> None:
    known = picture(1.0)
    first = known.truth[0].copy()
    hertz, seconds = RATE / seen.N_FFT, seen.HOP / RATE
    low, high = (int(edge / hertz) + 1 for edge in (500, 2000))
    start, end = (round(edge / seconds) for edge in (0.5, 1.2))
    first[low:high, start:end] = known.mixture[low:high, start:end]
    # both belong to the other stem there, and half a box of it is better than none
    known.truth[0, low:high, start:end] = 0
    # elsewhere, too, no stem is perfect
    first += 0.1 * seen.spectrogram(np.random.default_rng(1).standard_normal(2 * RATE))
    box = known.candidates(first, 1)[0]
    assert box.op is Op.DEACTIVATE
    assert abs(box.start - 0.5) < 0.11 and abs(box.end - 1.2) < 0.11
    assert 0.75 < box.low / 500 < 1.3 and 0.75 < box.high / 2000 < 1.3


def test_a_faint_stem_is_not_emptied_to_be_rid_of_its_errors() -> None:
    known = picture(0.1)
    generator = np.random.default_rng(1)
    wrong = seen.spectrogram(generator.standard_normal(2 * RATE))
    for box in known.candidates(known.truth[0] + 0.2 * wrong, 3):
        filled = known.fill(known.truth[0] + 0.2 * wrong, [box])
        assert np.abs(filled).sum() > 0.5 * np.abs(known.truth[0]).sum()


def test_nothing_is_drawn_where_all_is_right() -> None:
    known = picture(1.0)
    assert known.candidates(known.truth[0], 3) == []


@pytest.mark.parametrize("best", [1, 3])
def test_a_user_takes_the_answer_that_is_best_and_has_it_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best: int
) -> None:
    truth = np.random.default_rng(0).standard_normal((2, RATE))
    wrong, right = truth[::-1], truth + 0.1
    answers = [right if number == best else wrong for number in (1, 2, 3)]
    asked: list[dict[str, object]] = []
    drawn = simulated.Heard("drawn", right, (), 0.0, "cpu")

    def hear(*_: object, **about: object) -> simulated.Heard:
        asked.append(about)
        return drawn

    monkeypatch.setattr(simulated, "hear", hear)
    (tmp_path / "jobs").mkdir()
    first = simulated.Heard("0", answers[0], tuple(answers[1:]), 0.0, "cpu")
    chosen = simulated.User(picture(1.0), truth, tmp_path, "cpu").choose(first)
    assert chosen == ((1, first) if best == 1 else (3, drawn))
    assert asked == ([] if best == 1 else [{"device": "cpu", "session": "0", "alternative": 3}])


@pytest.mark.parametrize("useful", [0, simulated.REFINED, None])
def test_a_user_whom_the_best_do_not_help_tries_the_others(tmp_path: Path, useful: int | None) -> None:
    """Only the refined candidate `useful`, in the order of the previews, betters the stems; None: that of none."""
    known = picture(1.0)
    first = known.truth[0].copy()
    for start in range(8, 80, 8):  # a row of places that are the second stem's alone
        known.truth[0, 50:150, start : start + 4] = 0
        first[50:150, start : start + 4] = known.mixture[50:150, start : start + 4]
    previewed: list[Box] = []
    tried: list[Box] = []

    class Told(simulated.User):
        def _judge(self, heard: simulated.Heard, box: Box, *, fit: bool) -> tuple[float, simulated.Heard]:
            if not fit:
                previewed.append(box)
                return len(previewed), heard
            tried.append(box)
            return (100.0 if len(tried) - 1 == useful else -100.0), heard

    heard = simulated.Heard("0", known.pair(first), (), 0.0, "cpu")
    user = Told(known, known.pair(known.truth[0]), tmp_path, "cpu")
    answer = user.draw(heard)
    expected = previewed[::-1]
    assert len(expected) > simulated.REFINED
    if useful is None:
        assert answer is None and len(tried) == len(expected)
    else:
        assert answer is not None and answer[0] == expected[useful]
        assert len(tried) == (simulated.REFINED if useful == 0 else len(expected))
