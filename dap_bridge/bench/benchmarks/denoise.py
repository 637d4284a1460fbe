"""Noisy speech (Fig. 4), by presets, other denoisers and what others published: both stems, and the speech alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile
from numpy.typing import NDArray

from ...engine.methods.denoising.recipe import DenoisingRecipe
from ...errors import BadClip
from ...judging import best_permutation
from ...presets import load
from .. import options
from ..benchmark import Benchmark
from ..data.noisy_speech import LAYOUT, LEAD_S, NOISE_FIRST, SPEECH_RATE, NoisySpeech, noisy_speech
from ..data.sounds import RATE, Sound, by_group, resample
from ..measures import speech
from ..methods.checkpoint import CHECKPOINT
from ..methods.denoisers import DENOISERS
from ..methods.estimates import Estimates
from ..methods.ours import by_preset, preset_digest, verb_of
from ..report import own_rate, pictures, thumbnails
from ..report.blocks import Block, Heading, Paragraph, Picture, Table
from ..report.rows import by
from ..report.summary import provenance, separations
from ..separations import PICTURED, judged, score
from ..store import Row

# `published` stands for every output that lies beside a clip.
PUBLISHED = "published"
METHODS = (*DENOISERS, PUBLISHED)
# Behind a preset's name: it is told where the noise is alone.
TOLD = "+span"


@dataclass(frozen=True)
class Denoised:
    """One clip by one method: a denoiser's name, that of a published output, or a preset's, with or without TOLD.

    weights: of a denoiser that needs a file. pictured: leave what the report's pictures need.
    """

    item: NoisySpeech
    method: str
    seed: int
    device: str
    weights: Path | None = None
    pictured: bool = False

    @property
    def key(self) -> str:
        return f"{self.item.group}.{self.item.id}.{self.method}.{self.seed}"

    @property
    def preset(self) -> str:
        return self.method.removesuffix(TOLD)

    @property
    def published(self) -> Path | None:
        return dict(self.item.published).get(self.method)

    def identity(self) -> dict[str, Any]:
        """With the packages that judge, so that a row without PESQ is made again once PESQ can be had."""
        known = DENOISERS.get(self.method)
        recipe = self.method if known or self.published else preset_digest(self.preset)
        made_of = known.version(self.weights) if known else None
        about = {"seed": self.seed, "recipe": recipe, "made_of": made_of, "device": self.device}
        return about | {"judged_by": speech.versions()}

    def run(self, folder: Path) -> Row:
        """The columns of every scored separation, and `speech`; or `missing`: what the method lacks."""
        row = {"group": self.item.group, "item": self.item.id, "method": self.method, "seed": self.seed}
        known = DENOISERS.get(self.method)
        missing = known.missing(self.weights) if known else None
        if missing:
            return row | {"device": "cpu", "missing": missing}
        sound = self.item.read()
        estimates = self._estimate(sound)
        sound, estimates = _from(sound, self.item.lead_s), _estimated_from(estimates, self.item.lead_s)
        thumbnail = thumbnails.place(folder, self.key) if self.pictured else None
        row |= score(sound, estimates, thumbnail)
        _, references, stems = judged(sound, estimates, RATE)
        speech_stem = best_permutation(references, stems)[0][0]
        cleaned = estimates.stems[0 if self._says_which else speech_stem]
        scores = speech.judge(
            resample(sound.references[0], sound.rate, SPEECH_RATE),
            resample(sound.mixture, sound.rate, SPEECH_RATE),
            resample(cleaned, estimates.rate, SPEECH_RATE),
        )
        values = {name: None if value is None else round(value, 3) for name, value in asdict(scores).items()}
        return row | {"speech_first": speech_stem == 0, "speech": values}

    @property
    def _says_which(self) -> bool:
        """Whether the first stem is the speech; of a blind separation the better one is taken."""
        return bool(self.published) or self.method in DENOISERS or verb_of(self.preset) == "denoise"

    def _estimate(self, sound: Sound) -> Estimates:
        if self.published:
            cleaned, rate = soundfile.read(self.published, always_2d=True)
            return _with_noise(sound, cleaned.T, rate, 0.0)
        if self.method not in DENOISERS:
            told = {"only": [f"stem=noise,start=0,end={LEAD_S:g}"]} if self.method.endswith(TOLD) else None
            return by_preset(sound, self.preset, self.seed, self.device, told)
        known = DENOISERS[self.method]
        noisy = resample(sound.mixture, sound.rate, known.rate)
        began = time.monotonic()
        cleaned = np.stack([known.clean(channel, self.seed, self.weights) for channel in noisy])
        return _with_noise(sound, cleaned, known.rate, time.monotonic() - began)


def _from(sound: Sound, seconds: float) -> Sound:
    """What is judged: where the noise is alone, nothing is left to be told apart."""
    start = round(seconds * sound.rate)
    return Sound(sound.mixture[:, start:], sound.references[:, :, start:], sound.rate)


def _estimated_from(estimates: Estimates, seconds: float) -> Estimates:
    return replace(estimates, stems=estimates.stems[:, :, round(seconds * estimates.rate) :])


def _with_noise(sound: Sound, cleaned: NDArray[np.floating], rate: int, elapsed_s: float) -> Estimates:
    """Both stems of a method that gives the speech alone, (channels, frames) at `rate`: the noise is what it took."""
    noisy = resample(sound.mixture, sound.rate, rate)[:, : cleaned.shape[1]]
    if len(noisy) != len(cleaned):
        raise BadClip("A cleaned clip has other channels than the noisy one.")
    return Estimates(np.stack([cleaned, noisy - cleaned]), rate, elapsed_s, {"device": "cpu"})


def trials(
    root: Path,
    limit: int | None,
    presets: Sequence[str],
    baselines: Sequence[str],
    segan: Path | None,
    seed: int,
    device: str,
) -> list[Denoised]:
    """Every preset and baseline on every item; a row depends on nothing that its method does not use."""
    found = []
    for group in by_group(noisy_speech(root)).values():
        for item in group[:limit]:
            shown = item in group[:PICTURED]
            found += [Denoised(item, name, seed, device, pictured=shown) for name in presets]
            if item.group == NOISE_FIRST:
                found += [Denoised(item, name + TOLD, seed, device) for name in presets if _can_be_told(name)]
            for name, known in DENOISERS.items():
                if name in baselines:
                    weights = segan if known.weighted else None
                    heard = shown and name != "noisy"
                    found.append(Denoised(item, name, seed if known.seeded else 0, "cpu", weights, heard))
            if PUBLISHED in baselines:
                found += [Denoised(item, name, 0, "cpu", pictured=shown) for name, _ in item.published]
    return found


def _can_be_told(preset: str) -> bool:
    return isinstance(load(preset).recipe, DenoisingRecipe)


# --- report --------------------------------------------------------------------------------------------------------

NO_PESQ = (
    "PESQ was not measured: it needs the package pesq (pip install 'dap-bridge[speech]', and a C compiler for it)."
)
# For the tables, in their order: a column of `speech`, its heading, its digits.
FIGURES = (("si_sdr", "SI-SDR", 2), ("pesq", "PESQ-WB", 2), ("stoi", "STOI", 3))


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    """Tables and pictures; the pictures are drawn into folder/pictures."""
    found: list[Block] = [Paragraph(provenance(rows, METHODS)), Paragraph(_judges(rows))]
    for group, members in by(rows, "group").items():
        scored = [row for row in members if "missing" not in row]
        name = f"pictures/{group}-si-sdri.png"
        gains = {
            title: [row["speech"]["si_sdri"] for row in part] for title, _, part in _methods(scored) if title != "noisy"
        }
        pictures.box_plot(folder / name, gains, "SI-SDRi of the speech (dB)")
        found += [
            Heading(f"{group} ({len(by(members, 'item'))} clips)"),
            means(members),
            *_own_rate(scored),
            Picture(name, f"Gain in SI-SDR of the speech, {group}: median, quartiles, 5th and 95th percentile."),
            Heading(f"{group}, clip by clip", 3),
            Paragraph(f"SI-SDR / PESQ-WB of the speech. {_winners(scored)}"),
            clips(scored),
            *separations(scored, group, folder),
        ]
    return found


def tables(rows: Sequence[Row]) -> list[Block]:
    """The tables alone."""
    found: list[Block] = [Paragraph(_judges(rows))]
    for group, members in by(rows, "group").items():
        scored = [row for row in members if "missing" not in row]
        found += [Paragraph(f"{group} ({len(by(members, 'item'))} clips):"), means(members), *_own_rate(scored)]
        found += [
            Paragraph(f"{group}, clip by clip, SI-SDR / PESQ-WB of the speech. {_winners(scored)}"),
            clips(scored),
        ]
    return found


def means(rows: Sequence[Row]) -> Table:
    """A line a method and seed: the speech alone, then both stems, then how often the speech got worse.

    speech first: in how many clips the first stem of a preset, which a denoising one calls the speech, is the speech.
    """
    columns = ("method", "seed", "clips", *(heading for _, heading, _ in FIGURES), "SI-SDRi", "median SI-SDRi")
    columns += ("both stems: median SI-SDRi", "worse", "speech first", "s/clip")
    return Table(columns, tuple(_line(method, seed, part, len(columns)) for method, seed, part in _methods(rows)))


def _own_rate(rows: Sequence[Row]) -> list[Block]:
    """Without what came in, which is one stem and no other."""
    parts = (part for part in _methods(rows) if part[0] != "noisy")
    return own_rate.tables((_start(*part), part[2]) for part in parts)


def clips(rows: Sequence[Row]) -> Table:
    """A line a clip: SI-SDR in dB and PESQ-WB of the speech by every method, and which is best by each."""
    methods = [(method, seed) for method, seed, _ in _methods(rows)]
    lines = []
    for item, found in _scores(rows).items():
        cells = (_pair(found[key]) if key in found else "-" for key in methods)
        lines.append((item, *cells, _best(found, "si_sdr"), _best(found, "pesq")))
    several = len({seed for method, seed in methods if method not in DENOISERS}) > 1
    names = (f"{method}, seed {seed}" if several else method for method, seed in methods)
    return Table(("clip", *names, "best SI-SDR", "best PESQ-WB"), tuple(lines))


def _scores(rows: Sequence[Row]) -> dict[str, dict[tuple[str, int], Row]]:
    """The speech's scores by clip, and there by method and seed."""
    parts = by(rows, "item")
    return {item: {(row["method"], row["seed"]): row["speech"] for row in parts[item]} for item in parts}


