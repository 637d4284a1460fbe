"""A clip whose true sources are known, and where such clips are read from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import BadClip, BadRequest

SUFFIXES = (".wav", ".flac", ".ogg")
# Hz. The band that the Deep Audio Prior looks at: no method that it is compared with has a better view of the clip,
# and all are judged in it.
RATE = 11_000


@dataclass(frozen=True)
class Sound:
    """The samples of an item: mixture (channels, frames), references (sources, channels, frames), at `rate` Hz."""

    mixture: NDArray[np.float32]
    references: NDArray[np.float32]
    rate: int

    def write(self, path: Path) -> None:
        """The mixture as a file, sample by sample what it is here."""
        soundfile.write(path, self.mixture.T, self.rate, subtype="FLOAT")


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


P = TypeVar("P", bound=Problem)


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
        stacked, rate = read_together([self.mixture, *self.references] if self.mixture else self.references)
        if self.fold:
            stacked = stacked.mean(axis=1, keepdims=True)
        references = stacked[1:] if self.mixture else stacked
        return Sound(stacked[0] if self.mixture else references.sum(axis=0), references, rate)


@dataclass(frozen=True)
class Excerpt:
    """So many seconds of a problem, those in which the fainter of its sounds is loudest; all of a shorter one."""

    whole: Problem
    seconds: float

    @property
    def id(self) -> str:
        return f"{self.whole.id}-{self.seconds:g}s"

    @property
    def group(self) -> str:
        return f"{self.whole.group}-{self.seconds:g}s"

    def read(self) -> Sound:
        """Raises DapError."""
        sound = self.whole.read()
        frames = min(round(self.seconds * sound.rate), sound.mixture.shape[-1])
        energy = np.pad(np.square(sound.references, dtype=np.float64).sum(1).cumsum(1), ((0, 0), (1, 0)))
        start = int((energy[:, frames:] - energy[:, : energy.shape[1] - frames]).min(0).argmax())
        part = slice(start, start + frames)
        return Sound(sound.mixture[:, part], sound.references[..., part], sound.rate)


def excerpts(items: Sequence[Problem], seconds: float | None) -> list[Problem]:
    """Of every item so many seconds; None: all of it."""
    return list(items) if seconds is None else [Excerpt(item, seconds) for item in items]


def of_excerpts(group: str) -> bool:
    """Whether a group is one of excerpts, as its name says."""
    return re.search(r"-[\d.]+s$", group) is not None


def by_group(items: Iterable[P]) -> dict[str, list[P]]:
    """Items apart by their group, in the order of its first appearance."""
    groups: dict[str, list[P]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return groups


def half(name: str) -> str | None:
    """`odd` or `even`, by the number that the name of an item ends with; None where it ends with none."""
    number = re.search(r"\d+$", name)
    return ("even", "odd")[int(number[0]) % 2] if number else None


def of_half(items: Sequence[P], wanted: str) -> list[P]:
    """The `odd` or `even` ones, or `all`: choices are made on one half of a set, and reported on the other.

    Raises BadRequest where there are none.
    """
    found = [item for item in items if wanted in ("all", half(item.id))]
    if not found:
        raise BadRequest("There is no such item.", "A half is told by the numbers that the items' names end with.")
    return found


def audio_file(folder: Path, stem: str) -> Path:
    """The audio file called `stem` in `folder`, by whatever suffix; the first possible name where there is none."""
    names = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    return next((path for path in names if path.is_file()), names[0])


def read_audio(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples (channels, frames) and their rate in Hz. Raises BadClip."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise BadClip(f"{path} cannot be read: {error}.") from error
    return np.ascontiguousarray(samples.T), rate


def read_together(paths: Sequence[Path]) -> tuple[NDArray[np.float32], int]:
    """Samples (files, channels, frames), as long as the shortest file, and their rate in Hz.

    Raises BadClip where a file cannot be read, or where the files do not fit together.
    """
    signals, rates = zip(*(read_audio(path) for path in paths), strict=True)
    if len(set(rates)) > 1 or len({len(signal) for signal in signals}) > 1:
        raise BadClip(f"{' and '.join(map(str, paths))} differ in rate or channels.")
    return np.stack(cut(*signals)), rates[0]


def cut(*signals: NDArray[Any]) -> list[NDArray[Any]]:
    """`signals` (..., frames), each as long as the shortest of them."""
    frames = min(signal.shape[-1] for signal in signals)
    return [signal[..., :frames] for signal in signals]


def resample(signal: NDArray[np.floating], rate: int, wanted: int) -> NDArray[np.float64]:
    """`signal` (..., frames) at another rate, by a polyphase filter: linear in phase and the same on every machine."""
    samples: NDArray[np.float64] = np.asarray(signal, dtype=np.float64)
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly  # half a second of every process that measures

    common = math.gcd(rate, wanted)
    resampled: NDArray[np.float64] = resample_poly(samples, wanted // common, rate // common, axis=-1)
    return resampled
