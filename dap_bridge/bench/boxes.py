"""A simulated user who knows the truth draws boxes, one after the other, and hears what becomes of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import istft, stft

from ..domain import Box, Job, Op
from ..errors import BadRequest
from ..transport import protocol, verbs
from . import metrics
from .datasets import Item, Problem, Sound, recordings, universal150
from .methods import JUDGED_AT, preset_digest
from .report import Block, Heading, Paragraph, Table
from .store import Row
from .summary import by, provenance

# What a hand draws: edges on a grid of 0.1 s and a third of an octave.
STEP_S = 0.1
LOWEST_HZ = 62.5
# Results are judged after so many boxes.
JUDGED_AFTER = (1, 3, 5)
N_FFT, HOP = 1024, 256
_TINY = 1e-6  # of the truth's power


@dataclass(frozen=True)
class Picture:
    """What the simulated user looks at: spectrograms at JUDGED_AT, and the grid that boxes keep to.

    mixture: (bins, frames); truth: (2, bins, frames), in the order of the stems.
    """

    mixture: NDArray[np.complexfloating]
    truth: NDArray[np.complexfloating]

    @cached_property
    def bands(self) -> NDArray[np.floating]:
        """Edges in Hz: 0, thirds of an octave from LOWEST_HZ, the top of the band."""
        thirds = LOWEST_HZ * 2 ** (np.arange(0, 3 * np.log2(JUDGED_AT / 2 / LOWEST_HZ)) / 3)
        return np.array([0.0, *thirds[thirds < 0.9 * JUDGED_AT / 2], JUDGED_AT / 2])

    @cached_property
    def steps(self) -> NDArray[np.floating]:
        """Edges in seconds."""
        return np.arange(int(self.mixture.shape[1] * HOP / JUDGED_AT / STEP_S) + 1) * STEP_S

    def most_useful(self, first: NDArray[np.complexfloating]) -> Box | None:
        """The box that, filled, betters the first stem (bins, frames) and with it the second the most, in mean SI-SDR;
        None where none betters them. All boxes are tried.
        """
        stems, best, most = np.stack([first, self.mixture - first]), None, 0.0
        match, power = _inner(self.truth, stems).sum((1, 2)), _inner(stems, stems).sum((1, 2))
        truth = _inner(self.truth, self.truth).sum((1, 2))
        blind = _si_sdr(match[:, None], power[:, None], truth).item()
        for op, share in ((Op.DEACTIVATE, 0.0), (Op.ACTIVATE, 1.0)):
            filled = np.stack([share * self.mixture, (1 - share) * self.mixture])
            matches = self._sums(_inner(self.truth, filled - stems))
            powers = self._sums(_inner(filled, filled) - _inner(stems, stems))
            for low in range(len(self.bands) - 1):
                m, p = (_spans(up[:, low + 1 :] - up[:, low : low + 1]) for up in (matches, powers))
                gain = _si_sdr(match[:, None, None, None] + m, power[:, None, None, None] + p, truth) - blind
                high, end, start = map(int, np.unravel_index(np.tril(gain, -1).argmax(), gain.shape))
                if gain[high, end, start] > most and start < end:
                    times, hertz = self.steps[[start, end]], self.bands[[low, low + 1 + high]]
                    most, best = float(gain[high, end, start]), Box(1, op, *times.tolist(), *hertz.tolist())
        return best

    def _sums(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Of (2, bins, frames), over all that lies below each edge of the grid: (2, bands + 1, steps + 1)."""
        cells = np.stack([self._cells(one) for one in values])
        return np.pad(cells.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))

    def _cells(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Sums of (bins, frames) over the cells of the grid: (bands, steps)."""
        band = np.searchsorted(self.bands[1:-1], np.arange(values.shape[0]) * JUDGED_AT / N_FFT, side="right")
        step = np.minimum((np.arange(values.shape[1]) * HOP / JUDGED_AT / STEP_S).astype(int), len(self.steps) - 2)
        rows = np.zeros((len(self.bands) - 1, values.shape[1]))
        np.add.at(rows, band, values)
        cells = np.zeros((len(self.bands) - 1, len(self.steps) - 1))
        np.add.at(cells.T, step, rows.T)
        return cells

    def fill(self, first: NDArray[np.complexfloating], boxes: Sequence[Box]) -> NDArray[np.complexfloating]:
        """The first stem with boxes filled and nothing else done: what a spectral eraser does."""
        filled = first.copy()
        hertz = np.arange(first.shape[0]) * JUDGED_AT / N_FFT
        seconds = np.arange(first.shape[1]) * HOP / JUDGED_AT
        for box in boxes:
            inside = np.ix_((hertz >= box.low) & (hertz < box.high), (seconds >= box.start) & (seconds < box.end))
            filled[inside] = self.mixture[inside] if box.op is Op.ACTIVATE else 0
        return filled


def _spans(below: NDArray[np.floating]) -> NDArray[np.floating]:
    """(..., edges), sums up to each edge -> (..., ends, starts), sums between."""
    return below[..., :, None] - below[..., None, :]


def _inner(one: NDArray[np.complexfloating], other: NDArray[np.complexfloating]) -> NDArray[np.floating]:
    """Point by point, what the inner product of two signals is the sum of."""
    return one.real * other.real + one.imag * other.imag


def _si_sdr(
    match: NDArray[np.floating], power: NDArray[np.floating], truth: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Mean over both stems, dB. match: (2, ...), inner products of truth and stem; power: of the stems; truth: (2,)."""
    truth = truth.reshape(2, *[1] * (match.ndim - 1))
    explained = match**2 / truth
    error = np.maximum(power - explained, 0)
    # at most 60 dB; a stem that is silent has matched nothing, without an error
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
        family = ["si-sdr3", STEP_S, LOWEST_HZ, JUDGED_AFTER]
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
        stems, manifest = _stems(folder, "0", "separate", **about)
        order, _ = metrics.best_permutation(np.stack([first, second])[:, None], stems[:, None])
        truth = np.stack([first, second] if order[0] == 0 else [second, first])
        picture = Picture(spectrogram(mixture), np.stack([spectrogram(one) for one in truth]))
        blind = spectrogram(stems[0])
        drawn: list[Box] = []
        by_hand: list[Box] = []
        row: Row = {"blind": _sdr(truth, stems), "after": {}, "elapsed_s": [], "device": manifest["device"]}
        for count in range(1, max(JUDGED_AFTER) + 1):
            box = picture.most_useful(spectrogram(stems[0]))
            more = [box] if box is not None else []  # nothing is left that a box would better
            drawn += more
            fields = {"session": str(count - 1), "box": [one.as_text() for one in more], "device": self.device}
            stems, manifest = _stems(folder, str(count), "refine", **fields)
            row["elapsed_s"].append(manifest["elapsed_s"])
            alone = picture.most_useful(picture.fill(blind, by_hand))
            by_hand += [alone] if alone is not None else []
            if count in JUDGED_AFTER:
                row["after"][str(count)] = {
                    "refined": _sdr(truth, stems),
                    "filled": _sdr(truth, _pair(picture.fill(blind, drawn), mixture)),
                    "filled_own": _sdr(truth, _pair(picture.fill(blind, by_hand), mixture)),
                }
        return row | {"boxes": [asdict(box) for box in drawn]}


def _at_judged_rate(signals: Sequence[NDArray[np.floating]], rate: int) -> NDArray[np.floating]:
    return np.stack([metrics.resample(signal, rate, JUDGED_AT) for signal in signals])


def _stems(folder: Path, name: str, verb: str, **fields: Any) -> tuple[NDArray[np.floating], Row]:
    """Both stems of a job at JUDGED_AT, (2, frames), and its manifest. Raises DapError."""
    from ..jobs import worker
    from ..jobs.mailbox import Mailbox
    from ..jobs.sessions import Sessions

    message = protocol.parse(verb, fields | {"out": str(folder / name)})
    assert isinstance(message, verbs.JobVerb)
    mailbox = Mailbox(folder / "jobs" / name, Sessions(folder / "sessions", most_bytes=1e12, most_days=1))
    mailbox.open()
    path = worker.run(Job(name, verb, message.request()), mailbox, folder)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    stems = [soundfile.read(path.parent / stem["path"], always_2d=True)[0][:, 0] for stem in manifest["stems"]]
    return _at_judged_rate(stems, manifest["rate"]), manifest


def _pair(first: NDArray[np.complexfloating], mixture: NDArray[np.floating]) -> NDArray[np.floating]:
    stem = audio(first, len(mixture))
    return np.stack([stem, mixture - stem])


def _sdr(truth: NDArray[np.floating], stems: NDArray[np.floating]) -> float:
    """Mean SDR of both stems, dB."""
    frames = min(truth.shape[-1], stems.shape[-1])
    return round(float(metrics.bss_eval(truth[:, None, :frames], stems[:, None, :frames])[0].mean()), 3)


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
        seconds = np.median([row["elapsed_s"][count - 1] for row in rows])
        lines.append(
            (
                str(count),
                f"{values['refined'].mean():.2f}",
                f"{gain.mean():+.2f}",
                f"{values['filled'].mean():.2f}",
                f"{more.mean():+.2f} ± {more.std() / len(rows) ** 0.5:.2f}",
                f"{values['filled_own'].mean():.2f}",
                f"{seconds:.1f}",
            )
        )
    return Table(columns, tuple(lines))


def blocks(rows: Sequence[Row], _: Path) -> list[Block]:
    return [Paragraph(provenance(rows)), Heading("Tables"), *tables(rows)]
