"""Clips whose true sources are known, from the folders they come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import BadClip, BadRequest

SUFFIXES = (".wav", ".flac", ".ogg")
DEMO = Path(__file__).parents[2] / "demo" / "audio"
# Kinds of recordings; `folded` is `stereo` with both channels brought down to one.
KINDS = ("pair", "noisy", "stereo", "folded")
# Two gains and one sound: more alike than this, normalised, they count as the same sound.
SAME_SOUND = 0.9
TRIOS, TRIO_SEED = 20, 150


@dataclass(frozen=True)
class Sound:
    """The samples of an item: mixture (channels, frames), references (sources, channels, frames), at `rate` Hz."""

    mixture: NDArray[np.float32]
    references: NDArray[np.float32]
    rate: int


class Problem(Protocol):
    """A clip to separate whose true sources are known; hashable, and small enough to send to another process."""

    @property
    def id(self) -> str:
        """Its name within its group."""

    @property
    def group(self) -> str:
        """The table it counts in."""

    def read(self) -> Sound:
        """The samples. Raises DapError."""


@dataclass(frozen=True)
class Item:
    """A problem in files. mixture None: the sum of the references."""

    id: str
    group: str
    references: tuple[Path, ...]
    mixture: Path | None = None
    fold: bool = False

    def read(self) -> Sound:
        """Raises BadClip where a file is missing, or where the files do not fit together."""
        files = [self.mixture, *self.references] if self.mixture else list(self.references)
        signals, rates = zip(*(_read(path) for path in files), strict=True)
        shapes = {signal.shape[0] for signal in signals}
        if len(set(rates)) > 1 or len(shapes) > 1:
            raise BadClip(f"{files[0].parent}: the files differ in rate or channels.")
        frames = min(signal.shape[1] for signal in signals)
        stacked = np.stack([signal[:, :frames] for signal in signals])
        if self.fold:
            stacked = stacked.mean(axis=1, keepdims=True)
        references = stacked[1:] if self.mixture else stacked
        return Sound(stacked[0] if self.mixture else references.sum(axis=0), references, rates[0])


def demo() -> Item:
    """The recording that ships with the package."""
    return Item("tabla_and_crow", "demo", (DEMO / "tabla.flac", DEMO / "crow.flac"), DEMO / "tabla_and_crow.flac")


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
        Item(folder.name, "odd" if int(folder.name) % 2 else "even", (_audio(folder, "gt1"), _audio(folder, "gt2")))
        for folder in folders
    ]


def _numbered(place: Path) -> list[Path]:
    return sorted((path for path in place.glob("*/") if path.name.isdigit()), key=lambda path: int(path.name))


def trios(root: Path) -> list[Item]:
    """Mixtures of three different sounds of Universal-150, TRIOS of them, the same every time for the same folder."""
    sounds = list(_different(path for item in universal150(root) for path in item.references))
    if len(sounds) < 3:
        raise BadRequest(f"{root} holds fewer than three different sounds.")
    generator = np.random.default_rng(TRIO_SEED)
    chosen = [generator.choice(len(sounds), 3, replace=False) for _ in range(TRIOS)]
    return [Item(f"{i:02d}", "trio", tuple(sounds[k] for k in trio)) for i, trio in enumerate(chosen)]


def _different(paths: Iterator[Path] | Sequence[Path]) -> Iterator[Path]:
    """Those of `paths` that hold a sound which none before held, at any gain."""
    known: list[NDArray[np.float32]] = []
    for path in paths:
        signal = _read(path)[0].mean(axis=0)
        signal /= np.linalg.norm(signal) or 1.0
        if not any(_alike(signal, other) > SAME_SOUND for other in known):
            known.append(signal)
            yield path


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    frames = min(len(one), len(other))
    return abs(float(one[:frames] @ other[:frames]))


def recordings(root: Path, kinds: Sequence[str] = KINDS) -> list[Item]:
    """Folders pair/, noisy/ and stereo/ of `root`, with a folder an item that holds mix, s1 and s2."""
    items = [
        Item(folder.name, kind, (_audio(folder, "s1"), _audio(folder, "s2")), _audio(folder, "mix"), kind == "folded")
        for kind in kinds
        for folder in sorted((root / ("stereo" if kind == "folded" else kind)).glob("*/"))
    ]
    if not items:
        raise BadRequest(f"{root} holds no recordings.", f"Expected {', '.join(kinds)} with mix, s1 and s2 in folders.")
    return items


@dataclass(frozen=True)
class NoisySpeech:
    """A problem of two files: what is heard, and the speech in it; the noise is the difference.

    published: what other denoisers made of it, by name.
    """

    id: str
    group: str
    noisy: Path
    clean: Path
    published: tuple[tuple[str, Path], ...] = ()

    def read(self) -> Sound:
        """Raises BadClip where a file is missing, or where the files do not fit together."""
        (noisy, rate), (clean, other) = _read(self.noisy), _read(self.clean)
        frames = min(noisy.shape[1], clean.shape[1])
        if rate != other or len(noisy) != len(clean):
            raise BadClip(f"{self.noisy.parent}: the files differ in rate or channels.")
        noisy, clean = noisy[:, :frames], clean[:, :frames]
        return Sound(noisy, np.stack([clean, noisy - clean]), rate)


def noisy_speech(root: Path) -> list[NoisySpeech]:
    """root/voicebank/ITEM/{noisy,clean,published_*} and root/recordings/noisy/ITEM/{mix,s1}, whichever is there."""
    folders = sorted((root / "voicebank").glob("*/"))
    found = [
        NoisySpeech(
            folder.name,
            "voicebank",
            _audio(folder, "noisy"),
            _audio(folder, "clean"),
            tuple((path.stem.replace("_", "-"), path) for path in sorted(folder.glob("published_*"))),
        )
        for folder in folders
    ]
    found += [
        NoisySpeech(folder.name, "noisy", _audio(folder, "mix"), _audio(folder, "s1"))
        for folder in sorted((root / "recordings" / "noisy").glob("*/"))
    ]
    if not found:
        raise BadRequest(f"{root} holds no noisy speech.", "Expected voicebank/ITEM/{noisy,clean} or recordings/noisy.")
    return found


@dataclass(frozen=True)
class Marked:
    """Clips that share a sound: mixtures, what each has of its own, and the shared sound as it is in all of them."""

    id: str
    mixtures: tuple[Path, ...]
    own: tuple[Path, ...]
    shared: Path

    def read(self) -> list[Sound]:
        """One problem a clip: references are its own sound and the shared one. Raises BadClip."""
        return [
            Item(self.id, "watermark", (own, self.shared), mix).read()
            for mix, own in zip(self.mixtures, self.own, strict=True)
        ]


def watermarks(root: Path) -> list[Marked]:
    """Folders of `root`/watermark that hold mix1 … mixN, music1 … musicN and watermark."""
    found = []
    for folder in sorted((root / "watermark").glob("*/")):
        count = len(list(folder.glob("mix*")))
        clips = range(1, count + 1)
        mixtures, own = (tuple(_audio(folder, f"{name}{k}") for k in clips) for name in ("mix", "music"))
        found.append(Marked(folder.name, mixtures, own, _audio(folder, "watermark")))
    if not found:
        raise BadRequest(f"{root} holds no clips that share a sound.", "Expected watermark/ITEM/{mix1,music1 …}.")
    return found


def _audio(folder: Path, stem: str) -> Path:
    """The audio file called `stem` in `folder`, by whatever suffix; the first possible name where there is none."""
    names = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    return next((path for path in names if path.is_file()), names[0])


def _read(path: Path) -> tuple[NDArray[np.float32], int]:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise BadClip(f"{path} cannot be read: {error}.") from error
    return np.ascontiguousarray(samples.T), rate
