"""N clips that share one sound: found, estimated from all its places at once, and taken out of each.

Fig. 7 of the paper optimises one network for the shared sound and one for each clip's own. Here they redraw what the
clips say together: the same waveform under different company.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...events import Note, Step, relay, within
from ...signal.alignment import cross_correlation
from ...tiny import FAINT
from .estimate import solve_all
from .recipe import CoseparationRecipe
from .search import Occurrence, Shared, find_shared

# read(clip, start, frames) -> (channels, frames) at the clips' common rate, silence outside the clip.
Read = Callable[[int, int, int], Tensor]


@dataclass(frozen=True)
class SharedSound:
    """One shared sound by itself, as it is at its first place. audio: (channels, frames)."""

    audio: Tensor


@dataclass(frozen=True)
class SharedPart:
    """What the shared sound contributes to a clip at one of its places, to be added there.

    audio: (channels of the clip, frames), beginning at frame `start` of the clip, which may be negative. gain_db: level
    against the first place.
    """

    clip: int
    start: int
    audio: Tensor
    gain_db: float


def coseparate(
    views: Sequence[Tensor],
    read: Read,
    channels: Sequence[int],
    rate: int,
    recipe: CoseparationRecipe,
    *,
    piece: int,
    overlap: int,
    seed: int,
    device: torch.device,
) -> Iterator[Step | Note | SharedSound | SharedPart]:
    """Everything that clips share, as what is to be added up in each of them; the rest of a clip is its own.

    views: one (samples,) a clip at recipe.front.rate. read, channels: the clips at `rate`. piece, overlap: frames; a
    sound longer than a piece is estimated piece by piece, cross-faded. Clips that share nothing give a Note alone.
    """
    front, search = recipe.front, recipe.search
    found = yield from relay(find_shared([view.to(device) for view in views], front, search), within(0.0, _SEARCH))
    if not found.sounds:
        evidence = f"has {found.strength:.2f} of the evidence that is asked for"
        if found.strength >= 1:
            evidence = "holds no stretch that is alike"
        yield Note(
            "The clips share nothing that could be found, so every shared stem is silence (-inf dB): the likeliest "
            f"alignment {evidence}."
        )
    for number, sound in enumerate(found.sounds):
        run = _estimate(sound, read, channels, rate, recipe, piece, overlap, seed + number, device)
        share = (1 - _SEARCH) / len(found.sounds)
        yield from relay(run, within(_SEARCH + number * share, share))


# Of all there is to do, for the progress bar alone.
_SEARCH = 0.3


@dataclass(frozen=True)
class _Piece:
    """A stretch of a sound and how it is faded in and out, so that all pieces add up. window: (frames,)."""

    start: int
    window: Tensor


def pieces(size: int, longest: int, overlap: int, edge: int) -> list[_Piece]:
    """A sound of `size` frames in equal pieces, cross-faded over `overlap`; `edge` frames fade the whole in and out."""
    overlap = min(overlap, longest // 2)
    count = 1 if size <= longest else math.ceil((size - overlap) / (longest - overlap))
    stride = (size - overlap) / count
    starts = [round(i * stride) for i in range(count)]
    ends = [start + overlap for start in starts[1:]] + [size]
    found = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        window = torch.ones(end - start)
        rise, fall = (edge if at_end else overlap for at_end in (index == 0, index == count - 1))
        window[:rise] *= _rise(rise)[: end - start]
        window[end - start - fall :] *= _rise(fall).flip(0)[-(end - start) :]
        found.append(_Piece(start, window))
    return found


def _rise(frames: int) -> Tensor:
    """Half of a raised cosine: added to its mirror image it gives one everywhere."""
    return 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(frames) + 0.5) / max(frames, 1))


def _estimate(
    sound: Shared,
    read: Read,
    channels: Sequence[int],
    rate: int,
    recipe: CoseparationRecipe,
    longest: int,
    overlap: int,
    seed: int,
    device: torch.device,
) -> Generator[Step | SharedSound | SharedPart, None, None]:
    scale = rate / recipe.front.rate
    size = round(sound.length * scale)
    rough = [replace(place, start=round(place.start * scale)) for place in sound.occurrences]
    slack = math.ceil(recipe.search.apart * scale)
    places = _align(rough, min(size, longest), slack, read)
    width = max(channels[place.clip] for place in places)
    cut = pieces(size, longest, overlap, min(size // 2, round(recipe.search.margin_s * rate)))
    whole = torch.zeros(width, size)
    for index, piece in enumerate(cut):
        frames = len(piece.window)
        heard = [read(place.clip, place.start + piece.start, frames).to(device) for place in places]
        run = solve_all(heard, width, rate, recipe, torch.Generator().manual_seed(seed))
        solved = yield from relay(run, within(index / len(cut), 1 / len(cut)))
        window = piece.window.to(device)
        whole[:, piece.start : piece.start + frames] += (solved.sound * window).cpu()
        faintest = max(solved.gains) + 20 * math.log10(recipe.estimate.least_gain)
        for place, part, gain in zip(places, solved.parts, solved.gains, strict=True):
            if gain < faintest:  # the search was wrong about this place
                continue
            yield SharedPart(place.clip, place.start + piece.start, (part * window).cpu(), gain)
    yield SharedSound(whole)


def _align(places: Sequence[Occurrence], size: int, slack: int, read: Read) -> list[Occurrence]:
    """The places to the whole sample, as they follow the first; `slack`: how far off each may be, in frames."""
    first = places[0]
    reference = _flattened(read(first.clip, first.start, size).mean(0))
    found = [first]
    for place in places[1:]:
        heard = _flattened(read(place.clip, place.start, size).mean(0))
        r = cross_correlation(reference, heard)[size - 1 - slack : size + slack].abs()
        found.append(replace(place, start=place.start + int(r.argmax()) - slack))
    return found


def _flattened(audio: Tensor) -> Tensor:
    """(frames,) with the root of every magnitude of its spectrum: between a correlation of levels and one of phases."""
    spectrum = torch.fft.rfft(audio)
    flattened: Tensor = torch.fft.irfft(spectrum / spectrum.abs().sqrt().clamp(min=FAINT), len(audio))
    return flattened
