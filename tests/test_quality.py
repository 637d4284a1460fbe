"""The default preset on real mixtures: no benchmark (`dap-bridge bench` is one), but a floor that must hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.bench.measures.metrics import evaluate
from dap_bridge.demo import CLIP, PARTS
from dap_bridge.domain import Job
from dap_bridge.jobs import worker
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.judging import best_permutation, si_sdr
from dap_bridge.verbs.separate.request import Separate
from tests.conftest import shared

# The first five of sorted(random.Random(0).sample(the ids that are at hand, 20)): drawn, not chosen.
UNIVERSAL150 = (7, 18, 25, 40, 48)
RATE = 11_000


def stems(clip: Path, folder: Path, seed: int) -> np.ndarray:
    """(sources, channels, frames) of a separation with the default preset."""
    job = Job("job", "separate", Separate(clip=str(clip), out=str(folder), seed=seed).request())
    manifest = worker.run(job, Unwatched(folder.with_suffix(".job")), folder)
    listed = json.loads(manifest.read_text(encoding="utf-8"))["stems"]
    return np.stack([read(manifest.parent / stem["path"]) for stem in listed])


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, always_2d=True)[0].T


@pytest.mark.timeout(400)
def test_five_mixtures_of_universal_150(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    folder = shared("audio/universal150/Audios")
    scores = []
    for name in map(str, UNIVERSAL150):
        parts = np.stack([read(folder / name / f"gt{index}.flac") for index in (1, 2)])
        mixture = parts.sum(axis=0)
        separated = stems(write_clip(mixture.astype(np.float32), RATE, f"{name}.wav"), tmp_path / name, seed=0)
        scores.append(np.mean(evaluate(mixture, parts, separated, RATE).sdr))
    assert np.mean(scores) >= 7.5


def test_the_demo_clip_with_two_seeds(tmp_path: Path) -> None:
    parts = np.stack([read(path) for path in PARTS.values()])
    before = np.mean([si_sdr(part, read(CLIP)) for part in parts])
    gains = [np.mean(best_permutation(parts, stems(CLIP, tmp_path / str(seed), seed))[1]) - before for seed in range(2)]
    assert min(gains) >= 15
