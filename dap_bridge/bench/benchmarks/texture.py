"""Textures: how alike and how new what goes on after a clip is, against what else could have been done."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...domain import Job
from ...errors import BadRequest
from ...transport import protocol, verbs
from ..measures import likeness
from ..methods.texture_baselines import TEXTURE_BASELINES
from ..report import pictures
from ..report.blocks import Block, Heading, Paragraph, Picture, Table
from ..report.summary import by, provenance
from ..separations import preset_digest
from ..store import Row

SUFFIXES = (".wav", ".flac")
TIMES = 4  # the result's length, in clips

FIGURES = {
    "likeness": "likeness",
    "copying": "copying",
    "repetition": "repetition",
    "period": "period",
    "seam": "seam (z)",
    "loudness": "loudness (dB)",
    "stereo": "stereo",
    "elapsed_s": "s/clip",
}


@dataclass(frozen=True)
class TextureItem:
    """A clip in a file."""

    id: str
    path: Path

    def read(self) -> tuple[NDArray[np.floating], int]:
        """(channels, frames) and the rate in Hz."""
        samples, rate = soundfile.read(self.path, always_2d=True)
        return np.ascontiguousarray(samples.T), rate


def textures(root: Path) -> list[TextureItem]:
    """Audio files in `root`, and root/texture/ITEM/target.*"""
    own = [TextureItem(path.stem, path) for path in sorted(root.glob("*")) if path.suffix in SUFFIXES]
    items = [
        TextureItem(path.parent.name, path)
        for path in sorted(root.glob("texture/*/target.*"))
        if path.suffix in SUFFIXES
    ]
    if not own + items:
        raise BadRequest(f"{root} holds no textures.", "Expected audio files, or texture/ITEM/target.flac.")
    return own + items


@dataclass(frozen=True)
class TextureUnit:
    """One clip made TIMES as long by one method: a baseline's name, or a preset's."""

    item: TextureItem
    method: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        return f"{self.item.id}.{self.method}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        recipe = self.method if self.method in TEXTURE_BASELINES else preset_digest(self.method)
        return {"seed": self.seed, "recipe": recipe, "device": self.device, "times": TIMES}

    def run(self, folder: Path) -> Row:
        clip, rate = self.item.read()
        began = time.monotonic()
        if self.method in TEXTURE_BASELINES:
            generator = np.random.default_rng(self.seed)
            whole = TEXTURE_BASELINES[self.method](clip, rate, TIMES * clip.shape[1], generator)
            elapsed_s, device = time.monotonic() - began, "cpu"
        else:
            whole, elapsed_s, device = by_preset(
                self.item.path, TIMES * clip.shape[1], self.method, self.seed, self.device
            )
        row = {"item": self.item.id, "method": self.method, "seed": self.seed, "device": device}
        row["elapsed_s"] = round(elapsed_s, 3)
        return row | {name: round(value, 3) for name, value in judge(clip, whole, rate).items()}


def judge(clip: NDArray[np.floating], whole: NDArray[np.floating], rate: int) -> dict[str, float]:
    """What follows the clip in `whole` (channels, frames), against the clip."""
    joint = clip.shape[1]
    made = whole[:, joint:]
    return {
        **likeness.likeness(clip, made, rate),
        "copying": likeness.copying(clip, made, rate),
        "repetition": likeness.repetition(clip, made, rate),
        "period": likeness.period(made, rate),
        "seam": likeness.seams(clip, whole, rate, [joint]),
        "loudness": likeness.level_db(made) - likeness.level_db(clip),
        "stereo": likeness.stereo(made) - likeness.stereo(clip),
    }


def by_preset(path: Path, length: int, preset: str, seed: int, device: str) -> tuple[NDArray[np.floating], float, str]:
    """Through the worker, from a file to a file: (channels, frames), the job's seconds and device. Raises DapError."""
    # torch is loaded here, so that a command that only reads cached results starts at once
    from ...jobs import worker
    from ...jobs.mailbox import Mailbox

    with tempfile.TemporaryDirectory(prefix="dap-bridge-bench-") as folder:
        fields = {"clip": str(path.absolute()), "length": length, "out": str(Path(folder) / "out")}
        message = protocol.parse("texture", fields | {"preset": preset, "seed": seed, "device": device})
        assert isinstance(message, verbs.Texture)
        mailbox = Mailbox(Path(folder) / "mailbox")
        mailbox.open()
        manifest = worker.run(Job("bench", message.name, message.request()), mailbox, Path(folder))
        value = json.loads(manifest.read_text(encoding="utf-8"))
        whole = soundfile.read(manifest.parent / value["stems"][0]["path"], always_2d=True)[0].T
    return whole, value["elapsed_s"], value["device"]


def blocks(rows: Sequence[Row], folder: Path) -> list[Block]:
    """The plane, the means, and every clip."""
    points = {
        method: [(row["likeness"], _newness(row)) for row in members] for method, members in by(rows, "method").items()
    }
    pictures.plane(
        folder / "pictures" / "plane.png",
        points,
        "likeness: distance in natural variations (0: the same statistics)",
        "newness: 1 - the larger of copying and repetition",
    )
    found: list[Block] = [Paragraph(provenance(rows)), *tables(rows)]
    found.append(Picture("pictures/plane.png", "Likeness against newness; large: means. The best corner is top left."))
    for item, members in by(rows, "item").items():
        found += [Heading(item), table(members, families=True)]
    return found


def tables(rows: Sequence[Row]) -> list[Block]:
    """The means over all clips."""
    return [table(rows)]


def table(rows: Sequence[Row], families: bool = False) -> Table:
    """A line a method: means, but of `seam` the largest, and of `loudness` and `stereo` the largest difference."""
    names = dict(FIGURES)
    if families:
        names |= {name: name for name in ("mean", "variation", "skew", "modulation", "correlation")}
    lines = []
    for method, members in by(rows, "method").items():
        cells = []
        for name in names:
            values = np.array([row[name] for row in members])
            worst = float(values.max()) if name == "seam" else float(np.abs(values).max())
            shown = worst if name in ("seam", "loudness", "stereo") else float(values.mean())
            cells.append(f"{shown:.2f}")
        lines.append((method, str(len(members)), *cells))
    return Table(("method", "clips", *names.values()), tuple(lines))


def _newness(row: Row) -> float:
    return 1 - max(row["copying"], row["repetition"])
