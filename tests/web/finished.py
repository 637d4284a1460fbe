"""Jobs that have been done already, for a daemon that is started afterwards: no separation, the same files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dap_bridge.domain import Alternative, State, Stem
from dap_bridge.jobs.store import Store
from tests.manifests import manifest, write


def finished(
    data: Path,
    job: str,
    sounds: np.ndarray,
    rate: int,
    repeats: int = 1,
    others: dict[str, np.ndarray] | None = None,
    **fields: Any,
) -> Path:
    """Puts `sounds` (stems, channels, frames), `repeats` times over, into `data`; returns the manifest's path.

    others: the stems of its alternatives from the second on, by what is said of each; fields: what else its manifest
    says.
    """
    folder = data / "jobs" / job / "result"
    names = _written(folder, job, sounds, rate, repeats)
    made = manifest(job, rate, sounds.shape[2] * repeats, names, channels=sounds.shape[1])
    made = replace(made, **fields)
    if others:
        alternatives = [Alternative(1, "as first answered", 0.6, made.stems)]
        for index, (what, answer) in enumerate(others.items(), 2):
            named = _written(folder / f"alternative-{index}", job, answer, rate, repeats)
            paths = (f"alternative-{index}/{name}" for name in named)
            placed = (Stem(k, f"{job} - stem {k}", "source", path) for k, path in enumerate(paths, 1))
            alternatives.append(Alternative(index, what, 0.5, tuple(placed)))
        made = replace(made, alternatives=tuple(alternatives))
    path = write(folder, made)
    store = Store(data / "jobs.sqlite")
    store.add(job, made.verb, {})
    store.start(job)
    store.end(job, State.DONE, str(path))
    store.close()
    return path


def _written(folder: Path, job: str, stems: np.ndarray, rate: int, repeats: int) -> dict[str, str]:
    """The stems in a new folder: the name of each by its file's."""
    folder.mkdir(parents=True)
    names = {f"stem-{index}.wav": f"{job} - stem {index}" for index in range(1, len(stems) + 1)}
    for name, stem in zip(names, stems, strict=True):
        with soundfile.SoundFile(folder / name, "w", rate, stem.shape[0], subtype="FLOAT") as file:
            for _ in range(repeats):
                file.write(stem.T)
    return names


def tones(rate: int, seconds: float, channels: int = 2) -> np.ndarray:
    """Two stems (2, channels, frames): a tone that swells, and clicks with a tail of noise."""
    time = np.arange(round(rate * seconds)) / rate
    tone = 0.2 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(2 * np.pi * time))
    clicks = 0.3 * np.random.default_rng(0).standard_normal(len(time)) * np.exp(-30 * (time % 0.25))
    stems = np.stack([tone, clicks])[:, None].repeat(channels, axis=1)
    stems[:, -1] *= 0.5
    return stems.astype(np.float32)
