"""Universal-150 (arXiv 1912.10292): mixtures of two sounds, and of three of the same sounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest
from .recordings import demo
from .sounds import Item, Problem, audio_file, excerpts, read_audio

LAYOUT = "a clone of github.com/ICLR-DAP/Deep-Audio-Prior, or its folder Audios"
# Two gains and one sound: more alike than this, normalised, they count as the same sound.
SAME_SOUND = 0.9
TRIOS, TRIO_SEED = 20, 150


def universal150(root: Path) -> list[Item]:
    """The mixtures of Universal-150 (arXiv 1912.10292): folders <number>/ with gt1 and gt2, whose sum is the mixture.

    root: the folder of those folders, or one that holds it as Audios/ or, as a clone of the public repository does, as
    Universal-150-Benchmark/Audios/. Items count by whether their number is even or odd: presets are tuned
    on `even` alone.
    """
    places = [root, root / "Audios", root / "Universal-150-Benchmark" / "Audios"]
    numbered = [(place, _numbered(place)) for place in places if place.is_dir()]
    folders = next((found for _, found in numbered if found), None)
    if not folders:
        raise BadRequest(
            f"{root} holds no mixtures of Universal-150.",
            "Expected folders 0, 1, 2 … with gt1.wav and gt2.wav each, or a clone of ICLR-DAP/Deep-Audio-Prior.",
        )
    return [
        Item(
            folder.name,
            "odd" if int(folder.name) % 2 else "even",
            (audio_file(folder, "gt1"), audio_file(folder, "gt2")),
        )
        for folder in folders
    ]


def _numbered(place: Path) -> list[Path]:
    return sorted((path for path in place.glob("*/") if path.name.isdigit()), key=lambda path: int(path.name))


def paper_items(root: Path | None, limit: int | None, seconds: float | None) -> list[Problem]:
    """What the paper's experiments are run on, each of which optimises on a clip several times over: the demo's, or of
    `root` the first; of each so many seconds.
    """
    return excerpts([demo()] if root is None else universal150(root)[: limit or 1], seconds)


def trios(root: Path) -> list[Item]:
    """Mixtures of three different sounds of Universal-150, TRIOS of them, the same every time for the same folder."""
    sounds = list(_different(path for item in universal150(root) for path in item.references))
    if len(sounds) < 3:
        raise BadRequest(f"{root} holds fewer than three different sounds.")
    generator = np.random.default_rng(TRIO_SEED)
    chosen = [generator.choice(len(sounds), 3, replace=False) for _ in range(TRIOS)]
    return [Item(f"{i:02d}", "trio", tuple(sounds[k] for k in trio)) for i, trio in enumerate(chosen)]


def _different(paths: Iterable[Path]) -> Iterator[Path]:
    """Those of `paths` that hold a sound which none before held, at any gain."""
    known: list[NDArray[np.float32]] = []
    for path in paths:
        signal = read_audio(path)[0].mean(axis=0)
        signal /= np.linalg.norm(signal) or 1.0
        if not any(_alike(signal, other) > SAME_SOUND for other in known):
            known.append(signal)
            yield path


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    frames = min(len(one), len(other))
    return abs(float(one[:frames] @ other[:frames]))