def _winners(rows: Sequence[Row]) -> str:
    """Who is best in how many clips, by SI-SDR and by PESQ."""
    said = []
    for name, heading, _ in FIGURES[:2]:
        best = Counter(_best(found, name) for found in _scores(rows).values())
        said.append(f"by {heading}: {', '.join(f'{method} {count}' for method, count in best.most_common())}")
    return f"Clips won {'; '.join(said)}."


def _pair(scores: Row) -> str:
    return f"{scores['si_sdr']:.1f} / {_mean([scores['pesq']], 2)}"


def _best(found: dict[tuple[str, int], Row], name: str) -> str:
    known = {key: scores[name] for key, scores in found.items() if scores[name] is not None}
    return max(known, key=lambda key: known[key])[0] if known else "-"


def _methods(rows: Sequence[Row]) -> list[tuple[str, int, list[Row]]]:
    """What came in, presets, other denoisers, published outputs."""
    order = [name for name in METHODS if name != "noisy"]

    def rank(part: tuple[str, int, list[Row]]) -> tuple[int, str, int]:
        method, seed, _ = part
        place = order.index(method) + 1 if method in order else 0
        published = method.startswith(PUBLISHED)
        return (-1 if method == "noisy" else len(order) + 1 if published else place, method, seed)

    parts = by(rows, "method")
    found = [(name, int(seed), same) for name, members in parts.items() for seed, same in by(members, "seed").items()]
    return sorted(found, key=rank)


