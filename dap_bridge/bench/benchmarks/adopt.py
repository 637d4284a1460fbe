"""Stems of three qualities that something else made, adopted, and corrected by boxes of a simulated user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...domain import Box
from ...errors import BadRequest
from ...judging import best_permutation
from .. import options
from ..benchmark import Benchmark
from ..data.pairings import foley
from ..data.recordings import recordings
from ..data.sounds import RATE, Problem, of_half, resample
from ..methods.baselines import BASELINES, Baseline, Masks, Spectrogram, ratio_masks, separate
from ..methods.jobs import scratch
from ..methods.ours import preset_digest
from ..report.blocks import Block, Heading, Paragraph, Table
from ..report.rows import by
from ..report.summary import provenance
from ..store import Row
from .boxes.picture import Picture, spectrogram
from .boxes.user import Heard, hear, mean_sdr

# Results are judged after so many boxes; for each, so many candidates are previewed.
JUDGED_AFTER, TRIED = (1, 3), 2
# Standard deviation of what is added to every point of a true mask.
MASK_NOISE = 0.25


def noisy_oracle(magnitude: Spectrogram, references: NDArray[np.floating], seed: int) -> Masks:
    """Ratio masks of the two true sources, each point of them off by noise: stems of a good separator."""
    first = ratio_masks(references, 1)[0]
    first = np.clip(first + np.random.default_rng(seed).normal(0, MASK_NOISE, first.shape), 0, 1)
    return np.stack([first, 1 - first])


QUALITIES = {
    "nmf-16": BASELINES["nmf-16"],
    "hpss": BASELINES["hpss"],
    "noisy oracle": Baseline("true ratio masks with noise", noisy_oracle, seeded=True, oracle=True),
}


@dataclass(frozen=True)
class Adopted:
    """One item, and stems of one quality: adopted, and corrected by boxes, one after the other. All at RATE."""

    item: Problem
    quality: str
    preset: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"{self.item.group}.{self.item.id}.{self.quality}.{self.preset}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        family = [JUDGED_AFTER, TRIED, MASK_NOISE]
        return {"seed": self.seed, "recipe": preset_digest(self.preset), "device": self.device, "family": repr(family)}

    def run(self, folder: Path) -> Row:
        row = {"group": self.item.group, "item": self.item.id, "method": self.quality, "seed": self.seed}
        with scratch() as place:
            return row | self._correct(place)

    def _correct(self, folder: Path) -> Row:
        sound = self.item.read()
        if sound.references.shape[0] != 2:
            raise BadRequest("The simulated user knows two sounds.")
        # in one channel, as the user sees them
        mixture = resample(sound.mixture[:1], sound.rate, RATE)
        references = resample(sound.references[:, :1], sound.rate, RATE)
        given = separate(QUALITIES[self.quality], mixture, references, self.seed)
        given[1] = mixture - given[0]
        order, _ = best_permutation(references, given)
        truth = references[list(np.argsort(order)), 0]
        clip, stems = folder / "clip.wav", [folder / "first.wav", folder / "second.wav"]
        for path, audio in zip((clip, *stems), (mixture, *given), strict=True):
            soundfile.write(path, audio.T, RATE, subtype="FLOAT")
        about = {"preset": self.preset, "seed": self.seed, "device": self.device}
        heard = hear(folder, "0", "adopt", clip=str(clip), stem=[f"0:::{path}" for path in stems], **about)
        picture = Picture(spectrogram(mixture[0]), np.stack([spectrogram(one) for one in truth]), mixture.shape[1])
        blind = spectrogram(given[0, 0])
        row: Row = {"blind": mean_sdr(truth, heard.stems), "after": {}, "device": heard.device}
        drawn: list[Box] = []
        for count in range(1, max(JUDGED_AFTER) + 1):
            if len(drawn) == count - 1 and (found := self._draw(folder, picture, truth, heard)) is not None:
                box, heard = found
                drawn.append(box)
            if count in JUDGED_AFTER:
                row["after"][str(count)] = {
                    "refined": mean_sdr(truth, heard.stems),
                    "filled": mean_sdr(truth, picture.pair(picture.fill(blind, drawn))),
                }
        return row | {"boxes": [asdict(box) for box in drawn]}

    def _draw(
        self, folder: Path, picture: Picture, truth: NDArray[np.floating], heard: Heard
    ) -> tuple[Box, Heard] | None:
        """The best of some boxes, and what it made of the stems; None where none bettered them."""
        best, answer = mean_sdr(truth, heard.stems), None
        for box in picture.candidates(spectrogram(heard.stems[0]), TRIED):
            name = f"{len(list((folder / 'jobs').iterdir()))}"
            tried = hear(
                folder, name, "refine", session=heard.session, box=[box.as_text()], fit=False, device=self.device
            )
            if (judged := mean_sdr(truth, tried.stems)) > best:
                best, answer = judged, (box, tried)
        return answer


def problems(root: Path, half: str) -> Iterator[Problem]:
    """The pairs of recordings and those of games and films, taking turns."""
    pairs, foleys = recordings(root / "recordings", ("pair",)), foley(root / "foley")
    for both in zip(of_half(pairs, half), of_half(foleys, half), strict=False):
        yield from both


def tables(rows: Sequence[Row]) -> list[Block]:
    """Mean SDR of given stems, and after so many boxes: corrected, and with the same boxes filled."""
    columns = ("given stems", "clips", "SDR", "boxes", "corrected SDR", "same boxes filled", "corrected - filled")
    lines = []
    for method, part in by(rows, "method").items():
        for count in map(str, JUDGED_AFTER):
            refined, filled = (np.array([row["after"][count][kind] for row in part]) for kind in ("refined", "filled"))
            more = refined - filled
            blind = float(np.mean([row["blind"] for row in part]))
            lines.append(
                (
                    method,
                    str(len(part)),
                    f"{blind:.2f}",
                    count,
                    f"{refined.mean():.2f}",
                    f"{filled.mean():.2f}",
                    f"{more.mean():+.2f} ± {more.std() / len(part) ** 0.5:.2f}",
                )
            )
    return [Table(columns, tuple(lines))]


def blocks(rows: Sequence[Row], _: Path) -> list[Block]:
    return [Paragraph(provenance(rows)), Heading("Tables"), *tables(rows)]


def trials(root: Path, half: str, limit: int | None, presets: Sequence[str], seed: int, device: str) -> list[Adopted]:
    items = list(problems(root, half))[:limit]
    return [
        Adopted(item, quality, preset, seed, device) for item in items for quality in QUALITIES for preset in presets
    ]


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.root("recordings/pair/ITEM/{mix,s1,s2}.flac, foley/pairs.csv and the sounds that it names"),
        options.HALF,
        options.limit("mixtures"),
        options.presets("adopt"),
        options.SEED,
        options.DEVICE,
    ),
)
