"""Deep Audio Prior as published: K sounds and K masks, each from a network of its own, optimised on one mixture."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...events import ChunkMasks, Event, Note, Step, relay
from ...nets import losses
from ...nets.latents import Latents, draw_latents, dynamics
from ...nets.networks import UNet, draw_weights
from ...nets.optimise import multiplies_halves, optimise
from ...signal.rows import Heard
from ...signal.stft import magnitude
from .recipe import PaperLosses, PaperRecipe


@dataclass(frozen=True)
class Outputs:
    """What the networks say, segment by segment; `join` lays the segments end to end.

    sounds S, stems s = m S: (sources, segments, bins, frames), magnitudes at the level that a chunk is
    brought to; masks m: the same, with a single bin where the mask is one-dimensional.
    """

    sounds: Tensor
    masks: Tensor
    stems: Tensor

    def detach(self) -> Outputs:
        return Outputs(self.sounds.detach(), self.masks.detach(), self.stems.detach())


# Called after every iteration with its number, counted from 1, and what the networks gave in it.
Observer = Callable[[int, Outputs], None]


class PaperNetworks(nn.Module):
    """K sound networks and K mask networks (Fig. 1)."""

    def __init__(self, recipe: PaperRecipe, sources: int, generator: torch.Generator) -> None:
        super().__init__()
        shape = recipe.network
        self._mask_over_time = recipe.fit.mask_axes == "time"
        with torch.device("meta"):  # torch's own initialisation would draw from the global generator
            nets = [UNet(shape.channels, shape.skips, shape.kernel, shape.slope) for _ in range(2 * sources)]
            self.sounds, self.masks = nn.ModuleList(nets[:sources]), nn.ModuleList(nets[sources:])
        self.to_empty(device="cpu")
        draw_weights(self, generator)

    def forward(
        self, latents: Latents, dynamics: Tensor | float, halves: bool = False, in_turn: bool = False
    ) -> Outputs:
        """halves: products in bfloat16. in_turn: see `_draw`."""
        with torch.autocast(latents.static.device.type, torch.bfloat16, enabled=halves):
            sounds = _draw(self.sounds, latents.for_sounds(dynamics), in_turn)
            masks = _draw(self.masks, latents.for_masks(dynamics), in_turn)
        if self._mask_over_time:
            masks = masks.mean(-2, keepdim=True)
        sounds, masks = sounds.squeeze(2).relu(), masks.squeeze(2).sigmoid()
        return Outputs(sounds, masks, masks * sounds)

    def reorder(self, order: Sequence[int]) -> None:
        """Source k becomes what source order[k] was."""
        self.sounds = nn.ModuleList(self.sounds[k] for k in order)
        self.masks = nn.ModuleList(self.masks[k] for k in order)


def _draw(networks: Iterable[nn.Module], noise: Tensor, in_turn: bool) -> Tensor:
    """What each of the networks makes of its noise, (networks, segments, 1, bins, frames).

    in_turn: what a network computed on the way is computed again when its slopes are asked for, so that no two of them
    are in memory at once; the same numbers, in a third more time. The segments of one cannot be parted: its norms go
    by all of them.
    """
    if not in_turn:
        return torch.stack([network(z) for network, z in zip(networks, noise, strict=True)])
    # no random numbers are drawn on the way, and none need be drawn again
    again = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
    return torch.stack([again(network, z) for network, z in zip(networks, noise, strict=True)])


def paper_loss(outputs: Outputs, mixture: Tensor, weights: PaperLosses, progress: float) -> Tensor:
    """Weighted sum of the published losses after a fraction `progress` of the iterations; a scalar.

    mixture: (segments, bins, frames), magnitude.
    """
    total = weights.reconstruction * losses.reconstruction(outputs.stems, mixture)
    if weights.smoothness:
        total = total + weights.smoothness * losses.temporal_smoothness(outputs.sounds)
    if weights.exclusion:
        total = total + weights.exclusion * losses.pairwise_exclusion(outputs.stems, scales=weights.exclusion_scales)
    if weights.nonzero:
        total = total + weights.nonzero * losses.nonzero_mask(outputs.masks, mixture)
    if weights.binary and progress >= weights.binary_from:
        total = total + weights.binary * torch.stack([losses.binary_mask(mask) for mask in outputs.masks]).sum()
    return total


def separate(
    read: Callable[[int], Heard],
    chunks: int,
    recipe: PaperRecipe,
    *,
    sources: int,
    seed: int,
    device: torch.device,
    observe: Observer | None = None,
    recorded: bool = False,
) -> Iterator[Event]:
    """Separate a clip that is read chunk by chunk, as the paper does.

    recorded: a GPU records iterations and plays them again (docs/benchmark.md says what it is worth). What an observer
    is shown is then overwritten by the next iteration.

    read(i): chunk i, of any length; the mean over channels of its view is the mixture. A
    chunk is cut into segments of recipe.fit.segment_frames, the last one filled up with silence. Yields a Step after
    every iteration and one ChunkMasks a chunk. `observe` sees what the networks gave in every iteration (Fig. 11).

    Source k is the same sound in every chunk for two reasons. The networks of a chunk start from the weights and the
    static noise of the chunk before, which make that chunk's sounds. And the stems' mean spectra are compared with
    those of all the chunks before; where another order of the sources is more alike, masks and networks are reordered.

    A start that has not separated is left for another one with new weights and noise, at most recipe.starts.restarts
    times; where none separates, the one told apart best is gone on with. It has not separated where a stem has fallen
    silent (`losses.is_collapsed`), or where in the end what the stems take from the mixture has much the same spectrum
    (`losses.told_apart`). Neither the losses nor how decided the masks are would tell: a mixture that is cut in time
    alone does as well by them. Only the first chunk is started again: later on a source may well pause for a whole
    chunk, and another start would lose its identity.
    """
    optimiser = _Optimiser(recipe, sources, chunks, torch.Generator().manual_seed(seed), device, observe, recorded)
    optimised: _Optimised | None = None
    known = torch.zeros(())
    for index in range(chunks):
        seen = magnitude(read(index).view.to(device), recipe.front)[0]
        loudness = seen.square().sum() / seen.sum()
        if not loudness >= torch.finfo(seen.dtype).tiny:  # of silence it is NaN
            even = torch.full((sources, *seen.shape), 1 / sources)
            yield ChunkMasks(index, even, restarts=optimised.restarts if optimised else None)
            continue
        mixture = split(seen * (recipe.fit.level / loudness), recipe.fit.segment_frames)
        optimised = yield from optimiser.optimise_chunk(index, mixture, optimised)
        masks = ratio_masks(join(optimised.stems)[..., : seen.shape[-1]], recipe.ratio_exponent)
        spectra = (masks * seen).sum(-1).cpu()
        order = best_order(spectra, known.expand_as(spectra))
        optimised, known = optimised.reorder(order), known + spectra[order]
        yield ChunkMasks(index, masks[order].cpu(), restarts=optimised.restarts)
    if optimised is None:
        yield Note("The clip is silent: every stem is silence.")
    if optimiser.in_turn:
        yield Note("The GPU's memory was too little for all networks at once: in turn, they took longer.")


@dataclass(frozen=True)
class _Optimised:
    """Where the networks of a chunk ended, and the next ones start. stems: (sources, segments, bins, frames)."""

    networks: PaperNetworks
    latents: Latents
    stems: Tensor
    restarts: int

    def reorder(self, order: Sequence[int]) -> _Optimised:
        self.networks.reorder(order)
        return _Optimised(self.networks, self.latents.reorder(order), self.stems[list(order)], self.restarts)


@dataclass
class _Start:
    """One draw of weights and noise, optimised from there, which can be left and gone on with.

    number: 0 is the first; run: what is left of its iterations; told_apart: its stems, when they were last looked at;
    apart: its stems, when they were last looked at late and told apart.
    """

    number: int
    networks: PaperNetworks
    latents: Latents
    run: Iterator[tuple[int, float, Outputs]]
    told_apart: float = 0.0
    apart: Tensor | None = None


@dataclass
class _Optimiser:
    """Optimises the networks of one chunk after the other.

    in_turn: whether the networks are, see `_draw`: from when the device's memory was too little for all of them.
    """

    recipe: PaperRecipe
    sources: int
    chunks: int
    generator: torch.Generator
    device: torch.device
    observe: Observer | None
    recorded: bool
    in_turn: bool = False

    def optimise_chunk(
        self, index: int, mixture: Tensor, previous: _Optimised | None
    ) -> Generator[Event, None, _Optimised]:
        """Bring networks to `mixture` (segments, bins, frames), from scratch (again if need be) or from `previous`."""
        iterations, furthest = self.recipe.fit.iterations, 0

        def tell(done: tuple[int, float]) -> Step:
            nonlocal furthest
            furthest = max(furthest, done[0])
            return Step("optimising", done[0], iterations, (index + furthest / iterations) / self.chunks, done[1])

        if previous:
            start = self._start(previous.restarts, mixture, previous)
            yield from relay(self._go_on(start, mixture), tell)
        else:
            start = yield from relay(self._best_start(mixture), tell)
            if start.apart is None:
                restarts = self.recipe.starts.restarts
                tried = f", even after {restarts} restarts" if restarts else ""
                yield Note(f"The stems are hardly told apart{tried}; try another seed.")
        if start.apart is not None and start.told_apart <= self.recipe.starts.told_apart:
            yield Note("The last iterations mixed again what was told apart: the stems are as they were before.")
            stems = start.apart
        else:
            with torch.no_grad():
                stems = start.networks(start.latents, self._dynamics(iterations - 1)).stems
        return _Optimised(start.networks, start.latents, stems, start.number)

    def _best_start(self, mixture: Tensor) -> Generator[tuple[int, float], None, _Start]:
        """The first start that separates, else of all of them the one told apart best; optimised to the end."""
        best: _Start | None = None
        for number in range(1 + self.recipe.starts.restarts):
            start = self._start(number, mixture, None)
            yield from self._go_on(start, mixture, leave=True)
            if best is None or start.apart is not None or start.told_apart > best.told_apart:
                best = start
            if best.apart is not None:
                break
        assert best is not None
        yield from self._go_on(best, mixture)  # where it was left
        return best

    def _go_on(self, start: _Start, mixture: Tensor, leave: bool = False) -> Generator[tuple[int, float], None, None]:
        """Go on; with `leave` only up to the moment that finds it has not separated. Yields iteration and loss."""
        iterations, rule = self.recipe.fit.iterations, self.recipe.starts
        moments = {iterations * moment // rule.looks for moment in range(1, rule.looks + 1)}
        for iteration, loss, outputs in start.run:
            yield iteration, loss
            if iteration in moments:
                start.told_apart = self._told_apart(outputs.stems, mixture)
                late = iteration >= rule.told_from * iterations
                if late and start.told_apart > rule.told_apart:
                    start.apart = outputs.stems.clone()
                if leave and start.apart is None and (late or not start.told_apart):
                    return

    def _told_apart(self, stems: Tensor, mixture: Tensor) -> float:
        """How well what the masks of these stems take from the mixture is told apart, 0 where one of them is silent."""
        if losses.is_collapsed(stems, self.recipe.starts.collapsed):
            return 0.0
        masked = ratio_masks(stems, self.recipe.ratio_exponent) * mixture
        return losses.told_apart(masked.square().sum((1, 3)), self.recipe.starts.least_bits)

    def _start(self, number: int, mixture: Tensor, previous: _Optimised | None) -> _Start:
        if previous:
            networks, before = previous.networks, previous.latents
        else:
            networks, before = PaperNetworks(self.recipe, self.sources, self.generator), None
        segments, bins, frames = mixture.shape
        drawn = draw_latents(self.recipe.noise, self.sources, segments, bins, frames, self.generator, before)
        # The CPU's convolutions are fastest in this layout, which torch's stub of Module.to does not know.
        networks = networks.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        latents = drawn.to(self.device)
        return _Start(number, networks, latents, self._optimise(networks, latents, mixture))

    def _optimise(
        self, networks: PaperNetworks, latents: Latents, mixture: Tensor
    ) -> Iterator[tuple[int, float, Outputs]]:
        """After each iteration its number, counted from 1, the loss, and what the networks had given."""
        iterations, rate = self.recipe.fit.iterations, self.recipe.fit.learning_rate
        latest: list[Outputs] = []
        halves = self.recipe.fit.products == "bfloat16" and multiplies_halves(self.device)
        amount = torch.zeros((), device=self.device)

        def objective(i: int) -> Tensor:
            outputs = networks(latents, amount, halves, self.in_turn)
            latest[:] = [outputs.detach()]
            return paper_loss(outputs, mixture, self.recipe.losses, i / iterations)

        def phase(i: int) -> bool:
            return i / iterations >= self.recipe.losses.binary_from

        def spare() -> bool:
            already, self.in_turn = self.in_turn, True
            return not already

        for step in optimise(
            networks.parameters(),
            objective,
            iterations=iterations,
            learning_rate=rate,
            fused=True,
            prepare=lambda i: amount.fill_(self._dynamics(i)),
            phase=phase if self.recorded else None,
            spare=spare,
        ):
            if self.observe:
                self.observe(step.index + 1, latest[0])
            yield step.index + 1, step.loss.item(), latest[0]

    def _dynamics(self, i: int) -> float:
        return dynamics(i / self.recipe.fit.iterations, self.recipe.noise)


def split(spectrogram: Tensor, frames: int) -> Tensor:
    """(bins, T) -> (segments, bins, frames), the last segment filled up with silence."""
    bins, length = spectrogram.shape
    padded = F.pad(spectrogram, (0, -length % frames))
    return padded.reshape(bins, -1, frames).transpose(0, 1)


def join(segments: Tensor) -> Tensor:
    """The way back: (..., segments, bins, frames) -> (..., bins, segments * frames)."""
    return segments.transpose(-3, -2).flatten(-2)


def ratio_masks(stems: Tensor, exponent: float) -> Tensor:
    """m_k = s_k^p / sum_j s_j^p with p = `exponent`, and 1 / K where every stem is silent.

    stems: (sources, bins, frames), magnitudes. Returns the same shape, summing to one over sources.
    """
    loudest = stems.amax(0)
    # Relative to the loudest, the powers of faint stems stay in float32's range.
    powers = (stems / loudest.clamp(min=torch.finfo(stems.dtype).tiny)) ** exponent
    return torch.where(loudest > 0, powers / powers.sum(0).clamp(min=1), 1 / len(stems))


def best_order(spectra: Tensor, known: Tensor) -> list[int]:
    """The order of `spectra` most alike to `known`, both (sources, bins); unchanged where nothing speaks against it.

    Alike: summed cosine of the spectra's square roots, so that a few loud bins do not decide alone.
    """
    alike: list[list[float]] = (F.normalize(known.sqrt(), dim=1) @ F.normalize(spectra.sqrt(), dim=1).T).tolist()

    def likeness(order: Iterable[int]) -> float:
        return sum(row[k] for row, k in zip(alike, order, strict=True))

    # max keeps the first of equals, and the first permutation changes nothing.
    return list(max(permutations(range(len(alike))), key=likeness))
