"""A simulated user who knows the truth draws boxes, one after the other, and hears what becomes of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import istft, stft

from ...domain import Box, Job, Op
from ...errors import BadRequest
from ...judging import best_permutation
from ...transport import protocol, verbs
from ..data.datasets import Item, Problem, Sound, recordings, universal150
from ..measures import metrics
from ..report.blocks import Block, Heading, Paragraph, Table
from ..report.summary import by, provenance
from ..separations import JUDGED_AT, preset_digest
from ..store import Row

# What a hand draws: edges on a grid of 0.1 s and a third of an octave.
STEP_S = 0.1
LOWEST_HZ = 62.5
# Results are judged after so many boxes.
JUDGED_AFTER = (1, 3, 5)
# For every box so many candidates are previewed, and so many of these refined at a time.
CANDIDATES, REFINED = 12, 3
N_FFT, HOP = 1024, 256
_TINY = 1e-6  # of the truth's power


@dataclass(frozen=True)
class Picture:
    """What the simulated user looks at: spectrograms at JUDGED_AT, and the grid that boxes keep to.

    mixture: (bins, frames); truth: (2, bins, frames), in the order of the stems.
    """

    mixture: NDArray[np.complexfloating]
    truth: NDArray[np.complexfloating]
    frames: int

    @cached_property
    def bands(self) -> NDArray[np.floating]:
        """Edges in Hz: 0, thirds of an octave from LOWEST_HZ, the top of the band."""
        thirds = LOWEST_HZ * 2 ** (np.arange(0, 3 * np.log2(JUDGED_AT / 2 / LOWEST_HZ)) / 3)
        return np.array([0.0, *thirds[thirds < 0.9 * JUDGED_AT / 2], JUDGED_AT / 2])

    @cached_property
    def steps(self) -> NDArray[np.floating]:
        """Edges in seconds."""
        return np.arange(int(self.mixture.shape[1] * HOP / JUDGED_AT / STEP_S) + 1) * STEP_S

    def candidates(self, first: NDArray[np.complexfloating], count: int) -> list[Box]:
        """The boxes that, filled, better the first stem (bins, frames) and with it the second: `count` at most, the
        best first, none that is much the same as a better one. All boxes are tried.

        Better is what is so by the mean of SDR and SI-SDR, which differ in what they take for right: what a gain for
        every bin makes of the truth (BSS-eval's filter, nearly), or one gain. To the first alone an emptied band is no
        loss; the second alone hears little but the loudest band.
        """
        stems = np.stack([first, self.mixture - first])
        before = _Measured.of(self.truth, stems)
        found: list[tuple[float, Op, _Span]] = []
        for op, share in ((Op.DEACTIVATE, 0.0), (Op.ACTIVATE, 1.0)):
            filled = np.stack([share * self.mixture, (1 - share) * self.mixture])
            matches, powers = _inner(self.truth, filled - stems), _inner(filled, filled) - _inner(stems, stems)
            explained, match, power = [], [], []
            for inside in self._bins:
                known, truth = (each[:, inside, None, None] for each in (before.match, before.truth))
                change = self._spans(matches[:, inside])
                explained.append((change * (2 * known + change) / truth).sum(1))
                match.append(change.sum(1))
                power.append(self._spans(powers[:, inside].sum(1)))
            below = [_below(each) for each in (explained, match, power)]
            for low in range(len(self._bins)):
                gain = before.gain(*(each[:, low + 1 :] - each[:, low : low + 1] for each in below))
                # of one band, the times that pay most
                times = np.tril(gain, -1).reshape(len(gain), -1).argmax(1)
                for high, (end, start) in enumerate(np.transpose(np.unravel_index(times, gain.shape[1:])).tolist()):
                    if start < end and gain[high, end, start] > 0:
                        found.append((float(gain[high, end, start]), op, (start, end, low, low + 1 + high)))
        kept: list[tuple[Op, _Span]] = []
        for _, op, span in sorted(found, reverse=True):
            if len(kept) < count and not any(op is other and _alike(span, at) for other, at in kept):
                kept.append((op, span))
        return [self._box(op, *span) for op, span in kept]

    def _box(self, op: Op, start: int, end: int, low: int, high: int) -> Box:
        return Box(1, op, *self.steps[[start, end]].tolist(), *self.bands[[low, high]].tolist())

    @cached_property
    def _bins(self) -> list[slice]:
        """The bins of each band of the grid."""
        edges = np.searchsorted(np.arange(self.mixture.shape[0]) * JUDGED_AT / N_FFT, self.bands)
        return [slice(low, high) for low, high in pairwise([*edges[:-1].tolist(), self.mixture.shape[0]])]

    def _spans(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Of (..., frames), sums between every two steps of the grid: (..., ends, starts)."""
        steps = np.searchsorted(np.arange(values.shape[-1]) * HOP / JUDGED_AT, self.steps)
        steps[-1] = values.shape[-1]
        below = np.pad(values.cumsum(-1), [(0, 0)] * (values.ndim - 1) + [(1, 0)])[..., steps]
        return below[..., :, None] - below[..., None, :]

    def pair(self, first: NDArray[np.complexfloating]) -> NDArray[np.floating]:
        """Both stems, (2, frames), of the first one's spectrogram."""
        return np.stack([audio(first, self.frames), audio(self.mixture - first, self.frames)])

    def fill(self, first: NDArray[np.complexfloating], boxes: Sequence[Box]) -> NDArray[np.complexfloating]:
        """The first stem with boxes filled and nothing else done: what a spectral eraser does."""
        filled = first.copy()
        hertz = np.arange(first.shape[0]) * JUDGED_AT / N_FFT
        seconds = np.arange(first.shape[1]) * HOP / JUDGED_AT
        for box in boxes:
            inside = np.ix_((hertz >= box.low) & (hertz < box.high), (seconds >= box.start) & (seconds < box.end))
            filled[inside] = self.mixture[inside] if box.op is Op.ACTIVATE else 0
        return filled


_Span = tuple[int, int, int, int]  # start, end; low, high: edges of the grid


def _alike(one: _Span, other: _Span) -> bool:
    """Whether more than half of what either covers is covered by both."""
    both = _area((max(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), min(one[3], other[3])))
    return 2 * both > _area(one) + _area(other) - both


def _area(span: _Span) -> int:
    return max(0, span[1] - span[0]) * max(0, span[3] - span[2])


def _below(bands: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """What lies in each band (2, ends, starts) -> below each of their edges: (2, edges, ends, starts)."""
    return np.stack([np.zeros_like(bands[0]), *bands], 1).cumsum(1)


def _inner(one: NDArray[np.complexfloating], other: NDArray[np.complexfloating]) -> NDArray[np.floating]:
    """Point by point, what the inner product of two signals is the sum of."""
    return one.real * other.real + one.imag * other.imag


@dataclass(frozen=True)
class _Measured:
    """Two stems against the truth. match, truth: (2, bins), inner products of truth and stem, power of the truth;
    power: (2,), of the stems.
    """

    match: NDArray[np.floating]
    truth: NDArray[np.floating]
    power: NDArray[np.floating]

    @classmethod
    def of(cls, truth: NDArray[np.complexfloating], stems: NDArray[np.complexfloating]) -> _Measured:
        known = _inner(truth, truth).sum(2)
        # bins without any truth have nothing to explain
        known += _TINY * known.mean(1, keepdims=True)
        return cls(_inner(truth, stems).sum(2), known, _inner(stems, stems).sum((1, 2)))

    def gain(
        self, explained: NDArray[np.floating], match: NDArray[np.floating], power: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """dB that changes are worth, each (2, ...): of the power explained bin by bin, of all matches, of the power."""
        more = (slice(None), *[None] * (match.ndim - 1))
        truth = self.truth.sum(1)[more]
        bins, whole = (self.match**2 / self.truth).sum(1)[more], self.match.sum(1)[more]
        total = self.power[more] + power
        return (
            _decibels(bins + explained, total, truth)
            - _decibels(bins, self.power[more], truth)
            + _decibels((whole + match) ** 2 / truth, total, truth)
            - _decibels(whole**2 / truth, self.power[more], truth)
        ) / 2


def _decibels(
    explained: NDArray[np.floating], power: NDArray[np.floating], truth: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Right against wrong power, mean over both stems, each (2, ...): at most 60 dB. A stem that is silent has matched
    nothing, without an error.
    """
    error = np.maximum(power - explained, 0)
    decibels: NDArray[np.floating] = 10 * np.log10((explained + _TINY**2 * truth) / (error + _TINY * truth))
    return decibels.mean(0)


def spectrogram(signal: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    values: NDArray[np.complexfloating] = stft(signal, nperseg=N_FFT, noverlap=N_FFT - HOP)[2]
    return values


def audio(values: NDArray[np.complexfloating], frames: int) -> NDArray[np.floating]:
    signal: NDArray[np.floating] = istft(values, nperseg=N_FFT, noverlap=N_FFT - HOP)[1]
    return np.pad(signal, (0, max(0, frames - len(signal))))[:frames]


@dataclass(frozen=True)
class Drawn:
    """One item, one preset: boxes are drawn into what `separate` and then each `refine` gave."""

    item: Problem
    preset: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"{self.item.group}.{self.item.id}.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        family = ["heard, by both, to the last", STEP_S, LOWEST_HZ, JUDGED_AFTER, CANDIDATES, REFINED]
        return {"seed": self.seed, "recipe": preset_digest(self.preset), "device": self.device, "family": repr(family)}

    def run(self, folder: Path) -> Row:
        row = {"group": self.item.group, "item": self.item.id, "method": self.preset, "seed": self.seed}
        with tempfile.TemporaryDirectory(prefix="dap-bridge-bench-") as scratch:
            return row | self._draw(self.item.read(), Path(scratch))

    def _draw(self, sound: Sound, folder: Path) -> Row:
        if sound.references.shape[:2] != (2, 1):
            raise BadRequest("The simulated user knows two sounds, in one channel.")
        soundfile.write(folder / "mixture.wav", sound.mixture.T, sound.rate, subtype="FLOAT")
        mixture, first, second = _at_judged_rate([sound.mixture[0], *sound.references[:, 0]], sound.rate)
        about = {"clip": str(folder / "mixture.wav"), "preset": self.preset, "seed": self.seed, "device": self.device}
        heard = _job(folder, "0", "separate", **about)
        order, _ = best_permutation(np.stack([first, second])[:, None], heard.stems[:, None])
        truth = np.stack([first, second] if order[0] == 0 else [second, first])
        picture = Picture(spectrogram(mixture), np.stack([spectrogram(one) for one in truth]), len(mixture))
        user = _User(picture, truth, folder, self.device)
        blind, drawn, by_hand = spectrogram(heard.stems[0]), list[Box](), list[Box]()
        row: Row = {"blind": _sdr(truth, heard.stems), "after": {}, "elapsed_s": [], "device": heard.device}
        for count in range(1, max(JUDGED_AFTER) + 1):
            answer = user.draw(heard) if len(drawn) == count - 1 else None
            if answer is not None:
                box, heard = answer
                drawn.append(box)
                row["elapsed_s"].append(heard.elapsed_s)
            by_hand += user.draw_to_fill(blind, by_hand)
            if count in JUDGED_AFTER:
                row["after"][str(count)] = {
                    "refined": _sdr(truth, heard.stems),
                    "filled": _sdr(truth, picture.pair(picture.fill(blind, drawn))),
                    "filled_own": _sdr(truth, picture.pair(picture.fill(blind, by_hand))),
                }
        return row | {"boxes": [asdict(box) for box in drawn]}


@dataclass(frozen=True)
class _Heard:
    """A job's answer. stems: (2, frames) at JUDGED_AT."""

    session: str
    stems: NDArray[np.floating]
    elapsed_s: float
    device: str


@dataclass(frozen=True)
class _User:
    """Knows the truth, (2, frames), tries boxes and keeps those that better the stems."""

    picture: Picture
    truth: NDArray[np.floating]
    folder: Path
    device: str

    def draw(self, heard: _Heard) -> tuple[Box, _Heard] | None:
        """The most useful box and what it made of the stems; None where none that was tried bettered them.

        A preview of every candidate is heard; the best of them are refined, and the best of these is kept. Where it is
        no better than what was there, the next ones are.
        """
        boxes = self.picture.candidates(spectrogram(heard.stems[0]), CANDIDATES)
        previews = sorted(((self._judge(heard, box, fit=False)[0], at) for at, box in enumerate(boxes)), reverse=True)
        before = _sdr(self.truth, heard.stems)
        for first in range(0, len(boxes), REFINED):
            some = [boxes[at] for _, at in previews[first : first + REFINED]]
            refined = [(*self._judge(heard, box, fit=True), box) for box in some]
            sdr, answer, box = max(refined, key=itemgetter(0))
            if sdr > before:
                return box, answer
        return None

    def _judge(self, heard: _Heard, box: Box, *, fit: bool) -> tuple[float, _Heard]:
        name = f"{len(list((self.folder / 'jobs').iterdir()))}"
        about = {"session": heard.session, "box": [box.as_text()], "fit": fit, "device": self.device}
        answer = _job(self.folder, name, "refine", **about)
        return _sdr(self.truth, answer.stems), answer

    def draw_to_fill(self, blind: NDArray[np.complexfloating], boxes: Sequence[Box]) -> list[Box]:
        """What fills best after `boxes`, nothing else done: one box, or none where none betters the stems."""

        def judge(boxes: Sequence[Box]) -> float:
            return _sdr(self.truth, self.picture.pair(self.picture.fill(blind, boxes)))

        tried = self.picture.candidates(self.picture.fill(blind, boxes), CANDIDATES)
        found = [(judge([*boxes, box]), box) for box in tried]
        best = max(found, key=itemgetter(0), default=None)
        return [best[1]] if best is not None and best[0] > judge(boxes) else []


def _at_judged_rate(signals: Sequence[NDArray[np.floating]], rate: int) -> NDArray[np.floating]:
    return np.stack([metrics.resample(signal, rate, JUDGED_AT) for signal in signals])


def _job(folder: Path, name: str, verb: str, **fields: Any) -> _Heard:
    """Raises DapError."""
    from ...jobs import worker
    from ...jobs.mailbox import Mailbox
    from ...jobs.sessions import Sessions

    message = protocol.parse(verb, fields | {"out": str(folder / name)})
    assert isinstance(message, verbs.JobVerb)
    mailbox = Mailbox(folder / "jobs" / name, Sessions(folder / "sessions", most_bytes=1e12, most_days=1))
    mailbox.open()
    path = worker.run(Job(name, verb, message.request()), mailbox, folder)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    stems = [soundfile.read(path.parent / stem["path"], always_2d=True)[0][:, 0] for stem in manifest["stems"]]
    return _Heard(name, _at_judged_rate(stems, manifest["rate"]), manifest["elapsed_s"], manifest["device"])


def _sdr(truth: NDArray[np.floating], stems: NDArray[np.floating]) -> float:
    """Mean SDR of both stems, dB."""
    return round(float(metrics.bss_eval(*_same_length(truth, stems))[0].mean()), 3)


def _same_length(*signals: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """(2, frames) each -> (2, 1, frames) each."""
    frames = min(signal.shape[-1] for signal in signals)
    return [signal[:, None, :frames] for signal in signals]


def problems(root: Path) -> Iterator[Item]:
    """The mixtures of Universal-150 and the pairs of recordings, those of `root` that there are, taking turns."""
    sets = []
    if (root / "universal150").is_dir():
        sets.append(universal150(root / "universal150"))
    if (root / "recordings" / "pair").is_dir():
        sets.append(recordings(root / "recordings", ("pair",)))
    if not sets:
        sets.append(universal150(root))
    # a part of them, in this order, is a fair sample of all
    ranked = [((index + 0.5) / len(items), item) for items in sets for index, item in enumerate(_shuffled(items))]
    return (item for _, item in sorted(ranked, key=lambda pair: pair[0]))


def _shuffled(items: Sequence[Item]) -> list[Item]:
    return [items[index] for index in np.random.default_rng(0).permutation(len(items))]


def tables(rows: Sequence[Row]) -> list[Block]:
    """Mean SDR after so many boxes: refined, the same boxes filled, and what a user who only fills would get."""
    found: list[Block] = []
    groups = {"Universal-150": [row for row in rows if row["group"] in ("even", "odd")]}
    groups["pairs of recordings"] = [row for row in rows if row["group"] not in ("even", "odd")]
    parts = {name: members for name, members in groups.items() if members}
    if len(parts) > 1:
        parts["both"] = list(rows)
    for name, members in parts.items():
        for method, part in by(members, "method").items():
            found += [Paragraph(f"{name}, {len(part)} items, preset {method}:"), _table(part)]
    return found


def _table(rows: Sequence[Row]) -> Table:
    columns = (
        "boxes",
        "refined SDR",
        "gain over blind",
        "same boxes filled",
        "refined - filled",
        "filled, boxes of its own",
        "s a box (median)",
    )
    blind = np.array([row["blind"] for row in rows])
    lines = [("0", f"{blind.mean():.2f}", "", "", "", "", "")]
    for count in JUDGED_AFTER:
        values = {
            kind: np.array([row["after"][str(count)][kind] for row in rows])
            for kind in ("refined", "filled", "filled_own")
        }
        gain, more = values["refined"] - blind, values["refined"] - values["filled"]
        seconds = [row["elapsed_s"][count - 1] for row in rows if len(row["elapsed_s"]) >= count]
        lines.append(
            (
                str(count),
                f"{values['refined'].mean():.2f}",
                f"{gain.mean():+.2f}",
                f"{values['filled'].mean():.2f}",
                f"{more.mean():+.2f} ± {more.std() / len(rows) ** 0.5:.2f}",
                f"{values['filled_own'].mean():.2f}",
                f"{np.median(seconds):.1f}" if seconds else "-",
            )
        )
    return Table(columns, tuple(lines))


def blocks(rows: Sequence[Row], _: Path) -> list[Block]:
    return [Paragraph(provenance(rows)), Heading("Tables"), *tables(rows)]