def _start(method: str, seed: int, rows: Sequence[Row]) -> tuple[str, str, str]:
    known = DENOISERS.get(method)
    seeded = not method.startswith(PUBLISHED) if known is None else known.seeded
    return (f"{known.title} ({method})" if known else method, str(seed) if seeded else "-", str(len(rows)))


def _line(method: str, seed: int, rows: Sequence[Row], width: int) -> tuple[str, ...]:
    start = _start(method, seed, rows)
    lacking = [row["missing"] for row in rows if "missing" in row]
    if lacking:
        return (*start, lacking[0], *[""] * (width - len(start) - 1))
    gains = np.array([row["speech"]["si_sdri"] for row in rows])
    figures = (
        *(_mean([row["speech"][name] for row in rows], digits) for name, _, digits in FIGURES),
        f"{gains.mean():.2f}",
        f"{np.median(gains):.2f}",
    )
    if method == "noisy":
        return (*start, *figures, *["-"] * (width - len(start) - len(figures)))
    ours = method not in DENOISERS and not method.startswith(PUBLISHED)
    elapsed = float(np.median([row["elapsed_s"] for row in rows]))
    return (
        *start,
        *figures,
        f"{np.median([row['si_sdri'] for row in rows]):.2f}",
        f"{100 * np.mean(gains < 0):.0f} %",
        f"{sum(row['speech_first'] for row in rows)} of {len(rows)}" if ours else "-",
        f"{elapsed:.1f}" if elapsed else "-",
    )


def _mean(values: Sequence[float | None], digits: int) -> str:
    heard = [value for value in values if value is not None]
    return f"{np.mean(heard):.{digits}f}" if heard else "-"


def _judges(rows: Sequence[Row]) -> str:
    judges = [row["identity"]["judged_by"] for row in rows]
    said = [f"{name} {each}" for name in judges[0] for each in sorted({judge[name] for judge in judges if judge[name]})]
    text = f"The speech alone is judged at 16 kHz, with {', '.join(said)}; both stems at 11 kHz."
    return text if all(judge["pesq"] for judge in judges) else f"{text} {NO_PESQ}"


BENCHMARK = Benchmark(
    about=__doc__,
    trials=trials,
    blocks=blocks,
    tables=tables,
    options=(
        options.root(LAYOUT),
        options.limit("clips of each kind"),
        options.presets("denoise", none=True),
        options.baselines(METHODS),
        click.Option(
            ["--segan"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help=f"SEGAN's public checkpoint, {CHECKPOINT}.",
        ),
        options.SEED,
        options.DEVICE,
    ),
)
