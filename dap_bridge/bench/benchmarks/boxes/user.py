"""A simulated user who knows the truth: tries boxes, hears what becomes of them, and keeps those that help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....domain import Box
from ...data.sounds import RATE, cut, resample
from ...measures.metrics import bss_eval
from ...methods import jobs
from .picture import Picture, spectrogram

# For every box so many candidates are previewed, and so many of these refined at a time.
CANDIDATES, REFINED = 12, 3


@dataclass(frozen=True)
class Heard:
    """A job's answer. stems: (2, frames) at RATE; others: those of its other answers, in their order."""

    session: str
    stems: NDArray[np.floating]
    others: tuple[NDArray[np.floating], ...]
    elapsed_s: float
    device: str


@dataclass(frozen=True)
class User:
    """Knows the truth, (2, frames), tries boxes and keeps those that better the stems."""

    picture: Picture
    truth: NDArray[np.floating]
    folder: Path
    device: str

    def choose(self, heard: Heard) -> tuple[int, Heard]:
        """Which of the answers is the best, from 1, and that one in full."""
        judged = [mean_sdr(self.truth, stems) for stems in (heard.stems, *heard.others)]
        best = 1 + int(np.argmax(judged))
        if best == 1:
            return best, heard
        return best, self._hear("choose", session=heard.session, alternative=best)

    def draw(self, heard: Heard) -> tuple[Box, Heard] | None:
        """The most useful box and what it made of the stems; None where none that was tried bettered them.

        A preview of every candidate is heard; the best of them are refined, and the best of these is kept. Where it is
        no better than what was there, the next ones are.
        """
        boxes = self.picture.candidates(spectrogram(heard.stems[0]), CANDIDATES)
        previews = sorted(((self._judge(heard, box, fit=False)[0], at) for at, box in enumerate(boxes)), reverse=True)
        before = mean_sdr(self.truth, heard.stems)
        for first in range(0, len(boxes), REFINED):
            some = [boxes[at] for _, at in previews[first : first + REFINED]]
            refined = [(*self._judge(heard, box, fit=True), box) for box in some]
            best, answer, box = max(refined, key=itemgetter(0))
            if best > before:
                return box, answer
        return None

    def _judge(self, heard: Heard, box: Box, *, fit: bool) -> tuple[float, Heard]:
        answer = self._hear("refine", session=heard.session, box=[box.as_text()], fit=fit)
        return mean_sdr(self.truth, answer.stems), answer

    def _hear(self, verb: str, **about: Any) -> Heard:
        name = f"{len(list((self.folder / 'jobs').iterdir()))}"
        return hear(self.folder, name, verb, device=self.device, **about)

    def draw_to_fill(self, blind: NDArray[np.complexfloating], boxes: Sequence[Box]) -> list[Box]:
        """What fills best after `boxes`, nothing else done: one box, or none where none betters the stems."""

        def judge(boxes: Sequence[Box]) -> float:
            return mean_sdr(self.truth, self.picture.pair(self.picture.fill(blind, boxes)))

        tried = self.picture.candidates(self.picture.fill(blind, boxes), CANDIDATES)
        found = [(judge([*boxes, box]), box) for box in tried]
        best = max(found, key=itemgetter(0), default=None)
        return [best[1]] if best is not None and best[0] > judge(boxes) else []


def at_judged_rate(signals: Sequence[NDArray[np.floating]], rate: int) -> NDArray[np.floating]:
    return np.stack([resample(signal, rate, RATE) for signal in signals])


def hear(folder: Path, name: str, verb: str, **fields: Any) -> Heard:
    """What the job `name` makes, which may correct what an earlier one in `folder` made. Raises DapError."""
    from ....jobs.sessions import Sessions

    sessions = Sessions(folder / "sessions", most_bytes=1e12, most_days=1)
    answer = jobs.do(folder / "jobs" / name, verb, fields, name=name, sessions=sessions)
    manifest = answer.manifest
    stems, *others = (
        at_judged_rate([stem[0] for stem in group], manifest.rate)
        for group in (answer.stems(), *answer.alternatives()[1:])
    )
    return Heard(name, stems, tuple(others), manifest.elapsed_s, manifest.device)


def mean_sdr(truth: NDArray[np.floating], stems: NDArray[np.floating]) -> float:
    """Mean SDR of both stems, dB."""
    return round(float(bss_eval(*(signals[:, None] for signals in cut(truth, stems)))[0].mean()), 3)
