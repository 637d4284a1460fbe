"""What is measured: a preset as the user runs it, the paper's fit cut short, or a baseline; each on one item."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from .. import presets
from ..domain import Job
from ..engine.methods import SEPARATORS
from ..transport import protocol
from ..verbs.request import JobVerb
from . import metrics
from .baselines import BASELINES
from .baselines import RATE as BASELINE_RATE
from .baselines import separate as separate_baseline
from .datasets import Problem, Sound
from .store import Row
from .thumbnails import save

# Everything is judged in the band that the fits look at.
JUDGED_AT = 11_000


@dataclass(frozen=True)
class Estimates:
    """stems: (sources, channels, frames) at `rate`; elapsed_s: of the method itself; extra: for the row."""

    stems: NDArray[np.floating]
    rate: int
    elapsed_s: float
    extra: Row


@dataclass(frozen=True)
class Separation:
    """One item by one method: a baseline's name, or a preset's.

    iterations: cut the preset's fit to so many. pictured: leave what the report's pictures need.
    """

    item: Problem
    method: str
    seed: int
    device: str = "auto"
    iterations: int | None = None
    pictured: bool = False

    @property
    def label(self) -> str:
        return shortened_name(self.method, self.iterations)

    @property
    def key(self) -> str:
        return f"{self.item.group}.{self.item.id}.{self.label}.{self.seed}"

    def identity(self) -> dict[str, Any]:
        recipe = self.method if self.method in BASELINES else preset_digest(self.method)
        return {"seed": self.seed, "recipe": recipe, "iterations": self.iterations, "device": self.device}

    def run(self, folder: Path) -> Row:
        sound = self.item.read()
        thumbnail = folder / "thumbnails" / f"{self.key}.npz" if self.pictured else None
        row = {"group": self.item.group, "item": self.item.id, "method": self.label, "seed": self.seed}
        return row | score(sound, self._estimate(sound), thumbnail)

    def _estimate(self, sound: Sound) -> Estimates:
        if self.method in BASELINES:
            return by_baseline(sound, self.method, self.seed)
        if self.iterations is not None:
            from .fits import by_shortened_preset

            return by_shortened_preset(sound, self.method, self.iterations, self.seed, self.device)
        return by_preset(sound, self.method, self.seed, self.device)


def shortened_name(method: str, iterations: int | None) -> str:
    return method if iterations is None else f"{method}@{iterations}"


def score(sound: Sound, estimates: Estimates, thumbnail: Path | None) -> Row:
    """The columns that every scored separation has; `thumbnail`: where its spectrograms are kept."""
    mixture, references, stems = judged(sound, estimates)
    scores = metrics.evaluate(mixture, references, stems, JUDGED_AT)
    if thumbnail:
        save(thumbnail, mixture, references, stems[list(scores.order)], JUDGED_AT)
    return {"elapsed_s": round(estimates.elapsed_s, 3), **estimates.extra, **score_columns(scores)}


def score_columns(scores: metrics.Scores) -> Row:
    """The mean over sources of every metric, and `each` source's values, to a thousandth of a dB."""
    values = asdict(scores)
    del values["order"]
    return {name: round(float(np.mean(value)), 3) for name, value in values.items()} | {
        "each": {name: [round(v, 3) for v in value] for name, value in values.items()}
    }


def judged(
    sound: Sound, estimates: Estimates
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Mixture, references and stems at JUDGED_AT, as long as the shortest of them."""
    signals = (
        metrics.resample(sound.mixture, sound.rate, JUDGED_AT),
        metrics.resample(sound.references, sound.rate, JUDGED_AT),
        metrics.resample(estimates.stems, estimates.rate, JUDGED_AT),
    )
    frames = min(signal.shape[-1] for signal in signals)
    mixture, references, stems = (signal[..., :frames] for signal in signals)
    return mixture, references, stems


def by_baseline(sound: Sound, name: str, seed: int) -> Estimates:
    mixture = metrics.resample(sound.mixture, sound.rate, BASELINE_RATE)
    references = metrics.resample(sound.references, sound.rate, BASELINE_RATE)
    began = time.monotonic()
    stems = separate_baseline(BASELINES[name], mixture, references, seed)
    return Estimates(stems, BASELINE_RATE, time.monotonic() - began, {"device": "cpu"})


def by_preset(sound: Sound, preset: str, seed: int, device: str) -> Estimates:
    """Through the worker, from a file to files: what is measured is what the user gets. Raises DapError."""
    with tempfile.TemporaryDirectory(prefix="dap-bridge-bench-") as folder:
        clip = Path(folder) / "mixture.wav"
        soundfile.write(clip, sound.mixture.T, sound.rate, subtype="FLOAT")
        verb = verb_of(preset)
        of_verb = {} if verb == "denoise" else {"sources": len(sound.references)}
        fields = {"clip": str(clip), "preset": preset, "seed": seed, "device": device}
        value, stems = run_verb(Path(folder), verb, fields | of_verb)
    return Estimates(np.stack(stems), value["rate"], value["elapsed_s"], {key: value[key] for key in KEPT})


def verb_of(preset: str) -> str:
    """The verb that makes the two stems of a clip by a preset. Raises BadPreset."""
    return "separate" if type(presets.load(preset).recipe) in SEPARATORS else "denoise"


# What a manifest says that a row keeps.
KEPT = ("device", "iterations", "null_db", "confidence", "warnings")


def run_verb(folder: Path, verb: str, fields: dict[str, Any]) -> tuple[dict[str, Any], list[NDArray[np.float64]]]:
    """Do a job in this process, its results in folder/out: the manifest, and each stem (channels, frames).

    Raises DapError.
    """
    # torch is loaded here, so that a command that only reads cached results starts at once
    from ..jobs import worker
    from ..jobs.mailbox import Mailbox

    message = protocol.parse(verb, fields | {"out": str(folder / "out")})
    assert isinstance(message, JobVerb)
    mailbox = Mailbox(folder / "mailbox")
    mailbox.open()
    manifest = worker.run(Job("bench", message.name, message.request()), mailbox, folder)
    value = json.loads(manifest.read_text(encoding="utf-8"))
    return value, [soundfile.read(manifest.parent / s["path"], always_2d=True)[0].T for s in value["stems"]]


@cache
def preset_digest(name: str) -> str:
    """A name for every number of a preset: another one when any of them changes. Raises BadPreset."""
    return hashlib.sha256(repr(presets.load(name)).encode()).hexdigest()[:12]
