"""A box in which a stem has to be silent: the nearest signal that is, found by conjugate gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.signal.windows import general_cosine

from ..recipe import Holding
from .boxes import ChunkBox

# Blackman and Harris' window (Harris 1978): 92 dB less of what lies beside its main lobe, which is eight bins wide.
_WINDOW = (0.35875, 0.48829, 0.14128, 0.01168)
_LOBE = 8
_TINY = 1e-30


def silence(parts: Tensor, mixture: Tensor, rate: int, boxes: Sequence[ChunkBox], recipe: Holding) -> Tensor:
    """Take what sounds in boxes where a stem has to be silent out of it, and give it to the others, in place.

    parts: (sources, channels, frames), whose sum stays; mixture: (channels, frames), of the same `rate`. A masked
    spectrogram is no signal's spectrogram: overlap-add carries into a box what lies beside it. A wider box would be
    silent too, but would take away much that belongs there; the nearest signal that is silent in the box differs by
    little more than what leaked into it.
    """
    sources = len(parts)
    for number, box in enumerate(boxes):
        if box.strength < 1:
            continue
        inside = slice(max(0, math.ceil(box.start * rate)), max(0, math.floor(box.end * rate)))
        free = boxes[number + 1 :]
        for atoms in _Atoms.of_all_sizes(box, rate, mixture[:, inside], recipe):
            enough = 10 ** (recipe.silence_db / 10) * atoms.energy(atoms.see(mixture[:, inside]))
            for source in range(sources):
                if (source == box.source) == box.active:
                    continue
                held = atoms.without([other for other in free if _gives(other, source, sources)])
                taken = held.nearest(parts[source, :, inside], enough, recipe.silence_steps)
                heard = torch.tensor([atoms.energy(atoms.see(part[:, inside])) for part in parts], device=parts.device)
                heard[source] = 0
                share = (heard + _TINY) / (heard + _TINY).sum()
                share[source] = -1
                parts[:, :, inside] += share[:, None, None] * taken
    return parts


def _gives(box: ChunkBox, source: int, sources: int) -> bool:
    """Whether a stem that an earlier box has silenced may sound again in this one."""
    return box.strength > 0 and (box.active == (box.source == source)) and (box.active or sources == 2)


@dataclass(frozen=True)
class _Atoms:
    """The windowed sinusoids that lie in a box: what of a signal they see is what sounds there.

    begin: seconds where the first begins; lowest: the first bin; chosen: (bins from there on, frames), 1 for those that
    count; window: (n_fft,).
    """

    rate: int
    begin: float
    lowest: int
    chosen: Tensor
    window: Tensor

    @classmethod
    def of_all_sizes(cls, box: ChunkBox, rate: int, stretch: Tensor, recipe: Holding) -> list[_Atoms]:
        """Those of a box that `stretch` (channels, samples) fills in time, by the length of their windows.

        The windows are recipe.silence_windows_s long, or longer where what is drawn is nowhere wider than two main
        lobes, and never longer than half of it. Where none fits in, there is nothing.
        """
        cells, samples = box.cells, stretch.shape[-1]
        longest = min(samples, math.ceil(cells.longest() * rate))
        if longest < 2 * _LOBE:
            return []
        narrowest = 2 * _LOBE / cells.tallest()
        wanted = [round(math.log2(max(seconds, narrowest) * rate)) for seconds in recipe.silence_windows_s]
        sizes = [2 ** min(size, int(math.log2(longest)) - 1) for size in wanted]
        found = []
        for n_fft in sorted(set(sizes), reverse=True):
            lowest = math.ceil(box.low * n_fft / rate + _LOBE / 2) if box.low > 0 else 0
            highest = math.floor(box.high * n_fft / rate - _LOBE / 2) if box.high < rate / 2 else n_fft // 2
            if lowest <= highest:
                chosen = stretch.new_ones(highest + 1 - lowest, 1 + (samples - n_fft) // (n_fft // 4))
                window = general_cosine(n_fft, a=_WINDOW, sym=False, device=stretch.device, dtype=stretch.dtype)
                atoms = cls(rate, max(box.start, 0.0), lowest, chosen, window)
                found.append(atoms.but(cells.touched(False, *atoms.places())))
        return [atoms for atoms in found if atoms.chosen.any()]

    @property
    def _hop(self) -> int:
        return len(self.window) // 4

    def without(self, boxes: Sequence[ChunkBox]) -> _Atoms:
        """Those that none of these other boxes touches."""
        atoms = self
        for box in boxes:
            low, high, start, end = self.places()
            wider = 2**box.octaves
            near = (low / wider, high * wider, start - box.feather, end + box.feather)
            atoms = atoms.but(box.cells.touched(True, *near))
        return atoms

    def but(self, touched: Tensor) -> _Atoms:
        """Without those whose number (bins, frames) is not zero."""
        return replace(self, chosen=self.chosen * (touched == 0).to(self.chosen))

    def places(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Where their main lobes begin and end, in Hz, and their windows, in seconds."""
        bins, frames = self.chosen.shape
        long = len(self.window) / self.rate
        hertz = (self.lowest + torch.arange(bins, dtype=torch.float64)) / long
        starts = self.begin + torch.arange(frames, dtype=torch.float64) * (self._hop / self.rate)
        return hertz - _LOBE / 2 / long, hertz + _LOBE / 2 / long, starts, starts + long

    def see(self, audio: Tensor) -> Tensor:
        """(channels, samples) -> (channels, bins, frames), complex."""
        bins, frames = self.chosen.shape
        pieces = audio.unfold(-1, len(self.window), self._hop)[:, :frames] * self.window
        seen: Tensor = torch.fft.rfft(pieces, norm="ortho")[..., self.lowest : self.lowest + bins]
        return seen.mT * self.chosen

    def back(self, seen: Tensor, samples: int) -> Tensor:
        """The adjoint of `see`, for what `see` gives."""
        bins, frames = self.chosen.shape
        size = len(self.window)
        spectrum = seen.new_zeros(len(seen), frames, size // 2 + 1)
        spectrum[..., self.lowest : self.lowest + bins] = seen.mT
        pieces: Tensor = torch.fft.irfft(spectrum, size, norm="ortho") * self.window
        audio = pieces.new_zeros(len(seen), samples)
        added = audio[:, : (frames + 3) * self._hop].unflatten(1, (frames + 3, self._hop))
        for quarter, part in enumerate(pieces.split(self._hop, dim=2)):
            added[:, quarter : quarter + frames] += part
        return audio

    def energy(self, seen: Tensor) -> float:
        """Of the whole spectrum, of which `seen` is a part of one half."""
        power = torch.view_as_real(seen).square()
        edges = [row for row in (-self.lowest, len(self.window) // 2 - self.lowest) if 0 <= row < seen.shape[1]]
        return float(2 * power.sum() - sum(power[:, row].sum() for row in edges))

    def nearest(self, audio: Tensor, enough: float, steps: int) -> Tensor:
        """What to take from `audio` (channels, samples) so that no more energy than `enough` is seen of it.

        Conjugate gradients on the least-squares problem min |see(audio - taken)|^2 from taken = 0 (Hestenes and
        Stiefel 1952): what is taken lies in the span of the atoms, and is the least that does it.
        """
        left = self.see(audio)
        taken = torch.zeros_like(audio)
        slope = direction = self.back(left, audio.shape[-1])
        steepness = float(slope.square().sum())
        for _ in range(steps):
            if steepness <= _TINY or self.energy(left) <= enough:
                break
            ahead = self.see(direction)
            length = steepness / max(self.energy(ahead), _TINY)
            taken.add_(direction, alpha=length)
            left = left - length * ahead
            slope = self.back(left, audio.shape[-1])
            before, steepness = steepness, float(slope.square().sum())
            direction = slope + steepness / before * direction
        return taken
